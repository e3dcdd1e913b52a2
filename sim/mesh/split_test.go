package mesh

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func sum(parts []int64) (n int64) {
	for _, p := range parts {
		n += p
	}
	return n
}

func TestSplitIsExact(t *testing.T) {
	for _, tc := range []struct {
		weights []int64
		n       int64
		want    []int64
	}{
		{[]int64{80, 20}, 100, []int64{80, 20}},
		{[]int64{80, 20}, 20, []int64{16, 4}},
		{[]int64{60, 40}, 5, []int64{3, 2}},
		{[]int64{60, 0, 20, 20}, 50, []int64{30, 0, 10, 10}},
		{[]int64{1, 1, 1}, 9, []int64{3, 3, 3}},
		{[]int64{100, 0}, 7, []int64{7, 0}},
		{[]int64{0, 0}, 7, []int64{0, 0}},
		{[]int64{1}, 7, []int64{7}},
	} {
		atOnce, oneByOne := make([]int64, len(tc.want)), make([]int64, len(tc.want))
		newSplit(tc.weights).take(tc.n, nil, atOnce)
		s := newSplit(tc.weights)
		for range tc.n {
			addParts(oneByOne, s, 1, nil)
		}
		if !slices.Equal(atOnce, tc.want) || !slices.Equal(oneByOne, tc.want) {
			t.Errorf("%d by %v: %v at once, %v one by one, want %v", tc.n, tc.weights, atOnce, oneByOne, tc.want)
		}
	}
}

// addParts divides n requests and adds the parts to sums.
func addParts(sums []int64, s *split, n int64, r *rand.Rand) {
	parts := make([]int64, len(sums))
	s.take(n, r, parts)
	for i, k := range parts {
		sums[i] += k
	}
}

// A split knows whether a division has changed what it owes: if it has not, the same
// number of requests is divided the same way again, whatever is owed.
func TestSplitKnowsWhenItRepeats(t *testing.T) {
	repeated := 0
	rapid.Check(t, func(t *rapid.T) {
		s := newSplit(rapid.SliceOfN(rapid.Int64Range(1, 5), 1, 4).Draw(t, "weights"))
		s.take(rapid.Int64Range(0, 20).Draw(t, "first"), nil, make([]int64, len(s.weights)))
		n, moves, owed := rapid.Int64Range(1, 30).Draw(t, "then"), s.moves, slices.Clone(s.owed)
		once, again := make([]int64, len(s.weights)), make([]int64, len(s.weights))
		s.take(n, nil, once)
		if same := slices.Equal(owed, s.owed); same != (s.moves == moves) {
			t.Fatalf("owed %v, then %v, and %d moves", owed, s.owed, s.moves-moves)
		}
		if s.moves > moves {
			return
		}
		repeated++
		s.take(n, nil, again)
		if !slices.Equal(once, again) {
			t.Fatalf("%v, and the second time %v", once, again)
		}
	})
	if repeated == 0 {
		t.Error("no division left what was owed as it was")
	}
}

// A fifth goes to the canary in every five requests, not in every hundred.
func TestSplitIsSmooth(t *testing.T) {
	s := newSplit([]int64{80, 20})
	var order []int
	for range 10 {
		parts := make([]int64, 2)
		s.take(1, nil, parts)
		order = append(order, slices.Index(parts, 1))
	}
	if d := cmp.Diff([]int{0, 0, 1, 0, 0, 0, 0, 1, 0, 0}, order); d != "" {
		t.Error(d)
	}
}

// Whatever is asked for, nothing is lost or made up, no part without weight gets
// anything, and no part is ever a whole request from its due times the number of
// parts.
func TestSplitProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Int64Range(0, 100), 1, 6).Draw(t, "weights")
		var random *rand.Rand
		if rapid.Bool().Draw(t, "random") {
			random = rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "seed")))
		}
		s, got, total := newSplit(weights), make([]int64, len(weights)), int64(0)
		for _, n := range rapid.SliceOfN(rapid.Int64Range(0, 1000), 0, 20).Draw(t, "batches") {
			before := slices.Clone(got)
			addParts(got, s, n, random)
			total += n
			for i := range got {
				if got[i] < before[i] {
					t.Fatalf("part %d was taken back: %v, then %v", i, before, got)
				}
			}
		}
		if s.total == 0 {
			total = 0
		}
		if sum(got) != total {
			t.Fatalf("%v add up to %d, want %d", got, sum(got), total)
		}
		for i, w := range weights {
			if w == 0 && got[i] > 0 {
				t.Fatalf("part %d has no weight and got %d", i, got[i])
			}
			if due := float64(total) * float64(w) / math.Max(1, float64(s.total)); random == nil && math.Abs(float64(got[i])-due) >= float64(len(weights)) {
				t.Fatalf("part %d got %d, its due is %v", i, got[i], due)
			}
		}
	})
}

func TestBinomial(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, tc := range []struct {
		n int64
		p float64
	}{{1, 0.5}, {10, 0.1}, {50, 0.9}, {1000, 0.01}, {1000, 0.5}, {7, 0}, {7, 1}} {
		const draws = 4000
		var s, squares float64
		for range draws {
			k := float64(binomial(tc.n, tc.p, r))
			if k < 0 || k > float64(tc.n) {
				t.Fatalf("%d of %d", int64(k), tc.n)
			}
			s += k
			squares += k * k
		}
		mean, variance := s/draws, squares/draws-s*s/draws/draws
		wantMean, wantVariance := float64(tc.n)*tc.p, float64(tc.n)*tc.p*(1-tc.p)
		// Five standard errors of the mean; the variance within a tenth.
		if math.Abs(mean-wantMean) > 5*math.Sqrt(wantVariance/draws) || math.Abs(variance-wantVariance) > 0.1*wantVariance {
			t.Errorf("n=%d p=%v: mean %v, want %v; variance %v, want %v", tc.n, tc.p, mean, wantMean, variance, wantVariance)
		}
	}
}

func TestPortion(t *testing.T) {
	for _, tc := range []struct {
		p    float64
		want int64
	}{{0.1, 100}, {0.05, 50}, {0.001, 1}, {0, 0}, {1, 1000}, {1.5, 1000}, {-1, 0}, {1.0 / 3, 333}} {
		for _, batch := range []int64{1, 7, 50, 1000} {
			var p portion
			var got int64
			for left := int64(1000); left > 0; left -= batch {
				got += p.take(min(batch, left), tc.p, nil)
			}
			if got != tc.want {
				t.Errorf("%v of 1000, %d at a time: %d, want %d", tc.p, batch, got, tc.want)
			}
		}
	}
}
