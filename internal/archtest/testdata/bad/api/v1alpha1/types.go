package v1alpha1

import _ "example.test/bad/internal/rollout" // the ground imports what stands on it
