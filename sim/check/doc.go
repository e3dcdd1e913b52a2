// Package check holds the invariants of a simulated cluster: what must be true
// of every Rollout at every instant, whatever users, nodes and faults do.
//
// A [Check] is one family, one file. A [Monitor] keeps a [State], the objects
// as the writes left them one by one, and shows it to the checks after every
// single change and at the end of every instant. A check that is not satisfied
// ends the run: the error names the object and the numbers, the kernel adds
// the seed, the time and what led to it.
//
// Two checks are asked for by name, because they need an end: [Quiet] (an
// unchanged world means no writes) and [Settled] (a history ends in a phase
// that tells the truth, with nothing left of what is over).
//
// The checks look at objects alone, never at the code under test: they hold
// for any controller of these kinds.
//
// Read state.go for what a check can see, mesh.go for what it makes of routes,
// then surge.go for the shape of one.
package check
