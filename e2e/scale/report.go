package scale

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/aviary-rollouts/aviary/e2e/localplane"
)

// Report is what was measured.
type Report struct {
	Rollouts   int     `json:"rollouts"`
	Namespaces int     `json:"namespaces"`
	Phases     []Phase `json:"phases"`
}

// Phase is what one part of the measurement cost the controller.
type Phase struct {
	Name string `json:"name"`
	// Wall is how long it took, for all Rollouts together.
	Wall time.Duration `json:"wallNanoseconds"`
	// CPU is the time of the controller's processors, for all together.
	CPU time.Duration `json:"cpuNanoseconds"`
	// Peak is the resident memory of the controller at its highest since its
	// start, in bytes.
	Peak uint64 `json:"peakBytes"`
	// Requests counts those of the controller to the API server.
	Requests map[string]int `json:"requests"`

	events, statuses, others, writes, refused int
}

// changes are the verbs that write.
var changes = map[string]bool{"create": true, "update": true, "patch": true, "delete": true, "deletecollection": true}

// count takes one request into account.
func (p *Phase) count(r localplane.Request) {
	if p.Requests == nil {
		p.Requests = map[string]int{}
	}
	resource := r.Resource
	if r.Subresource != "" {
		resource += "/" + r.Subresource
	}
	p.Requests[r.Verb+" "+resource]++
	if r.Code >= 400 {
		p.refused++
	}
	if changes[r.Verb] {
		p.writes++
	}
	switch {
	case r.Resource == "events":
		p.events++
	case r.Verb == "watch":
	default:
		p.others++
		if changes[r.Verb] && r.Subresource == "status" {
			p.statuses++
		}
	}
}

// Line is one number of a report with what it should be at most.
type Line struct {
	What      string
	Got, Goal float64
	Unit      string
}

// Missed says whether the goal is not reached.
func (l Line) Missed() bool { return l.Goal >= 0 && l.Got > l.Goal }

// none is the goal of what has none.
const none = -1

// Lines are the numbers of a report. Goals of time and memory are those for 200
// and for 1000 Rollouts; other numbers of Rollouts have none.
func (r Report) Lines() []Line {
	wall, memory := float64(none), float64(none)
	switch r.Rollouts {
	case 200:
		wall, memory = 30, 70
	case 1000:
		memory = 110
	}
	var lines []Line
	all := r.updates()
	for _, p := range r.Phases {
		n := float64(r.Rollouts)
		switch p.Name {
		case "updated":
			lines = append(lines,
				Line{"all updates", p.Wall.Seconds(), wall, "s"},
				Line{"an update: requests besides Events", float64(all.others) / n, 15, ""},
				Line{"an update: writes of a status", float64(all.statuses) / n, 7, ""},
				Line{"an update: Events", float64(all.Requests["create events"]) / n, 8, ""},
				Line{"an update: changed counts of Events", float64(all.events-all.Requests["create events"]) / n, none, ""},
				Line{"an update: processor", all.CPU.Seconds() * 1000 / n, 20, "ms"},
			)
		case "idle":
			lines = append(lines,
				Line{"idle: writes", float64(p.writes), 0, ""},
				Line{"idle: processor", p.CPU.Seconds() * 1000, none, "ms"},
				Line{"memory at its highest", float64(p.Peak) / (1 << 20), memory, "MiB"},
			)
		case "created":
			lines = append(lines,
				Line{"all creations", p.Wall.Seconds(), none, "s"},
				Line{"a creation: processor", p.CPU.Seconds() * 1000 / n, none, "ms"},
			)
		}
	}
	return lines
}

// updates is what all updates cost, with what follows when the last Rollout is
// healthy: Events wait for their turn, and old pods end.
func (r Report) updates() Phase {
	all := Phase{Requests: map[string]int{}}
	for _, p := range r.Phases {
		if p.Name != "updated" && p.Name != "settling" {
			continue
		}
		for call, n := range p.Requests {
			all.Requests[call] += n
		}
		all.CPU += p.CPU
		all.events, all.statuses, all.others, all.refused = all.events+p.events, all.statuses+p.statuses, all.others+p.others, all.refused+p.refused
	}
	return all
}

// Write writes the report as a table, and what was asked of the API server.
func (r Report) Write(w io.Writer) error {
	fmt.Fprintf(w, "%d Rollouts of %d pods in %d namespaces\n\n", r.Rollouts, pods, r.Namespaces)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\tmeasured\tat most\t")
	for _, l := range r.Lines() {
		goal, mark := "", ""
		if l.Goal != none {
			goal = fmt.Sprintf("%g %s", l.Goal, l.Unit)
		}
		if l.Missed() {
			mark = "missed"
		}
		fmt.Fprintf(t, "%s\t%.1f %s\t%s\t%s\n", l.What, l.Got, l.Unit, goal, mark)
	}
	all := r.updates()
	fmt.Fprintf(t, "\nrequests of all updates\tfor each Rollout\tin all\t\n")
	calls := slices.SortedFunc(maps.Keys(all.Requests), func(a, b string) int {
		return cmp.Or(all.Requests[b]-all.Requests[a], cmp.Compare(a, b))
	})
	for _, c := range calls {
		fmt.Fprintf(t, "%s\t%.2f\t%d\t\n", c, float64(all.Requests[c])/float64(r.Rollouts), all.Requests[c])
	}
	fmt.Fprintf(t, "of these refused\t%.2f\t%d\t\n", float64(all.refused)/float64(r.Rollouts), all.refused)
	return t.Flush()
}
