package view

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// TestPrintedExperiments builds the objects behind the outputs of `get rollout`
// and expects the branch of each Experiment back as a tree of its own.
func TestPrintedExperiments(t *testing.T) {
	files, err := filepath.Glob("testdata/get-experiment/*.txt")
	if err != nil || len(files) != 26 {
		t.Fatalf("%d files, want 26: %v", len(files), err)
	}
	for _, file := range files {
		base := strings.TrimSuffix(filepath.Base(file), ".txt")
		dot := strings.LastIndexByte(base, '.')
		state, name := base[:dot], base[dot+1:]
		t.Run(base, func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile("testdata/get-rollout/" + state + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			o := parsePrinted(t, string(text), manifestOf(state))
			var got bytes.Buffer
			if err := RenderExperiment(&got, OneExperiment(experimentOf(t, o, name), o, now), false); err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
				t.Errorf("printed branch (-want +got):\n%s", diff)
			}
		})
	}
}

// experimentOf finds an Experiment by name. 003-R13 does not say in which
// namespace it is: the text around it does.
func experimentOf(t *testing.T, o Objects, name string) *v1alpha1.Experiment {
	for i := range o.Experiments {
		if e := &o.Experiments[i]; e.Name == name {
			e.Namespace = cmp.Or(e.Namespace, "istio")
			return e
		}
	}
	t.Fatalf("the output shows no Experiment %s", name)
	return nil
}

// TestExperimentHeader looks at an Experiment without children.
func TestExperimentHeader(t *testing.T) {
	e := &v1alpha1.Experiment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "compare"}}
	for _, c := range []struct {
		name   string
		change func()
		want   string
	}{
		{"unseen by its controller", func() {},
			"Name:            compare\nNamespace:       shop\nStatus:          ◌ Pending\n\n" +
				"NAME       KIND        STATUS     AGE        INFO\nΣ compare  Experiment  ◌ Pending  <unknown>  \n"},
		{"while templates wait", func() {
			e.Status.Phase = v1alpha1.AnalysisPhasePending
			e.Status.TemplateStatuses = []v1alpha1.TemplateStatus{{Name: "a"}, {Name: "b", Message: "waiting for x"}, {Name: "c", Message: "waiting for y"}}
		},
			"Name:            compare\nNamespace:       shop\nStatus:          ◌ Pending\nMessage:         template b: waiting for x; template c: waiting for y\n\n" +
				"NAME       KIND        STATUS     AGE        INFO\nΣ compare  Experiment  ◌ Pending  <unknown>  \n"},
		{"ended before they had what they waited for", func() { e.Status.Phase = v1alpha1.AnalysisPhaseSuccessful },
			"Name:            compare\nNamespace:       shop\nStatus:          ✔ Successful\n\n" +
				"NAME       KIND        STATUS        AGE        INFO\nΣ compare  Experiment  ✔ Successful  <unknown>  \n"},
		{"with a message", func() {
			e.CreationTimestamp = metav1.NewTime(now.Add(-time.Minute))
			e.Status.Phase, e.Status.Message = v1alpha1.AnalysisPhaseError, "no pods"
		},
			"Name:            compare\nNamespace:       shop\nStatus:          ⚠ Error\nMessage:         no pods\n\n" +
				"NAME       KIND        STATUS   AGE  INFO\nΣ compare  Experiment  ⚠ Error  60s  \n"},
	} {
		c.change()
		var b bytes.Buffer
		if err := RenderExperiment(&b, OneExperiment(e, Objects{}, now), false); err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(c.want, b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	var b bytes.Buffer
	if err := RenderExperiment(&b, OneExperiment(e, Objects{}, now), true); err != nil {
		t.Fatal(err)
	}
	if want := yellow + "⚠ Error" + reset; strings.Count(b.String(), want) != 2 {
		t.Errorf("the status is not coloured twice: %q", b.String())
	}
}

func TestSummarizeExperiment(t *testing.T) {
	since := func(d time.Duration) *metav1.Time { at := metav1.NewTime(now.Add(-d)); return &at }
	for _, c := range []struct {
		name      string
		duration  v1alpha1.DurationString
		status    v1alpha1.ExperimentStatus
		remaining time.Duration
	}{
		{"its pods start", "3h", v1alpha1.ExperimentStatus{Phase: v1alpha1.AnalysisPhasePending}, -1},
		{"it runs", "3h", v1alpha1.ExperimentStatus{Phase: v1alpha1.AnalysisPhaseRunning, AvailableAt: since(61 * time.Minute)}, 119 * time.Minute},
		{"it is about to end", "3h", v1alpha1.ExperimentStatus{Phase: v1alpha1.AnalysisPhaseRunning, AvailableAt: since(4 * time.Hour)}, 0},
		{"it is over", "3h", v1alpha1.ExperimentStatus{Phase: v1alpha1.AnalysisPhaseFailed, AvailableAt: since(time.Minute)}, -1},
		{"it has no end", "", v1alpha1.ExperimentStatus{Phase: v1alpha1.AnalysisPhaseRunning, AvailableAt: since(time.Minute)}, -1},
		{"its end cannot be read", "soon", v1alpha1.ExperimentStatus{Phase: v1alpha1.AnalysisPhaseRunning, AvailableAt: since(time.Minute)}, -1},
	} {
		e := &v1alpha1.Experiment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "compare", CreationTimestamp: *since(time.Hour)}}
		e.Spec.Duration, e.Status = c.duration, c.status
		want := ExperimentSummary{
			Namespace: "shop", Name: "compare", Status: string(c.status.Phase), Duration: string(c.duration),
			Remaining: c.remaining, Age: time.Hour,
		}
		if diff := gocmp.Diff(want, SummarizeExperiment(e, now)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
