package replicas

import (
	"math"
	"math/bits"
)

// Basic is the pair of pod counts that stands for a weight when no router
// splits the traffic, so that the share of pods is the share of requests. The
// total is n, or n+1 where a surge is allowed and one pod more comes nearer to
// the weight. Between 0 and maxWeight both sides get at least one pod, unless
// there is a single pod and no surge.
//
//	5 pods, weight 10, surge 2: 1 of 5 is 20% and 1 of 6 is 16.7%, so 1+5.
//	5 pods, weight 50, surge 2: 3 of 5 is 60% and 3 of 6 is 50%, so 3+3.
//
// maxWeight is 100 for every canary without a router. Values out of range are
// brought into it.
func Basic(n, weight, maxWeight int32, l Limits) Pair {
	n, weight, maxWeight = normalise(n, weight, maxWeight)
	if n == 0 {
		return Pair{}
	}
	candidates, count := basicCandidates(n, weight, maxWeight, l.Surge > 0)
	best := candidates[0]
	for _, c := range candidates[1:count] {
		if nearer(c, best, weight, maxWeight) {
			best = c
		}
	}
	return best
}

// basicCandidates lists the pairs that may stand for the weight, the preferred
// first, and how many they are (at least one). C and F are n*w/max rounded up
// and down; they are tried of n pods and, with a surge, of n+1.
//
//	10 pods, weight 25, surge: C = 3, F = 2; 2.5 lies half way, so F of 10 is
//	  left out: 3+7, 3+8, 2+9. (3+8 is taken: 27.3%.)
//	5 pods, weight 90, no surge: C = 5 leaves the stable side without a pod and
//	  4.5 lies half way. The original controller finds nothing and goes down to
//	  0+5; we take F: 4+1.
func basicCandidates(n, w, max int32, surge bool) (list [4]Pair, count int) {
	ceil := ceilShare(n, w, max)
	floor := int32(int64(n) * int64(w) / int64(max))
	oneSided := w == 0 || w == max || (n == 1 && !surge)
	add := func(canary, total int32) {
		list[count] = Pair{Canary: canary, Stable: total - canary}
		count++
	}
	if ceil < n || oneSided {
		add(ceil, n)
	}
	if !halfWay(n, w, max) && (floor > 0 || oneSided) {
		add(floor, n)
	}
	if surge && n < math.MaxInt32 {
		add(ceil, n+1)
		if !halfWay(n+1, w, max) && (floor > 0 || oneSided) {
			add(floor, n+1)
		}
	}
	if count == 0 {
		add(floor, n)
	}
	return list, count
}

// halfWay tells whether n*w/max lies exactly between two whole numbers.
//
//	10 pods at weight 25 of 100: 2.5, so true.
//	11 pods at weight 25 of 100: 2.75, so false.
func halfWay(n, w, max int32) bool {
	return 2*int64(n)*int64(w)%(2*int64(max)) == int64(max)
}

// nearer tells whether a's share of canary pods lies nearer to w/max than b's.
// Fractions are compared by cross-multiplication, so that ties are ties.
//
//	weight 45 of 100: 2+3 (40%, off by 5) against 3+3 (50%, off by 5): false.
//	weight 50 of 100: 3+3 (50%, exact) against 3+2 (60%, off by 10): true.
func nearer(a, b Pair, w, max int32) bool {
	return less(distance(a, w, max), total(b), distance(b, w, max), total(a))
}

// distance is how far p's share of canary pods is from w/max, in units of
// 1/(max*total).
func distance(p Pair, w, max int32) uint64 {
	d := int64(max)*int64(p.Canary) - int64(w)*int64(total(p))
	if d < 0 {
		d = -d
	}
	return uint64(d)
}

// total is the number of pods of p without the risk of overflow.
func total(p Pair) uint64 { return uint64(p.Canary) + uint64(p.Stable) }

// less tells whether a*b < c*d, whatever their size.
func less(a, b, c, d uint64) bool {
	abHigh, abLow := bits.Mul64(a, b)
	cdHigh, cdLow := bits.Mul64(c, d)
	return abHigh < cdHigh || (abHigh == cdHigh && abLow < cdLow)
}
