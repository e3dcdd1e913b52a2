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

// Routing is what splits the requests of a canary: the name of the objects in
// routes.yaml.
type Routing string

// The ways to split requests; empty leaves it to the numbers of pods.
const (
	Hosts   Routing = "hosts"
	Subsets Routing = "subsets"
)

// Setup describes the Rollout at the beginning.
type Setup struct {
	Strategy Strategy
	Replicas int32
	// Steps of a canary, one word each: "20" sets the weight, "pause" waits for
	// a promotion, "pause:30s" for a while, "analysis:quick" for a run of a
	// template, "experiment:30s:quick:w10" for an Experiment of some time, judged
	// by a template, with a share of the requests for each version. With Routing
	// there are "scale:3", "scale:40%" and "scale:match", "header:on" and
	// "header:off", "mirror:on" and "mirror:off".
	Steps []string
	// Routing splits the requests of a canary; Dynamic is dynamicStableScale,
	// AbortDelay is abortScaleDownDelaySeconds, nil for the default.
	Routing    Routing
	Dynamic    bool
	AbortDelay *int32
	// PingPong lets the Services of Hosts change roles, Second splits a second
	// VirtualService too, MinPods is minPodsPerReplicaSet; 0 for none.
	PingPong, Second bool
	MinPods          int32
	// Load sends ten requests a second.
	Load bool
	// Background is the template that is measured behind a canary from
	// StartingStep on, Pre and Post are those of blue/green; empty for none.
	Background   string
	StartingStep int32
	Pre, Post    string
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
	Extras
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
	Scale       Verb = "scale"     // arg: replicas
	Autoscale   Verb = "autoscale" // arg: replicas
	Pause       Verb = "pause"
	Resume      Verb = "resume"
	EditSteps   Verb = "edit steps"          // arg: steps, separated by commas
	EditWhole   Verb = "edit whole"          // arg: maxTrafficWeight, which Istio does not know; empty for none
	EditManaged Verb = "edit managed routes" // arg: those that are declared, separated by commas; steps of others go
	Restart     Verb = "restart"

	Orphan         Verb = "delete, but not its pods"
	CreateAgain    Verb = "create again"    // what was deleted
	ChangeStrategy Verb = "change strategy" // arg: "canary" and steps, "bluegreen" or "bluegreen auto"

	Experiment          Verb = "experiment"           // arg: form of a step and image: "30s:quick 2.0.0"
	RetryExperiment     Verb = "retry experiment"     // arg: which, counted round
	TerminateExperiment Verb = "terminate experiment" // arg: which, counted round
	TerminateRun        Verb = "terminate run"        // arg: which, counted round

	KillPod   Verb = "kill pod"  // arg: which, counted round
	CrashPod  Verb = "crash pod" // arg: which, counted round
	Misbehave Verb = "misbehave" // arg: image and behaviour: "3.0.0 crash"
	FailNode  Verb = "fail node" // arg: name
	Quota     Verb = "quota"     // arg: pods
	Metric    Verb = "metric"    // arg: what the server says from now on: "bad"
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
		s.writeRouting(&b)
	} else {
		fmt.Fprintf(&b, ", autoPromotion %t after %d s, preview %s, pre-promotion analysis %q, post-promotion analysis %q",
			s.AutoPromote, s.AutoPromoteSeconds, count(s.Preview), s.Pre, s.Post)
	}
	if s.Workload != "" {
		fmt.Fprintf(&b, ", workloadRef scaled down %s", s.Workload)
	}
	fmt.Fprintf(&b, ", minReadySeconds %d, deadlineAbort %t, jitter %g%s\n", s.MinReadySeconds, s.DeadlineAbort, s.Jitter, s.Extras)
	for _, f := range h.Faults {
		fmt.Fprintf(&b, "  fault %s\n", f)
	}
	for _, a := range h.Actions {
		fmt.Fprintf(&b, "  %s\n", a)
	}
	return b.String()
}

// writeRouting prints what only routed and analysed canaries have.
func (s Setup) writeRouting(b *strings.Builder) {
	if s.Background != "" {
		fmt.Fprintf(b, ", background analysis %s from step %d", s.Background, s.StartingStep)
	}
	if s.Routing != "" {
		fmt.Fprintf(b, ", routed by %s, dynamicStableScale %t, load %t, abort delay %s", s.Routing, s.Dynamic, s.Load, count(s.AbortDelay))
		fmt.Fprintf(b, ", pingPong %t, second VirtualService %t, minPodsPerReplicaSet %d", s.PingPong, s.Second, s.MinPods)
	}
}

func limit(v *intstr.IntOrString) string {
	if v == nil {
		return "default"
	}
	return v.String()
}

func count(n *int32) string {
	if n == nil {
		return "default"
	}
	return fmt.Sprint(*n)
}
