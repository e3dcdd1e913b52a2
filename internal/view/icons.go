package view

import "github.com/aviary-rollouts/aviary/api/v1alpha1"

// The icons of the kinds.
const (
	iconRollout     = "⟳"
	iconRevision    = "#"
	iconReplicaSet  = "⧉"
	iconPod         = "□"
	iconExperiment  = "Σ"
	iconAnalysisRun = "α"
	iconJob         = "⊞"
)

// The icons of the states.
const (
	iconGood    = "✔"
	iconBad     = "✖"
	iconPaused  = "॥"
	iconBusy    = "◌"
	iconNeutral = "•"
	iconWarn    = "⚠"
	iconUnknown = "?"
)

// statusIcon is the icon of a phase of a Rollout, an Experiment, an AnalysisRun
// or a Job, and of a state of a ReplicaSet. Pods have their own words: podIcon.
func statusIcon(status string) string {
	switch status {
	case Healthy, string(v1alpha1.AnalysisPhaseSuccessful):
		return iconGood
	case Degraded, string(v1alpha1.AnalysisPhaseFailed):
		return iconBad
	case string(v1alpha1.RolloutPhasePaused):
		return iconPaused
	case Progressing, string(v1alpha1.AnalysisPhaseRunning), string(v1alpha1.AnalysisPhasePending):
		return iconBusy
	case ScaledDown:
		return iconNeutral
	case string(v1alpha1.AnalysisPhaseError):
		return iconWarn
	}
	return iconUnknown
}
