package rehearse

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/view"
)

// WriteText prints a report for a person, at most width columns wide where
// words allow it. The error is that of w.
func (r *Report) WriteText(w io.Writer, width int) error {
	var b strings.Builder
	r.writeHeader(&b, width)
	if r.Updated() || len(r.Timeline) > 1 {
		b.WriteString("\nPods of a revision are ready/all, those that are ending left out.\n\n")
		r.writeTimeline(&b, width)
	}
	if r.Updated() {
		b.WriteByte('\n')
		writeParagraph(&b, "", r.Outcome.Text, 0, width)
		r.writeSummary(&b, width)
	}
	writeFindings(&b, "Warnings", "  ! ", r.Warnings, width)
	writeFindings(&b, "Notes", "  - ", r.Notes, width)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeSummary prints what the update meant for users; without a load the
// outcome says it all.
func (r *Report) writeSummary(b *strings.Builder, width int) {
	if r.Traffic == nil {
		return
	}
	b.WriteByte('\n')
	for _, line := range r.Summary() {
		writeParagraph(b, fmt.Sprintf("  %-8s  ", line.Name), line.Text+".", 12, width)
	}
}

func (r *Report) writeHeader(b *strings.Builder, width int) {
	for i, line := range r.Header() {
		writeParagraph(b, "", line, min(2, 2*i), width)
	}
}

// Header says in a few lines what was rehearsed.
func (r *Report) Header() []string {
	lines := []string{r.Title(), r.FirstDeploy.Text}
	for _, i := range r.Images {
		text := fmt.Sprintf("Update: container %s from %s to %s", i.Container, i.From, i.To)
		if r.ImageChosen {
			text += fmt.Sprintf(" (a tag made up for the rehearsal; choose one with --set-image %s=IMAGE)", i.Container)
		}
		lines = append(lines, text)
	}
	for _, text := range []string{r.loadText(), r.behavioursText()} {
		if text != "" && r.Updated() {
			lines = append(lines, text)
		}
	}
	return lines
}

// Title names the Rollout: "Rollout default/web, canary, 5 replicas (maxSurge 2,
// maxUnavailable 1)".
func (r *Report) Title() string {
	text := fmt.Sprintf("Rollout %s/%s, %s, %s", r.Namespace, r.Rollout, strategyText[r.Strategy], count(r.Replicas, "replica"))
	if r.Strategy == view.Canary {
		text += fmt.Sprintf(" (maxSurge %d, maxUnavailable %d)", r.MaxSurge, r.MaxUnavailable)
	}
	return text
}

var strategyText = map[string]string{view.Canary: "canary", view.BlueGreen: "blue/green"}

// firstDeployText says how the first deploy ended.
func (r *Report) firstDeployText() string {
	f := r.FirstDeploy
	if r.Updated() {
		return fmt.Sprintf("First deploy: Healthy after %s.", f.Took)
	}
	return fmt.Sprintf("First deploy: %s. There is no update to rehearse.", f.status())
}

// status is "Paused (CanaryPauseStep)", or the phase alone.
func (o Outcome) status() string {
	if o.Message == "" {
		return string(o.Phase)
	}
	return fmt.Sprintf("%s (%s)", o.Phase, o.Message)
}

// outcomeText says how the update ended, and how long it took.
func (r *Report) outcomeText(o Options) string {
	out := r.Outcome
	switch {
	case out.Phase == v1alpha1.RolloutPhaseHealthy && out.Ended:
		text := fmt.Sprintf("Ended Healthy after %s: revision %d is stable.", out.Took, out.Stable)
		if last := r.Timeline[len(r.Timeline)-1].At; last > out.Took {
			text += fmt.Sprintf(" The pods of the old revision are gone after %s.", last)
		}
		return text
	case out.Phase == v1alpha1.RolloutPhaseHealthy:
		return fmt.Sprintf("Healthy after %s: revision %d is stable. Old pods were still there when the time was over (%s, see --until).", out.Took, out.Stable, Duration(o.untilOrDefault()))
	case out.Phase == v1alpha1.RolloutPhasePaused && out.Ended:
		return fmt.Sprintf("Ended Paused after %s%s: it waits for a person, for ever. Revision %d is stable.", out.Took, r.stepText(), out.Stable)
	case out.Ended:
		return fmt.Sprintf("Ended %s after %s: %s. Revision %d is stable.", out.Phase, out.Took, strings.TrimSuffix(out.Message, "."), out.Stable)
	default:
		return fmt.Sprintf("Not ended when the time was over (%s, see --until): %s%s. Revision %d is stable.", Duration(o.untilOrDefault()), out.status(), r.stepText(), out.Stable)
	}
}

// stepText is " at step 2", or empty if no step runs.
func (r *Report) stepText() string {
	last := r.Timeline[len(r.Timeline)-1].State
	if last.Step >= last.Steps {
		return ""
	}
	return fmt.Sprintf(" at step %d", last.Step+1)
}

func writeFindings(b *strings.Builder, title, bullet string, list []Finding, width int) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	for _, f := range list {
		writeParagraph(b, bullet, f.Text+".", len(bullet), width)
	}
}

// writeTimeline prints the table: columns of numbers, then the phase with what
// led to it.
func (r *Report) writeTimeline(b *strings.Builder, width int) {
	columns := r.columns()
	left := ""
	for _, c := range columns {
		left += fmt.Sprintf("%*s  ", c.width, c.title)
	}
	b.WriteString(left + "WHAT HAPPENED\n")
	indent := len(left) + 2
	_, rows := r.Table()
	for _, row := range rows {
		left = ""
		for i, c := range columns {
			left += fmt.Sprintf("%*s  ", c.width, row.Cells[i])
		}
		writeParagraph(b, left, row.Status, indent, width)
		for _, line := range row.Lines {
			writeParagraph(b, strings.Repeat(" ", indent), line, indent+2, width)
		}
	}
}

// TableRow is a row of the timeline as text.
type TableRow struct {
	// Cells are the columns of numbers.
	Cells []string
	// Status is the phase with its message, Lines are what led to it.
	Status string
	Lines  []string
}

// Table is the timeline as text, in which many rows of the same verdicts are one.
func (r *Report) Table() (titles []string, rows []TableRow) {
	columns := r.columns()
	for _, c := range columns {
		titles = append(titles, c.title)
	}
	var before State
	for i, row := range r.Timeline {
		out := TableRow{Status: phaseText(row.State), Lines: r.eventLines(row, before, i == 0)}
		for _, c := range columns {
			out.Cells = append(out.Cells, c.cell(row))
		}
		rows = append(rows, out)
		before = row.State
	}
	return titles, r.condensed(rows)
}

// phaseText is "Paused: CanaryPauseStep", or the phase alone.
func phaseText(s State) string {
	if s.Message == "" {
		return string(s.Phase)
	}
	return string(s.Phase) + ": " + s.Message
}

// column is one column of the table.
type column struct {
	title string
	width int
	cell  func(Row) string
}

// columns are those that mean something for the strategy, wide enough for what
// is in them.
func (r *Report) columns() []column {
	list := []column{{"TIME", 6, func(row Row) string { return row.At.String() }}}
	if r.Strategy == view.BlueGreen {
		list = append(list,
			column{"ACTIVE", 6, func(row Row) string { return revisionText(row.Active) }},
			column{"PREVIEW", 7, func(row Row) string { return revisionText(row.Preview) }})
	} else {
		list = append(list,
			column{"STEP", 5, func(row Row) string { return stepOf(row.State) }},
			column{"WEIGHT", 6, func(row Row) string { return fmt.Sprintf("%d%%", row.SetWeight) }},
			column{"ACTUAL", 6, func(row Row) string { return fmt.Sprintf("%d%%", row.ActualWeight) }})
	}
	for _, revision := range r.revisions() {
		list = append(list, column{fmt.Sprintf("REV %d", revision), 5, func(row Row) string { return podsText(row, revision) }})
	}
	if slices.ContainsFunc(r.Timeline, func(row Row) bool { return row.Experiment > 0 }) {
		list = append(list, column{"EXPERIMENT", 10, func(row Row) string { return strconv.Itoa(int(row.Experiment)) }})
	}
	for i := range list {
		for _, row := range r.Timeline {
			list[i].width = max(list[i].width, utf8.RuneCountInString(list[i].cell(row)))
		}
	}
	return list
}

// revisions lists the revisions in the timeline, the oldest first.
func (r *Report) revisions() []int64 {
	var list []int64
	seen := map[int64]bool{}
	for _, row := range r.Timeline {
		for _, p := range row.Revisions {
			if !seen[p.Revision] {
				seen[p.Revision] = true
				list = append(list, p.Revision)
			}
		}
	}
	return list
}

func stepOf(s State) string {
	if s.Steps == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d", s.Step, s.Steps)
}

func revisionText(n int64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("rev %d", n)
}

// podsText is "4/5": serving pods of all pods.
func podsText(row Row, revision int64) string {
	for _, p := range row.Revisions {
		if p.Revision == revision {
			return fmt.Sprintf("%d/%d", p.Ready, p.Total)
		}
	}
	return "-"
}

// longName is how events name a ReplicaSet, and hash a pod template. The table
// has no room for either and has revisions in place of them.
var (
	longName = regexp.MustCompile(`ReplicaSet \S+ \((revision \d+)\)`)
	hash     = regexp.MustCompile(`(revision \d+) \([a-z0-9]+\)`)
)

// eventLines says what happened at a row: its events, and what changed in the
// numbers without one.
func (r *Report) eventLines(row Row, before State, first bool) []string {
	var lines []string
	for _, e := range row.Events {
		if e.Type == UserEvent {
			lines = append(lines, "$ "+e.Message)
			continue
		}
		if e.Type == MeasurementEvent {
			lines = append(lines, "Measured "+e.Message)
			continue
		}
		lines = append(lines, e.Reason+": "+r.short(e.Message, row))
	}
	if !first && len(lines) == 0 {
		lines = append(lines, podChanges(before, row.State)...)
	}
	return lines
}

// short is a message with revisions in place of names and hashes.
func (r *Report) short(message string, row Row) string {
	message = longName.ReplaceAllString(message, "$1")
	message = hash.ReplaceAllString(message, "$1")
	for _, p := range row.Revisions {
		quoted := "'" + strings.TrimPrefix(p.ReplicaSet, r.Rollout+"-") + "'"
		message = strings.ReplaceAll(message, quoted, revisionText(p.Revision))
	}
	return message
}

// podChanges says in words what the columns of the revisions show.
func podChanges(before, now State) []string {
	old := map[int64]Pods{}
	for _, p := range before.Revisions {
		old[p.Revision] = p
	}
	var lines []string
	for _, p := range now.Revisions {
		o := old[p.Revision]
		if d := p.Total - o.Total; d > 0 {
			lines = append(lines, fmt.Sprintf("revision %d: %s created", p.Revision, count(d, "pod")))
		} else if d < 0 {
			lines = append(lines, fmt.Sprintf("revision %d: %s removed", p.Revision, count(-d, "pod")))
		}
		if d := p.Ready - o.Ready; d > 0 {
			lines = append(lines, fmt.Sprintf("revision %d: %s ready", p.Revision, count(d, "pod")))
		} else if d < 0 && p.Total == o.Total {
			lines = append(lines, fmt.Sprintf("revision %d: %s no longer ready", p.Revision, count(-d, "pod")))
		}
	}
	return lines
}

// writeParagraph prints left and then text, in lines of at most width
// characters of which all but the first are indented.
func writeParagraph(b *strings.Builder, left, text string, indent, width int) {
	for i, line := range wrap(text, max(width-utf8.RuneCountInString(left), shortest), max(width-indent, shortest)) {
		if i > 0 {
			left = strings.Repeat(" ", indent)
		}
		fmt.Fprintln(b, left+line)
	}
}

// shortest is how short a line of text may become on a narrow page.
const shortest = 30

// wrap breaks text at blanks into a line of at most first characters and lines
// of at most rest, unless a word is longer. Blanks at the beginning are kept.
func wrap(text string, first, rest int) []string {
	var lines []string
	width := first
	for utf8.RuneCountInString(text) > width {
		cut := breakAt(text, width)
		if cut < 0 {
			break
		}
		lines, text, width = append(lines, text[:cut]), text[cut+1:], rest
	}
	return append(lines, text)
}

// breakAt is the last blank between words within width characters, else the
// first one beyond; -1 if there is none.
func breakAt(text string, width int) int {
	start := len(text) - len(strings.TrimLeft(text, " "))
	best, runes := -1, 0
	for i, r := range text {
		if r == ' ' && i > start && (runes <= width || best < 0) {
			best = i
		}
		runes++
	}
	return best
}
