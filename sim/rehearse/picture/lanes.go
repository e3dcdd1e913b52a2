package picture

import (
	"fmt"
	"html"
	"slices"
	"strings"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/sim/rehearse"
)

// mark is a moment that is marked through all panels.
type mark struct {
	at          float64
	class, name string
}

// momentous are the moments: what people do, and how it ends.
func (c *chart) momentous() (list []mark) {
	names := map[string]mark{
		"RolloutAborted": {class: "bad", name: "aborted"}, "RolloutCompleted": {class: "good", name: "promoted"},
	}
	for _, row := range c.report.Timeline {
		for _, e := range row.Events {
			m, known := names[e.Reason]
			if e.Type == rehearse.UserEvent {
				m, known = mark{name: commandName(e.Message)}, true
			}
			again := slices.ContainsFunc(list, func(x mark) bool { return x.name == m.name && x.at == row.Seconds })
			if m.at = row.Seconds; known && !again {
				list = append(list, m)
			}
		}
	}
	return list
}

// commandName is what a person types, without its arguments.
func commandName(command string) string {
	if strings.HasPrefix(command, "set image") {
		return "$ set image"
	}
	word, _, _ := strings.Cut(command, " ")
	return "$ " + word
}

// markers writes the names of the moments above all panels, in as many rows as
// they need.
func (c *chart) markers() {
	var rows [3]spans
	used, top := 1, c.y
	for _, m := range c.momentous() {
		x, w, shift := c.time.x(m.at), textWidth(m.name, size), 4.0
		if x+w+4 > c.width-4 {
			x, shift = x-w-4, 0
		}
		for i := range rows {
			if rows[i].take(x, x+w+4) {
				used = max(used, i+1)
				c.text("b "+m.class, "start", x+shift, top+12+16*float64(i), m.name)
				break
			}
		}
	}
	c.y = top + 16*float64(used)
}

// marks draws the lines of the moments, behind no title.
func (c *chart) marks() string {
	var front canvas
	for _, m := range c.momentous() {
		x := c.time.x(m.at)
		for _, p := range c.panes {
			front.line("mark "+m.class, x, p.from, x, p.to)
		}
	}
	return front.String()
}

// steps is the row of steps, or of phases where there are none.
func (c *chart) steps() {
	const height = 24
	c.y += 6
	for i := 0; i < len(c.report.Timeline); {
		row := c.report.Timeline[i]
		name, class := c.stepName(row)
		from, j := row.Seconds, i
		for i++; i < len(c.report.Timeline); i++ {
			if next, other := c.stepName(c.report.Timeline[i]); next != name || other != class {
				break
			}
			j = i
		}
		x := c.time.x(from)
		w := c.time.x(c.after(j)) - x
		fmt.Fprintf(c, "<g><title>%s: %s to %s</title>\n", html.EscapeString(name), timeText(from), timeText(c.after(j)))
		c.rect("step "+class, x, c.y, w, height)
		if text := c.stepText(name, w-8); text != "" {
			c.text("t", "middle", x+w/2, c.y+16, text)
		}
		c.WriteString("</g>\n")
	}
	c.y += height
}

// stepText is as much of a name as fits: "2 pause 30s", "pause…", "2".
func (c *chart) stepText(name string, width float64) string {
	if number, _, ok := strings.Cut(name, " "); ok && textWidth(name, size) > width && len(number) < 3 && textWidth(number, size) <= width && width < 60 {
		return number
	}
	return fit(name, width, size)
}

// stepName says what goes on: the step with its number, or the phase.
func (c *chart) stepName(row rehearse.Row) (name, class string) {
	switch {
	case strings.HasPrefix(row.Message, "RolloutAborted"):
		return "aborted", "bad"
	case row.Phase == v1alpha1.RolloutPhaseHealthy:
		return "healthy", "good"
	case row.Phase == v1alpha1.RolloutPhaseDegraded:
		return "degraded", "bad"
	}
	if row.Phase == v1alpha1.RolloutPhasePaused {
		class = "paused"
	}
	if int(row.Step) < len(c.report.Plan) {
		return fmt.Sprintf("%d %s", row.Step+1, c.report.Plan[row.Step]), class
	}
	return strings.ToLower(string(row.Phase)), class
}

// lane is the measurements of one metric of one analysis.
type lane struct {
	name string
	list []rehearse.Measurement
}

// maxLanes bounds the picture; the table has all.
const maxLanes = 12

// measurements is a row for each metric, with a mark for each measurement.
func (c *chart) measurements() {
	var lanes []lane
	for _, m := range c.report.Measurements {
		name := m.Metric + " (" + m.Kind + ")"
		i := slices.IndexFunc(lanes, func(l lane) bool { return l.name == name })
		if i < 0 {
			i = len(lanes)
			lanes = append(lanes, lane{name: name})
		}
		lanes[i].list = append(lanes[i].list, m)
	}
	if len(lanes) == 0 {
		return
	}
	c.title("Measurements", []key{})
	c.verdictKeys(lanes)
	if len(lanes) > maxLanes {
		lanes = lanes[:maxLanes]
	}
	top := c.y
	for _, l := range lanes {
		c.lane(l)
	}
	c.panes = append(c.panes, span{top, c.y})
}

// verdict is how a phase looks.
type verdict struct{ class, word string }

func verdictOf(p v1alpha1.AnalysisPhase) verdict {
	switch p {
	case v1alpha1.AnalysisPhaseSuccessful:
		return verdict{"good", "Successful"}
	case v1alpha1.AnalysisPhaseFailed:
		return verdict{"bad", "Failed"}
	case v1alpha1.AnalysisPhaseError:
		return verdict{"error", "Error"}
	}
	return verdict{"unsure", "Inconclusive"}
}

// verdictKeys explains the marks that occur.
func (c *chart) verdictKeys(lanes []lane) {
	var seen []verdict
	for _, l := range lanes {
		for _, m := range l.list {
			if v := verdictOf(m.Phase); !slices.Contains(seen, v) {
				seen = append(seen, v)
			}
		}
	}
	x := 16 + textWidth("Measurements", size) + 24
	y := c.y - 14
	if c.narrow {
		x, y = 16, c.y+3
		c.y += 17
	}
	for _, v := range seen {
		if w := 30 + textWidth(v.word, size); x+w > c.width-8 {
			x, y = 16, y+17
			c.y += 17
		}
		c.verdictMark(v, x+6, y-4)
		c.text("t", "start", x+16, y, v.word)
		x += 30 + textWidth(v.word, size)
	}
}

// verdictMark is a disc, a cross, a diamond or a ring: shapes, for those who do
// not see the colours.
func (c *chart) verdictMark(v verdict, x, y float64) {
	switch v.class {
	case "bad":
		c.path("v bad", []point{{x - 4.5, y - 4.5}, {x + 4.5, y + 4.5}, gap, {x - 4.5, y + 4.5}, {x + 4.5, y - 4.5}})
	case "error":
		c.path("v error", []point{{x, y - 5.5}, {x + 5.5, y}, {x, y + 5.5}, {x - 5.5, y}, {x, y - 5.5}})
	default:
		fmt.Fprintf(c, `<circle class="v %s" cx="%s" cy="%s" r="4.5"/>`+"\n", v.class, coordinate(x), coordinate(y))
	}
}

// closest is how near to each other, in pixels, marks of one verdict are still drawn.
const closest = 2.0

// lane draws one row: the name above, the marks, and below each its value where
// there is room. Values of measurements that did not succeed come first.
func (c *chart) lane(l lane) {
	c.text("s over", "start", c.time.left+4, c.y+13, fit(l.name, c.time.right-c.time.left-8, size))
	markY, valueY := c.y+28, c.y+47
	c.line("grid", c.time.left, markY, c.time.right, markY)
	var taken spans
	labels := make([]string, len(l.list))
	for _, good := range []bool{false, true} {
		for i, m := range l.list {
			if text := m.Short(); (m.Phase == v1alpha1.AnalysisPhaseSuccessful) == good && text != "" {
				x, w := c.valuePlace(m.Seconds, text)
				if taken.take(x-w/2, x+w/2) {
					labels[i] = text
				}
			}
		}
	}
	lastX, lastClass := -closest, ""
	for i, m := range l.list {
		v := verdictOf(m.Phase)
		if x := c.time.x(m.Seconds); labels[i] != "" || v.class != lastClass || x-lastX >= closest {
			lastX, lastClass = x, v.class
		} else {
			continue
		}
		fmt.Fprintf(c, "<g><title>%s</title>\n", html.EscapeString(fmt.Sprintf("%s: %s = %s, %s", m.At, m.Metric, m.Short(), v.word)))
		c.verdictMark(v, c.time.x(m.Seconds), markY)
		if labels[i] != "" {
			x, _ := c.valuePlace(m.Seconds, labels[i])
			c.text("t over "+v.class, "middle", x, valueY, labels[i])
		}
		c.WriteString("</g>\n")
	}
	c.y = valueY + 8
}

// valuePlace is where a value is written: below its mark, within the picture.
func (c *chart) valuePlace(seconds float64, text string) (x, width float64) {
	width = textWidth(text, size)
	return min(max(c.time.x(seconds), 4+width/2), c.width-4-width/2), width
}
