package mesh

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Source is a stream of equal requests. Its rate is Rate, or what Workers
// achieve that each send the next request when they have the answer to the last.
type Source struct {
	// Name appears in reports; empty means the client and the URL.
	Name string
	// Request is what is sent.
	Request Request
	// Rate is in requests per second. What it is has no influence on the time
	// that the simulation takes.
	Rate float64
	// Workers send one request at a time each; they count if Rate is 0.
	Workers int
	// WorkerRate is what one worker sends at most, in requests per second; 0
	// means no limit.
	WorkerRate float64
	// Requests ends the load after this many; 0 means no limit.
	Requests int64
	// Duration ends the load after this time; 0 means no limit.
	Duration time.Duration
	// Divided makes the load remember how its requests were divided, see
	// [Load.Divisions].
	Divided bool
}

// Division is how the requests of a load are divided among versions from a time on.
type Division struct {
	From time.Time
	// Shares are the parts of those requests that reach a pod, from 0 to 1, by
	// version as they are listed in the Report. It may be shorter than that list.
	Shares []float64
}

// Load is a running source.
type Load struct {
	Source Source

	mesh   *Mesh
	proxy  *proxy
	target target
	plan   *plan
	began  time.Time
	owed   float64 // of the next request, how much is due
	sent   int64
	ended  bool
	tally  tally

	divisions []Division
	divided   *plan // that the last division was read from
}

// Start begins to send. The error says why the client could not even connect:
// there is no such host, or nothing listens on the port.
func (m *Mesh) Start(s Source) (*Load, error) {
	if s.Rate < 0 || s.Rate == 0 && s.Workers < 1 {
		return nil, fmt.Errorf("send to %s: a rate or a number of workers above 0 is needed", s.Request.URL)
	}
	m.arrive()
	p, t, err := m.connect(&s.Request)
	if err != nil {
		return nil, fmt.Errorf("send to %s: %w", s.Request.URL, err)
	}
	if s.Name == "" {
		s.Name = s.Request.URL
		if s.Request.Client != (types.NamespacedName{}) {
			s.Name = s.Request.Client.String() + " -> " + s.Name
		}
	}
	l := &Load{Source: s, mesh: m, proxy: p, target: t, began: m.flowed, tally: tally{codes: map[int]int64{}}}
	m.loads = append(m.loads, l)
	return l, nil
}

// Stop ends the load.
func (l *Load) Stop() {
	l.mesh.cut(l.mesh.kernel.Now())
	l.end()
}

func (l *Load) end() {
	l.mesh.note()
	l.ended = true
	l.mesh.loads = slices.DeleteFunc(l.mesh.loads, func(x *Load) bool { return x == l })
}

// Ended reports whether the load has sent all that it should, or was stopped.
func (l *Load) Ended() bool {
	l.mesh.catchUp(l.mesh.kernel.Now())
	return l.ended
}

// Count returns what became of the requests so far.
func (l *Load) Count() Count {
	l.mesh.catchUp(l.mesh.kernel.Now())
	return l.tally.count
}

// Codes returns how often each status was answered. A connection that is not
// HTTP has status 0.
func (l *Load) Codes() map[int]int64 {
	l.mesh.catchUp(l.mesh.kernel.Now())
	return maps.Clone(l.tally.codes)
}

// Divisions returns how the requests were divided so far, if Source.Divided is set: by
// the weights and the pods at each time at which something was sent, so that a short
// time counts as much as a long one, and a slow load as much as a fast one.
func (l *Load) Divisions() []Division {
	l.mesh.catchUp(l.mesh.kernel.Now())
	return slices.Clone(l.divisions)
}

// divide notes how the plan divides the requests that are sent from a time on.
func (l *Load) divide(from time.Time) {
	if l.divided == l.plan {
		return
	}
	l.divided = l.plan
	shares := l.plan.shares()
	if n := len(l.divisions); n == 0 || !slices.Equal(l.divisions[n-1].Shares, shares) {
		l.divisions = append(l.divisions, Division{from, shares})
	}
}

// until is when the load ends by its duration; ok is false if it has none.
func (l *Load) until() (at time.Time, ok bool) {
	if l.Source.Duration <= 0 {
		return time.Time{}, false
	}
	return l.began.Add(l.Source.Duration), true
}

// due counts the requests in a span of time, which are sent then.
func (l *Load) due(d time.Duration) int64 {
	l.owed += l.rate() * d.Seconds()
	n := int64(l.owed + rounding)
	l.owed -= float64(n)
	if limit := l.Source.Requests; limit > 0 {
		n = min(n, limit-l.sent)
	}
	l.sent += n
	return n
}

// rate is in requests per second.
func (l *Load) rate() float64 {
	s := &l.Source
	if s.Rate > 0 {
		return s.Rate
	}
	each := 1 / max(l.plan.latency().Seconds(), 1e-4)
	if s.WorkerRate > 0 {
		each = min(each, s.WorkerRate)
	}
	return each * float64(s.Workers)
}

// latency is the average time of an answer.
func (pl *plan) latency() (mean time.Duration) {
	if pl.reason != "" || pl.direct != 0 {
		return refusal.P50
	}
	for i, l := range pl.legs {
		share := float64(pl.split.weights[i]) / float64(pl.split.total)
		mean += time.Duration(share * float64(cmp.Or(l.latency, refusal.P50)))
	}
	return mean
}
