package mesh

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Count is what became of requests.
type Count struct {
	// Requests is how many were sent.
	Requests int64
	// Failed is how many users saw fail: answered with a status of 500 or
	// more, or lost.
	Failed int64
	// Lost is how many of those reached no application at all.
	Lost int64
}

func (c *Count) add(requests, failed, lost int64) {
	c.Requests += requests
	c.Failed += failed
	c.Lost += lost
}

// Version names pods that are alike: those of one template.
type Version struct {
	Namespace, Workload, Hash, Image string
}

// VersionCount is what a version did.
type VersionCount struct {
	Version
	// Count counts what its pods were sent; none of it is lost.
	Count
	// Mirrored is how many copies of requests they got.
	Mirrored int64
	// Share is its part of all requests that reached a pod, from 0 to 1.
	Share float64
	// Peak is the highest share within one window of the timeline.
	Peak float64
}

// DestinationCount is what was sent to a Service or a subset of it.
type DestinationCount struct {
	// Host is the full name of the Service.
	Host string
	// Subset is empty for the whole Service.
	Subset string
	Count
	// Share is its part of all requests that had a destination, from 0 to 1.
	Share float64
}

// Loss is requests that were lost for one reason without a break.
type Loss struct {
	// From and To enclose the time.
	From, To time.Time
	// Client is the pod that sent them.
	Client string
	// Destination is where they should have gone.
	Destination string
	// Reason says why they did not.
	Reason Reason
	// Requests is how many there were.
	Requests int64
}

// String describes the loss in a line.
func (l Loss) String() string {
	return fmt.Sprintf("%s to %s: %d requests of %s to %s lost: %s", l.From.Format(time.TimeOnly+".000"), l.To.Format(time.TimeOnly+".000"),
		l.Requests, l.Client, l.Destination, l.Reason)
}

// Window is a part of the timeline.
type Window struct {
	Start time.Time
	// Versions counts by version, as they are listed in the Report. It may be
	// shorter than that list.
	Versions []Count
	// Lost is how many requests reached no version.
	Lost int64
}

// Report is what has happened so far, up to the last full tick.
type Report struct {
	// Total is over all clients.
	Total Count
	// Versions are in the order in which they were first seen.
	Versions []VersionCount
	// Destinations are sorted by host and subset.
	Destinations []DestinationCount
	// Lost lists what was lost, oldest first, and what came after the
	// MaxLosses-th loss only adds to LostMore.
	Lost     []Loss
	LostMore int64
	// Timeline has a window for each Options.Window with requests, in order.
	Timeline []Window
}

// MaxLosses bounds the list of losses.
const MaxLosses = 1000

// versionTally is a VersionCount in the making.
type versionTally struct {
	Version
	count    Count
	mirrored int64
}

// versionOf returns the index of the version that a pod belongs to.
func (m *Mesh) versionOf(p *pod, image string) int {
	v := Version{p.identity.Namespace, p.identity.Workload, hashOf(p.object), image}
	i := slices.IndexFunc(m.versions, func(x versionTally) bool { return x.Version == v })
	if i < 0 {
		i = len(m.versions)
		m.versions = append(m.versions, versionTally{Version: v})
	}
	return i
}

func (m *Mesh) destinationOf(d destination) int {
	i := slices.IndexFunc(m.destinations, func(x DestinationCount) bool { return x.Host == d.host && x.Subset == d.subset })
	if i < 0 {
		i = len(m.destinations)
		m.destinations = append(m.destinations, DestinationCount{Host: d.host, Subset: d.subset})
	}
	return i
}

// countVersion adds to a version in all and in a window.
func (m *Mesh) countVersion(w *Window, i int, n, bad int64) {
	m.versions[i].count.add(n, bad, 0)
	for len(w.Versions) <= i {
		w.Versions = append(w.Versions, Count{})
	}
	w.Versions[i].add(n, bad, 0)
}

// window returns the window of requests that are sent from a time on.
func (m *Mesh) window(from time.Time) *Window {
	if m.inLastWindow(from) {
		return &m.windows[len(m.windows)-1]
	}
	begin := m.kernel.Start()
	start := begin.Add(from.Sub(begin).Truncate(m.opts.Window))
	if n := len(m.windows); n == 0 || m.windows[n-1].Start.Before(start) {
		m.windows = append(m.windows, Window{Start: start})
	}
	return &m.windows[len(m.windows)-1]
}

// inLastWindow reports whether a time is in the last window. Time does not go back.
func (m *Mesh) inLastWindow(t time.Time) bool {
	n := len(m.windows)
	return n > 0 && t.Sub(m.windows[n-1].Start) < m.opts.Window
}

// lose notes lost requests, as part of the last loss if that is of the same
// kind and goes on.
func (m *Mesh) lose(s *sender, d destination, why Reason, n int64) {
	m.window(m.flowed).Lost += n
	l := Loss{m.flowed, m.sending, s.proxy.key.String(), d.text(), why, n}
	for i := range slices.Backward(m.lost) {
		old := &m.lost[i]
		if old.To.Before(l.From) {
			break
		}
		if old.Client == l.Client && old.Destination == l.Destination && old.Reason == l.Reason {
			old.To = l.To
			old.Requests += n
			return
		}
	}
	if len(m.lost) == MaxLosses {
		m.lostMore += n
		return
	}
	m.lost = append(m.lost, l)
}

// Report returns what has happened so far.
func (m *Mesh) Report() Report {
	m.catchUp(m.kernel.Now())
	r := Report{
		Total: m.total, Destinations: slices.Clone(m.destinations), Lost: slices.Clone(m.lost), LostMore: m.lostMore, Timeline: m.timeline(),
	}
	slices.SortFunc(r.Destinations, func(a, b DestinationCount) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Subset, b.Subset))
	})
	var reached, sent int64
	for _, v := range m.versions {
		reached += v.count.Requests
	}
	for _, d := range r.Destinations {
		sent += d.Requests
	}
	for i, v := range m.versions {
		c := VersionCount{Version: v.Version, Count: v.count, Mirrored: v.mirrored, Share: share(v.count.Requests, reached)}
		for j := range r.Timeline {
			c.Peak = max(c.Peak, r.Timeline[j].Share(i))
		}
		r.Versions = append(r.Versions, c)
	}
	for i := range r.Destinations {
		r.Destinations[i].Share = share(r.Destinations[i].Requests, sent)
	}
	return r
}

// Share returns the part of a version, by its index, of the requests in the
// window that reached a pod.
func (w *Window) Share(version int) float64 {
	if version >= len(w.Versions) {
		return 0
	}
	var all int64
	for _, c := range w.Versions {
		all += c.Requests
	}
	return share(w.Versions[version].Requests, all)
}

func share(n, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// timeline copies the windows.
func (m *Mesh) timeline() []Window {
	all := slices.Clone(m.windows)
	for i := range all {
		all[i].Versions = slices.Clone(all[i].Versions)
	}
	return all
}
