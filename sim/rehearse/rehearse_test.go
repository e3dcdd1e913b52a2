package rehearse

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/fixtures"
	"github.com/aviary-rollouts/aviary/internal/interrupt/interrupttest"
	"github.com/aviary-rollouts/aviary/internal/manifest"
	"github.com/aviary-rollouts/aviary/internal/ops"
	"github.com/aviary-rollouts/aviary/sim"
)

// objects reads fixtures.
func objects(t testing.TB, names ...string) []manifest.Object {
	t.Helper()
	scheme, err := manifest.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	var files []manifest.File
	for _, name := range names {
		data, err := fs.ReadFile(fixtures.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, manifest.File{Name: name, Data: data})
	}
	list, err := manifest.Read(files, scheme)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func fixtureText(name string) (string, error) {
	data, err := fs.ReadFile(fixtures.FS, name)
	return string(data), err
}

func run(t testing.TB, o Options) *Report {
	t.Helper()
	report, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestCanarySuccess rehearses case 2.2.2 of the source documents.
func TestCanarySuccess(t *testing.T) {
	report := run(t, Options{
		Objects:      objects(t, "cases/mock-server-canary-success.yaml"),
		Images:       []ops.ContainerImage{{Container: "mock-server", Image: "ghcr.io/ssup2/mock-go-server:2.0.0"}},
		PromoteAfter: 2 * time.Minute,
	})
	type moment struct {
		at       string
		step     int32
		set      int32
		actual   int32
		one, two string
		phase    v1alpha1.RolloutPhase
	}
	var got []moment
	for _, row := range report.Timeline {
		got = append(got, moment{row.At.String(), row.Step, row.SetWeight, row.ActualWeight, podsText(row, 1), podsText(row, 2), row.Phase})
	}
	want := []moment{
		{"0s", 0, 20, 0, "5/5", "0/1", "Progressing"},
		{"4s", 1, 20, 20, "4/4", "1/1", "Paused"},
		{"2m4s", 2, 40, 20, "4/4", "1/2", "Progressing"},
		{"2m8s", 3, 40, 40, "3/3", "2/2", "Paused"},
		{"2m38s", 4, 100, 40, "3/3", "2/4", "Progressing"},
		{"2m42s", 4, 100, 100, "0/0", "4/5", "Progressing"},
		{"2m46s", 5, 100, 100, "0/0", "5/5", "Healthy"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(moment{})); diff != "" {
		t.Errorf("timeline (-want +got):\n%s", diff)
	}
	if report.Outcome.Took.String() != "2m46s" || !report.Outcome.Ended || report.Outcome.Stable != 2 {
		t.Errorf("outcome = %+v, want Healthy after 2m46s on revision 2", report.Outcome)
	}
}

// TestSameTwice checks that a rehearsal goes the same way every time.
func TestSameTwice(t *testing.T) {
	o := Options{Objects: objects(t, "cases/mock-server-canary-undo-abort.yaml"), PromoteAfter: time.Minute, AbortAfter: 90 * time.Second, Seed: 7}
	var texts []string
	for range 2 {
		data, err := json.Marshal(run(t, o))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(data))
	}
	if texts[0] != texts[1] {
		t.Errorf("two rehearsals differ:\n%s", cmp.Diff(texts[0], texts[1]))
	}
}

// TestFindingsBeyondTheWait checks that what lies behind a pause without end is
// warned about although the rehearsal ends there.
func TestFindingsBeyondTheWait(t *testing.T) {
	list := objects(t, "cases/mock-server-canary-success.yaml")
	canary := list[0].Object.(*v1alpha1.Rollout).Spec.Strategy.Canary
	for i, weight := range map[int]int32{0: 10, 2: 75} {
		canary.Steps[i].SetWeight = &weight
	}
	report := run(t, Options{Objects: list})
	if report.Outcome.Phase != v1alpha1.RolloutPhasePaused || report.Outcome.Step != 1 {
		t.Fatalf("outcome = %+v, want a pause at the second step", report.Outcome)
	}
	var got []string
	for _, w := range report.Warnings {
		if w.Code == "weight" {
			got = append(got, w.Text)
		}
	}
	want := []string{
		"step 1 setWeight 10 with 5 replicas gives users 16% (1 of 6 pods)",
		"step 3 setWeight 75 with 5 replicas gives users 80% (4 of 5 pods)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// abortedFixtures are the documents whose own mistakes end the update, and how.
var abortedFixtures = map[string]string{
	// A query lacks a quote.
	"cases/mock-server-canary-istio-destinationrule-analysistemplate-experiment.yaml": "parse error: unterminated quoted string",
	"cases/mock-server-canary-istio-virtualservice-analysis-experiment.yaml":          "parse error: unterminated quoted string",
	// Queries ask for workloads that no pod of the Experiment belongs to.
	"variant/mock-server-canary-istio-destinationrule-analysistemplate-experiment.yaml": `Metric "baseline-success-rate" assessed Failed due to failed (3) > failureLimit (2)`,
}

// TestEveryFixture rehearses each Rollout of the source documents with the
// objects of its folder's file. Whatever it needs that is not there is said.
func TestEveryFixture(t *testing.T) {
	names, err := fs.Glob(fixtures.FS, "*/*.yaml")
	if err != nil || len(names) < 40 {
		t.Fatalf("%d fixtures, error %v", len(names), err)
	}
	scheme, err := manifest.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			data, err := fs.ReadFile(fixtures.FS, name)
			if err != nil {
				t.Fatal(err)
			}
			list, err := manifest.Read([]manifest.File{{Name: name, Data: data}}, scheme)
			if err != nil {
				t.Skipf("not read: %v", err)
			}
			if !slices.ContainsFunc(list, func(o manifest.Object) bool { _, is := o.Object.(*v1alpha1.Rollout); return is }) {
				t.Skip("no Rollout in it")
			}
			report := run(t, Options{Objects: list, PromoteAfter: time.Minute})
			if report.Updated() == (report.Failure() != "") || report.Outcome.Text == "" || len(report.Timeline) == 0 {
				t.Errorf("the report says neither how it ended nor why not: %+v", report.Outcome)
			}
			if why := abortedFixtures[name]; why != "" && report.Outcome.Verdict != Aborted || !strings.Contains(report.Outcome.Message, why) {
				t.Errorf("ended %s: %s, want an abort because of %s", report.Outcome.Verdict, report.Outcome.Text, why)
			} else if why == "" && report.Updated() && report.Outcome.Verdict != Promoted {
				t.Errorf("the update of a sound manifest ended %s: %s", report.Outcome.Verdict, report.Outcome.Text)
			}
			var b strings.Builder
			if err := report.WriteText(&b, 100); err != nil {
				t.Fatal(err)
			}
			for _, line := range strings.Split(b.String(), "\n") {
				if n := utf8.RuneCountInString(line); n > 100 && strings.Contains(strings.TrimSpace(line), " ") && !longWord(line, 50) {
					t.Errorf("%d columns: %s", n, line)
				}
			}
		})
	}
}

func longWord(line string, n int) bool {
	return slices.ContainsFunc(strings.Fields(line), func(word string) bool { return len(word) > n })
}

func TestInputErrors(t *testing.T) {
	canary := objects(t, "cases/mock-server-canary-success.yaml")
	for name, tc := range map[string]struct {
		o    Options
		want string
	}{
		"no Rollout": {Options{Objects: canary[1:]}, "no Rollout was given; add the manifest of one (kind: Rollout, apiVersion: argoproj.io/v1alpha1) with -f"},
		"another":    {Options{Objects: canary, Rollout: "web"}, `no Rollout "web" was given; check --rollout, or add its manifest with -f`},
		"a container that is not there": {Options{Objects: canary, Images: []ops.ContainerImage{{Container: "web", Image: "web:2"}}},
			`set image of rollout "mock-server": Rollout "mock-server" has no container "web": it has mock-server`},
		"a container that is not there and one that fails": {Options{Objects: canary, Images: []ops.ContainerImage{{Container: "web", Image: "web:2"}},
			Behaviours: []Behaviour{{Image: NewImage, ErrorRate: rate(1)}}},
			`set image of rollout "mock-server": Rollout "mock-server" has no container "web": it has mock-server`},
		"too many pods": {Options{Objects: edited(t, "replicas: 5", "replicas: 2000000000")},
			"ReplicaSet default/mock-server-6579c6cc98 asks for 2000000000 pods, and a simulation has room for 10000 of one workload; ask for fewer"},
		"too long": {Options{Objects: canary, Until: 100000 * time.Hour}, "--until 100000h is more than a simulation can take; write at most 744h"},
		"a failure far ahead": {Options{Objects: canary, Behaviours: []Behaviour{{Image: NewImage, P50: Duration(time.Second), After: Duration(1000 * time.Hour)}}},
			"new answers in 1s from 1000h on: that is later than a simulation can take; write at most 744h"},
		"the image that is there": {Options{Objects: canary, Images: []ops.ContainerImage{{Container: "mock-server", Image: "ghcr.io/ssup2/mock-go-server:1.0.0"}}},
			`container "mock-server" has the image ghcr.io/ssup2/mock-go-server:1.0.0 already, so that there is no update; choose another image with --set-image mock-server=IMAGE`},
		"two images for a container": {Options{Objects: canary, Images: []ops.ContainerImage{{Container: "*", Image: "web:2"}, {Container: "mock-server", Image: "web:3"}}},
			`container "mock-server" is given two images; leave one of them out, see --set-image`},
		"an image that nothing runs": {Options{Objects: canary, Images: version2, Behaviours: []Behaviour{{Image: "web:*", ErrorRate: rate(1)}}},
			`no container runs the image "web:*"; write new, old, or an image such as ghcr.io/ssup2/mock-go-server:2.0.0`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Run(context.Background(), tc.o)
			if !errors.As(err, new(*InputError)) || err.Error() != tc.want {
				t.Errorf("error = %v (%T), want %s", err, err, tc.want)
			}
		})
	}
}

// TestTooManyMeasurements ends a rehearsal whose report would not fit into memory.
func TestTooManyMeasurements(t *testing.T) {
	s, err := sim.New(sim.Options{Seed: 1, NoTrace: true})
	if err != nil {
		t.Fatal(err)
	}
	r := &rehearsal{sim: s, observer: newObserver(s, types.NamespacedName{Namespace: "default", Name: "web"})}
	r.observer.measurements = make([]Measurement, mostMeasurements+1)
	if !r.over() || !errors.As(r.err, new(*InputError)) || !strings.Contains(r.err.Error(), "more than 100000 measurements were made") {
		t.Errorf("error = %v, want that there are too many", r.err)
	}
}

// TestInterrupt ends a rehearsal early and in the middle.
func TestInterrupt(t *testing.T) {
	for _, left := range []int{0, 100} {
		ctx := interrupttest.Impatient(left)
		report, err := Run(ctx, Options{Objects: objects(t, manifest14)})
		if !errors.Is(err, context.Canceled) || errors.As(err, new(*InputError)) || report != nil {
			t.Errorf("cancelled after %d questions: %v, want that it was interrupted", left, err)
		}
		if more := ctx.AskedSince(); more > 20 {
			t.Errorf("cancelled after %d questions, and asked %d times more", left, more)
		}
	}
}

func TestNextTag(t *testing.T) {
	for image, want := range map[string]string{
		"web":                              "web:next",
		"web:1.0":                          "web:1.0-next",
		"registry:5000/web":                "registry:5000/web:next",
		"registry:5000/team/web:1.0":       "registry:5000/team/web:1.0-next",
		"registry:5000/web@sha256:abcdef":  "registry:5000/web:next",
		"registry:5000/web:1@sha256:abcde": "registry:5000/web:next",
	} {
		if got := nextTag(image); got != want {
			t.Errorf("nextTag(%s) = %s, want %s", image, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 4 * time.Second: "4s", time.Minute: "1m", 90 * time.Second: "1m30s", 10 * time.Minute: "10m",
		2 * time.Hour: "2h", 2*time.Hour + 20*time.Minute: "2h20m", 1500 * time.Millisecond: "1.5s", time.Hour + time.Second: "1h0m1s",
	} {
		if got := Duration(d).String(); got != want {
			t.Errorf("%d ns = %s, want %s", d, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for name, tc := range map[string]struct {
		text        string
		first, rest int
		want        []string
	}{
		"fits":         {"one two", 7, 3, []string{"one two"}},
		"breaks":       {"one two three", 7, 5, []string{"one two", "three"}},
		"a long word":  {"onetwothree four", 5, 5, []string{"onetwothree", "four"}},
		"no blank":     {"onetwothree", 5, 5, []string{"onetwothree"}},
		"blanks first": {"  one two", 5, 5, []string{"  one", "two"}},
		"wide letters": {"ééé ééé", 3, 3, []string{"ééé", "ééé"}},
		"empty":        {"", 5, 5, []string{""}},
	} {
		if got := wrap(tc.text, tc.first, tc.rest); !slices.Equal(got, tc.want) {
			t.Errorf("%s: wrap(%q) = %q, want %q", name, tc.text, got, tc.want)
		}
	}
}

// BenchmarkRehearse is one canary with two pauses.
func BenchmarkRehearse(b *testing.B) {
	o := Options{Objects: objects(b, "cases/mock-server-canary-success.yaml"), PromoteAfter: time.Minute}
	for b.Loop() {
		run(b, o)
	}
}
