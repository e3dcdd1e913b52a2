package rollout

import (
	_ "context" // a policy that can wait
	_ "fmt"
	_ "os/exec"

	_ "example.test/bad/internal/control" // a lower layer imports a higher one
	_ "example.test/bad/internal/replicas"
	_ "example.test/other/database"
	_ "k8s.io/apimachinery/pkg/labels"
)
