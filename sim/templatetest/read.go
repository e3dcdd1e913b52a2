package templatetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/manifest"
	"github.com/aviary-rollouts/aviary/internal/validate"
	"github.com/aviary-rollouts/aviary/sim/prom"
	"github.com/aviary-rollouts/aviary/sim/trial"
)

// defaultInterval lies between two samples, as in promtool.
const defaultInterval = time.Minute

// File is a test file that was read.
type File struct {
	// Name is its path.
	Name  string
	Tests []*Test
}

// Test is one test, ready to run once.
type Test struct {
	// File is the path of its file, Line where it begins.
	File string
	Line int
	Name string

	at         place
	trial      trial.Trial
	want       expectation
	startAfter time.Duration
}

// Read reads a test file and the templates that it names. The error is a
// [*manifest.Error] that says what is wrong where and what to do, or that the
// file cannot be read.
func Read(name string) (*File, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read test file: %w", err)
	}
	return read(manifest.File{Name: filepath.ToSlash(name), Data: data}, beside(filepath.Dir(name)))
}

func read(f manifest.File, open open) (*File, error) {
	var d document
	source, err := manifest.Decode(f, &d)
	if err != nil {
		return nil, err
	}
	at := place{file: f.Name, source: source}
	templates, err := readLibrary(at, &d, open)
	if err != nil {
		return nil, err
	}
	if _, err := at.field("interval").positive(d.Interval, "1m"); err != nil {
		return nil, err // here, not at the tests that have none of their own
	}
	if len(d.Tests) == 0 {
		return nil, at.field("tests").problem("there is no test in this file", "write one under tests")
	}
	file, names := &File{Name: f.Name}, map[string]bool{}
	for i := range d.Tests {
		at, c := at.field("tests[%d]", i), &d.Tests[i]
		if c.Interval == "" {
			c.Interval = d.Interval
		}
		switch {
		case c.Name == "":
			return nil, at.problem("this test has no name", "set name to what it shows")
		case names[c.Name]:
			return nil, at.field("name").problem(fmt.Sprintf("there is a test %q already", c.Name), "give each its own name")
		}
		names[c.Name] = true
		test, err := c.read(at, templates)
		if err != nil {
			return nil, err
		}
		file.Tests = append(file.Tests, test)
	}
	return file, nil
}

// read makes a trial of a test.
func (c *testCase) read(at place, l library) (*Test, error) {
	t := &Test{File: at.file, Line: at.line(), Name: c.Name, at: at, want: c.Expect}
	var err error
	if t.trial.Spec, err = c.spec(at, l); err != nil {
		return nil, err
	}
	if err := c.readTimes(at, t); err != nil {
		return nil, err
	}
	if t.trial.Outages, err = c.readOutages(at); err != nil {
		return nil, err
	}
	if err := c.readScripts(at, &t.trial); err != nil {
		return nil, err
	}
	t.trial.Secrets = c.Secrets
	return t, t.want.check(at.field("expect"), t.trial.Spec)
}

// spec is what the run measures: templates joined, arguments and rules supplied.
func (c *testCase) spec(at place, l library) (v1alpha1.AnalysisRunSpec, error) {
	refs, err := l.choose(at, c.Templates)
	if err != nil {
		return v1alpha1.AnalysisRunSpec{}, err
	}
	flat, err := analysis.Flatten(l.Library, refs)
	if err != nil {
		return v1alpha1.AnalysisRunSpec{}, at.problem(err.Error(), "correct the templates")
	}
	var args []v1alpha1.Argument
	for _, name := range slices.Sorted(maps.Keys(c.Args)) {
		declared := func(a v1alpha1.Argument) bool { return a.Name == name }
		if !slices.ContainsFunc(flat.Args, declared) {
			return v1alpha1.AnalysisRunSpec{}, at.field("args.%s", name).problem("no template of this test has an argument "+name, declares(flat.Args))
		}
		value := c.Args[name]
		args = append(args, v1alpha1.Argument{Name: name, Value: &value})
	}
	if wrong := validate.Conflicts(flat.MeasurementRetention, c.MeasurementRetention, nil); len(wrong) > 0 {
		why := wrong[0].Detail
		remedy := strings.LastIndex(why, ": ")
		return v1alpha1.AnalysisRunSpec{}, at.field("%s", wrong[0].Field).problem(why[:remedy], why[remedy+len(": "):])
	}
	spec, err := analysis.NewSpec(analysis.WithRules(flat, c.DryRun, c.MeasurementRetention), args)
	if err != nil {
		return spec, at.field("args").problem(err.Error(), "give it a value under args: a test has no Rollout that could supply it")
	}
	return spec, nil
}

// declares says which arguments there are.
func declares(args []v1alpha1.Argument) string {
	if len(args) == 0 {
		return "remove it: they have none"
	}
	var names []string
	for _, a := range args {
		names = append(names, a.Name)
	}
	return "they have " + strings.Join(names, ", ")
}

// readTimes reads when the samples and the run are, and the samples.
func (c *testCase) readTimes(at place, t *Test) error {
	first, err := readTimestamp(at.field("start_timestamp"), c.StartTimestamp)
	if err != nil {
		return err
	}
	if t.startAfter, err = at.field("start_after").duration(c.StartAfter); err != nil {
		return err
	}
	t.trial.Start = first.Add(t.startAfter)
	if t.trial.Limit, err = at.field("until").positive(c.Until, "24h"); err != nil {
		return err
	}
	if t.trial.TerminateAfter, err = at.field("terminate_after").positive(c.TerminateAfter, "never"); err != nil {
		return err
	}
	t.trial.Series, err = c.readSeries(at, first)
	return err
}

// readTimestamp reads seconds since 1970 or RFC 3339; nothing is 0.
func readTimestamp(at place, raw json.RawMessage) (time.Time, error) {
	text := plain(raw)
	if text == "" || text == "null" {
		return time.Unix(0, 0).UTC(), nil
	}
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(seconds, 0).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, at.problem(fmt.Sprintf("%s is not a time", text), "write seconds since 1970, or as 2026-03-01T12:00:00Z")
	}
	return t.UTC(), nil
}

// tooMany finds a repetition of more than a million samples.
var tooMany = regexp.MustCompile(`x\s*[0-9]{7,}`)

func (c *testCase) readSeries(at place, first time.Time) (*prom.DB, error) {
	interval, err := at.field("interval").positive(c.Interval, "1m, or the interval of the file")
	if err != nil {
		return nil, err
	}
	if interval == 0 {
		interval = defaultInterval
	}
	db := prom.NewDB(prom.Options{Retention: 10 * 365 * 24 * time.Hour})
	for i, s := range c.InputSeries {
		at := at.field("input_series[%d]", i)
		switch {
		case strings.TrimSpace(s.Series) == "":
			return nil, at.problem("series is missing", `write a name with labels, as requests_total{code="200"}`)
		case strings.TrimSpace(s.Values) == "":
			return nil, at.problem("values are missing", "write samples, as '0 10 _ 30', '0+10x20' or '1 stale'")
		case tooMany.MatchString(s.Values):
			return nil, at.field("values").problem("these are more than a million samples", "repeat less often")
		}
		if err := db.Pin(first, interval, s.Series, s.Values); err != nil {
			return nil, at.problem(oneLine(err), "write samples as promtool does: '0 10 _ 30', '0+10x20' or '1 stale'")
		}
	}
	return db, nil
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

func (c *testCase) readOutages(at place) ([]trial.Outage, error) {
	var outages []trial.Outage
	for i, o := range c.Outages {
		at := at.field("outages[%d]", i)
		from, err := at.field("from").duration(o.From)
		if err != nil {
			return nil, err
		}
		to, err := at.field("to").duration(o.To)
		if err != nil {
			return nil, err
		}
		if to <= from {
			return nil, at.problem("this outage ends before it begins", "write to, later than from")
		}
		outages = append(outages, trial.Outage{From: from, To: to})
	}
	return outages, nil
}
