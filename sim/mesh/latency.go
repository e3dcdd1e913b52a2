package mesh

import (
	"math"
	"time"

	"github.com/aviary-rollouts/aviary/sim/mesh/istiometric"
)

// Latency is how long answers take: a log-normal distribution, which is what
// the times of most services look like.
type Latency struct {
	// P50 is the time that half of the answers stay below; 0 means 5 ms.
	P50 time.Duration
	// P99 is the time that 99 in 100 stay below. If it is not above P50, all
	// answers take P50.
	P99 time.Duration
}

// defaultLatency is that of an image of which nothing else is said.
var defaultLatency = Latency{P50: 5 * time.Millisecond, P99: 25 * time.Millisecond}

// refusal is how long a proxy needs to refuse a request.
var refusal = Latency{P50: 200 * time.Microsecond}

func (l Latency) orDefault() Latency {
	if l == (Latency{}) {
		return defaultLatency
	}
	if l.P50 == 0 {
		l.P50 = min(defaultLatency.P50, l.P99)
	}
	return l
}

// z99 is the number of standard deviations below which 99 % of a normal
// distribution lie.
const z99 = 2.3263478740408408

// sigma is the standard deviation of the logarithm.
func (l Latency) sigma() float64 {
	if l.P99 <= l.P50 {
		return 0
	}
	return math.Log(float64(l.P99)/float64(l.P50)) / z99
}

// longest is the longest average: with a P99 that is millions of times the P50,
// a few answers out of any number would outweigh all others.
const longest = time.Hour

// Mean returns the average time.
func (l Latency) Mean() time.Duration {
	l = l.orDefault()
	sigma := l.sigma()
	return time.Duration(min(float64(l.P50)*math.Exp(sigma*sigma/2), float64(longest)))
}

// below returns the share of answers that take at most d.
func (l Latency) below(d time.Duration) float64 {
	sigma := l.sigma()
	switch {
	case d <= 0:
		return 0
	case sigma == 0 && d >= l.P50:
		return 1
	case sigma == 0:
		return 0
	}
	z := math.Log(float64(d)/float64(l.P50)) / sigma
	return 0.5 * math.Erfc(-z/math.Sqrt2)
}

// shape is a latency as shares of the buckets.
type shape struct {
	latency Latency
	mean    float64 // in ms
	below   []float64
}

func newShape(l Latency) *shape {
	s := &shape{latency: l, mean: float64(l.Mean()) / float64(time.Millisecond)}
	for _, b := range istiometric.Buckets {
		s.below = append(s.below, l.below(b.Bound))
	}
	s.below[len(s.below)-1] = 1
	return s
}
