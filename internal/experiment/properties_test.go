package experiment

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// history is a random life of an Experiment: pods that come and go, verdicts,
// people, crashes of the controller in the middle of a plan.
type history struct {
	*desk
	rt *rapid.T
	// attempts counts the starts: 1, and one per retry or deleted run.
	attempts int
}

func draw(t *testing.T, rt *rapid.T) *history {
	names := []string{"a", "b", "c"}[:rapid.IntRange(1, 3).Draw(rt, "templates")]
	h := &history{desk: newDesk(t, names...), rt: rt, attempts: 1}
	for i := range names {
		s := &h.o.Experiment.Spec.Templates[i]
		s.Replicas = ptr.To(rapid.Int32Range(0, 3).Draw(rt, "replicas"))
		if rapid.Bool().Draw(rt, "service") {
			s.Service = &v1alpha1.TemplateService{Name: rapid.SampledFrom([]string{"", "svc-" + names[i]}).Draw(rt, "name")}
		}
	}
	for i := range rapid.IntRange(0, 2).Draw(rt, "analyses") {
		h.analyse(fmt.Sprint("x", i), rapid.Bool().Draw(rt, "required"))
	}
	h.spec(duration(rapid.SampledFrom([]string{"", "20s", "2m"}).Draw(rt, "duration")))
	h.spec(func(s *v1alpha1.ExperimentSpec) {
		s.ScaleDownDelaySeconds = rapid.SampledFrom([]*int32{nil, ptr.To[int32](0), ptr.To[int32](5)}).Draw(rt, "delay")
		s.ProgressDeadlineSeconds = ptr.To[int32](60)
	})
	return h
}

// decide decides once, checks the decision, and carries out all of it or, if the
// controller crashes, the beginning.
func (h *history) decide() (quiet bool) {
	before := h.o
	before.Experiment = h.o.Experiment.DeepCopy()
	plan := Decide(h.o, h.now)
	if diff := cmp.Diff(before, h.o); diff != "" {
		h.rt.Fatalf("Decide modified what it was given:\n%s", diff)
	}
	if h.status().Phase.Completed() && !plan.Status.Phase.Completed() {
		h.rt.Fatalf("from %s to %s without a retry", h.status().Phase, plan.Status.Phase)
	}
	for i, a := range plan.Actions {
		switch a.(type) {
		case CreateReplicaSet, CreateService, StartRun:
			if plan.Status.Phase.Completed() {
				h.rt.Fatalf("a finished Experiment creates %T", a)
			}
		}
		if i > 0 && rapid.IntRange(0, 9).Draw(h.rt, "crash") == 0 {
			return false
		}
		h.act(a)
	}
	quiet = len(plan.Actions) == 0 && cmp.Equal(*h.status(), plan.Status)
	h.o.Experiment.Status = plan.Status
	return quiet
}

func (h *history) settleAll() {
	for range 100 {
		if h.decide() {
			h.check()
			return
		}
	}
	h.rt.Fatalf("never quiet: %s", h.picture())
}

// check looks at a settled state.
func (h *history) check() {
	s := h.status()
	going := map[string]int{}
	for _, run := range h.o.Runs {
		if !run.Status.Phase.Completed() {
			going[run.Spec.Metrics[0].Name]++
			if s.Phase.Completed() {
				h.rt.Fatalf("run %s goes on after the end: %s", run.Name, h.picture())
			}
		}
	}
	for metric, n := range going {
		if n > 1 {
			h.rt.Fatalf("%d runs of %s at once: %s", n, metric, h.picture())
		}
	}
	if most := h.attempts * len(h.o.Experiment.Spec.Analyses); len(h.o.Runs) > most {
		h.rt.Fatalf("%d runs in %d attempts: %s", len(h.o.Runs), h.attempts, h.picture())
	}
	if len(h.o.ReplicaSets) > len(h.o.Experiment.Spec.Templates) || len(h.o.Services) > len(h.o.Experiment.Spec.Templates) {
		h.rt.Fatalf("too much: %s", h.picture())
	}
}

// happen is one thing that happens.
func (h *history) happen() {
	switch rapid.SampledFrom([]string{"time", "time", "pods", "verdict", "terminate", "retry", "lose", "route", "resize"}).Draw(h.rt, "event") {
	case "time":
		h.now = h.now.Add(time.Duration(rapid.IntRange(1, 90_000).Draw(h.rt, "ms")) * time.Millisecond)
	case "pods":
		name := rapid.SampledFrom(h.o.Experiment.Spec.Templates).Draw(h.rt, "of").Name
		h.repair("web:"+name, rapid.Bool().Draw(h.rt, "works"))
	case "verdict":
		for _, run := range h.o.Runs {
			if !run.Status.Phase.Completed() {
				run.Status.Phase = rapid.SampledFrom([]v1alpha1.AnalysisPhase{v1alpha1.AnalysisPhaseSuccessful, v1alpha1.AnalysisPhaseSuccessful,
					v1alpha1.AnalysisPhaseFailed, v1alpha1.AnalysisPhaseError, v1alpha1.AnalysisPhaseInconclusive}).Draw(h.rt, "verdict")
				return
			}
		}
	case "terminate":
		h.o.Experiment.Spec.Terminate = true
	case "retry":
		*h.status(), h.o.Experiment.Spec.Terminate = v1alpha1.ExperimentStatus{}, false
		h.attempts++
	case "lose":
		h.o.ReplicaSets = slices.DeleteFunc(h.o.ReplicaSets, func(*appsv1.ReplicaSet) bool { return rapid.Bool().Draw(h.rt, "rs") })
		h.o.Services = slices.DeleteFunc(h.o.Services, func(*corev1.Service) bool { return rapid.Bool().Draw(h.rt, "service") })
	case "route":
		for _, svc := range h.o.Services {
			h.o.Routed[svc.Name] = rapid.Bool().Draw(h.rt, "routed")
		}
	case "resize":
		h.o.Experiment.Spec.Templates[0].Replicas = ptr.To(rapid.Int32Range(0, 3).Draw(h.rt, "replicas"))
	}
}

// However an Experiment lives and whenever the controller crashes, it starts each
// run once, creates nothing after its end, and leaves nothing behind.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := draw(t, rt)
		h.settleAll()
		for range rapid.IntRange(1, 12).Draw(rt, "length") {
			h.happen()
			h.settleAll()
		}
		h.o.Experiment.Spec.Terminate, h.o.Routed = true, map[string]bool{}
		h.settleAll()
		if !h.status().Phase.Completed() {
			rt.Fatalf("terminated, but %s", h.picture())
		}
		for range 3 {
			h.now = h.now.Add(31 * time.Second)
			h.settleAll()
		}
		if len(h.o.Services) > 0 {
			rt.Fatalf("a Service is left: %s", h.picture())
		}
		for _, rs := range h.o.ReplicaSets {
			if *rs.Spec.Replicas > 0 {
				rt.Fatalf("pods are left: %s", h.picture())
			}
		}
		if plan := Decide(h.o, h.now); !plan.Wake.IsZero() {
			rt.Fatalf("there is nothing to wait for, but it asks for %s", plan.Wake)
		}
	})
}

// A decision asks to be woken for everything that time alone will bring: who
// sleeps until then misses nothing.
func TestWakes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := draw(t, rt)
		h.settleAll()
		for range rapid.IntRange(0, 4).Draw(rt, "length") {
			h.happen()
			h.settleAll()
		}
		wake := Decide(h.o, h.now).Wake
		for range 10 {
			at := h.now.Add(time.Duration(rapid.IntRange(1, 700_000).Draw(rt, "ms")) * time.Millisecond)
			if !wake.IsZero() && !at.Before(wake) {
				continue
			}
			if plan := Decide(h.o, at); len(plan.Actions) > 0 || !cmp.Equal(plan.Status, *h.status()) {
				rt.Fatalf("at %s it would do %v and say %s, but it sleeps until %s: %s", at, plan.Actions, plan.Status.Phase, wake, h.picture())
			}
		}
	})
}

func BenchmarkDecide(b *testing.B) {
	d := newDesk(nil, "baseline", "canary").spec(duration("2m")).analyse("compare", false)
	for range 3 {
		d.carryOut(Decide(d.o, d.now))
	}
	b.ReportAllocs()
	for b.Loop() {
		Decide(d.o, d.now)
	}
}
