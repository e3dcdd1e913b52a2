package prom

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// Pin adds a series whose samples are given, a step apart from start on, in the
// notation of promtool's unit tests:
//
//	"1 2 _ 4"    four steps, at the third of them no sample
//	"0+10x3"     0 10 20 30
//	"5x2 stale"  5 5 5 and then the mark that the series has ended
//
// The labels are written as in PromQL: `requests{code="200"}`. Samples may lie
// in the future: a query sees those up to its time. The error shows what is
// wrong with the text, or that there are samples of this series as late already.
func (db *DB) Pin(start time.Time, step time.Duration, series, values string) error {
	if step < time.Millisecond {
		return fmt.Errorf("pin series %s: the step is %v: it must be at least 1ms", series, step)
	}
	ls, sequence, err := parse(strings.TrimSpace(series), values)
	if err != nil {
		return fmt.Errorf("pin series %s with values %q: %w", series, values, err)
	}
	if ls.IsEmpty() {
		return fmt.Errorf("pin series %s: it has no name and no label", series)
	}
	db.wake(func(name string) bool { return name == ls.Get(model.MetricNameLabel) })
	s, t := db.seriesOf(ls), start.UnixMilli()
	for _, v := range sequence {
		switch {
		case v.Histogram != nil:
			return fmt.Errorf("pin series %s with values %q: native histograms are not supported: pin the _bucket, _sum and _count series", series, values)
		case !v.Omitted && !s.append(point{t, v.Value}):
			return fmt.Errorf("pin series %s: it has a sample at %s or later already", ls, time.UnixMilli(t).UTC().Format(time.RFC3339))
		}
		t += step.Milliseconds()
	}
	return nil
}

// Sample is one step of values in promtool's notation.
type Sample struct {
	Value float64
	// Omitted is true for "_": there is no value.
	Omitted bool
}

// ParseValues reads values as Pin does, without a series to put them into.
func ParseValues(values string) ([]Sample, error) {
	_, sequence, err := parse("x", values)
	if err != nil {
		return nil, fmt.Errorf("values %q: %w", values, err)
	}
	var samples []Sample
	for _, v := range sequence {
		samples = append(samples, Sample{v.Value, v.Omitted || v.Histogram != nil})
	}
	return samples, nil
}

// maxSteps is how many steps the values of a series may have: half a year of
// scrapes each 15 s. The parser makes a value of each before it returns.
const maxSteps = 1_000_000

var repeats = regexp.MustCompile(`x([0-9]+)`)

func parse(series, values string) (labels.Labels, []parser.SequenceValue, error) {
	steps := len(strings.Fields(values))
	for _, repeat := range repeats.FindAllStringSubmatch(values, -1) {
		n, err := strconv.Atoi(repeat[1])
		if steps += n; err != nil || n > maxSteps || steps > maxSteps {
			return labels.EmptyLabels(), nil, fmt.Errorf("%s is too often: a series has at most %d steps: take a longer interval", repeat[0], maxSteps)
		}
	}
	return parser.NewParser(parser.Options{}).ParseSeriesDesc(series + " " + values)
}
