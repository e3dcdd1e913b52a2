package transcript

import (
	"slices"
	"testing"
)

// The order of pods, of AnalysisRuns of one moment and of Events is chance; that of all else is not.
func TestSortedPods(t *testing.T) {
	for name, c := range map[string]struct {
		a, b  []string
		alike bool
	}{
		"pods of one ReplicaSet": {
			[]string{"├──□ web-747b59b5cf-nn69h  Pod  ✔ Running  60m  ready:1/1", "└──□ web-747b59b5cf-5kb85  Pod  ◌ Terminating  60m  ready:1/1"},
			[]string{"├──□ web-747b59b5cf-5kb85  Pod  ◌ Terminating  5s  ready:2/2", "└──□ web-747b59b5cf-nn69h  Pod  ✔ Running  5s  ready:2/2"}, true},
		"pods of two ReplicaSets": {
			[]string{"web-747b59b5cf-nn69h 1/1", "web-65494c8c5d-5kb85 0/1"}, []string{"web-65494c8c5d-5kb85 0/1", "web-747b59b5cf-nn69h 1/1"}, false},
		"Events": {
			[]string{"5s  Normal  A  rollout/web  x", "5s  Warning  B  rollout/web  y"}, []string{"5s  Warning  B  rollout/web  y", "1s  Normal  A  rollout/web  x"}, true},
		"AnalysisRuns of one revision": {
			[]string{"│  ├──α web-66b96b848f-2         AnalysisRun  ◌ Running       16s  ✔ 2", "│  └──α web-66b96b848f-2-1       AnalysisRun  ? Inconclusive  16s  ? 1"},
			[]string{"│  ├──α web-66b96b848f-2-1       AnalysisRun  ? Inconclusive  17s  ? 1", "│  └──α web-66b96b848f-2         AnalysisRun  ◌ Running       16s  ✔ 2"}, true},
		"another AnalysisRun": {
			[]string{"│  └──α web-66b96b848f-2         AnalysisRun  ◌ Running  16s  ✔ 2"}, []string{"│  └──α web-66b96b848f-2-1       AnalysisRun  ◌ Running  16s  ✔ 2"}, false},
		"another state": {
			[]string{"└──□ web-747b59b5cf-nn69h  Pod  ✔ Running  60m  ready:1/1"}, []string{"└──□ web-747b59b5cf-nn69h  Pod  ✔ Running  60m  ready:0/1"}, false},
		"other lines": {[]string{"Name: a", "Name: b"}, []string{"Name: b", "Name: a"}, false},
	} {
		a, b := sortedPods(c.a, itself), sortedPods(c.b, itself)
		if got := slices.EqualFunc(a, b, func(x, y string) bool { return normalizeLive(x) == normalizeLive(y) }); got != c.alike {
			t.Errorf("%s: alike %v\n%q\n%q", name, got, a, b)
		}
	}
}

// A pod that ends may be there or not; one that runs, crashed or is told of in an Event may not.
func TestWithoutEnding(t *testing.T) {
	for _, c := range []struct {
		line   string
		ending bool
	}{
		{"│  │  └──□ web-747b59b5cf-5kb85  Pod         ◌ Terminating  60m  ready:1/1", true},
		{"web-747b59b5cf-5kb85   1/1     Terminating   0          60s", true},
		{"pod/web-747b59b5cf-5kb85   0/1     Terminating   0          60s", true},
		{"│  └──□ web-747b59b5cf-5kb85  Pod         ✔ Running  60m  ready:1/1", false},
		{"web-747b59b5cf-5kb85   1/1     Running   0          60s", false},
		{"35s   Normal   AnalysisRunTerminating   experiment/compare   Terminating AnalysisRun 'compare-slow'", false},
		{"├──α web-2   AnalysisRun   ◌ Running", false},
	} {
		if left := withoutEnding([]string{c.line}, itself); (len(left) == 0) != c.ending {
			t.Errorf("%q: ending %t, want %t", c.line, len(left) == 0, c.ending)
		}
	}
}
