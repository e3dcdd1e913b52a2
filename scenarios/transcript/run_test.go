package transcript

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
)

// bench is a backend and an interpreter that need no cluster: echo prints,
// fail fails, tick prints how often it was called, sleep lets time pass.
type bench struct {
	name  string
	now   time.Time
	polls int // how often Await reads before it gives up
	ticks int
	trace []string

	client client.WithWatch
}

func (b *bench) Name() string                 { return b.name }
func (b *bench) Is(word string) bool          { return word == b.name }
func (b *bench) Client() client.WithWatch     { return b.client }
func (b *bench) Clock() clock.Clock           { return clock.Func(func() time.Time { return b.now }) }
func (b *bench) Settle(context.Context) error { return nil }
func (b *bench) Close() error                 { return nil }
func (b *bench) Tools() backend.Tools         { return backend.Tools{Trace: b} }
func (b *bench) TraceLines() []string         { return b.trace }
func (b *bench) Lines() int                   { return len(b.trace) }

func (b *bench) Sleep(_ context.Context, d time.Duration) error {
	b.now = b.now.Add(d)
	return nil
}

func (b *bench) Await(ctx context.Context, read func(context.Context) bool) error {
	for range max(b.polls, 1) {
		if read(ctx) {
			break
		}
	}
	return nil
}

func (b *bench) Parse(line string) (Call, error) {
	words := strings.Fields(line)
	switch words[0] {
	case "echo":
		text := strings.ReplaceAll(strings.Join(words[1:], " "), "/", "\n") + "\n"
		return Call{Run: func(_ context.Context, out io.Writer) error { _, err := io.WriteString(out, text); return err }}, nil
	case "fail":
		return Call{Run: func(_ context.Context, out io.Writer) error { fmt.Fprintln(out, "oops"); return errors.New("exit 1") }}, nil
	case "tick":
		return Call{Reads: true, Run: func(_ context.Context, out io.Writer) error { b.ticks++; fmt.Fprintln(out, b.ticks); return nil }}, nil
	case "sleep":
		return Call{Run: func(ctx context.Context, _ io.Writer) error { return b.Sleep(ctx, time.Minute) }}, nil
	}
	return Call{}, fmt.Errorf("unknown command %q", words[0])
}

func play(t *testing.T, b *bench, update bool, text string) (*File, *Result) {
	t.Helper()
	f, err := Parse("x.txtar", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	r := Runner{Backend: b, Commands: b, Update: update}
	result, err := r.Run(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return f, result
}

func failures(r *Result) string {
	var b strings.Builder
	for i := range r.Failures {
		b.WriteString(r.Failures[i].String())
	}
	return b.String()
}

func TestRun(t *testing.T) {
	for _, test := range []struct {
		name, text string
		polls      int
		checks     int
		failures   string
	}{
		{"passes", "$ echo a/b\na\n...\n$ sleep 1m\n! $ fail\noops\n", 0, 2, ""},
		{"differs and goes on", "$ echo a/b\na\nc\n$ echo d\ne\n", 0, 2,
			"x.txtar:1: the output is not as expected (- expected, + printed)\n  $ echo a/b\n   a\n  -c\n  +b\n" +
				"x.txtar:4: the output is not as expected (- expected, + printed)\n  $ echo d\n  -e\n  +d\n"},
		{"fails and stops", "$ fail\n$ echo d\ne\n", 0, 0, "x.txtar:1: the command failed: exit 1\n  $ fail\n  oops\n"},
		{"does not fail", "! $ echo a\na\n", 0, 0, "x.txtar:1: the command should have failed\n  $ echo a\n  a\n"},
		{"unknown", "$ nope\n", 0, 0, "x.txtar:1: unknown command \"nope\"\n  $ nope\n"},
		{"guarded", "[!sim] $ nope\n[sim] $ echo a\na\n", 0, 1, ""},
		{"polled until equal", "$ tick\n3\n", 5, 1, ""},
		{"polled in vain", "$ tick\n9\n", 5, 1, "x.txtar:1: the output is not as expected (- expected, + printed)\n  $ tick\n  -9\n  +5\n"},
		{"trace", "$ echo a\na\n-- trace --\n...\nlast\n", 0, 2, ""},
		{"other trace", "$ echo a\na\n-- trace --\nfirst\n", 0, 2,
			"x.txtar:4: the trace is not as expected (- expected, + happened)\n   first\n  +last\n"},
	} {
		_, result := play(t, &bench{name: "sim", polls: test.polls, trace: []string{"first", "last"}}, false, test.text)
		if got := failures(result); got != test.failures || result.Checks != test.checks {
			t.Errorf("%s: %d checks, failures:\n%s", test.name, result.Checks, got)
		}
	}
}

func TestRunSkipsFile(t *testing.T) {
	_, result := play(t, &bench{name: "kind"}, false, "[sim]\n\n$ nope\n")
	if result.Skipped == "" || len(result.Failures) > 0 {
		t.Errorf("got %+v", result)
	}
}

// A cluster without Istio cannot play what speaks of its routes.
func TestRunSkipsRoutesWithoutIstio(t *testing.T) {
	none := &bench{name: "kind", client: fake.NewClientBuilder().WithScheme(runtime.NewScheme()).Build()}
	_, result := play(t, none, false, "$ nope\n-- web.yaml --\nkind: Service\n---\napiVersion: networking.istio.io/v1\n")
	if want := "line 5 needs Istio's definitions, which kind does not have"; result.Skipped != want {
		t.Errorf("skipped: %q, want %q", result.Skipped, want)
	}
}

func TestRunMeasuresTimeAndMarksUnchecked(t *testing.T) {
	_, result := play(t, &bench{name: "sim"}, false, "$ sleep 1m\n$ echo a\n")
	if result.Simulated != time.Minute {
		t.Errorf("%s passed", result.Simulated)
	}
	if result.Steps[0].Unchecked || !result.Steps[1].Unchecked {
		t.Errorf("unchecked: %+v", result.Steps)
	}
}

func TestUpdate(t *testing.T) {
	const before = "# Prose.\n[sim] $ echo a/b/c\na\n...\n$ echo new\n$ echo p-76zf2/x\np-qj7qx\ny\n-- f --\nkept\n-- trace --\nold\n"
	const after = "# Prose.\n[sim] $ echo a/b/c\na\n...\n$ echo new\nnew\n$ echo p-76zf2/x\np-qj7qx\nx\n-- f --\nkept\n-- trace --\nfirst\n"
	f, result := play(t, &bench{name: "sim", trace: []string{"first"}}, true, before)
	if got := string(f.Format()); got != after || !result.Updated || len(result.Failures) > 0 {
		t.Errorf("updated %v, failures %q:\n%s", result.Updated, failures(result), got)
	}
	_, result = play(t, &bench{name: "sim", trace: []string{"first"}}, true, after)
	if result.Updated {
		t.Error("a file that fits was updated")
	}
}

func TestAgesOnLiveClusters(t *testing.T) {
	const text = "$ echo Rollout Paused 72s /x\nRollout Paused 6m15s\nx\n"
	if _, result := play(t, &bench{name: "kind"}, false, text); len(result.Failures) > 0 {
		t.Errorf("on kind: %s", failures(result))
	}
	if _, result := play(t, &bench{name: "sim"}, false, text); len(result.Failures) == 0 {
		t.Error("the simulator's ages were not compared")
	}
}
