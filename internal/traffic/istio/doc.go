// Package istio splits requests with Istio: it writes weights, header routes and
// mirror routes into VirtualServices, and template hashes into the subsets of a
// DestinationRule.
//
// The objects are trees of unknown content. What a Rollout does not own is
// carried through every update as it was: other routes, gateways, ports,
// policies, labels, fields of versions of Istio that do not exist yet. So there
// are no Go types of Istio here, and the transformations
// ([TransformVirtualService], [TransformDestinationRule]) are pure functions
// from tree to tree; [Validate] and [Observe] look at the same trees.
// [Router] is the thin part that reads and writes.
//
// It does not decide weights, nor when pods can serve: internal/rollout does.
// Read virtualservice.go next, then managed.go, made.go, destinationrule.go, router.go;
// release.go is how objects are let go of.
package istio
