package rollout

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/replicas"
)

// walk applies NextSizes until nothing changes and tells the way, "0+5 > 1+5 > 1+4".
// Pods become available between two passes, except those that ready refuses.
func walk(t interface{ Fatalf(string, ...any) }, n int32, l replicas.Limits, canary, stable int32, want replicas.Pair, ready func(canary bool, spec int32) int32) string {
	way := []string{fmt.Sprintf("%d+%d", canary, stable)}
	for pass := 0; pass < 200; pass++ {
		c := Side{Spec: canary, Occupied: canary, Available: ready(true, canary), Want: want.Canary}
		s := Side{Spec: stable, Occupied: stable, Available: ready(false, stable), Want: want.Stable}
		nc, ns, _ := NextSizes(Room{Replicas: n, Limits: l}, c, s, nil)
		if nc == canary && ns == stable {
			return strings.Join(way, " > ")
		}
		canary, stable = nc, ns
		way = append(way, fmt.Sprintf("%d+%d", canary, stable))
	}
	t.Fatalf("no end: %s", strings.Join(way, " > "))
	return ""
}

func allReady(_ bool, spec int32) int32 { return spec }

func canaryNeverReady(canary bool, spec int32) int32 {
	if canary {
		return 0
	}
	return spec
}

// The walks that behaviour.md 2.4 point 6 and 2.7 print, and ours, which surge
// before they drain: never more passes, never fewer pods without need.
func TestWalks(t *testing.T) {
	defaults := func(n int32) replicas.Limits {
		l, err := replicas.ResolveLimits(n, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for _, c := range []struct {
		name           string
		n              int32
		limits         replicas.Limits
		canary, stable int32
		want           replicas.Pair
		ours, upstream string
	}{
		{"5 to 10 %", 5, defaults(5), 0, 5, replicas.Pair{Canary: 1, Stable: 5}, "0+5 > 1+5", "0+5 > 1+5"},
		{"5, 10 to 20 %", 5, defaults(5), 1, 5, replicas.Pair{Canary: 1, Stable: 4}, "1+5 > 1+4", "1+5 > 1+4"},
		{"5, 20 to 50 %", 5, defaults(5), 1, 4, replicas.Pair{Canary: 3, Stable: 3}, "1+4 > 3+4 > 3+3", "1+4 > 1+3 > 3+3"},
		{"5, 50 to 80 %", 5, defaults(5), 3, 3, replicas.Pair{Canary: 4, Stable: 1}, "3+3 > 4+3 > 4+1", "3+3 > 3+1 > 4+1"},
		{"5, 80 to 100 %", 5, defaults(5), 4, 1, replicas.Pair{Canary: 5}, "4+1 > 5+1 > 5+0", "4+1 > 4+0 > 5+0"},
		{"5 straight to 50 %", 5, defaults(5), 0, 5, replicas.Pair{Canary: 3, Stable: 3}, "0+5 > 2+5 > 2+3 > 3+3", "0+5 > 0+4 > 3+4 > 3+3"},
		{"5 straight to 20 %", 5, defaults(5), 0, 5, replicas.Pair{Canary: 1, Stable: 4}, "0+5 > 1+5 > 1+4", "0+5 > 0+4 > 1+4"},
		{"5 without steps", 5, defaults(5), 0, 5, replicas.Pair{Canary: 5}, "0+5 > 2+5 > 2+2 > 5+2 > 5+0", "0+5 > 0+4 > 3+4 > 3+1 > 5+1 > 5+0"},
		{"5, surge 1 unavailable 0, 20 to 50 %", 5, replicas.Limits{Surge: 1}, 1, 4, replicas.Pair{Canary: 3, Stable: 3}, "1+4 > 2+4 > 2+3 > 3+3", "1+4 > 2+4 > 2+3 > 3+3"},
		{"10 to 10 %", 10, defaults(10), 0, 10, replicas.Pair{Canary: 1, Stable: 9}, "0+10 > 1+10 > 1+9", "0+10 > 0+9 > 1+9"},
		{"10, 20 to 50 %", 10, defaults(10), 2, 8, replicas.Pair{Canary: 5, Stable: 5}, "2+8 > 5+8 > 5+5", "2+8 > 2+6 > 5+6 > 5+5"},
		{"10 without steps", 10, defaults(10), 0, 10, replicas.Pair{Canary: 10}, "0+10 > 3+10 > 3+5 > 8+5 > 8+0 > 10+0", "0+10 > 0+8 > 5+8 > 5+3 > 10+3 > 10+0"},
		{"5, abort at 50 %", 5, defaults(5), 3, 3, replicas.Pair{Stable: 5}, "3+3 > 3+4 > 0+4 > 0+5", "3+3 > 3+4 > 0+4 > 0+5"},
		{"10, abort at 50 %", 10, defaults(10), 5, 5, replicas.Pair{Stable: 10}, "5+5 > 5+8 > 0+8 > 0+10", "5+5 > 5+8 > 0+8 > 0+10"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := walk(t, c.n, c.limits, c.canary, c.stable, c.want, allReady)
			if got != c.ours {
				t.Errorf("got  %s\nwant %s", got, c.ours)
			}
			if passes, theirs := strings.Count(got, ">"), strings.Count(c.upstream, ">"); passes > theirs {
				t.Errorf("%d passes (%s), upstream needs %d (%s)", passes, got, theirs, c.upstream)
			}
		})
	}
}

// A canary that never becomes ready must not cost the stable version a pod
// before it has to.
func TestCanaryThatNeverServes(t *testing.T) {
	l, _ := replicas.ResolveLimits(5, nil, nil)
	for _, c := range []struct {
		name           string
		canary, stable int32
		want           replicas.Pair
		way            string
	}{
		{"20 %", 0, 5, replicas.Pair{Canary: 1, Stable: 4}, "0+5 > 1+5"},
		{"50 %", 1, 4, replicas.Pair{Canary: 3, Stable: 3}, "1+4 > 3+4"},
		{"100 %", 1, 4, replicas.Pair{Canary: 5}, "1+4 > 3+4"},
		{"abort", 3, 4, replicas.Pair{Stable: 5}, "3+4 > 0+4 > 0+5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := walk(t, 5, l, c.canary, c.stable, c.want, canaryNeverReady); got != c.way {
				t.Errorf("got %s, want %s", got, c.way)
			}
		})
	}
}

func TestSidesAtTheLimits(t *testing.T) {
	limits := replicas.Limits{Surge: 2, Unavailable: 1}
	full := func(spec, want int32) Side { return Side{Spec: spec, Occupied: spec, Available: spec, Want: want} }
	starting := func(spec, want int32) Side { return Side{Spec: spec, Occupied: spec, Want: want} }
	for _, c := range []struct {
		name           string
		room           Room
		canary, stable Side
		older          []Side
		wantC, wantS   int32
		wantOlder      []int32
	}{
		{"a full cluster: make room", Room{Replicas: 5, Limits: limits, Stuck: true}, starting(1, 1), full(5, 4), nil, 1, 4, nil},
		{"pods on their way out take places", Room{Replicas: 5, Limits: limits}, starting(0, 3), Side{Spec: 3, Available: 3, Occupied: 6, Want: 3}, nil, 1, 3, nil},
		{"sizes not yet acted on: add none", Room{Replicas: 5, Limits: limits, Unknown: true}, starting(0, 3), full(3, 3), nil, 0, 3, nil},
		{"an older revision goes when the new one serves", Room{Replicas: 5, Limits: limits}, full(1, 1), full(4, 4), []Side{full(1, 0)}, 1, 4, []int32{0}},
		{"an older revision stays until then", Room{Replicas: 5, Limits: limits}, starting(1, 1), full(4, 4), []Side{full(1, 0)}, 1, 4, []int32{1}},
		{"pods of an older revision that do not serve go at once", Room{Replicas: 5, Limits: limits}, starting(1, 1), full(4, 4), []Side{starting(1, 0)}, 1, 4, []int32{0}},
		{"older ones and what can be spared of the stable one go in one pass", Room{Replicas: 5, Limits: limits}, full(4, 4), full(2, 1), []Side{full(1, 0), full(1, 0)}, 4, 1, []int32{0, 0}},
		{"only as many as can be spared", Room{Replicas: 5, Limits: limits}, full(3, 3), full(2, 2), []Side{full(1, 0), full(1, 0)}, 3, 2, []int32{0, 0}},
		{"newest revision first", Room{Replicas: 5, Limits: limits}, starting(3, 3), full(2, 2), []Side{full(2, 0), full(2, 0)}, 3, 2, []int32{1, 2}},
		{"an autoscaler takes pods away from both", Room{Replicas: 4, Limits: replicas.Limits{Surge: 1, Unavailable: 1}}, full(5, 2), full(5, 2), nil, 2, 2, nil},
		{"not all replacements serve yet: the stable one is shrunk once, later", Room{Replicas: 5, Limits: limits}, Side{Spec: 3, Occupied: 3, Available: 2, Want: 3}, full(4, 2), nil, 3, 4, nil},
		{"one of them cannot be placed: as far as it may", Room{Replicas: 5, Limits: limits, Stuck: true}, Side{Spec: 3, Occupied: 3, Available: 2, Want: 3}, full(4, 2), nil, 3, 2, nil},
		{"as much surge as one likes", Room{Replicas: 2, Limits: replicas.Limits{Surge: 2147483645}}, starting(0, 1), full(2, 1), nil, 1, 2, nil},
		{"to zero", Room{Replicas: 0}, full(1, 0), full(4, 0), nil, 0, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			gotC, gotS, gotO := NextSizes(c.room, c.canary, c.stable, c.older)
			if gotC != c.wantC || gotS != c.wantS || fmt.Sprint(gotO) != fmt.Sprint(c.wantOlder) {
				t.Errorf("got %d+%d %v, want %d+%d %v", gotC, gotS, gotO, c.wantC, c.wantS, c.wantOlder)
			}
		})
	}
}

// Whatever the numbers: the walk ends where it should, never above the ceiling
// and never below the floor.
func TestWalksKeepTheLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int32Range(1, 40).Draw(t, "replicas")
		l := replicas.Limits{Surge: rapid.Int32Range(0, n).Draw(t, "surge"), Unavailable: rapid.Int32Range(0, n).Draw(t, "unavailable")}
		if l.Surge+l.Unavailable == 0 {
			l.Unavailable = 1
		}
		from := replicas.Basic(n, rapid.Int32Range(0, 100).Draw(t, "from"), 100, l)
		want := replicas.Basic(n, rapid.Int32Range(0, 100).Draw(t, "to"), 100, l)
		way := walk(t, n, l, from.Canary, from.Stable, want, allReady)
		steps := strings.Split(way, " > ")
		if end := fmt.Sprintf("%d+%d", want.Canary, want.Stable); steps[len(steps)-1] != end {
			t.Fatalf("ends at %s, not at %s: %s", steps[len(steps)-1], end, way)
		}
		for _, s := range steps {
			var c, st int32
			fmt.Sscanf(s, "%d+%d", &c, &st)
			if c+st > n+max(l.Surge, 0) || c+st < n-l.Unavailable {
				t.Fatalf("%d pods with replicas %d, surge %d, unavailable %d: %s", c+st, n, l.Surge, l.Unavailable, way)
			}
		}
	})
}

// A canary that was just shrunk and is to grow again waits until it has noticed the
// first: until then it counts a pod as available that is on its way out, and stable
// pods would go for it. What a person wants meanwhile is not forgotten.
func TestGrowsWhenItHasShrunk(t *testing.T) {
	for _, held := range []bool{false, true} {
		d := newDesk(t, 4, v1alpha1.RolloutStrategy{Canary: &v1alpha1.CanaryStrategy{Steps: []v1alpha1.CanaryStep{weight(25), pauseFor(nil)}}}).settle()
		d.image("v2").settle()
		d.want("Paused(CanaryPauseStep) step 1 v1:3 v2:1")
		canary := d.o.ReplicaSets[1]
		canary.Status.Replicas, canary.Status.AvailableReplicas = 2, 2 // as before it was shrunk
		eight := int32(8)
		d.o.Rollout.Spec.Replicas, d.o.Rollout.Spec.Paused = &eight, held
		d.carryOut(Decide(d.o, d.now))
		if got := specReplicas(canary); got != 1 {
			t.Errorf("held %t: a canary that still has 2 pods of 1 grows to %d", held, got)
		}
		canary.Status.Replicas, canary.Status.AvailableReplicas = 1, 1
		d.settle()
		if got := specReplicas(canary); got != 2 {
			t.Errorf("held %t: it has %d pods of 8, want 2", held, got)
		}
	}
}
