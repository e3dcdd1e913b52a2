package rehearse

import (
	"fmt"
	"slices"
)

// alike is how many rows in a row of which nothing but the measured values differs are
// worth one line: background analyses measure for hours.
const alike = 8

// condensed replaces, in the rows of the timeline as text, what lies between the first
// and the last of rows that are alike by one row, which says how many there are.
func (r *Report) condensed(rows []TableRow) []TableRow {
	var out []TableRow
	for from := 0; from < len(rows); {
		to := from + 1 // behind the last row that is like this one
		for to < len(rows) && sameVerdicts(r.Timeline[from], r.Timeline[to]) {
			to++
		}
		if to-from <= alike {
			out = append(out, rows[from:to]...)
		} else {
			out = append(out, rows[from], r.between(rows[from], from, to), rows[to-1])
		}
		from = to
	}
	return out
}

// between is the row that stands for those between two.
func (r *Report) between(like TableRow, from, to int) TableRow {
	row := TableRow{Cells: make([]string, len(like.Cells))}
	row.Cells[0] = "..."
	row.Status = fmt.Sprintf("(%d times the same verdicts, up to %s)", to-from-2, r.Timeline[to-2].At)
	return row
}

// sameVerdicts reports whether at two rows nothing happened but measurements of the same
// metrics, which ended in the same way.
func sameVerdicts(a, b Row) bool {
	if len(a.Events) == 0 || len(a.Events) != len(b.Events) || !same(a.State, b.State) {
		return false
	}
	return !slices.ContainsFunc(a.Events, func(e Event) bool { return e.Type != MeasurementEvent }) &&
		slices.EqualFunc(a.Events, b.Events, func(x, y Event) bool { return x.Type == y.Type && x.Reason == y.Reason && x.metric == y.metric })
}

// Gathered is a measurement, with how many more like it were left out behind it.
type Gathered struct {
	Measurement
	// More is how many, and Until when the last of them was made.
	More  int
	Until Duration
}

// Gathered lists the measurements; of many of a metric that ended in the same way one
// after the other it has the first three and the last.
func (r *Report) Gathered() []Gathered {
	const first = 3
	var out []Gathered
	shown := map[string]int{} // where the last one of a stretch stands in out
	for i, s := range r.stretches() {
		m := r.Measurements[i]
		if s.length > alike && s.place > first && s.place < s.length {
			last := &out[shown[m.Run+"/"+m.Metric]]
			last.More, last.Until = last.More+1, m.At
			continue
		}
		shown[m.Run+"/"+m.Metric] = len(out)
		out = append(out, Gathered{Measurement: m})
	}
	return out
}

// stretch is measurements of one metric that ended in the same way one after the other.
type stretch struct {
	place, length int // place is counted from 1
}

// stretches says of each measurement which place it has in how long a stretch.
func (r *Report) stretches() []stretch {
	list := make([]stretch, len(r.Measurements))
	members := map[string][]int{} // of the stretch that a metric is in
	end := func(stretch []int) {
		for _, i := range stretch {
			list[i].length = len(stretch)
		}
	}
	for i, m := range r.Measurements {
		key := m.Run + "/" + m.Metric
		same := members[key]
		if n := len(same); n > 0 && (r.Measurements[same[n-1]].Phase != m.Phase || r.Measurements[same[n-1]].Message != m.Message) {
			end(same)
			same = nil
		}
		list[i].place = len(same) + 1
		members[key] = append(same, i)
	}
	for _, same := range members {
		end(same)
	}
	return list
}
