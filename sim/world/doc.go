// Package world models what a cluster does around the controllers under test:
// ReplicaSets make and delete pods, Deployments roll, Jobs run to their end, a
// scheduler binds, a kubelet starts, readies, restarts and stops containers, nodes fail,
// EndpointSlices follow, and pods get Istio's sidecar where labels ask for it.
//
// Each model is a [control.Controller] row like the reconcilers under test, so
// one mount drives them all, and each is level-triggered: it looks at one
// object, brings it one stage further and says when to be woken. Nothing
// happens in between, so what a pod does is a function of the time, of its
// image's [ImageBehaviour] and of [Timing].
//
// It is not a cluster: there is no network, no volume, no resource request,
// and a container does nothing but start, become ready, end and fail.
// Autoscalers are not modelled yet; theirs would be one more row in
// [World.Controllers].
//
// The models keep the promise of clients that copy nothing (store.Shares): what
// they read and what they wrote belongs to the API server, and they replace
// parts, never edit in place.
//
// Read world.go for what can be told to a world while it runs, then
// container.go for the life of a container.
package world
