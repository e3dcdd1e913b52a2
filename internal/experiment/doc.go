// Package experiment is the whole policy of an Experiment, as one pure function.
//
// [Decide] takes what was observed and the time, and returns a [Plan]: the
// actions that are safe now, the complete next status, when to look again and
// why. It reads no clock and no cluster and modifies nothing that it is given.
//
// An Experiment runs versions of an application side by side. It is Pending
// until all of them serve, then Running; its analyses and its duration count
// from there. It ends when its required analyses have, when its duration is
// over, when somebody terminates it, or at the first thing that goes wrong. Then
// its runs are stopped, and its pods and Services leave after a delay.
//
// The same package makes the Experiment of a canary step: see [ForStep]. Who
// gets which share of the requests is not decided here but by the Rollout.
//
// Read decide.go first; each question it asks has a file of its own:
//
//	versions.go    is a version serving, late, or impossible
//	replicaset.go  the ReplicaSet of a version: name, hash, size
//	service.go     the Service in front of a version
//	analyses.go    which AnalysisRuns to start
//	args.go        what analyses are told about the versions
//	judge.go       the phase: when it starts, when it ends, how
//	winddown.go    what leaves at the end, and when
//	conditions.go  what people see
//	step.go        the Experiment of a canary step
package experiment
