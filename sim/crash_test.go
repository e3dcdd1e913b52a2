package sim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/fault"
)

// story is one of the cases of the source documents.
type story struct {
	name    string
	objects func() []client.Object
	actions []action
}

func stories() []story {
	return []story{
		{"blue/green 2.2.1", blueGreen, []action{
			wait(15 * time.Second), setImage("2.0.0"), wait(100 * time.Second),
			setImage("3.0.0"), wait(75 * time.Second), promote, wait(75 * time.Second),
		}},
		{"canary 2.2.2", canary, []action{
			wait(23 * time.Second), setImage("2.0.0"), wait(5 * time.Minute),
			setImage("3.0.0"), wait(5 * time.Minute), promote, wait(5 * time.Minute),
		}},
		{"canary with undo and abort, as 2.2.3", canary, []action{
			wait(20 * time.Second), setImage("2.0.0"), wait(time.Minute), promote, wait(time.Minute),
			undo, wait(time.Minute), setImage("3.0.0"), wait(time.Minute), abort, wait(time.Minute),
		}},
	}
}

// play runs a story with faults and returns the simulation as it ends.
func (st story) play(t testing.TB, forms ...string) *sim.Sim {
	t.Helper()
	o := sim.Options{Seed: 1, Objects: st.objects()}
	for _, form := range forms {
		f, err := fault.Parse(form)
		if err != nil {
			t.Fatal(err)
		}
		o.Faults = append(o.Faults, f)
	}
	s := start(t, o)
	for i, do := range st.actions {
		if err := do(s); err != nil {
			t.Fatalf("%s with %q, action %d: %v", st.name, forms, i, err)
		}
	}
	return s
}

// TestKilledAfterEachWrite starts the controller afresh after each single
// write of each story: the end must be the same.
func TestKilledAfterEachWrite(t *testing.T) {
	for _, st := range stories() {
		t.Run(st.name, func(t *testing.T) {
			t.Parallel()
			want := final(t, st.play(t))
			for n := 1; ; n++ {
				s := st.play(t, fmt.Sprintf("crash:after=%d,restart=1s", n))
				if got := final(t, s); got != want {
					t.Errorf("killed after write %d:\n%swant:\n%s", n, got, want)
				}
				if !crashed(s) {
					t.Logf("killed after each of %d writes", n-1)
					return
				}
			}
		})
	}
}

func crashed(s *sim.Sim) bool {
	for _, line := range s.Trace().Lines() {
		if line.Text == "crash" {
			return true
		}
	}
	return false
}

// TestSameSeedSameTrace plays each story twice, with and without trouble.
func TestSameSeedSameTrace(t *testing.T) {
	for _, st := range stories() {
		for _, forms := range [][]string{nil, {"crash:p=0.1,restart=2s,to=3m", "conflict:p=0.2,to=5m", "stale:age=1s,to=5m"}} {
			a, b := st.play(t, forms...).Trace(), st.play(t, forms...).Trace()
			if a.Hash() != b.Hash() || len(a.Lines()) < 100 {
				t.Errorf("%s with %q: traces of %d and %d lines differ", st.name, forms, len(a.Lines()), len(b.Lines()))
			}
		}
	}
}

// final prints what a user can see at the end, without times.
func final(t testing.TB, s *sim.Sim) string {
	t.Helper()
	var b strings.Builder
	status := get(t, s).Status
	step := "none"
	if i := status.CurrentStepIndex; i != nil {
		step = fmt.Sprint(*i)
	}
	fmt.Fprintf(&b, "  %s %q, step %s, stable %s, current %s, abort %t, pauses %d, counts %d/%d/%d/%d\n",
		status.Phase, status.Message, step, status.StableRS, status.CurrentPodHash, status.Abort, len(status.PauseConditions),
		status.Replicas, status.UpdatedReplicas, status.ReadyReplicas, status.AvailableReplicas)
	var sets appsv1.ReplicaSetList
	var services corev1.ServiceList
	for _, list := range []client.ObjectList{&sets, &services} {
		if err := s.Client().List(t.Context(), list, client.InNamespace("default")); err != nil {
			t.Fatal(err)
		}
	}
	for _, rs := range sets.Items {
		fmt.Fprintf(&b, "  %s revision %s wants %d, has %d available\n",
			rs.Name, rs.Annotations[v1alpha1.RevisionAnnotation], *rs.Spec.Replicas, rs.Status.AvailableReplicas)
	}
	for _, svc := range services.Items {
		fmt.Fprintf(&b, "  %s selects %s\n", svc.Name, svc.Spec.Selector[v1alpha1.DefaultRolloutUniqueLabelKey])
	}
	return b.String()
}
