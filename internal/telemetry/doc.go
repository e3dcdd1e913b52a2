// Package telemetry is what the controller tells Prometheus, under the names and
// labels of Argo Rollouts, so that dashboards and alerts go on working.
//
// The number of series is bounded by what exists: what describes objects is read
// from the caches at each scrape, and what was counted for an object goes with
// it. docs/metrics.md lists all of them.
//
// Read meters.go for what is counted and objects.go for what is read.
package telemetry
