package replicas

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"
)

// A table has one row per number of pods and one column per weight; a cell is
// canary+stable, or the canary count alone where the stable side is always n.
const (
	basicDefaultSurge = `
n  | 1    5    10   20   25   33   50   75   80   99   100
1  | 1+1  1+1  1+1  1+1  1+1  1+1  1+1  1+1  1+1  1+1  1+0
2  | 1+2  1+2  1+2  1+2  1+2  1+2  1+1  2+1  2+1  2+1  2+0
3  | 1+3  1+3  1+3  1+3  1+3  1+2  2+2  3+1  3+1  3+1  3+0
5  | 1+5  1+5  1+5  1+4  1+4  2+4  3+3  4+1  4+1  5+1  5+0
7  | 1+7  1+7  1+7  2+6  2+6  2+5  4+4  6+2  6+2  7+1  7+0
10 | 1+10 1+10 1+9  2+8  3+8  3+7  5+5  8+3  8+2  10+1 10+0`

	// The cell n=2, weight 75 is 0+2 in the original controller. We mend it.
	basicNoSurge = `
n  | 1    5    10   20   25   33   50   75   80   99   100
1  | 0+1  0+1  0+1  0+1  0+1  0+1  1+0  1+0  1+0  1+0  1+0
2  | 1+1  1+1  1+1  1+1  1+1  1+1  1+1  1+1  1+1  1+1  2+0
3  | 1+2  1+2  1+2  1+2  1+2  1+2  2+1  2+1  2+1  2+1  3+0
5  | 1+4  1+4  1+4  1+4  1+4  2+3  3+2  4+1  4+1  4+1  5+0
7  | 1+6  1+6  1+6  1+6  2+5  2+5  4+3  5+2  6+1  6+1  7+0
10 | 1+9  1+9  1+9  2+8  3+7  3+7  5+5  8+2  8+2  9+1  10+0`

	routedCanary = `
n  | 1 5 10 20 25 33 50 75 80 99 100
1  | 1 1 1  1  1  1  1  1  1  1  1
2  | 1 1 1  1  1  1  1  2  2  2  2
3  | 1 1 1  1  1  1  2  3  3  3  3
5  | 1 1 1  1  2  2  3  4  4  5  5
7  | 1 1 1  2  2  3  4  6  6  7  7
10 | 1 1 1  2  3  4  5  8  8  10 10`

	dynamicSettled = `
n  | 1    5    10   20   25   33   50   75   80   99   100
1  | 1+1  1+1  1+1  1+1  1+1  1+1  1+1  1+1  1+1  1+1  1+0
2  | 1+2  1+2  1+2  1+2  1+2  1+2  1+1  2+1  2+1  2+1  2+0
3  | 1+3  1+3  1+3  1+3  1+3  1+3  2+2  3+1  3+1  3+1  3+0
5  | 1+5  1+5  1+5  1+4  2+4  2+4  3+3  4+2  4+1  5+1  5+0
7  | 1+7  1+7  1+7  2+6  2+6  3+5  4+4  6+2  6+2  7+1  7+0
10 | 1+10 1+10 1+9  2+8  3+8  4+7  5+5  8+3  8+2  10+1 10+0`
)

// checkTable calls check for every cell of a table.
func checkTable(t *testing.T, table string, check func(t *testing.T, n, weight int32, cell string)) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(table), "\n")
	weights := strings.Fields(lines[0])[2:]
	for _, line := range lines[1:] {
		fields := strings.Fields(line)
		cells := fields[2:]
		if len(cells) != len(weights) {
			t.Fatalf("row %q has %d cells, want %d", line, len(cells), len(weights))
		}
		for i, cell := range cells {
			check(t, number(t, fields[0]), number(t, weights[i]), cell)
		}
	}
}

func number(t *testing.T, s string) int32 {
	t.Helper()
	var n int32
	if _, err := fmt.Sscanf(s, "%d", &n); err != nil {
		t.Fatalf("number %q: %v", s, err)
	}
	return n
}

func cell(p Pair) string { return fmt.Sprintf("%d+%d", p.Canary, p.Stable) }

func TestBasicTables(t *testing.T) {
	zero := intstr.FromInt32(0)
	for name, tc := range map[string]struct {
		table string
		surge *intstr.IntOrString
	}{
		"default surge": {basicDefaultSurge, nil},
		"no surge":      {basicNoSurge, &zero},
	} {
		t.Run(name, func(t *testing.T) {
			checkTable(t, tc.table, func(t *testing.T, n, weight int32, want string) {
				limits, err := ResolveLimits(n, tc.surge, nil)
				if err != nil {
					t.Fatal(err)
				}
				if got := cell(Basic(n, weight, 100, limits)); got != want {
					t.Errorf("Basic(%d pods, weight %d) = %s, want %s", n, weight, got, want)
				}
			})
		})
	}
}

func TestRoutedTable(t *testing.T) {
	checkTable(t, routedCanary, func(t *testing.T, n, weight int32, want string) {
		want = fmt.Sprintf("%s+%d", want, n)
		if got := cell(Routed(n, weight, 100)); got != want {
			t.Errorf("Routed(%d pods, weight %d) = %s, want %s", n, weight, got, want)
		}
	})
}

func TestDynamicTable(t *testing.T) {
	checkTable(t, dynamicSettled, func(t *testing.T, n, weight int32, want string) {
		if got := cell(Dynamic(n, weight, 100-weight, 100)); got != want {
			t.Errorf("Dynamic(%d pods, weight %d) = %s, want %s", n, weight, got, want)
		}
	})
}

func TestMendedHoleNeverEmptiesTheCanary(t *testing.T) {
	for _, tc := range []struct {
		n, weight int32
		want      Pair
	}{
		{2, 75, Pair{1, 1}}, {5, 90, Pair{4, 1}}, {10, 95, Pair{9, 1}}, {25, 98, Pair{24, 1}}, {50, 99, Pair{49, 1}},
	} {
		if got := Basic(tc.n, tc.weight, 100, Limits{Unavailable: 1}); got != tc.want {
			t.Errorf("Basic(%d pods, weight %d, no surge) = %v, want %v", tc.n, tc.weight, got, tc.want)
		}
	}
}

// TestFormulas holds the table of section 1.14 of the seed's inventory: five
// pods with the default limits, both formulas, and what users get.
func TestFormulas(t *testing.T) {
	limits, err := ResolveLimits(5, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		weight                    int32
		formula1, basic, formula2 string
		actual                    int32
	}{
		{0, "0+5", "0+5", "0+5", 0},
		{10, "1+4", "1+5", "1+5", 16},
		{20, "1+4", "1+4", "1+5", 20},
		{25, "2+3", "1+4", "2+5", 20},
		{30, "2+3", "2+4", "2+5", 33},
		{40, "2+3", "2+3", "2+5", 40},
		{50, "3+2", "3+3", "3+5", 50},
		{60, "3+2", "3+2", "3+5", 60},
		{70, "4+1", "4+2", "4+5", 66},
		{80, "4+1", "4+1", "4+5", 80},
		{90, "5+0", "5+1", "5+5", 83},
		{100, "5+0", "5+0", "5+5", 100},
	} {
		basic := Basic(5, tc.weight, 100, limits)
		got := []string{cell(Formula1(5, tc.weight)), cell(basic), cell(Formula2(5, tc.weight)), fmt.Sprint(ActualWeight(basic))}
		want := []string{tc.formula1, tc.basic, tc.formula2, fmt.Sprint(tc.actual)}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("weight %d: got %v, want %v (formula 1, basic, formula 2, actual weight)", tc.weight, got, want)
		}
	}
	if got := cell(Formula1(1, 10)); got != "1+0" {
		t.Errorf("Formula1(1 pod, weight 10) = %s, want 1+0", got)
	}
}

func TestActualWeightOfNothing(t *testing.T) {
	if got := ActualWeight(Pair{}); got != 0 {
		t.Errorf("ActualWeight of no pods = %d, want 0", got)
	}
}
