package view

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/duration"
)

// Render writes a tree the way `get rollout` prints it: the header, an empty
// line, the table. color adds ANSI colours to states and roles; it changes
// neither the text nor the columns. The error is that of w.
func Render(w io.Writer, info RolloutInfo, color bool) error {
	h := header{painter: painter(color)}
	h.object(info.Namespace, info.Name, string(info.Phase), info.Message)
	h.line("Strategy:", info.Strategy)
	if info.Strategy == Canary {
		h.line("  Step:", info.Step)
		h.line("  SetWeight:", info.SetWeight)
		h.line("  ActualWeight:", info.ActualWeight)
	}
	h.images(info.Images)
	h.WriteString("Replicas:\n")
	h.line("  Desired:", info.Desired)
	h.line("  Current:", info.Current)
	h.line("  Updated:", info.Updated)
	h.line("  Ready:", info.Ready)
	h.line("  Available:", info.Available)
	return h.finish(w, rolloutNode(info))
}

// RenderExperiment is [Render] for `get experiment`.
func RenderExperiment(w io.Writer, info ExperimentInfo, color bool) error {
	h := header{painter: painter(color)}
	h.object(info.Namespace, info.Name, info.Status, info.Message)
	h.images(info.Images)
	return h.finish(w, experimentNode(info.Experiment))
}

// header is the summary above a tree, labels padded to 17 columns.
type header struct {
	bytes.Buffer
	painter
}

func (h *header) line(label string, value any) { fmt.Fprintf(h, "%-17s%v\n", label, value) }

// object writes what every header begins with.
func (h *header) object(namespace, name, status, message string) {
	h.line("Name:", name)
	h.line("Namespace:", namespace)
	icon := statusIcon(status)
	h.line("Status:", h.status(icon, icon+" "+status))
	if message != "" {
		h.line("Message:", message)
	}
}

func (h *header) images(images []Image) {
	label := "Images:"
	for _, image := range images {
		h.line(label, h.image(image))
		label = ""
	}
}

// finish adds the tree and writes all of it.
func (h *header) finish(w io.Writer, root node) error {
	h.WriteByte('\n')
	table(&h.Buffer, rows(root), h.painter)
	_, err := w.Write(h.Bytes())
	return err
}

// row is one line of the table.
type row struct {
	name, kind, status, age, info string
	icon                          string // of the status, for its colour
	roles                         bool   // info holds roles
}

// node is a row with the rows under it.
type node struct {
	row
	children []node
}

// rows flattens a tree, drawing its branches into the names.
func rows(root node) []row {
	all := []row{root.row}
	var walk func(children []node, indent string)
	walk = func(children []node, indent string) {
		for i, c := range children {
			branch, deeper := "├──", "│  "
			if i == len(children)-1 {
				branch, deeper = "└──", "   "
			}
			c.name = indent + branch + c.name
			all = append(all, c.row)
			walk(c.children, indent+deeper)
		}
	}
	walk(root.children, "")
	return all
}

func rolloutNode(info RolloutInfo) node {
	n := node{row: line(iconRollout, info.Name, "Rollout", string(info.Phase), info.Age)}
	for _, r := range info.Revisions {
		n.children = append(n.children, revisionNode(r))
	}
	return n
}

func revisionNode(r Revision) node {
	n := node{row: row{name: iconRevision + " revision:" + strconv.FormatInt(r.Number, 10)}}
	for _, rs := range r.ReplicaSets {
		n.children = append(n.children, replicaSetNode(rs))
	}
	for _, e := range r.Experiments {
		n.children = append(n.children, experimentNode(e))
	}
	for _, run := range r.AnalysisRuns {
		n.children = append(n.children, analysisRunNode(run))
	}
	return n
}

func experimentNode(e Experiment) node {
	n := node{row: line(iconExperiment, e.Name, "Experiment", e.Status, e.Age)}
	for _, rs := range e.ReplicaSets {
		n.children = append(n.children, replicaSetNode(rs))
	}
	for _, run := range e.AnalysisRuns {
		n.children = append(n.children, analysisRunNode(run))
	}
	return n
}

func replicaSetNode(rs ReplicaSet) node {
	n := node{row: line(iconReplicaSet, rs.Name, "ReplicaSet", rs.Status, rs.Age)}
	n.info, n.roles = strings.Join(rs.Tags(), ","), true
	for _, p := range rs.Pods {
		child := line(iconPod, p.Name, "Pod", p.Status, p.Age)
		child.icon = podIcon(p.Status)
		child.status = child.icon + " " + p.Status
		child.info = fmt.Sprintf("ready:%d/%d", p.Ready, p.Total)
		if p.Restarts > 0 {
			child.info += fmt.Sprintf(",restarts:%d", p.Restarts)
		}
		n.children = append(n.children, node{row: child})
	}
	return n
}

// Tags are the roles of a ReplicaSet and its scale-down delay: "canary",
// "delay:23s".
func (rs ReplicaSet) Tags() []string {
	tags := rs.Roles
	if rs.Delay != "" {
		tags = append(tags[:len(tags):len(tags)], "delay:"+rs.Delay)
	}
	return tags
}

func analysisRunNode(run AnalysisRun) node {
	n := node{row: line(iconAnalysisRun, run.Name, "AnalysisRun", run.Status, run.Age)}
	n.info = run.tally()
	for _, j := range run.Jobs {
		n.children = append(n.children, node{row: line(iconJob, j.Name, "Job", j.Status, j.Age)})
	}
	return n
}

// line is the row of an object.
func line(icon, name, kind, status string, age time.Duration) row {
	mark := statusIcon(status)
	return row{name: icon + " " + name, kind: kind, status: mark + " " + status, age: FormatAge(age), icon: mark}
}

// FormatAge writes a time the way kubectl does: 15s, 2m8s, 106s, 19m. One that is
// unknown is negative.
func FormatAge(age time.Duration) string {
	if age < 0 {
		return "<unknown>"
	}
	return duration.HumanDuration(age)
}

// table writes the rows in columns two blanks apart. All columns but the last
// are padded, also in rows that have nothing to say there.
func table(b *bytes.Buffer, rows []row, p painter) {
	rows = append([]row{{name: "NAME", kind: "KIND", status: "STATUS", age: "AGE", info: "INFO"}}, rows...)
	var widths [4]int
	for _, r := range rows {
		for i, cell := range [4]string{r.name, r.kind, r.status, r.age} {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell)+2)
		}
	}
	pad := func(painted, cell string, column int) {
		b.WriteString(painted)
		b.WriteString(strings.Repeat(" ", widths[column]-utf8.RuneCountInString(cell)))
	}
	for _, r := range rows {
		pad(r.name, r.name, 0)
		pad(r.kind, r.kind, 1)
		pad(p.status(r.icon, r.status), r.status, 2)
		pad(r.age, r.age, 3)
		info := r.info
		if r.roles {
			info = p.roles(info, ",")
		}
		b.WriteString(info)
		b.WriteByte('\n')
	}
}
