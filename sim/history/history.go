package history

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"
)

// Strategy is the kind of Rollout that a history plays on.
type Strategy string

// The strategies.
const (
	Canary    Strategy = "canary"
	BlueGreen Strategy = "bluegreen"
)

// Setup describes the Rollout at the beginning.
type Setup struct {
	Strategy Strategy
	Replicas int32
	// Steps of a canary, one word each: "20" sets the weight, "pause" waits for
	// a promotion, "pause:30s" for a while.
	Steps []string
	// MaxSurge and MaxUnavailable of a canary; nil is the default.
	MaxSurge, MaxUnavailable *intstr.IntOrString
	// MinReadySeconds of the pods.
	MinReadySeconds int32
	// DeadlineAbort sets progressDeadlineAbort; the deadline is 120 s.
	DeadlineAbort bool
	// AutoPromote, AutoPromoteSeconds and Preview are blue/green fields.
	AutoPromote        bool
	AutoPromoteSeconds int32
	Preview            *int32
	// Workload is the scaleDown mode of a Deployment that the template comes
	// from; empty if the Rollout has a template of its own.
	Workload string
	// Jitter of pod start-up.
	Jitter float64
}

// Verb is what somebody does.
type Verb string

// The verbs. The first group is of users, the second of the world.
const (
	SetImage    Verb = "set image" // arg: one of Images
	Promote     Verb = "promote"
	PromoteFull Verb = "promote --full"
	Abort       Verb = "abort"
	Retry       Verb = "retry"
	Undo        Verb = "undo"
	Scale       Verb = "scale" // arg: replicas
	Pause       Verb = "pause"
	Resume      Verb = "resume"
	EditSteps   Verb = "edit steps" // arg: steps, separated by commas
	Restart     Verb = "restart"

	KillPod   Verb = "kill pod"  // arg: which, counted round
	CrashPod  Verb = "crash pod" // arg: which, counted round
	Misbehave Verb = "misbehave" // arg: image and behaviour: "3.0.0 crash"
	FailNode  Verb = "fail node" // arg: name
	Quota     Verb = "quota"     // arg: pods
)

// Action is one thing that happens, After the one before.
type Action struct {
	After time.Duration
	Verb  Verb
	Arg   string
}

// String prints the action as a line of a history.
func (a Action) String() string {
	text := fmt.Sprintf("sleep %-8s %s", a.After, a.Verb)
	if a.Arg != "" {
		text += " " + a.Arg
	}
	return text
}

// History is everything that happens in one run.
type History struct {
	Seed    uint64
	Setup   Setup
	Faults  []string // forms of fault.Parse
	Actions []Action
}

// String prints a history so that a person can follow it.
func (h History) String() string {
	var b strings.Builder
	s := h.Setup
	fmt.Fprintf(&b, "seed %d: %s, %d replicas", h.Seed, s.Strategy, s.Replicas)
	if s.Strategy == Canary {
		fmt.Fprintf(&b, ", steps [%s], maxSurge %s, maxUnavailable %s", strings.Join(s.Steps, ", "), limit(s.MaxSurge), limit(s.MaxUnavailable))
	} else {
		fmt.Fprintf(&b, ", autoPromotion %t after %d s, preview %s", s.AutoPromote, s.AutoPromoteSeconds, count(s.Preview))
	}
	if s.Workload != "" {
		fmt.Fprintf(&b, ", workloadRef scaled down %s", s.Workload)
	}
	fmt.Fprintf(&b, ", minReadySeconds %d, deadlineAbort %t, jitter %g\n", s.MinReadySeconds, s.DeadlineAbort, s.Jitter)
	for _, f := range h.Faults {
		fmt.Fprintf(&b, "  fault %s\n", f)
	}
	for _, a := range h.Actions {
		fmt.Fprintf(&b, "  %s\n", a)
	}
	return b.String()
}

func limit(v *intstr.IntOrString) string {
	if v == nil {
		return "default"
	}
	return v.String()
}

func count(n *int32) string {
	if n == nil {
		return "full"
	}
	return fmt.Sprint(*n)
}
