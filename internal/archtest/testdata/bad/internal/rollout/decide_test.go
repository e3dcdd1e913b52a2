package rollout

import (
	_ "context"

	_ "example.test/bad/sim" // not even in a test
)
