package replicas

import "math"

// Pair is the number of pods that each side of a canary should have.
type Pair struct {
	// Canary is the number of pods of the new revision.
	Canary int32
	// Stable is the number of pods of the revision that is trusted.
	Stable int32
}

// Total is the number of pods of both sides.
func (p Pair) Total() int32 { return p.Canary + p.Stable }

// ActualWeight is the share of requests, in whole percent rounded down, that
// the canary gets when every pod gets the same share. It is 0 without pods.
//
//	1 canary and 5 stable pods: 100/6 = 16.67, so 16.
//	4 canary and 1 stable pods: 400/5 = 80.
func ActualWeight(p Pair) int32 {
	total := int64(p.Canary) + int64(p.Stable)
	if total <= 0 {
		return 0
	}
	return int32(100 * int64(p.Canary) / total)
}

// Share is n*part/whole rounded down, without the risk of overflow; a whole below 1
// counts as 1.
//
//	5 pods, 20 of 100: 1.
//	7 pods, 50 of 100: 3.5, so 3.
func Share(n, part, whole int32) int32 {
	return int32(min(int64(n)*int64(part)/int64(max(whole, 1)), math.MaxInt32))
}

// ceilShare is n*w/max rounded up; w is brought into 0..max first, and a max
// below 1 counts as 100.
//
//	5 pods at weight 10 of 100: 0.5, so 1.
//	7 pods at weight 50 of 100: 3.5, so 4.
func ceilShare(n, w, max int32) int32 {
	n, w, max = normalise(n, w, max)
	return int32((int64(n)*int64(w) + int64(max) - 1) / int64(max))
}

// normalise brings the arguments of a formula into their domain, so that no
// spec, however odd, makes a count negative or larger than n: n >= 0,
// max >= 1 (100 if not given), 0 <= w <= max.
func normalise(n, w, max int32) (int32, int32, int32) {
	if max < 1 {
		max = 100
	}
	n = clamp(n, 0, n)
	return n, clamp(w, 0, max), max
}

// clamp is v, but not below low, and not above high unless that is below low.
func clamp(v, low, high int32) int32 {
	return max(low, min(v, high))
}
