package analysis

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Plan is what follows from the outcomes of some measurements.
type Plan struct {
	// Status is the complete next status.
	Status v1alpha1.AnalysisRunStatus
	// Trimmed lists the metrics whose oldest measurements were dropped, so that
	// what those measurements left behind can be dropped too.
	Trimmed []Trim
	// Delete is true once the run has outlived its time to live.
	Delete bool
	// Wake is when to look again; zero if only a change can matter.
	Wake time.Time
	// Why gives the reason of each change and of each wait.
	Why []Note
}

// Trim says how many measurements of a metric are kept.
type Trim struct {
	Metric string
	Keep   int
}

// Note says why something is so or is waited for.
type Note struct {
	// Reason is a CamelCase word: an event's reason, "Measured" or "Waiting".
	Reason string
	// Message is one sentence, with the numbers.
	Message string
	// Event is true for what is recorded as a Kubernetes event.
	Event bool
	// Warning marks an event of type Warning.
	Warning bool
}

// EventType is the Kubernetes event type of a note.
func (n Note) EventType() string {
	if n.Warning {
		return corev1.EventTypeWarning
	}
	return corev1.EventTypeNormal
}

// wakeAt asks for another look at t, or earlier.
func (p *Plan) wakeAt(t time.Time) {
	if p.Wake.IsZero() || t.Before(p.Wake) {
		p.Wake = t
	}
}

// completed notes that a metric or the run has come to its end.
func completed(prefix, message string, phase v1alpha1.AnalysisPhase) Note {
	return Note{Reason: prefix + string(phase), Message: message + string(phase), Event: true, Warning: Alarming(phase)}
}

// Alarming says whether an event that tells of a phase is a warning.
func Alarming(phase v1alpha1.AnalysisPhase) bool {
	return phase == v1alpha1.AnalysisPhaseFailed || phase == v1alpha1.AnalysisPhaseError
}
