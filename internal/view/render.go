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
	var b bytes.Buffer
	p := painter(color)
	header(&b, info, p)
	b.WriteByte('\n')
	table(&b, rows(info), p)
	_, err := w.Write(b.Bytes())
	return err
}

// header writes the summary, labels padded to 17 columns.
func header(b *bytes.Buffer, info RolloutInfo, p painter) {
	line := func(label string, value any) { fmt.Fprintf(b, "%-17s%v\n", label, value) }
	line("Name:", info.Name)
	line("Namespace:", info.Namespace)
	icon := statusIcon(string(info.Phase))
	line("Status:", p.status(icon, icon+" "+string(info.Phase)))
	if info.Message != "" {
		line("Message:", info.Message)
	}
	line("Strategy:", info.Strategy)
	if info.Strategy == Canary {
		line("  Step:", info.Step)
		line("  SetWeight:", info.SetWeight)
		line("  ActualWeight:", info.ActualWeight)
	}
	for i, image := range info.Images {
		label := ""
		if i == 0 {
			label = "Images:"
		}
		line(label, p.image(image))
	}
	b.WriteString("Replicas:\n")
	line("  Desired:", info.Desired)
	line("  Current:", info.Current)
	line("  Updated:", info.Updated)
	line("  Ready:", info.Ready)
	line("  Available:", info.Available)
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

// rows flattens the tree, drawing its branches into the names.
func rows(info RolloutInfo) []row {
	root := node{row: line(iconRollout, info.Name, "Rollout", string(info.Phase), info.Age)}
	for _, r := range info.Revisions {
		root.children = append(root.children, revisionNode(r))
	}
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
	return row{name: icon + " " + name, kind: kind, status: mark + " " + status, age: formatAge(age), icon: mark}
}

// formatAge writes ages the way kubectl does: 15s, 2m8s, 106s, 19m.
func formatAge(age time.Duration) string {
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
