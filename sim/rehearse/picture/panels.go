package picture

import (
	"fmt"

	"github.com/aviary-rollouts/aviary/internal/view"
	"github.com/aviary-rollouts/aviary/sim/rehearse"
)

const paneHeight = 110

// steps of a line: value holds from one row of the timeline to the next.
func (c *chart) stair(a *valueAxis, value func(rehearse.Row) float64) (points []point) {
	for i, row := range c.report.Timeline {
		y := a.y(value(row))
		points = append(points, point{c.time.x(row.Seconds), y}, point{c.time.x(c.after(i)), y})
	}
	return points
}

// down closes the area between a line and another, or the bottom.
func down(line []point, to func(i int) float64) []point {
	area := append([]point{}, line...)
	for i := len(line) - 1; i >= 0; i-- {
		area = append(area, point{line[i].x, to(i)})
	}
	return area
}

// weights shows what the steps ask for, what is set, and what requests do.
func (c *chart) weights() {
	canary, t := c.report.Strategy == view.Canary, c.report.Traffic
	if !canary && t == nil {
		return
	}
	var legend []key
	if canary {
		legend = append(legend, key{"l set", "asked for by the steps"}, key{"a got", "actual"})
	}
	if t != nil {
		legend = append(legend, key{"l got", "share of requests"})
	}
	name := "Weight of the new version"
	if !canary {
		name = "Requests to the new version"
	}
	c.title(name, legend)
	a := percentages(c.y, c.y+paneHeight)
	c.pane(&a)
	if canary {
		actual := c.stair(&a, func(r rehearse.Row) float64 { return float64(r.ActualWeight) })
		c.areas.path("a got", down(actual, func(int) float64 { return a.bottom }))
		c.path("l set", c.stair(&a, func(r rehearse.Row) float64 { return float64(r.SetWeight) }))
	}
	if t == nil {
		return
	}
	var line []point
	for _, w := range t.Windows {
		var fresh, all int64
		for i, v := range w.Versions {
			all += v.Requests
			if t.Versions[i].New {
				fresh += v.Requests
			}
		}
		line = append(line, c.window(&a, w, fresh, all)...)
	}
	c.path("l got", line)
}

// window is a level line over one window of requests; a gap if it has none.
func (c *chart) window(a *valueAxis, w rehearse.TrafficWindow, part, all int64) []point {
	if all == 0 {
		return []point{gap}
	}
	return c.level(w, a.y(100*float64(part)/float64(all)))
}

// level is a level line over one window.
func (c *chart) level(w rehearse.TrafficWindow, y float64) []point {
	return []point{{c.time.x(w.Seconds), y}, {c.time.x(w.Seconds + rehearse.WindowWidth.Seconds()), y}}
}

// success shows the share of requests that each version answers well.
func (c *chart) success() {
	t := c.report.Traffic
	if t == nil {
		return
	}
	lowest, lost := 100.0, false
	for _, w := range t.Windows {
		lost = lost || w.Lost > 0
		for _, v := range w.Versions {
			if v.Requests > 0 {
				lowest = min(lowest, 100*float64(v.Requests-v.Failed)/float64(v.Requests))
			}
		}
	}
	legend := c.versions()
	if lost {
		legend = append(legend, key{"l set", "all, with lost requests"})
		lowest = min(lowest, c.lowestOfAll())
	}
	c.title("Success rate by version", legend)
	a := upTo100(lowest, c.y, c.y+paneHeight)
	c.pane(&a)
	for i, v := range t.Versions {
		var line []point
		for _, w := range t.Windows {
			line = append(line, c.window(&a, w, w.Versions[i].Requests-w.Versions[i].Failed, w.Versions[i].Requests)...)
		}
		c.path("l "+c.colour(v.Revision, v.Name), line)
	}
	if lost {
		var line []point
		for _, w := range t.Windows {
			good, all := sums(w)
			line = append(line, c.window(&a, w, good, all)...)
		}
		c.path("l set", line)
	}
}

// answers shows how long 99 in 100 answers take at most, by version, if the report says
// how long any image takes.
func (c *chart) answers() {
	t := c.report.Traffic
	if t == nil {
		return
	}
	highest := 0.0
	for _, w := range t.Windows {
		for _, v := range w.Versions {
			highest = max(highest, milliseconds(v.P99))
		}
	}
	if highest == 0 {
		return
	}
	c.title("Answers, 99% within", append(c.versions(), key{"l set", "all"}))
	a := times(highest, c.y, c.y+paneHeight)
	c.pane(&a)
	for i, v := range t.Versions {
		c.path("l "+c.colour(v.Revision, v.Name), c.took(&a, func(w rehearse.TrafficWindow) rehearse.Duration { return w.Versions[i].P99 }))
	}
	c.path("l set", c.took(&a, func(w rehearse.TrafficWindow) rehearse.Duration { return w.P99 }))
}

// took is a line of times over the windows, with gaps where nobody answered.
func (c *chart) took(a *valueAxis, of func(rehearse.TrafficWindow) rehearse.Duration) (line []point) {
	for _, w := range c.report.Traffic.Windows {
		if d := of(w); d > 0 {
			line = append(line, c.level(w, a.y(a.scale*milliseconds(d)))...)
		} else {
			line = append(line, gap)
		}
	}
	return line
}

func milliseconds(d rehearse.Duration) float64 { return 1000 * d.Seconds() }

// versions are the keys of those that answered.
func (c *chart) versions() (legend []key) {
	for _, v := range c.report.Traffic.Versions {
		legend = append(legend, key{"l " + c.colour(v.Revision, v.Name), v.Name + ", " + tagOf(v.Image)})
	}
	return legend
}

func sums(w rehearse.TrafficWindow) (good, all int64) {
	all = w.Lost
	for _, v := range w.Versions {
		all += v.Requests
		good += v.Requests - v.Failed
	}
	return good, all
}

func (c *chart) lowestOfAll() float64 {
	lowest := 100.0
	for _, w := range c.report.Traffic.Windows {
		if good, all := sums(w); all > 0 {
			lowest = min(lowest, 100*float64(good)/float64(all))
		}
	}
	return lowest
}

// pods stacks the pods of the revisions.
func (c *chart) pods() {
	revisions, highest := c.revisions()
	var legend []key
	for _, n := range revisions {
		legend = append(legend, key{"a " + c.podColour(n), podName(n)})
	}
	c.title("Pods", append(legend, key{"l want", "replicas"}))
	a := counts(max(highest, float64(c.report.Replicas), 1), c.y, c.y+paneHeight)
	c.pane(&a)
	below := func(int) float64 { return a.bottom }
	sum := make([]float64, len(c.report.Timeline))
	for _, n := range revisions {
		i := 0
		line := c.stair(&a, func(row rehearse.Row) float64 {
			sum[i] += podsOf(row, n)
			i++
			return sum[i-1]
		})
		c.areas.path("a "+c.podColour(n), down(line, below))
		below = func(i int) float64 { return line[i].y }
	}
	want := a.y(float64(c.report.Replicas))
	c.line("l want", c.time.left, want, c.time.right, want)
}

// experiments stands for the pods of Experiments among the revisions.
const experiments = 0

func podName(revision int64) string {
	if revision == experiments {
		return "experiments"
	}
	return fmt.Sprintf("revision %d", revision)
}

func (c *chart) podColour(revision int64) string {
	if revision == experiments {
		return "third"
	}
	return c.colour(revision, "")
}

// revisions lists those of the timeline that have pods, the oldest first and
// experiments last, and the most pods at one time.
func (c *chart) revisions() (list []int64, highest float64) {
	seen, trials := map[int64]bool{}, false
	for _, row := range c.report.Timeline {
		sum := float64(row.Experiment)
		trials = trials || row.Experiment > 0
		for _, p := range row.Revisions {
			sum += float64(p.Total)
			if !seen[p.Revision] && p.Total > 0 {
				seen[p.Revision] = true
				list = append(list, p.Revision)
			}
		}
		highest = max(highest, sum)
	}
	if trials {
		list = append(list, experiments)
	}
	return list, highest
}

func podsOf(row rehearse.Row, revision int64) (n float64) {
	if revision == experiments {
		return float64(row.Experiment)
	}
	for _, p := range row.Revisions {
		if p.Revision == revision {
			n += float64(p.Total)
		}
	}
	return n
}

// tagOf is what tells images apart: the part after the last slash.
func tagOf(image string) string {
	for i := len(image) - 1; i >= 0; i-- {
		if image[i] == '/' {
			return image[i+1:]
		}
	}
	return image
}
