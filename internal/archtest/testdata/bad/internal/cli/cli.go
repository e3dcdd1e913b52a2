package cli

import (
	_ "example.test/bad/api/v1alpha1"
	_ "example.test/bad/internal/apply"   // a client that writes as the controller
	_ "example.test/bad/internal/rollout" // a client may ask the policy
)
