package mesh

import "time"

// note adds up what pods have answered since the last time. It is called before
// anybody looks at the sums, and before a plan or the window of the timeline changes that
// they belong to.
func (m *Mesh) note() {
	if m.waiting.IsZero() {
		return
	}
	w := m.window(m.waiting)
	for _, l := range m.loads {
		if l.plan != nil {
			m.notePlan(l.plan, &l.tally, w)
		}
	}
	m.waiting = time.Time{}
}

// notePlan adds up the answers that one sender got by a plan.
func (m *Mesh) notePlan(pl *plan, to *tally, w *Window) {
	for _, l := range pl.legs {
		for i := range l.ends {
			e := &l.ends[i]
			for j := range e.sinks {
				if k := &e.sinks[j]; k.waiting > 0 {
					m.noteAnswers(l, e, k, to, w)
				}
			}
		}
	}
	for _, c := range pl.copies {
		for i := range c.leg.ends {
			e := &c.leg.ends[i]
			for j := range e.sinks {
				m.versions[e.version].mirrored += e.sinks[j].noted()
			}
		}
	}
}

// noteAnswers adds up the answers of one pod with one status.
func (m *Mesh) noteAnswers(l *leg, e *end, k *sink, to *tally, w *Window) {
	n, bad := k.noted(), int64(0)
	if failed(k.code) {
		bad = n
	}
	m.destinations[l.stats].Count.add(n, bad, 0)
	m.countVersion(w, e.version, n, bad)
	m.total.add(n, bad, 0)
	to.count.add(n, bad, 0)
	if to.codes != nil {
		to.codes[k.code] += n
	}
}

// noted returns how many answers have waited, and forgets them.
func (k *sink) noted() (n int64) {
	n, k.waiting = k.waiting, 0
	return n
}
