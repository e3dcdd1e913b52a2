package cli

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// at is a time before the start of a world.
func at(before time.Duration) metav1.Time {
	return metav1.NewTime(time.Date(2025, 12, 1, 12, 0, 0, 0, time.UTC).Add(-before))
}

// comparison is an Experiment of one template that has a minute left, with its
// ReplicaSet and its AnalysisRun.
func comparison() []client.Object {
	e := &v1alpha1.Experiment{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "compare", UID: "compare-uid", CreationTimestamp: at(70 * time.Second)}}
	e.Spec.Duration = "2m"
	e.Status = v1alpha1.ExperimentStatus{Phase: v1alpha1.AnalysisPhaseRunning, AvailableAt: ptr.To(at(time.Minute))}
	mine := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{
			Namespace: "default", Name: name, CreationTimestamp: at(65 * time.Second),
			Labels:          map[string]string{v1alpha1.DefaultRolloutUniqueLabelKey: "abc"},
			OwnerReferences: []metav1.OwnerReference{{Kind: "Experiment", Name: "compare", UID: "compare-uid", Controller: ptr.To(true)}},
		}
	}
	rs := &appsv1.ReplicaSet{ObjectMeta: mine("compare-new")}
	rs.Spec.Replicas = ptr.To(int32(1))
	rs.Spec.Template.Spec.Containers = []corev1.Container{{Name: "web", Image: "web:2"}}
	rs.Status = appsv1.ReplicaSetStatus{Replicas: 1, AvailableReplicas: 1}
	run := &v1alpha1.AnalysisRun{ObjectMeta: mine("compare-rate")}
	run.Status = v1alpha1.AnalysisRunStatus{Phase: v1alpha1.AnalysisPhaseRunning, MetricResults: []v1alpha1.MetricResult{{Name: "rate", Successful: 3}}}
	return []client.Object{e, rs, run}
}

const comparisonTree = `Name:            compare
Namespace:       default
Status:          ◌ Running
Images:          web:2 (Σ:new)

NAME               KIND         STATUS     AGE  INFO
Σ compare          Experiment   ◌ Running  70s  
├──⧉ compare-new   ReplicaSet   ✔ Healthy  65s  
└──α compare-rate  AnalysisRun  ◌ Running  65s  ✔ 3
`

func TestGetExperiment(t *testing.T) {
	w := newWorld(t, comparison()...)
	for _, words := range []string{"experiment", "exp", "experiments"} {
		if err := w.run("get", words, "experiment/compare"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(comparisonTree, w.out.String()); diff != "" {
			t.Errorf("get %s (-want +got):\n%s", words, diff)
		}
	}
	w.terminal = true
	if err := w.run("get", "experiment", "compare"); err != nil || !strings.Contains(w.out.String(), "\x1b[36m◌ Running") {
		t.Errorf("no colours on a terminal: %v", err)
	}
	if err := w.run("get", "experiment", "compare", "--no-color"); err != nil || w.out.String() != comparisonTree {
		t.Errorf("--no-color differs from the plain output: %v", err)
	}
}

// TestGetExperimentWatch sees the end after five seconds; a watch without an end
// is left when the world's hour is over.
func TestGetExperimentWatch(t *testing.T) {
	w := newWorld(t, comparison()...)
	w.events[5*time.Second] = func() {
		e := &v1alpha1.Experiment{}
		w.get("compare", e)
		e.Status.Phase = v1alpha1.AnalysisPhaseSuccessful
		w.update(e)
	}
	if err := w.run("get", "exp", "compare", "-w"); err == nil || err.Error() != "an hour passed" {
		t.Fatal(err)
	}
	second := strings.NewReplacer(
		"Status:          ◌ Running", "Status:          ✔ Successful", "Experiment   ◌ Running     70s", "Experiment   ✔ Successful  75s",
		"65s", "70s",
	).Replace(strings.NewReplacer("STATUS   ", "STATUS      ", "◌ Running  ", "◌ Running     ", "✔ Healthy  ", "✔ Healthy     ").Replace(comparisonTree))
	if diff := cmp.Diff(comparisonTree+"\n"+second, w.out.String()); diff != "" {
		t.Errorf("watch (-want +got):\n%s", diff)
	}
}

func TestListExperiments(t *testing.T) {
	endless := &v1alpha1.Experiment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "endless", CreationTimestamp: at(7 * 24 * time.Hour)}}
	endless.Status.Phase = v1alpha1.AnalysisPhaseRunning
	unseen := &v1alpha1.Experiment{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "unseen", CreationTimestamp: at(0)}}
	unseen.Spec.Duration = "1h"
	for _, c := range []struct {
		args, want string
	}{
		{"list experiments", `
NAME     STATUS   DURATION  REMAINING  AGE
compare  Running  2m        60s        70s
unseen   Pending  1h        -          0s
`},
		{"list exp -A", `
NAMESPACE  NAME     STATUS   DURATION  REMAINING  AGE
default    compare  Running  2m        60s        70s
default    unseen   Pending  1h        -          0s
shop       endless  Running  -         -          7d
`},
		{"list experiment --all-namespaces=false -n shop", `
NAME     STATUS   DURATION  REMAINING  AGE
endless  Running  -         -          7d
`},
	} {
		w := newWorld(t, append(comparison(), endless, unseen)...)
		if err := w.run(strings.Fields(c.args)...); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, "\n"+w.out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.args, diff)
		}
	}
	w := newWorld(t)
	if err := w.run("list", "experiments", "-A"); err != nil || w.out.Len() > 0 || w.errOut.String() != "No resources found.\n" {
		t.Errorf("an empty cluster: %v, %q, %q", err, w.out.String(), w.errOut.String())
	}
}

// TestListExperimentsWatch prints a row again when more than the time changed.
func TestListExperimentsWatch(t *testing.T) {
	w := newWorld(t, comparison()...)
	w.events[20*time.Second] = func() {
		e := &v1alpha1.Experiment{}
		w.get("compare", e)
		e.Status.Phase = v1alpha1.AnalysisPhaseFailed
		w.update(e)
	}
	if err := w.run("list", "experiments", "-w"); err == nil || err.Error() != "an hour passed" {
		t.Fatal(err)
	}
	want := `NAME     STATUS   DURATION  REMAINING  AGE
compare  Running  2m        60s        70s
compare  Failed   2m        -          90s
`
	if diff := cmp.Diff(want, w.out.String()); diff != "" {
		t.Errorf("watch (-want +got):\n%s", diff)
	}
}

func TestRetryAndTerminate(t *testing.T) {
	for _, c := range []struct {
		args, want string
		done       func(w *world) bool
	}{
		{"retry experiment compare", "experiment 'compare' retried\n", func(w *world) bool {
			e := &v1alpha1.Experiment{}
			w.get("compare", e)
			return e.Status.Phase == "" && e.Status.AvailableAt == nil
		}},
		{"terminate experiment exp/compare", "experiment 'compare' terminated\n", func(w *world) bool {
			e := &v1alpha1.Experiment{}
			w.get("compare", e)
			return e.Spec.Terminate
		}},
		{"terminate ar compare-rate", "analysisrun 'compare-rate' terminated\n", func(w *world) bool {
			run := &v1alpha1.AnalysisRun{}
			w.get("compare-rate", run)
			return run.Spec.Terminate
		}},
	} {
		w := newWorld(t, comparison()...)
		if err := w.run(strings.Fields(c.args)...); err != nil {
			t.Fatal(err)
		}
		if w.out.String() != c.want {
			t.Errorf("%s: said %q, want %q", c.args, w.out.String(), c.want)
		}
		if !c.done(w) {
			t.Errorf("%s: nothing was done", c.args)
		}
	}
}

func TestCompletionOffersOtherKinds(t *testing.T) {
	for args, want := range map[string]string{
		"__complete get experiment ": "compare", "__complete retry exp com": "compare", "__complete terminate analysisrun ": "compare-rate",
	} {
		w := newWorld(t, append(comparison(), web())...)
		if err := w.run(strings.Split(args, " ")...); err != nil {
			t.Fatal(err)
		}
		if got := strings.Fields(w.out.String()); len(got) != 2 || got[0] != want {
			t.Errorf("%s: completions %q, want %s", args, w.out.String(), want)
		}
	}
}

func (w *world) get(name string, into client.Object) {
	w.t.Helper()
	if err := w.client.Get(context.Background(), types.NamespacedName{Namespace: "default", Name: name}, into); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) update(o client.Object) {
	w.t.Helper()
	if err := w.client.Update(context.Background(), o); err != nil {
		w.t.Fatal(err)
	}
}
