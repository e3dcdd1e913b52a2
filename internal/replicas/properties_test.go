package replicas

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestBasicEveryCase walks all weights of up to 200 pods, with and without
// surge, and checks every rule that Basic promises. There are no exceptions.
func TestBasicEveryCase(t *testing.T) {
	for n := int32(0); n <= 200; n++ {
		for _, surge := range []int32{0, 1, 50} {
			before := Pair{}
			for w := int32(0); w <= 100; w++ {
				p := Basic(n, w, 100, Limits{Surge: surge, Unavailable: 1})
				checkBasic(t, n, w, 100, surge, p)
				if w > 0 && p.Canary < before.Canary {
					t.Errorf("n=%d surge=%d: weight %d has %d canary pods, weight %d only %d", n, surge, w-1, before.Canary, w, p.Canary)
				}
				if w > 0 && p.Canary*before.Total() < before.Canary*p.Total() {
					t.Errorf("n=%d surge=%d: the share falls from %v at %d to %v at %d", n, surge, before, w-1, p, w)
				}
				before = p
			}
		}
	}
}

// TestBasicProperties draws cases beyond the walk: other scales, huge numbers.
func TestBasicProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int32Range(0, math.MaxInt32).Draw(t, "n")
		scale := rapid.Int32Range(1, math.MaxInt32).Draw(t, "max")
		w := rapid.Int32Range(0, scale).Draw(t, "weight")
		surge := rapid.Int32Range(0, 1).Draw(t, "surge")
		checkBasic(t, n, w, scale, surge, Basic(n, w, scale, Limits{Surge: surge}))
	})
}

func checkBasic(t interface{ Errorf(string, ...any) }, n, w, scale, surge int32, p Pair) {
	total := int64(p.Canary) + int64(p.Stable)
	within := w > 0 && w < scale
	switch {
	case p.Canary < 0 || p.Stable < 0:
		t.Errorf("n=%d weight=%d/%d surge=%d: negative pair %v", n, w, scale, surge, p)
	case total != int64(n) && !(total == int64(n)+1 && surge > 0 && within):
		t.Errorf("n=%d weight=%d/%d surge=%d: %v is neither n nor, with surge, n+1 pods", n, w, scale, surge, p)
	case within && (n >= 2 || n == 1 && surge > 0) && (p.Canary == 0 || p.Stable == 0):
		t.Errorf("n=%d weight=%d/%d surge=%d: %v leaves a side without pods", n, w, scale, surge, p)
	case w == 0 && p.Canary != 0, w == scale && p.Stable != 0:
		t.Errorf("n=%d weight=%d/%d surge=%d: %v at an end of the scale", n, w, scale, surge, p)
	}
}

func TestRoutedProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int32Range(0, math.MaxInt32).Draw(t, "n")
		scale := rapid.Int32Range(1, math.MaxInt32).Draw(t, "max")
		w := rapid.Int32Range(0, scale).Draw(t, "weight")
		stableWeight := rapid.Int32Range(0, scale).Draw(t, "stable weight")
		routed, dynamic := Routed(n, w, scale), Dynamic(n, w, stableWeight, scale)
		switch {
		case routed.Stable != n || routed.Canary < 0 || routed.Canary > n:
			t.Errorf("Routed(%d, %d, %d) = %v", n, w, scale, routed)
		case int64(routed.Canary)*int64(scale) < int64(n)*int64(w):
			t.Errorf("Routed(%d, %d, %d) = %v has fewer canary pods than its share", n, w, scale, routed)
		case dynamic.Canary != routed.Canary || dynamic.Stable > n || int64(dynamic.Canary)+int64(dynamic.Stable) < int64(n):
			t.Errorf("Dynamic(%d, %d, %d, %d) = %v carries less than the traffic", n, w, stableWeight, scale, dynamic)
		case int64(dynamic.Stable)*int64(scale) < int64(n)*int64(stableWeight):
			t.Errorf("Dynamic(%d, %d, %d, %d) = %v is too small for the stable traffic", n, w, stableWeight, scale, dynamic)
		}
	})
}

// TestShare checks shares of more than an int32 counts on the way.
func TestShare(t *testing.T) {
	for _, tt := range []struct{ n, part, whole, want int32 }{
		{5, 20, 100, 1},
		{7, 50, 100, 3},
		{50000, 50000, 100000, 25000},
		{2147483647, 1000000, 1000000, 2147483647},
		{2147483647, 2, 1, 2147483647},
		{5, 0, 0, 0},
	} {
		if got := Share(tt.n, tt.part, tt.whole); got != tt.want {
			t.Errorf("Share(%d, %d, %d) = %d, want %d", tt.n, tt.part, tt.whole, got, tt.want)
		}
	}
}

// TestOddArguments gives every function what no valid spec contains: counts
// stay within 0..n.
func TestOddArguments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, w, scale, extra := rapid.Int32().Draw(t, "n"), rapid.Int32().Draw(t, "w"), rapid.Int32().Draw(t, "max"), rapid.Int32().Draw(t, "extra")
		for name, p := range map[string]Pair{
			"Basic":    Basic(n, w, scale, Limits{Surge: extra, Unavailable: extra}),
			"Routed":   Routed(n, w, scale),
			"Dynamic":  Dynamic(n, w, extra, scale),
			"Formula1": Formula1(n, w),
			"Formula2": Formula2(n, w),
		} {
			if limit := max(n, 0); p.Canary < 0 || p.Stable < 0 || p.Canary > limit || p.Stable > limit {
				t.Errorf("%s(n=%d, w=%d, max=%d, extra=%d) = %v", name, n, w, scale, extra, p)
			}
			if a := ActualWeight(p); a < 0 || a > 100 {
				t.Errorf("ActualWeight(%v) = %d", p, a)
			}
		}
	})
}
