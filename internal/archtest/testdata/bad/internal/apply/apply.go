package apply

import (
	_ "net/http"

	_ "example.test/bad/internal/control" // a lower layer imports a higher one
)
