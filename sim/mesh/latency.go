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

// Answers are a number of answers with one latency.
type Answers struct {
	Latency Latency
	Number  int64
}

// Within returns the time that a share of all answers, from 0 to 1, stays below; 0 if
// there are none. It is exact to a thousandth.
func Within(share float64, all []Answers) time.Duration {
	var number float64
	high := time.Duration(0)
	for _, a := range all {
		l := a.Latency.orDefault()
		number += float64(a.Number)
		high = max(high, l.P50, l.P99)
	}
	if number == 0 {
		return 0
	}
	enough := func(d time.Duration) bool {
		var below float64
		for _, a := range all {
			below += float64(a.Number) * a.Latency.orDefault().below(d)
		}
		return below >= share*number
	}
	for !enough(high) && high < longest {
		high *= 2
	}
	low := time.Duration(0)
	for high-low > max(high/1000, 1) {
		if middle := low + (high-low)/2; enough(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}

// LatencyOf returns how long a container of an image takes at a time to answer
// requests to a URL, which is written as in [Request]. The error names what is wrong
// with the URL.
func (m *Mesh) LatencyOf(image string, at time.Time, url string) (Latency, error) {
	t, err := (&Request{URL: url}).target()
	if err != nil {
		return Latency{}, err
	}
	return m.images.of(image, at, t.query).answer(t.path).latency, nil
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
