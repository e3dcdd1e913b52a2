package cli

import (
	_ "example.test/bad/api/v1alpha1"
	_ "example.test/bad/internal/rollout" // policy in a client
)
