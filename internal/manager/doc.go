// Package manager runs the controllers of internal/control in a real cluster.
//
// It mounts the one table of controllers on controller-runtime: a queue with
// workers for each, caches that hold what decisions read and no more, leader
// election, probes and metrics. It decides nothing. The simulator's counterpart
// is sim/mount.go.
//
// Read manager.go next, then cache.go for what is kept in memory and optional.go
// for kinds that a cluster need not have.
package manager
