// Package metric fetches the values that AnalysisRuns judge.
//
// A [Provider] answers a [Query]; a [Registry] carries out the tasks that
// internal/analysis decides on: it finds the provider, reads the Secrets that a
// metric needs, and takes them out again of everything that goes into a status.
//
// Providers are leaves: one package each below this one, named as the field of
// MetricProvider that it serves, and one line in the package providers. One that
// answers at once has Measure alone; one that takes its time is a [Resumer] too.
// A provider never decides when to measure or what a verdict leads to: that is
// internal/analysis.
//
// Read provider.go next, then prometheus/prometheus.go for a provider that
// answers at once and job/job.go for one that takes its time.
package metric
