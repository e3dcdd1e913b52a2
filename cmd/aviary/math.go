package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/aviary-rollouts/aviary/internal/replicas"
)

// mathFlags is what a person asks aviary math.
type mathFlags struct {
	replicas       countFlag
	weights        weightsFlag
	surge          limitFlag
	unavailable    limitFlag
	trafficRouting bool
	dynamicStable  bool
	output         string
}

// mathRow is one weight: what the formula says beside what the controller does.
type mathRow struct {
	// Weight is the setWeight in percent.
	Weight int32 `json:"weight"`
	// FormulaCanary and FormulaStable are the pods of Formula 1, or of
	// Formula 2 with a traffic router.
	FormulaCanary int32 `json:"formulaCanary"`
	FormulaStable int32 `json:"formulaStable"`
	// Canary and Stable are the pods that the controller makes.
	Canary int32 `json:"canary"`
	Stable int32 `json:"stable"`
	// ActualWeight is the percentage of requests that the canary gets,
	// rounded down as in the ActualWeight of get rollout.
	ActualWeight int32 `json:"actualWeight"`
}

func newMathCommand() *cobra.Command {
	f := mathFlags{weights: weightsFlag{1, 5, 10, 20, 25, 33, 50, 75, 80, 99, 100}}
	cmd := &cobra.Command{
		Use:   "math --replicas N",
		Short: "Show what a weight means in pods: the formula beside what the controller does",
		Long: `Show what a setWeight means in pods.

Formula 1 (no traffic router): canary = ceil(replicas x weight / 100), stable = replicas - canary.
Formula 2 (traffic router):    canary = ceil(replicas x weight / 100), stable = replicas.

Without a router the share of pods is the share of requests. The controller
therefore takes the nearest share that the pods can express, with at most one
pod above the replicas where maxSurge allows one, and never empties a side.`,
		Example: `  aviary math --replicas 5
  aviary math --replicas 10 --weights 5,25,50 --max-surge 0
  aviary math --replicas 5 --traffic-routing -o json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return runMath(cmd.OutOrStdout(), f) },
	}
	flagsAreUsage(cmd)
	cmd.Flags().Var(&f.replicas, "replicas", "spec.replicas, the wanted number of pods (required)")
	cmd.Flags().Var(&f.weights, "weights", "weights to show, 0 to 100, separated by commas")
	cmd.Flags().Var(&f.surge, "max-surge", "maxSurge, a number of pods or a percentage")
	cmd.Flags().Var(&f.unavailable, "max-unavailable", "maxUnavailable, a number of pods or a percentage")
	cmd.Flags().BoolVar(&f.trafficRouting, "traffic-routing", false, "a traffic router splits the requests")
	cmd.Flags().BoolVar(&f.dynamicStable, "dynamic-stable-scale", false, "dynamicStableScale: the stable side shrinks as the canary grows (with --traffic-routing)")
	cmd.Flags().StringVarP(&f.output, "output", "o", "table", "output format: table or json")
	return cmd
}

func runMath(w io.Writer, f mathFlags) error {
	limits, err := f.check()
	if err != nil {
		return err
	}
	rows := make([]mathRow, len(f.weights))
	for i, weight := range f.weights {
		rows[i] = f.row(weight, limits)
	}
	if f.output == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(rows)
	}
	return f.writeTable(w, rows, limits)
}

// check refuses what no Rollout may say, and resolves the limits.
func (f mathFlags) check() (replicas.Limits, error) {
	switch {
	case !f.replicas.set:
		return replicas.Limits{}, usagef("--replicas is missing; give the number of pods, for example --replicas 5")
	case f.output != "table" && f.output != "json":
		return replicas.Limits{}, usagef("--output %q is unknown; write -o table or -o json", f.output)
	case f.dynamicStable && !f.trafficRouting:
		return replicas.Limits{}, usagef("--dynamic-stable-scale needs a traffic router; add --traffic-routing")
	case f.surge.isZero() && f.unavailable.isZero():
		return replicas.Limits{}, usagef("--max-surge and --max-unavailable are both 0, so no pod could ever be replaced; raise one of them to 1")
	}
	limits, err := replicas.ResolveLimits(f.replicas.n, f.surge.value, f.unavailable.value)
	if err != nil {
		return replicas.Limits{}, usageError{err}
	}
	return limits, nil
}

// row works out one weight.
func (f mathFlags) row(weight int32, limits replicas.Limits) mathRow {
	n := f.replicas.n
	formula, pods := replicas.Formula1(n, weight), replicas.Basic(n, weight, 100, limits)
	actual := replicas.ActualWeight(pods)
	if f.trafficRouting {
		formula, pods, actual = replicas.Formula2(n, weight), replicas.Routed(n, weight, 100), weight
	}
	if f.dynamicStable {
		pods = replicas.Dynamic(n, weight, 100-weight, 100)
	}
	if n == 0 {
		actual = 0
	}
	return mathRow{
		Weight:        weight,
		FormulaCanary: formula.Canary, FormulaStable: formula.Stable,
		Canary: pods.Canary, Stable: pods.Stable,
		ActualWeight: actual,
	}
}

// writeTable prints the rows for a person, counts as canary+stable.
func (f mathFlags) writeTable(w io.Writer, rows []mathRow, limits replicas.Limits) error {
	formula := "FORMULA 1"
	if f.trafficRouting {
		formula = "FORMULA 2"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nPods are written canary+stable.\n\n", f.heading(limits))
	table := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fmt.Fprintf(table, "WEIGHT\t%s\tCONTROLLER\tPODS\tACTUAL\tNOTE\n", formula)
	for _, r := range rows {
		fmt.Fprintf(table, "%5d%%\t%9s\t%10s\t%4d\t%5d%%\t%s\n", r.Weight,
			fmt.Sprintf("%d+%d", r.FormulaCanary, r.FormulaStable), fmt.Sprintf("%d+%d", r.Canary, r.Stable),
			int64(r.Canary)+int64(r.Stable), r.ActualWeight, f.note(r))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, trimLines(b.String()))
	return err
}

// heading says which rules the table follows.
func (f mathFlags) heading(limits replicas.Limits) string {
	pods := count(int64(f.replicas.n), "replica")
	switch {
	case f.dynamicStable:
		return pods + " behind a traffic router with dynamicStableScale: the router splits the requests and\nthe stable side shrinks once its traffic has moved."
	case f.trafficRouting:
		return pods + " behind a traffic router: the router splits the requests, the stable side keeps its size."
	default:
		return fmt.Sprintf("%s, maxSurge %s, maxUnavailable %s, no traffic router: the share of pods is the weight.",
			pods, f.surge.in(limits.Surge), f.unavailable.in(limits.Unavailable))
	}
}

// note says with numbers why a row is not what the weight asks for.
func (f mathFlags) note(r mathRow) string {
	total := int64(r.Canary) + int64(r.Stable)
	off := 100*int64(r.Canary) - int64(r.Weight)*total
	switch {
	case total == 0:
		return "no pods, so nobody is served"
	case f.trafficRouting && r.Weight == 0:
		return "no canary pod"
	case f.trafficRouting || max(off, -off) < total:
		return ""
	default:
		share := strconv.FormatFloat(100*float64(r.Canary)/float64(total), 'f', 1, 64)
		return fmt.Sprintf("cannot be met: %d of %s is %s%%", r.Canary, count(total, "pod"), strings.TrimSuffix(share, ".0"))
	}
}

// count is a number with its noun: "1 pod", "5 pods".
func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// trimLines removes the blanks at the end of each line.
func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}

// countFlag is a number of pods that knows whether it was given.
type countFlag struct {
	n   int32
	set bool
}

// Set reads the flag.
func (f *countFlag) Set(s string) error {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n < 0 {
		return fmt.Errorf("write a whole number of pods from 0 to 2147483647, for example 5")
	}
	f.n, f.set = int32(n), true
	return nil
}

// String is the flag's value, empty if it was not given.
func (f *countFlag) String() string {
	if !f.set {
		return ""
	}
	return strconv.Itoa(int(f.n))
}

// Type is the word for the value in the help text.
func (f *countFlag) Type() string { return "N" }

// weightsFlag is a list of weights in percent.
type weightsFlag []int32

// Set reads the flag; it replaces the default.
func (f *weightsFlag) Set(s string) error {
	var list weightsFlag
	for _, field := range strings.Split(s, ",") {
		n, err := strconv.ParseInt(strings.TrimSpace(field), 10, 32)
		if err != nil || n < 0 || n > 100 {
			return fmt.Errorf("%q is no weight; write whole numbers from 0 to 100 separated by commas, for example 10,20,50", field)
		}
		list = append(list, int32(n))
	}
	*f = list
	return nil
}

// String is the list as it is written on the command line.
func (f *weightsFlag) String() string {
	fields := make([]string, len(*f))
	for i, n := range *f {
		fields[i] = strconv.Itoa(int(n))
	}
	return strings.Join(fields, ",")
}

// Type is the word for the value in the help text.
func (f *weightsFlag) Type() string { return "LIST" }

// limitFlag is maxSurge or maxUnavailable, nil if it was not given.
type limitFlag struct{ value *intstr.IntOrString }

// Set reads the flag the way YAML would: digits are pods, the rest a percentage.
func (f *limitFlag) Set(s string) error {
	if n, err := strconv.ParseInt(s, 10, 32); err == nil && n >= 0 {
		f.value = &intstr.IntOrString{Type: intstr.Int, IntVal: int32(n)}
		return nil
	}
	percent, isPercent := strings.CutSuffix(s, "%")
	if _, err := strconv.ParseUint(percent, 10, 31); err != nil || !isPercent {
		return fmt.Errorf("write a number of pods such as 1 or a percentage such as 25%%")
	}
	f.value = &intstr.IntOrString{Type: intstr.String, StrVal: s}
	return nil
}

// String is the value in force.
func (f limitFlag) String() string {
	if f.value == nil {
		return "25%"
	}
	return f.value.String()
}

// in is the value in force and, for a percentage, what it comes to.
func (f limitFlag) in(pods int32) string {
	if f.value != nil && f.value.Type == intstr.Int {
		return f.String()
	}
	return fmt.Sprintf("%s (%s)", f, count(int64(pods), "pod"))
}

// Type is the word for the value in the help text.
func (f *limitFlag) Type() string { return "N|N%" }

// isZero tells whether the flag was given as no pods or no percent.
func (f limitFlag) isZero() bool {
	if f.value == nil {
		return false
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(f.value, 100, true)
	return err == nil && n == 0
}
