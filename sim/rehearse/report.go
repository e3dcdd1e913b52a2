package rehearse

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Report is the answer.
type Report struct {
	// Namespace and Rollout name the Rollout, Strategy is Canary or BlueGreen.
	Namespace string `json:"namespace"`
	Rollout   string `json:"rollout"`
	Strategy  string `json:"strategy"`
	// Source is the file and line that the Rollout comes from: "web.yaml:12".
	// If the Rollout is refused for a field, it is the line of that field.
	Source string `json:"source"`
	// Replicas is spec.replicas. MaxSurge and MaxUnavailable are the numbers of
	// pods that a canary without a router may have too many and too few.
	Replicas       int32 `json:"replicas"`
	MaxSurge       int32 `json:"maxSurge"`
	MaxUnavailable int32 `json:"maxUnavailable"`
	// Plan names the steps of a canary: "weight 20%", "pause 30s", "analysis".
	Plan []string `json:"plan,omitempty"`
	// Images are the images that were set to start the update; ImageChosen is
	// true if nobody asked for them.
	Images      []ImageChange `json:"images,omitempty"`
	ImageChosen bool          `json:"imageChosen"`
	// FirstDeploy is how the first deploy ended. If it did not end Healthy, the
	// timeline is its own and there was no update.
	FirstDeploy Outcome `json:"firstDeploy"`
	// Timeline has one row per instant at which something changed.
	Timeline []Row `json:"timeline"`
	// Measurements are those of all analyses during the update, in order.
	Measurements []Measurement `json:"measurements,omitempty"`
	// Behaviours say how images were told to answer.
	Behaviours []Behaviour `json:"behaviours,omitempty"`
	// Traffic is what users sent; nil if they sent nothing.
	Traffic *Traffic `json:"traffic,omitempty"`
	// Outcome is how the update ended.
	Outcome Outcome `json:"outcome"`
	// Pods are the extremes on the way.
	Pods Extremes `json:"pods"`
	// Warnings say where the manifest cannot do what it says, Notes what else
	// is worth knowing.
	Warnings []Finding `json:"warnings"`
	Notes    []Finding `json:"notes"`
	// advice is what to do about a first deploy that the controller refuses.
	advice string
	// lastHold is the number of the last step that waits for more than pods,
	// counted from 1; 0 if none does.
	lastHold int
}

// ImageChange is one new image.
type ImageChange struct {
	Container string `json:"container"`
	From      string `json:"from"`
	To        string `json:"to"`
}

// Row is an instant at which something changed, as it looked at its end.
type Row struct {
	// At is the time since the update (or the first deploy) began.
	At Duration `json:"at"`
	// Seconds is the same as a number.
	Seconds float64 `json:"seconds"`
	// Events happened at this instant, in order.
	Events []Event `json:"events"`
	State
}

// Event is something that the controller, or the person at the console, did.
type Event struct {
	// Type is Normal or Warning as in Kubernetes, or User or Measurement.
	Type    string `json:"type"`
	Reason  string `json:"reason"`
	Message string `json:"message"`

	metric string // of a measurement
}

// UserEvent is the type of events that are commands of a person.
const UserEvent = "User"

// State is what can be seen of a Rollout at one instant.
type State struct {
	// Step is the index of the step that runs, counted from 0, out of Steps.
	Step  int32 `json:"step"`
	Steps int32 `json:"steps"`
	// SetWeight is what the steps ask for, ActualWeight what users get.
	SetWeight    int32 `json:"setWeight"`
	ActualWeight int32 `json:"actualWeight"`
	// Revisions are the pods of each revision, the oldest first.
	Revisions []Pods `json:"revisions"`
	// Experiment counts the pods of Experiments.
	Experiment int32 `json:"experiment,omitempty"`
	// Active and Preview are the revisions that the Services of a blue-green
	// Rollout select; 0 for none.
	Active  int64 `json:"active,omitempty"`
	Preview int64 `json:"preview,omitempty"`
	// Phase and Message are those of the status.
	Phase   v1alpha1.RolloutPhase `json:"phase"`
	Message string                `json:"message"`
}

// Pods counts the pods of one revision.
type Pods struct {
	Revision   int64  `json:"revision"`
	ReplicaSet string `json:"replicaSet"`
	// Ready counts the pods that serve, Total all that are not on their way
	// out, Ending those that are.
	Ready  int32 `json:"ready"`
	Total  int32 `json:"total"`
	Ending int32 `json:"ending"`
}

// Outcome is an end.
type Outcome struct {
	Phase   v1alpha1.RolloutPhase `json:"phase"`
	Message string                `json:"message"`
	// Took is the time until the phase, with this message and at this step, was
	// reached for the last time.
	Took Duration `json:"took"`
	// TookSeconds is the same as a number.
	TookSeconds float64 `json:"tookSeconds"`
	// Ended is false if the time given was over before anything final.
	Ended bool `json:"ended"`
	// Step is the step at the end, counted from 0.
	Step int32 `json:"step"`
	// Stable is the revision that is trusted at the end.
	Stable int64 `json:"stableRevision"`
	// Verdict is a word for scripts: "promoted", "aborted", "waiting" for a
	// person, or "unfinished".
	Verdict string `json:"verdict,omitempty"`
	// Text says it in one sentence.
	Text string `json:"text"`
}

// Verdicts of an [Outcome].
const (
	// Promoted: the new version is stable.
	Promoted = "promoted"
	// Aborted: the old version has all requests back.
	Aborted = "aborted"
	// Waiting: nothing happens until a person acts.
	Waiting = "waiting"
	// Unfinished: none of these when the time was over, or a failure without an
	// abort.
	Unfinished = "unfinished"
)

// Extremes are the most and the fewest pods at the end of any instant.
type Extremes struct {
	// Most counts pods that are not on their way out, MostWithEnding all.
	Most           int32 `json:"most"`
	MostWithEnding int32 `json:"mostWithEnding"`
	// FewestReady counts pods that serve.
	FewestReady int32 `json:"fewestReady"`
}

// Finding is something that a person should know.
type Finding struct {
	// Code is a word for scripts: "unsupported", "service", "percentage",
	// "weight", "no-canary", "waits", "surge", "outage", "availability",
	// "window", "no-data", "never-fails", "no-condition", "too-slow", "late",
	// "mixed", "mistake", "unplayed", "argument", "template", "unnoticed", "lost",
	// "unmet", "job", "secret", "autoscaler".
	Code string `json:"code"`
	// Step is the number of the step, counted from 1; 0 if it is about none.
	Step int `json:"step,omitempty"`
	// Text is a sentence without a full stop.
	Text string `json:"text"`
}

// Duration is a time.Duration that is written as "1m30s".
type Duration time.Duration

// String is "1m30s", "2h", "0s"; parts of a second are kept.
func (d Duration) String() string {
	s := time.Duration(d).Round(time.Millisecond).String()
	if len(s) > 2 && s[len(s)-2:] == "0s" && s[len(s)-3] == 'm' {
		s = s[:len(s)-2]
	}
	if len(s) > 2 && s[len(s)-2:] == "0m" && s[len(s)-3] == 'h' {
		s = s[:len(s)-2]
	}
	return s
}

// remedy says what to do about a first deploy that fails; it is empty if the
// message says so.
func (r *Report) remedy() string {
	for _, w := range r.Warnings {
		switch w.Code {
		case "unsupported":
			return ""
		}
	}
	switch {
	case r.advice != "":
		return r.advice
	case r.FirstDeploy.Phase == v1alpha1.RolloutPhasePaused:
		return "set spec.paused to false"
	default:
		return "look at what its pods wait for, or give it more time with --until"
	}
}

// Seconds is the duration as a number.
func (d Duration) Seconds() float64 { return time.Duration(d).Seconds() }

// MarshalJSON writes the duration as a string.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// Updated tells whether there was an update: the first deploy ended Healthy.
func (r *Report) Updated() bool { return r.FirstDeploy.Phase == v1alpha1.RolloutPhaseHealthy }

// Failure says in one line why there was no update: where the Rollout comes
// from, what is wrong, what to do. It is empty if there was one.
func (r *Report) Failure() string {
	if r.Updated() {
		return ""
	}
	problem, remedy := r.FirstDeploy.status(), r.remedy()
	if message, invalid := strings.CutPrefix(r.FirstDeploy.Message, "InvalidSpec: "); invalid {
		problem = message
	}
	text := fmt.Sprintf("%s: the first deploy of Rollout %s/%s fails: %s", r.Source, r.Namespace, r.Rollout, problem)
	if remedy != "" {
		text += "; " + remedy
	}
	return text
}
