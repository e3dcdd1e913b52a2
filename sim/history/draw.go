package history

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/aviary-rollouts/aviary/sim/fault"
)

// Images are the versions that users choose from.
var Images = []string{"1.0.0", "2.0.0", "3.0.0", "4.0.0"}

// Draw returns the history of a seed. Everything random about it is drawn here,
// so that a printed history says it all. withFaults adds one or two faults,
// which end when the actions do.
func Draw(seed uint64, withFaults bool) History {
	rng := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	h := History{Seed: seed, Setup: drawSetup(rng)}
	for range 4 + rng.IntN(12) {
		h.Actions = append(h.Actions, drawAction(rng, h.Setup))
	}
	drawExtras(rand.New(rand.NewPCG(seed, 0xd1b54a32d192ed03)), &h)
	drawReborn(rand.New(rand.NewPCG(seed, 0xa0761d6478bd642f)), &h)
	drawPatience(rand.New(rand.NewPCG(seed, 0x3c6ef372fe94f82b)), &h.Setup.Extras)
	drawSkew(rand.New(rand.NewPCG(seed, 0x1f83d9abfb41bd6b)), &h.Setup)
	drawManaged(rand.New(rand.NewPCG(seed, 0x510e527fade682d1)), &h)
	if withFaults {
		var total time.Duration
		for _, a := range h.Actions {
			total += a.After
		}
		uneven := rand.New(rand.NewPCG(seed, 0x8cb92ba72f3d8dd7)) // of its own, so that a seed keeps the rest
		for range 1 + rng.IntN(2) {
			names := fault.Families()
			f, err := fault.Draw(names[rng.IntN(len(names))], rng, total.Round(time.Second))
			if err != nil {
				panic(err) // the name is from the list
			}
			if uneven.IntN(3) > 0 {
				f = fault.Uneven(f, uneven)
			}
			h.Faults = append(h.Faults, f.String())
		}
	}
	return h
}

func drawSetup(rng *rand.Rand) Setup {
	s := Setup{
		Strategy: Canary, Replicas: int32(1 + rng.IntN(8)),
		MinReadySeconds: []int32{0, 0, 0, 5}[rng.IntN(4)],
		DeadlineAbort:   rng.IntN(3) == 0,
		Jitter:          []float64{0, 0, 0.5}[rng.IntN(3)],
		Workload:        []string{"", "", "", "", "", "never", "onsuccess", "progressively"}[rng.IntN(8)],
	}
	if rng.IntN(3) == 0 {
		s.Strategy = BlueGreen
		s.AutoPromote = rng.IntN(2) == 0
		s.AutoPromoteSeconds = []int32{0, 0, 20}[rng.IntN(3)]
		if rng.IntN(3) == 0 {
			n := int32(rng.IntN(int(s.Replicas) + 1))
			s.Preview = &n
		}
		s.Pre, s.Post = drawTemplate(rng, 3), drawTemplate(rng, 3)
		return s
	}
	if rng.IntN(5) < 3 {
		drawRouting(rng, &s)
	}
	if rng.IntN(4) == 0 {
		s.Background = []string{"endless", "endless", "tolerant", "rate"}[rng.IntN(4)]
		s.StartingStep = int32(rng.IntN(3))
	}
	s.Steps = drawSteps(rng, s.Routing != "")
	s.MaxSurge = drawLimit(rng)
	s.MaxUnavailable = drawLimit(rng)
	if isZero(s.MaxSurge) && isZero(s.MaxUnavailable) {
		s.MaxUnavailable = nil // not both may be 0
	}
	return s
}

// drawRouting lets a router split the requests of a canary.
func drawRouting(rng *rand.Rand, s *Setup) {
	s.Routing = []Routing{Hosts, Subsets}[rng.IntN(2)]
	s.Dynamic = rng.IntN(3) == 0
	s.Load = rng.IntN(4) == 0
	if rng.IntN(3) == 0 {
		n := int32(rng.IntN(3) * 20)
		s.AbortDelay = &n
	}
	s.PingPong = s.Routing == Hosts && rng.IntN(4) == 0
	s.Second = rng.IntN(4) == 0
	s.MinPods = []int32{0, 0, 0, 2, 3}[rng.IntN(5)]
}

// drawTemplate is a template that ends by itself, or, one time in so many, none.
func drawTemplate(rng *rand.Rand, in int) string {
	if rng.IntN(in) > 0 {
		return ""
	}
	return []string{"quick", "tolerant", "rate"}[rng.IntN(3)]
}

func drawSteps(rng *rand.Rand, routed bool) (steps []string) {
	for range rng.IntN(7) {
		kinds := 6
		if routed {
			kinds = 9
		}
		switch rng.IntN(kinds) {
		case 0:
			steps = append(steps, "pause")
		case 1:
			steps = append(steps, fmt.Sprintf("pause:%ds", 1+rng.IntN(60)))
		case 2:
			steps = append(steps, drawJudged(rng, routed))
		case 6:
			steps = append(steps, "scale:"+[]string{fmt.Sprint(rng.IntN(6)), fmt.Sprintf("%d%%", rng.IntN(11)*10), "match"}[rng.IntN(3)])
		case 7:
			steps = append(steps, "header:"+[]string{"on", "on", "off"}[rng.IntN(3)])
		case 8:
			steps = append(steps, "mirror:"+[]string{"on", "on", "off"}[rng.IntN(3)])
		default:
			steps = append(steps, fmt.Sprint(rng.IntN(21)*5))
		}
	}
	return steps
}

// drawJudged is a step that is measured: an analysis or an Experiment.
func drawJudged(rng *rand.Rand, routed bool) string {
	if rng.IntN(2) == 0 {
		return "analysis:" + drawTemplate(rng, 1)
	}
	form := "experiment:" + drawExperiment(rng)
	if routed && rng.IntN(2) == 0 {
		form += fmt.Sprintf(":w%d", 5+rng.IntN(4)*5)
	}
	return form
}

// drawExperiment has a duration, an analysis that ends it, or both.
func drawExperiment(rng *rand.Rand) string {
	duration, template := fmt.Sprintf("%ds", 5+rng.IntN(60)), drawTemplate(rng, 1)
	return []string{duration, template, duration + ":" + template}[rng.IntN(3)]
}

func drawLimit(rng *rand.Rand) *intstr.IntOrString {
	var v intstr.IntOrString
	switch rng.IntN(4) {
	case 0:
		v = intstr.FromInt32(int32(rng.IntN(4)))
	case 1:
		v = intstr.FromString(fmt.Sprintf("%d%%", rng.IntN(11)*10))
	default:
		return nil
	}
	return &v
}

func isZero(v *intstr.IntOrString) bool {
	return v != nil && (v.IntVal == 0 && v.Type == intstr.Int || v.StrVal == "0%")
}

// pauses between actions: often in the middle of something, sometimes long.
func drawSleep(rng *rand.Rand) time.Duration {
	switch rng.IntN(6) {
	case 0:
		return 0
	case 1:
		return time.Duration(rng.IntN(1000)) * time.Millisecond
	case 2:
		return time.Duration(60+rng.IntN(200)) * time.Second
	default:
		return time.Duration(1+rng.IntN(40)) * time.Second
	}
}

func drawAction(rng *rand.Rand, s Setup) Action {
	a := Action{After: drawSleep(rng)}
	verbs := []Verb{
		SetImage, SetImage, SetImage, SetImage, Promote, Promote, Promote, PromoteFull, Abort, Retry, Undo,
		Scale, Pause, Resume, KillPod, CrashPod, Misbehave, Restart, FailNode, Quota,
	}
	if s.Strategy == Canary {
		verbs = append(verbs, EditSteps)
	}
	verbs = append(verbs, Metric, Metric, Experiment, TerminateExperiment, RetryExperiment, TerminateRun)
	a.Verb = verbs[rng.IntN(len(verbs))]
	switch a.Verb {
	case SetImage:
		a.Arg = Images[rng.IntN(len(Images))]
	case Scale:
		a.Arg = fmt.Sprint(rng.IntN(10))
	case EditSteps:
		a.Arg = strings.Join(drawSteps(rng, s.Routing != ""), ",")
	case Metric:
		a.Arg = answerNames[rng.IntN(len(answerNames))]
	case Experiment:
		a.Arg = drawExperiment(rng) + " " + Images[rng.IntN(len(Images))]
	case KillPod, CrashPod, RetryExperiment, TerminateExperiment, TerminateRun:
		a.Arg = fmt.Sprint(rng.IntN(20))
	case Misbehave:
		a.Arg = Images[rng.IntN(len(Images))] + " " + behaviourNames[rng.IntN(len(behaviourNames))]
	case FailNode:
		a.Arg = fmt.Sprintf("node-%d", 1+rng.IntN(3))
	case Quota:
		a.Arg = fmt.Sprint(rng.IntN(12))
	}
	return a
}
