// Package kernel is the engine of the simulator: virtual time, one ordered
// queue of events, named random streams, limits and a trace.
//
// It is single-threaded. An event runs to its end before the next one starts,
// time moves only between events, and the order of events is a function of the
// seed and of the calls made, so the same program with the same seed gives the
// same trace ([Trace.Hash]) every time.
//
// It is not a model of anything: it knows nothing of Kubernetes, of networks
// or of load. Package store puts an API server on it, package world the
// controllers of a cluster, and package sim the reconcilers under test.
//
// Read kernel.go for scheduling, run.go for what an instant is, limits.go for
// how a hot loop ends.
package kernel
