package transcript

import "slices"

// Op is what an alignment does with a line.
type Op int

// The ways in which an expected line and a printed line can meet.
const (
	// Same: the lines are equal after normalising.
	Same Op = iota
	// Changed: the printed line stands where another was expected.
	Changed
	// Missing: the expected line was not printed.
	Missing
	// Extra: the printed line was not expected.
	Extra
	// Any: the wildcard, with the lines that it covers.
	Any
)

// Pair is one step of an alignment.
type Pair struct {
	Op Op
	// Want is the expected line; the zero Line for Extra.
	Want Line
	// Got is the printed line, as printed; none for Missing, any number for Any.
	Got []string
}

// Alignment is the cheapest way to turn expected lines into printed ones.
type Alignment []Pair

// Equal reports whether the output is as expected.
func (a Alignment) Equal() bool {
	return !slices.ContainsFunc(a, func(p Pair) bool { return p.Op != Same && p.Op != Any })
}

// Align lays the printed lines beside the expected ones. Lines are equal if
// normalize makes them equal. A wildcard covers lines at no cost, any other
// difference costs one; of equally cheap alignments it takes the one that
// changes lines rather than dropping them, so that a diff shows old and new
// value together.
func Align(want []Line, got []string, normalize func(string) string) Alignment {
	a := make(Alignment, 0, max(len(want), len(got)))
	n := 0 // the equal lines at the start need no table
	for ; n < min(len(want), len(got)) && !want[n].Any; n++ {
		if want[n].Text != got[n] && normalize(want[n].Text) != normalize(got[n]) {
			break
		}
		a = append(a, Pair{Op: Same, Want: want[n], Got: got[n : n+1]})
	}
	want, got = want[n:], got[n:]
	w, g := make([]string, len(want)), make([]string, len(got))
	for i, line := range want {
		w[i] = normalize(line.Text)
	}
	for j, line := range got {
		g[j] = normalize(line)
	}
	equal := func(i, j int) bool { return w[i] == g[j] }
	return append(a, trace(want, got, costs(want, len(got), equal), equal)...)
}

// AlignAlike does the same where lines count as equal that alike takes for it.
func AlignAlike(want []Line, got []string, alike func(want, got string) bool) Alignment {
	equal := func(i, j int) bool { return want[i].Text == got[j] || alike(want[i].Text, got[j]) }
	return trace(want, got, costs(want, len(got), equal), equal)
}

// costs returns for each i and j what it costs to align want[i:] with the got
// printed lines from j on.
func costs(want []Line, got int, equal func(i, j int) bool) [][]int {
	cost := make([][]int, len(want)+1)
	for i := range cost {
		cost[i] = make([]int, got+1)
	}
	for i := len(want); i >= 0; i-- {
		for j := got; j >= 0; j-- {
			switch {
			case i == len(want):
				cost[i][j] = got - j
			case want[i].Any && j == got:
				cost[i][j] = cost[i+1][j]
			case want[i].Any:
				cost[i][j] = min(cost[i+1][j], cost[i][j+1])
			case j == got:
				cost[i][j] = cost[i+1][j] + 1
			case equal(i, j):
				cost[i][j] = cost[i+1][j+1]
			default:
				cost[i][j] = 1 + min(cost[i+1][j+1], cost[i+1][j], cost[i][j+1])
			}
		}
	}
	return cost
}

// trace follows the cheapest way through the table of costs.
func trace(want []Line, got []string, cost [][]int, equal func(i, j int) bool) Alignment {
	var a Alignment
	for i, j := 0, 0; i < len(want) || j < len(got); {
		switch {
		case i == len(want):
			a = append(a, Pair{Op: Extra, Got: got[j : j+1]})
			j++
		case want[i].Any:
			start := j
			for cost[i+1][j] != cost[i][start] {
				j++
			}
			a = append(a, Pair{Op: Any, Want: want[i], Got: got[start:j]})
			i++
		case j == len(got):
			a = append(a, Pair{Op: Missing, Want: want[i]})
			i++
		case equal(i, j):
			a = append(a, Pair{Op: Same, Want: want[i], Got: got[j : j+1]})
			i, j = i+1, j+1
		case cost[i][j] == 1+cost[i+1][j+1]:
			a = append(a, Pair{Op: Changed, Want: want[i], Got: got[j : j+1]})
			i, j = i+1, j+1
		case cost[i][j] == 1+cost[i+1][j]:
			a = append(a, Pair{Op: Missing, Want: want[i]})
			i++
		default:
			a = append(a, Pair{Op: Extra, Got: got[j : j+1]})
			j++
		}
	}
	return a
}
