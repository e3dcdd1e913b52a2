package sim

import (
	_ "example.test/bad/internal/control"
	_ "example.test/bad/scenarios" // a lower layer imports a higher one
	_ "github.com/prometheus/prometheus/promql"
)
