package replay

import (
	"slices"
	"time"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/scenarios/transcript"
	"github.com/aviary-rollouts/aviary/sim"
)

// Where time cannot be commanded, an hour of waiting is an hour. Most of it
// passes while nothing can happen: the simulator, which plays the scenario
// first, knows when. A timetable keeps the rest.

// Timetable says how a scenario is played in real time.
type Timetable struct {
	// Paces are by the lines of the commands.
	Paces map[int]backend.Pace
	// Length is how long playing takes at least.
	Length time.Duration

	sharing sharing // what the scenario shares with others on its cluster
}

const (
	// settling is what every sleep keeps, after the last thing that happens in
	// it: real pods start and stop a little later than simulated ones.
	settling = 5 * time.Second
	// memory is what is kept before Prometheus is asked, once requests were sent:
	// rates look back a minute or so, and a series without samples ends after five.
	memory = 6 * time.Minute
	// counting is what a sleep keeps once requests were sent: they are counted, and
	// the shares of versions in a count follow how long each share lasted.
	counting = 2 * time.Minute
)

// NewTimetable reads from a play in the simulator what has to be waited for.
func NewTimetable(result *transcript.Result, s *sim.Sim) Timetable {
	var events []time.Time
	for _, line := range s.Trace().Lines() {
		events = append(events, line.At)
	}
	waits := slices.Concat(s.Waits(), remembered(result, s.Queries()))
	table, least := Timetable{Paces: map[int]backend.Pace{}}, time.Duration(0)
	before := 0              // lines of the trace
	idle := time.Duration(0) // what was left out since the last of them
	for _, step := range result.Steps {
		if step.Lines > before {
			idle = 0
		}
		whole := step.Ended.Sub(step.Began)
		pace := backend.Pace{Calm: calm(step.Ended, events), Since: max(0, since(step.Ended, events)-idle)}
		if step.Call.Sends {
			least = counting
		}
		if step.Call.Sleeps {
			pace.Idle = whole - max(needed(step.Began, step.Ended, events[before:step.Lines], waits), min(whole, least))
		}
		idle += pace.Idle
		table.Paces[step.Command.Line] = pace
		table.Length += whole - pace.Idle
		before = step.Lines
	}
	return table
}

// remembered returns the time before each query that its answer may tell of: from
// the first request on.
func remembered(result *transcript.Result, queries []time.Time) []sim.Wait {
	first := slices.IndexFunc(result.Steps, func(s transcript.Step) bool { return s.Call.Sends })
	if first < 0 {
		return nil
	}
	var spans []sim.Wait
	for _, at := range queries {
		if from := clock.Later(at.Add(-memory), result.Steps[first].Began); from.Before(at) {
			spans = append(spans, sim.Wait{From: from, To: at})
		}
	}
	return spans
}

// needed returns how much of the time between from and to has to pass: until
// the last of the events in it, and whatever belongs to a wait.
func needed(from, to time.Time, events []time.Time, waits []sim.Wait) time.Duration {
	last := from
	if n := len(events); n > 0 {
		last = events[n-1]
	}
	spans := []sim.Wait{{From: from, To: clock.Earlier(last.Add(settling), to)}}
	for _, w := range waits {
		if w.To.After(from) && w.From.Before(to) {
			spans = append(spans, sim.Wait{From: clock.Later(w.From, from), To: clock.Earlier(w.To, to)})
		}
	}
	slices.SortFunc(spans, func(a, b sim.Wait) int { return a.From.Compare(b.From) })
	var sum time.Duration
	covered := from
	for _, s := range spans {
		if start := clock.Later(s.From, covered); s.To.After(start) {
			sum += s.To.Sub(start)
			covered = s.To
		}
	}
	return sum
}

// calm returns for how long nothing happens after a time; an hour stands for
// ever.
func calm(from time.Time, events []time.Time) time.Duration {
	if i := after(events, from); i < len(events) {
		return events[i].Sub(from)
	}
	return time.Hour
}

// since returns for how long nothing has happened at a time; an hour if nothing
// ever has.
func since(to time.Time, events []time.Time) time.Duration {
	if i := after(events, to); i > 0 {
		return to.Sub(events[i-1])
	}
	return time.Hour
}

// after returns the index of the first event after t.
func after(events []time.Time, t time.Time) int {
	i, _ := slices.BinarySearchFunc(events, t, func(e, t time.Time) int {
		if e.After(t) {
			return 1
		}
		return -1
	})
	return i
}
