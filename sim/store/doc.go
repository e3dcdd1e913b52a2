// Package store is the API server of the simulator: objects in memory, with
// the rules of a real one, behind controller-runtime's client interface.
//
// It keeps what controllers can observe of an API server: identity (uid,
// resourceVersion, generation, creationTimestamp), the status subresource,
// preconditions and conflicts, finalizers and graceful deletion, the garbage
// collection of dependents, selectors, patches, the defaults and the
// validation that a person meets, and watches. It also keeps old versions, so
// that a controller can be given a view that lags while its writes meet the
// head, as a cache does.
//
// It is not an API server in other respects: there is no HTTP, no
// authentication or authorisation, no server-side apply, and no check that a
// namespace exists. A kind is kept in one version; other versions are answered
// by renaming apiVersion, with one exception for autoscalers. There are no
// controllers either, except for the garbage collector: package world runs the
// pods and removes a deleted one when its grace period is over.
//
// Nothing here is safe for concurrent use and nothing starts a goroutine. All
// identity comes from the kernel's seed and from the order of writes.
//
// Read store.go for the parts, client.go for what a caller sees, and then one
// file per rule: create.go, update.go, delete.go, gc.go, patch.go, watch.go.
package store
