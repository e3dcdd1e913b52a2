// Package view is the tree of `get rollout` and `get experiment` as a value.
//
// [Rollout] looks at a Rollout and everything that belongs to it and says what
// a person wants to know: the status, the step, the weights, the images with
// their roles, and the tree of revisions, ReplicaSets, pods, Experiments,
// AnalysisRuns and Jobs. [Summarize] is the part of it that needs the Rollout
// alone. [OneExperiment] and [SummarizeExperiment] are the same for an
// Experiment. All are pure: they read no cluster and no clock, and they do not
// modify what they are given. [Render] and [RenderExperiment] write a tree as
// text; the plugin, the scenarios and the golden files all use them.
//
// The package decides nothing about a rollout: phase and message are the
// controller's, corrected only by what a client sees before the controller did
// (see status.go). It does not fetch objects; internal/cli does.
//
// Read tree.go next for the shape of the value, and testdata/README.md for the
// printed outputs that the renderer is held to, byte by byte.
package view
