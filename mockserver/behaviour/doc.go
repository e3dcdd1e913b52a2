// Package behaviour decides what the mock server answers, and whether it is
// ready or falls over. It is pure: requests, the time and random numbers are
// arguments; mockserver/server makes HTTP of what it decides.
//
// Read behaviour.go for what can be said, decide.go for what follows from it,
// and environment.go for how a process is told before it starts.
package behaviour
