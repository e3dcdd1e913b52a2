// Package scale measures what many Rollouts cost: time, the controller's
// processor and memory, and requests to the API server, on the local control
// plane (make bench-cluster).
//
// N Rollouts of five pods are created over ten namespaces; then the images of all
// are changed at once, and each passes 20 %, a pause of 5 s, 60 % and another
// pause. Afterwards nothing changes, and nothing may be written.
//
// Read scale.go for what is done, report.go for what is said of it and for the
// goals.
package scale
