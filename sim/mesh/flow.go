package mesh

import (
	"fmt"
	"net/http"
	"time"
)

// tally is what became of the requests of one sender.
type tally struct {
	count Count
	codes map[int]int64
	last  *Response // where somebody reads the answer
}

// flow lets the loads send from the time of the last flow up to t. Nothing
// changes in between. What pods answer is noted when somebody may look (see note),
// because the flow goes in many small steps.
func (m *Mesh) flow(t time.Time) {
	span := t.Sub(m.flowed)
	if span <= 0 {
		return
	}
	m.sending = t
	if !m.waiting.IsZero() && !m.inLastWindow(m.flowed) {
		m.note()
	}
	for i := 0; i < len(m.loads); {
		l := m.loads[i]
		if l.plan == nil || l.plan.stamp != m.stamp {
			l.plan = m.planFor(l.proxy, &l.target)
		}
		if n := l.due(span); n > 0 {
			if l.Source.Divided {
				l.divide(m.flowed)
			}
			m.send(l.proxy, &l.target, l.plan, n, &l.tally)
		}
		until, timed := l.until()
		if timed && !until.After(t) || l.Source.Requests > 0 && l.sent >= l.Source.Requests {
			l.end()
			continue
		}
		i++
	}
	m.flowed = t
}

// send carries n requests to where a plan says. They are sent in the time from
// Mesh.flowed to Mesh.sending.
func (m *Mesh) send(p *proxy, t *target, pl *plan, n int64, to *tally) {
	s := sender{m, p, t, to}
	switch {
	case pl.reason != "":
		s.refuse(destination{host: t.asked()}, pl.reason, n)
		return
	case pl.direct != 0:
		s.reportRefusal(t.asked(), pl.direct, "", n)
		s.answered(pl.direct, n)
		return
	}
	if to.last == nil && pl.repeats(n) { // nobody reads the answer
		s.repeat(pl)
		return
	}
	before := pl.moves()
	pl.split.take(n, m.random, pl.parts)
	for i, k := range pl.parts {
		s.leg(pl.legs[i], k)
	}
	if pl.plain && pl.moves() == before {
		pl.last, pl.lastMoves = n, before
	}
	for _, c := range pl.copies {
		s.copy(c.leg, c.portion.take(n, c.share, m.random))
	}
}

// repeats reports whether n requests go the very ways that the last ones went, as those of
// a steady load mostly do: there were as many, none could fail, and neither their division
// nor one of others since has changed what is owed to whom.
func (pl *plan) repeats(n int64) bool {
	return n == pl.last && pl.moves() == pl.lastMoves
}

// moves grows with each division that changes what is owed to the ways of a plan.
func (pl *plan) moves() int {
	n := pl.split.moves
	for _, l := range pl.legs {
		if l.split != nil {
			n += l.split.moves
		}
	}
	return n
}

// repeat carries requests to where the last ones went.
func (s *sender) repeat(pl *plan) {
	for i, l := range pl.legs {
		if pl.parts[i] == 0 {
			continue
		}
		for j, k := range l.parts {
			if k > 0 {
				s.wait(&l.ends[j].sinks[0], k)
			}
		}
	}
}

// sender is one batch of requests on its way.
type sender struct {
	mesh   *Mesh
	proxy  *proxy
	target *target
	to     *tally
}

// leg carries requests to the pods of a destination.
func (s *sender) leg(l *leg, n int64) {
	if n == 0 {
		return
	}
	if l.reason != "" {
		s.mesh.destinations[l.stats].Count.add(n, n, n)
		s.refuse(l.destination, l.reason, n)
		return
	}
	for i, k := range s.spread(l, n) {
		e := &l.ends[i]
		bad := s.failing(e, k)
		if bad > 0 {
			s.reached(l, e, e.answer.errorCode, bad)
		}
		if k > bad {
			s.reached(l, e, e.answer.code, k-bad)
		}
	}
}

// spread divides requests among the pods of a destination.
func (s *sender) spread(l *leg, n int64) []int64 {
	l.split.take(n, s.mesh.random, l.parts)
	return l.parts
}

// failing counts the requests that an application fails on its own account.
// What is not HTTP, nobody looks into.
func (s *sender) failing(e *end, n int64) int64 {
	if s.target.protocol != HTTP || n == 0 || e.answer.errorRate <= 0 {
		return 0
	}
	return e.errors.take(n, e.answer.errorRate, s.mesh.random)
}

// reached carries requests to a pod, which answers them.
func (s *sender) reached(l *leg, e *end, code int, n int64) {
	if s.target.protocol != HTTP {
		code = 0
	}
	s.wait(e.sink(s, l, code, false), n)
	if s.to.last != nil {
		*s.to.last = Response{Status: code}
		s.to.last.from(e)
	}
}

// wait counts answers in the telemetry of the proxies, and keeps them until they are
// noted.
func (s *sender) wait(k *sink, n int64) {
	k.waiting += n
	k.server.n += n
	if k.client != nil {
		k.client.n += n
	}
	if m := s.mesh; m.waiting.IsZero() {
		m.waiting = m.flowed
	}
}

// refuse notes requests that no application saw.
func (s *sender) refuse(d destination, why Reason, n int64) {
	code := http.StatusServiceUnavailable
	switch {
	case s.target.protocol != HTTP:
		code = 0
	case why == NoRoute:
		code = http.StatusNotFound
	}
	s.reportRefusal(d.host, code, why.flags(), n)
	s.mesh.lose(s, d, why, n)
	s.count(code, n, n, n)
	if s.to.last != nil {
		s.to.last.Lost = why
	}
}

// answered notes what the sender saw.
func (s *sender) answered(code int, n int64) {
	if failed(code) {
		s.count(code, n, n, 0)
	} else {
		s.count(code, n, 0, 0)
	}
}

func (s *sender) count(code int, n, failed, lost int64) {
	s.mesh.total.add(n, failed, lost)
	s.to.count.add(n, failed, lost)
	if s.to.codes != nil {
		s.to.codes[code] += n
	}
	if s.to.last != nil {
		*s.to.last = Response{Status: code}
	}
}

// copy carries copies of requests. Only the pods that get them note it, and if
// there is none, nobody misses them.
func (s *sender) copy(l *leg, n int64) {
	if l.reason != "" || n == 0 {
		return
	}
	for i, k := range s.spread(l, n) {
		e := &l.ends[i]
		bad := s.failing(e, k)
		if bad > 0 {
			s.wait(e.sink(s, l, e.answer.errorCode, true), bad)
		}
		if k > bad {
			s.wait(e.sink(s, l, e.answer.code, true), k-bad)
		}
	}
}

// text is a destination in a message.
func (d destination) text() string {
	if d.subset == "" {
		return shortHost(d.host)
	}
	return fmt.Sprintf("%s subset %s", shortHost(d.host), d.subset)
}
