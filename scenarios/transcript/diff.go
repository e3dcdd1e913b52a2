package transcript

import (
	"fmt"
	"strings"
)

// around is the number of equal lines that a diff shows around a difference.
const around = 3

// Diff prints the alignment as a unified diff without line numbers: "-" is
// expected, "+" is what was printed. A wildcard is shown as such. Equal lines
// far from any difference are left out. It is empty if nothing differs.
func (a Alignment) Diff() string {
	if a.Equal() {
		return ""
	}
	var b strings.Builder
	shown := a.nearDifference()
	skipped := false
	for i := 0; i < len(a); i++ {
		if !shown[i] {
			if !skipped {
				fmt.Fprintln(&b, "  @@")
			}
			skipped = true
			continue
		}
		skipped = false
		i = a.writeRun(&b, i) - 1
	}
	return b.String()
}

// nearDifference marks the pairs within a few lines of a difference.
func (a Alignment) nearDifference() []bool {
	shown := make([]bool, len(a))
	for i, p := range a {
		if p.Op == Same || p.Op == Any {
			continue
		}
		for j := max(0, i-around); j < min(len(a), i+around+1); j++ {
			shown[j] = true
		}
	}
	return shown
}

// writeRun writes the pair at i, or all differences that follow one another:
// first what was expected, then what came. It returns the index behind them.
func (a Alignment) writeRun(b *strings.Builder, i int) int {
	switch a[i].Op {
	case Same:
		fmt.Fprintln(b, "   "+a[i].Got[0])
		return i + 1
	case Any:
		fmt.Fprintln(b, "   "+Wildcard)
		return i + 1
	}
	end := i
	for end < len(a) && a[end].Op != Same && a[end].Op != Any {
		end++
	}
	for _, p := range a[i:end] {
		if p.Op != Extra {
			fmt.Fprintln(b, "  -"+p.Want.Text)
		}
	}
	for _, p := range a[i:end] {
		for _, line := range p.Got {
			fmt.Fprintln(b, "  +"+line)
		}
	}
	return end
}
