// Package sim rehearses rollouts: it runs the reconcilers of
// internal/control, the very ones that run in a cluster, against an in-memory
// cluster in virtual time. An hour of pauses takes milliseconds, and the same
// seed gives the same run, write for write.
//
// A simulation is a value that a test drives like a console:
//
//	s, err := sim.New(sim.Options{})      // a cluster with three nodes and our controllers
//	s.Client().Create(ctx, rollout)       // what kubectl would do
//	s.Settle()                            // until nothing is left to do at this instant
//	s.Sleep(30 * time.Second)             // time passes
//	s.World().SetImage("*:2.0.0", world.ImageBehaviour{CrashLoop: true})
//	s.RunUntil(degraded, 15*time.Minute)  // or until something is true
//
// Around the controllers, package world plays Kubernetes (pods take four
// seconds to become ready), package store is the API server, package fault is
// what goes wrong between the two, and package check watches over every
// instant: a broken invariant, a hot loop or a panic ends the run with an
// error that names the seed.
//
// It is not a fake client for unit tests (decisions are tested as pure
// functions in internal/rollout). Requests to the pods are a flow that package
// mesh carries, and the controllers' own HTTP requests, such as those for metrics,
// end in memory ([Network]); no packet leaves the process.
//
// Read example_test.go first; then sim.go, mount.go (who wakes whom and when)
// and view.go (how a cache lags).
package sim
