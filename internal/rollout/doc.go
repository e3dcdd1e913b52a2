// Package rollout is the whole policy of a Rollout, as one pure function.
//
// [Decide] takes what was observed and the time, and returns a [Plan]: the
// actions that are safe now, the complete next status, when to look again and
// why. It reads no clock and no cluster and modifies nothing that it is given.
//
// Only what is safe now goes into a plan. Where one change must follow
// another (drain only what has been replaced), the first is planned and the
// next Decide sees its effect. A crash at any point is therefore harmless: the
// next look derives what is left to do.
//
// Read decide.go first; each question it asks has a file of its own:
//
//	identify.go   which ReplicaSet is new, which is stable, which are old
//	update.go     an update starts: create or find the ReplicaSet, reset the status
//	abort.go      a person or the controller gives up, or tries again
//	weights.go    which weight is in force
//	sizes.go      how many pods each ReplicaSet gets next
//	steps.go      which canary step is done
//	pause.go      pauses: when they start and when they are over
//	services.go   which ReplicaSet each Service selects
//	bluegreen.go  the blue/green strategy
//	delay.go      old ReplicaSets that stay up for a while
//	routing.go    which split of the traffic is safe now
//	routedsizes.go  how many pods a canary with traffic routing gets
//	analyses.go   which AnalysisRuns an update needs, and their verdicts
//	experiments.go  the Experiment of a step
//	metadata.go   labels and annotations that depend on a ReplicaSet's role
//	supported.go  what this version has no engine for
//	promotion.go  when the new ReplicaSet becomes the stable one
//	restart.go    pods to be evicted because of spec.restartAt
//	workload.go   the Deployment that a Rollout refers to
//	history.go    old ReplicaSets to be deleted
//	progress.go   progress and its deadline
//	conditions.go, phase.go  what people see
package rollout
