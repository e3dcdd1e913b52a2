package analysis

import "github.com/aviary-rollouts/aviary/internal/equal"

// SameStatus compares two statuses of a kind as the API does.
func SameStatus[S any](a, b *S) bool { return equal.Objects(a, b) }
