package history

import (
	"strings"
	"testing"
	"time"

	"github.com/aviary-rollouts/aviary/sim/fault"
)

func TestDrawIsAFunctionOfTheSeed(t *testing.T) {
	for seed := range uint64(50) {
		a, b := Draw(seed, true), Draw(seed, true)
		if a.String() != b.String() {
			t.Errorf("two histories of one seed:\n%s%s", a, b)
		}
		if len(a.Actions) < 4 || len(a.Faults) == 0 {
			t.Errorf("a history in which little happens:\n%s", a)
		}
		for _, text := range a.Faults {
			if _, err := fault.Parse(text); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestEverythingIsDrawn looks for each verb, strategy and fault family in the
// first 400 seeds.
func TestEverythingIsDrawn(t *testing.T) {
	var all strings.Builder
	for seed := range uint64(400) {
		all.WriteString(Draw(seed, true).String())
	}
	words := []string{"canary", "bluegreen", "pause:", "maxSurge 0", "preview default", "preview 1", "deadlineAbort true", "scaled down never", "scaled down onsuccess", "scaled down progressively",
		"routed by hosts", "routed by subsets", "dynamicStableScale true", "load true", "abort delay 20", "background analysis endless", "background analysis rate",
		"pre-promotion analysis \"quick\"", "post-promotion analysis \"rate\"", "analysis:quick", "analysis:tolerant", "analysis:rate", "experiment:", ":w10",
		"scale:match", "scale:20%", "scale:2", "header:on", "header:off", "mirror:on", "mirror:off", "pingPong true", "second VirtualService true", "minPodsPerReplicaSet 2", "minPodsPerReplicaSet 3",
		"metadata of roles", "antiAffinity preferred", "antiAffinity required", "scaleDownDelaySeconds 0", "scaleDownDelaySeconds 90", "scaleDownDelayRevisionLimit 1", "revisionHistoryLimit 0",
		"rollbackWindow 2", "mirror route before header route", "TLS and TCP routes", "a subset of its own", "proxies up to 3s behind", ":services", "metric bad", "metric error", "metric nothing", "metric unclear"}
	for _, verb := range []Verb{SetImage, Promote, PromoteFull, Abort, Retry, Undo, Scale, Autoscale, Pause, Resume, EditSteps, Restart, KillPod, CrashPod, Misbehave, FailNode, Quota,
		Metric, Experiment, RetryExperiment, TerminateExperiment, TerminateRun} {
		words = append(words, " "+string(verb))
	}
	for _, family := range fault.Families() {
		words = append(words, "fault "+family)
	}
	for _, word := range words {
		if !strings.Contains(all.String(), word) {
			t.Errorf("%q is never drawn", word)
		}
	}
}

func TestShrink(t *testing.T) {
	h := History{Faults: []string{"conflict", "crash"}}
	for _, verb := range []Verb{Promote, SetImage, Pause, Scale, Abort, Retry, Undo, KillPod} {
		h.Actions = append(h.Actions, Action{After: time.Second, Verb: verb})
	}
	// It fails if an abort comes two seconds or more after a set image, with a crash.
	calls := 0
	fails := func(h History) bool {
		calls++
		var at, image, abort time.Duration
		for _, a := range h.Actions {
			at += a.After
			switch a.Verb {
			case SetImage:
				image = at + 1
			case Abort:
				abort = at + 1
			}
		}
		return image > 0 && abort >= image+2*time.Second && strings.Contains(strings.Join(h.Faults, " "), "crash")
	}
	small := Shrink(h, fails, 100)
	want := "sleep 0s       set image\n  sleep 3s       abort\n"
	if got := small.String(); !strings.Contains(got, "fault crash\n  "+want) || strings.Contains(got, "conflict") || len(small.Actions) != 2 {
		t.Errorf("shrunk to %s", got)
	}
	if len(h.Actions) != 8 || h.Actions[1].After != time.Second {
		t.Error("the history itself was changed")
	}
	calls = 0
	if Shrink(h, fails, 5); calls > 5 {
		t.Errorf("%d calls with a budget of 5", calls)
	}
}
