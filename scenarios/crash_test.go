package scenarios_test

import (
	"bytes"
	"context"
	"fmt"
	"sort"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/scenarios"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/scenarios/replay"
	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/fault"
)

// The controller is killed after each single write of each scenario and started
// afresh with empty memory: every run ends in the same state, and no request is
// lost on the way. With -short it is one write in seven.
func TestCrashAfterEveryWrite(t *testing.T) {
	all, err := replay.All(scenarios.FS)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			want, writes := endOf(t, s)
			if writes == 0 && !controlled(s) {
				t.Skip("it is about Kubernetes alone: our controller has nothing to do in it")
			}
			if writes == 0 {
				t.Fatal("the controller wrote nothing: the scenario cannot show that crashes do no harm")
			}
			step := 1
			if testing.Short() {
				step = 7
			}
			for n := 1; n <= writes; n += step {
				got, _ := endOf(t, s, fault.CrashAfterWrite(n, 0))
				if got != want {
					t.Fatalf("killed after write %d of %d it ends differently\n--- undisturbed\n%s--- killed\n%s", n, writes, want, got)
				}
			}
			t.Logf("%d writes", writes)
		})
	}
}

// controlled says whether a scenario makes an object of ours, or reads one from
// the fixtures.
func controlled(s replay.Scenario) bool {
	return bytes.Contains(s.Data, []byte("argoproj.io/")) || !bytes.Contains(s.Data, []byte("\n-- "))
}

// endOf plays a scenario and returns the state it ends in and how often the
// controller wrote.
func endOf(t *testing.T, s replay.Scenario, faults ...fault.Fault) (state string, writes int) {
	t.Helper()
	var cluster *backend.Sim
	player := replay.Player{Clock: clock.Real{}, Open: func() (backend.Backend, error) {
		var err error
		cluster, err = backend.NewSim(sim.Options{Seed: 1, Faults: faults})
		return cluster, err
	}}
	outcome := player.Play(context.Background(), s)
	if outcome.Err != nil {
		t.Fatalf("with faults %v: %v", faults, outcome.Err)
	}
	if len(faults) == 0 && outcome.Verdict() != replay.Passed {
		t.Fatalf("the undisturbed scenario ends with %s", outcome.Verdict())
	}
	if err := cluster.Sim().Mesh().CheckLost(); err != nil {
		t.Errorf("with faults %v: %v", faults, err)
	}
	for _, line := range cluster.TraceLines() {
		if _, text, _ := strings.Cut(line, "s  "); strings.HasPrefix(text, sim.ControllerName+" ") {
			writes++
		}
	}
	return picture(t, cluster.Client()), writes
}

// picture draws what a person would call the state: phases, steps, sizes, who is
// selected. Names of pods, times and versions of objects are left out.
func picture(t *testing.T, c client.Client) string {
	t.Helper()
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	var rollouts v1alpha1.RolloutList
	var sets appsv1.ReplicaSetList
	var services corev1.ServiceList
	for _, list := range []client.ObjectList{&rollouts, &sets, &services} {
		if err := c.List(context.Background(), list); err != nil {
			t.Fatal(err)
		}
	}
	for i := range rollouts.Items {
		ro := &rollouts.Items[i]
		step := "none"
		if ro.Status.CurrentStepIndex != nil {
			step = fmt.Sprint(*ro.Status.CurrentStepIndex)
		}
		add("rollout %s: %s %q step %s stable %s new %s pods %d/%d/%d", ro.Name, ro.Status.Phase, ro.Status.Message, step,
			ro.Status.StableRS, ro.Status.CurrentPodHash, ro.Status.Replicas, ro.Status.UpdatedReplicas, ro.Status.AvailableReplicas)
	}
	for i := range sets.Items {
		rs := &sets.Items[i]
		add("replicaset %s: revision %s wants %d has %d", rs.Name, rs.Annotations[v1alpha1.RevisionAnnotation], *rs.Spec.Replicas, rs.Status.AvailableReplicas)
	}
	for i := range services.Items {
		svc := &services.Items[i]
		add("service %s selects %q", svc.Name, svc.Spec.Selector[v1alpha1.DefaultRolloutUniqueLabelKey])
	}
	lines = append(lines, routesAndRuns(t, c)...)
	sort.Strings(lines)
	return strings.Join(lines, "\n") + "\n"
}

// routesAndRuns draws what Istio was told, and the Experiments and AnalysisRuns
// with their results.
func routesAndRuns(t *testing.T, c client.Client) (lines []string) {
	t.Helper()
	var experiments v1alpha1.ExperimentList
	var runs v1alpha1.AnalysisRunList
	lists := []client.ObjectList{&experiments, &runs}
	for _, kind := range []string{"VirtualService", "DestinationRule"} {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: kind + "List"})
		lists = append(lists, list)
	}
	for _, list := range lists {
		if err := c.List(context.Background(), list); err != nil {
			t.Fatal(err)
		}
		if list, ok := list.(*unstructured.UnstructuredList); ok {
			for i := range list.Items {
				lines = append(lines, fmt.Sprintf("%s %s: %v", list.Items[i].GetKind(), list.Items[i].GetName(), list.Items[i].Object["spec"]))
			}
		}
	}
	for i := range experiments.Items {
		lines = append(lines, fmt.Sprintf("experiment %s: %s %q", experiments.Items[i].Name, experiments.Items[i].Status.Phase, experiments.Items[i].Status.Message))
	}
	for i := range runs.Items {
		run := &runs.Items[i]
		lines = append(lines, fmt.Sprintf("run %s: %s %q", run.Name, run.Status.Phase, run.Status.Message))
	}
	return lines
}
