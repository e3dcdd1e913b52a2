package transcript

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNormalize(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"□ mock-server-6579c6cc98-76zf2  Pod  ✔ Running", "□ mock-server-6579c6cc98-xxxxx  Pod  ✔ Running"},
		{"⧉ mock-server-6579c6cc98  ReplicaSet", "⧉ mock-server-6579c6cc98  ReplicaSet"},
		{"mock-server-789cf554d9-2-0-stable-zr7zd", "mock-server-789cf554d9-2-0-stable-xxxxx"},
		{"rollout-canary mock-green", "rollout-canary mock-green"},
		{"Created pod: a-76zf2", "Created pod: a-xxxxx"},
	} {
		if got := NormalizeNames(test.in); got != test.want {
			t.Errorf("%q became %q, want %q", test.in, got, test.want)
		}
	}
	a := NormalizeAges("⟳ mock-server  Rollout  ॥ Paused   72s    ")
	b := NormalizeAges("⟳ mock-server  Rollout  ॥ Paused   6m15s  ")
	if a != b || !strings.Contains(a, "<age>") {
		t.Errorf("ages: %q, %q", a, b)
	}
	for in, want := range map[string]string{
		"Pod  ✔ Running  9s  ready:2/2": "Pod  ✔ Running  9s  ready:all",
		"Pod  ✔ Running  9s  ready:1/1": "Pod  ✔ Running  9s  ready:all",
		"Pod  ✔ Running  9s  ready:1/2": "Pod  ✔ Running  9s  ready:<some>",
		"Pod  ✔ Running  9s  ready:0/1": "Pod  ✔ Running  9s  ready:<some>",
		"already:1/1":                   "already:1/1",
	} {
		if got := NormalizeReady(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// TestNormalizeNames holds the scanner against the regular expression that it
// stands for, on lines that are made of what suffixes and their neighbours are
// made of.
func TestNormalizeNames(t *testing.T) {
	pattern := regexp.MustCompile(`\b([a-z0-9][a-z0-9.-]*)-[` + suffixLetters + `]{5}\b`)
	piece := rapid.OneOf(
		rapid.StringMatching(`[-. _/aB7e│]`),
		rapid.StringMatching(`-?[bc29x]{5}-?`),
		rapid.StringMatching(`[-a-z0-9.]{0,9}`),
	)
	rapid.Check(t, func(t *rapid.T) {
		line := strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(t, "line"), "")
		want := pattern.ReplaceAllString(line, "$1"+anySuffix)
		if got := NormalizeNames(line); got != want {
			t.Fatalf("%q became %q, want %q", line, got, want)
		}
	})
}

// Two lines that differ only in what a live cluster decides are the same.
func TestNormalizeAgesOfLiveClusters(t *testing.T) {
	for a, b := range map[string]string{
		"35s         Normal   RolloutUpdated         rollout/web   Rollout updated":   "61s         Normal   RolloutUpdated         rollout/web   Rollout updated",
		"web-ttjns   1/1     Running   1 (30s ago)   35s":                             "web-ttjns   1/1     Running   1 (63s ago)   68s",
		"from 2026-01-05T09:00:04Z":                                                   "from 2026-11-28T00:20:08Z",
		"54fe34ac-e8c5-4241-8dd2-5a125874d1d1.smoke.10   Complete   1/1   1s    108s": "30bf1034-13ae-49e4-b8f0-57a10a8bab87.smoke.10   Complete   1/1   2s    22s",
		"service/web-new   ClusterIP   10.96.8.144   <none>":                          "service/web-new   ClusterIP   10.96.99.145   <none>",
		"ReplicaSet  ✔ Healthy     3m7s  delay:30s":                                   "ReplicaSet  ✔ Healthy     61s  delay:2s",
	} {
		if x, y := NormalizeAges(a), NormalizeAges(b); x != y {
			t.Errorf("%q\n%q", x, y)
		}
	}
	if NormalizeAges("Paused  1/4") == NormalizeAges("Paused  2/4") {
		t.Error("steps are not ages")
	}
}
