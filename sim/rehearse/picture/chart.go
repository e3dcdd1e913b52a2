package picture

import (
	"fmt"
	"html"
	"slices"

	"github.com/aviary-rollouts/aviary/sim/rehearse"
)

// chart puts a picture together, panel below panel. All have one time axis.
type chart struct {
	canvas
	// areas lie below everything else but the shades of pauses.
	areas  canvas
	report *rehearse.Report
	width  float64
	narrow bool
	time   timeAxis
	y      float64 // where the next panel begins
	// panes are the parts behind which pauses are shaded.
	panes []span
}

const (
	wideWidth   = 1160
	narrowWidth = 370
	// size is that of the letters, in pixels.
	size = 12
)

// draw returns the elements of a picture and its height.
func draw(r *rehearse.Report, width float64, header bool) (elements string, height float64) {
	c := &chart{report: r, width: width, narrow: width < 600}
	c.time = timeAxis{end: c.end(), left: 58, right: width - 22}
	if c.narrow {
		c.time.left, c.time.right = 48, width-14
	}
	c.y = 6
	if header {
		c.header()
	}
	c.markers()
	c.steps()
	c.weights()
	c.success()
	c.answers()
	c.pods()
	c.measurements()
	c.timeLabels()
	areas, rest := c.areas.String(), c.String()
	return c.pauses() + areas + c.marks() + rest, c.y + 8
}

// end is the last second of the picture: a little after the last change.
func (c *chart) end() float64 {
	end := 1.0
	if n := len(c.report.Timeline); n > 0 {
		end = max(end, c.report.Timeline[n-1].Seconds*1.04)
	}
	if t := c.report.Traffic; t != nil {
		end = max(end, t.Span.Seconds())
	}
	return end
}

// header says what the picture is about.
func (c *chart) header() {
	width := c.width - 32
	c.y += 20
	for _, line := range wrapText(c.report.Rollout+": "+headline(c.report), width, 18) {
		c.text("h", "start", 16, c.y, line)
		c.y += 23
	}
	var lines []string
	for _, b := range c.report.Behaviours {
		lines = append(lines, b.String())
	}
	for _, line := range c.report.Summary()[1:] {
		lines = append(lines, line.Name+": "+line.Text)
	}
	for _, text := range lines {
		for _, line := range wrapText(text, width, size) {
			c.text("s", "start", 16, c.y, line)
			c.y += 17
		}
	}
	c.y += 6
}

// headline is the outcome: "aborted after 1m34s".
func headline(r *rehearse.Report) string {
	if lines := r.Summary(); len(lines) > 0 {
		return lines[0].Text
	}
	return r.FirstDeploy.Text
}

// title begins a panel: its name, and what its colours mean, which takes as many
// lines as it needs.
func (c *chart) title(name string, legend []key) {
	c.y += 26
	c.text("b", "start", 16, c.y, name)
	x, right := 16+textWidth(name, size)+24, c.width-8
	for i, k := range legend {
		w := 26 + textWidth(k.name, size)
		if x+w > right || c.narrow && i == 0 {
			x = 16
			c.y += 17
		}
		c.swatch(k.class, x, c.y-4)
		c.text("t", "start", x+22, c.y, fit(k.name, right-x-22, size))
		x += w + 14
	}
	c.y += 14
}

// key is an entry of a legend.
type key struct{ class, name string }

func (c *chart) swatch(class string, x, y float64) {
	if class[0] == 'a' {
		c.rect(class, x, y-5, 16, 10)
		return
	}
	c.line(class, x, y, x+16, y)
}

// pane draws the grid of a panel and returns where it ends.
func (c *chart) pane(a *valueAxis) {
	for _, v := range a.ticks {
		c.line("grid", c.time.left, a.y(v), c.time.right, a.y(v))
		c.text("s", "end", c.time.left-6, a.y(v)+4, a.label(v))
	}
	c.panes = append(c.panes, span{a.top, a.bottom})
	c.y = a.bottom
}

// timeLabels are the axis at the bottom.
func (c *chart) timeLabels() {
	c.y += 6
	c.line("axis", c.time.left, c.y, c.time.right, c.y)
	apart := 76.0
	if c.narrow {
		apart = 58
	}
	for _, t := range c.time.ticks(apart) {
		x, label := c.time.x(t), timeText(t)
		c.line("axis", x, c.y, x, c.y+5)
		w := textWidth(label, size) / 2
		c.text("s", "middle", min(x, c.width-4-w), c.y+18, label)
	}
	c.y += 36
	c.text("s", "middle", (c.time.left+c.time.right)/2, c.y, "time since the start of the update")
}

// pauses shades the times at which the update pauses.
func (c *chart) pauses() string {
	var back canvas
	rows := c.report.Timeline
	for from := 0; from < len(rows); from++ {
		to := from
		for to < len(rows) && rows[to].Phase == "Paused" {
			to++
		}
		if to == from {
			continue
		}
		left, right := c.time.x(rows[from].Seconds), c.time.x(c.after(to-1))
		for _, p := range c.panes {
			back.rect("pause", left, p.from, right-left, p.to-p.from)
		}
		from = to - 1
	}
	return back.String()
}

// after is when a row of the timeline ends.
func (c *chart) after(i int) float64 {
	if i+1 < len(c.report.Timeline) {
		return c.report.Timeline[i+1].Seconds
	}
	return c.time.end
}

// versions are the colours of revisions: the old one, the new one, and those that
// more updates or an Experiment bring.
func (c *chart) colour(revision int64, name string) string {
	t := c.report.Traffic
	switch {
	case revision != 0 && revision <= c.report.FirstDeploy.Stable:
		return "old"
	case revision != 0:
		return "new"
	case t == nil:
		return "third"
	}
	others := slices.DeleteFunc(slices.Clone(t.Versions), func(v rehearse.VersionTraffic) bool { return v.Revision != 0 })
	if i := slices.IndexFunc(others, func(v rehearse.VersionTraffic) bool { return v.Name == name }); i%2 == 1 {
		return "fourth"
	}
	return "third"
}

// SVG draws a report as one picture that can stand alone.
func SVG(r *rehearse.Report) []byte {
	elements, height := draw(r, wideWidth, true)
	return []byte(open(wideWidth, height, r, "picture") + "<style>" + style + "</style>\n" +
		fmt.Sprintf(`<rect class="bg" width="%d" height="%s"/>`+"\n", wideWidth, coordinate(height)) + elements + "</svg>\n")
}

// open begins a picture.
func open(width, height float64, r *rehearse.Report, class string) string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" class="%s" viewBox="0 0 %s %s" width="%s" height="%s" role="img" aria-label="%s">`+"\n",
		class, coordinate(width), coordinate(height), coordinate(width), coordinate(height), html.EscapeString(r.Rollout+": "+headline(r)))
}
