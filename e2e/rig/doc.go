// Package rig puts a live cluster together for scenarios: a control plane, nodes,
// a mesh with its data plane, Prometheus, and the controller under test, ours or
// somebody else's.
//
//	r, err := rig.StartLocal(ctx, rig.Options{Progress: os.Stderr})
//	defer r.Stop()
//	player := replay.Player{Open: r.Open, Clock: clock.Real{}}
//
// What scenarios do to it beyond the API, sending requests, breaking pods,
// killing the controller, are the [backend.Tools] in this package, a file each.
//
// Read local.go for the parts and their order, then traffic.go.
package rig
