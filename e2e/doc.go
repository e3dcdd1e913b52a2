// Package e2e judges a rollouts controller in a cluster of containers: it creates a
// cluster of kind (or takes the one that KUBECONFIG names), installs what has to be
// there, plays every scenario of this repository on it, and sends requests through
// its mesh. Its tests carry the build tag e2e: `make e2e` runs them.
//
// Read docs/e2e.md for what can be chosen, then suite_test.go (the cluster),
// scenarios_test.go and mesh_test.go (what is asked of it). The packages below are
// its parts, and those of the local control plane.
package e2e
