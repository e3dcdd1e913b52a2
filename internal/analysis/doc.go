// Package analysis is the whole policy of an AnalysisRun: when to measure, how to
// judge, when to stop.
//
// [Read] makes a run ready for questions. [Analysis.Due] says what to measure
// now; somebody else measures; [Analysis.Assess] takes the outcomes and returns
// a [Plan]: the complete next status, when to look again and why. Nothing here
// reads a clock or a cluster, asks a metric provider or modifies what it is
// given.
//
// The same package makes runs: [Flatten] joins templates, [NewRun] fills in
// arguments and names, [Surplus] says which old runs to delete.
//
// It is not where values come from: that is internal/metric. Read plan.go next;
// each question has a file of its own:
//
//	condition.go   what a value means: conditions in expr-lang
//	read.go        a metric as numbers and durations; what is wrong with one
//	due.go         when to measure, when to look at a measurement under way
//	record.go      outcomes become results and counts
//	assess.go      limits, the phase of a metric, the phase of the run
//	args.go        arguments are put into metrics
//	flatten.go     templates are joined
//	field.go       arguments from fields of a Rollout
//	run.go         AnalysisRuns are made and named
//	history.go     old runs are deleted
package analysis
