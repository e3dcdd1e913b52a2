package mesh

import (
	"math"
	"math/rand/v2"
)

// split divides requests by weights. Without a source of randomness it is
// exact: what one division rounds is owed to the next, so that after any number
// of requests each part is less than one request from its due.
//
//	weights 80, 20; 5 requests, one at a time: 1 1 0 1 1 of the first
//	weights 60, 0, 20, 20; 50 requests: 30, 0, 10, 10
type split struct {
	weights []int64
	total   int64
	owed    []int64 // in weights; the sum is 0
	moves   int     // how many divisions have changed what is owed
}

func newSplit(weights []int64) *split {
	s := &split{weights: weights, owed: make([]int64, len(weights))}
	for _, w := range weights {
		s.total += w
	}
	return s
}

// take divides n requests into out. A part without weight gets nothing, and if no
// part has any, neither does the sum add up to n.
func (s *split) take(n int64, r *rand.Rand, out []int64) {
	clear(out)
	switch {
	case s.total == 0 || n == 0:
	case r != nil:
		s.draw(n, r, out)
	default:
		s.share(n, out)
	}
}

// share gives each part what it is owed, rounded down, and what is left to
// those that are owed most.
func (s *split) share(n int64, out []int64) {
	rest := n
	for i, w := range s.weights {
		s.owed[i] += n * w
		if whole := s.owed[i] / s.total; whole > 0 {
			s.give(i, min(whole, rest), out)
			rest -= min(whole, rest)
		}
	}
	for ; rest > 0; rest-- {
		most := 0
		for i, owed := range s.owed {
			if owed > s.owed[most] {
				most = i
			}
		}
		s.give(most, 1, out)
	}
	for i, w := range s.weights {
		if out[i]*s.total != n*w {
			s.moves++
			return
		}
	}
}

func (s *split) give(i int, n int64, out []int64) {
	s.owed[i] -= n * s.total
	out[i] += n
}

// draw decides each request by chance.
func (s *split) draw(n int64, r *rand.Rand, out []int64) {
	left := s.total
	for i, w := range s.weights {
		if n == 0 {
			return
		}
		k := n // the last part with weight takes all that is left
		if w < left {
			k = binomial(n, float64(w)/float64(left), r)
		}
		out[i] += k
		n, left = n-k, left-w
	}
}

// binomial draws how many of n trials succeed, each with probability p. It adds
// up the distances between successes, which takes about n*p steps.
func binomial(n int64, p float64, r *rand.Rand) (k int64) {
	switch {
	case p <= 0:
		return 0
	case p >= 1:
		return n
	case p > 0.5:
		return n - binomial(n, 1-p, r)
	}
	perTrial := math.Log1p(-p)
	for left := float64(n); ; k++ {
		left -= 1 + math.Floor(math.Log(1-r.Float64())/perTrial)
		if left < 0 {
			return k
		}
	}
}

// portion counts the requests that something happens to with a probability. It
// is exact in the same sense as a split.
type portion struct{ owed float64 }

// rounding keeps 0.1 + 0.2 + ... from missing a whole number.
const rounding = 1e-9

// take returns how many of n requests are hit.
func (p *portion) take(n int64, probability float64, r *rand.Rand) int64 {
	if r != nil {
		return binomial(n, probability, r)
	}
	p.owed += float64(n) * min(max(probability, 0), 1)
	k := min(n, int64(p.owed+rounding))
	p.owed -= float64(k)
	return k
}
