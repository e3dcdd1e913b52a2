package templatetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/manifest"
)

// place is a field of a test file.
type place struct {
	file   string
	source manifest.Source
	path   string
}

// field is a place below this one: at.field("tests[%d]", 1).
func (p place) field(format string, args ...any) place {
	path := fmt.Sprintf(format, args...)
	if p.path != "" {
		path = p.path + "." + path
	}
	p.path = path
	return p
}

// problem makes an error about this place.
func (p place) problem(problem, remedy string) error {
	return p.source.Problem(p.path, problem, remedy)
}

func (p place) line() int { return p.source.LineOf(p.path) }

// String is "web_test.yaml:12".
func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.line()) }

// duration reads a span of time; empty is 0.
func (p place) duration(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		var long model.Duration
		long, err = model.ParseDuration(text) // also knows days and weeks
		d = time.Duration(long)
	}
	if err != nil || d < 0 {
		return 0, p.problem(fmt.Sprintf("%q is not a span of time", text), "write one as 30s, 5m or 1h30m")
	}
	return d, nil
}

// positive reads a span of time that cannot be 0, since that would be taken for leaving it
// out; empty is 0. without says what leaving it out means.
func (p place) positive(text, without string) (time.Duration, error) {
	d, err := p.duration(text)
	if err == nil && d == 0 && text != "" {
		return 0, p.problem(fmt.Sprintf("%q is no time at all", text), "write a longer one, as 30s, 5m or 1h30m, or leave it out, which means "+without)
	}
	return d, err
}

// phases are what a run, a metric or a measurement can end in.
var phases = []v1alpha1.AnalysisPhase{
	v1alpha1.AnalysisPhaseSuccessful, v1alpha1.AnalysisPhaseFailed, v1alpha1.AnalysisPhaseError, v1alpha1.AnalysisPhaseInconclusive,
}

// phase checks the name of a phase; empty is right.
func (p place) phase(phase v1alpha1.AnalysisPhase, more ...v1alpha1.AnalysisPhase) error {
	all := slices.Concat(phases, more)
	if phase == "" || slices.Contains(all, phase) {
		return nil
	}
	var names []string
	for _, known := range all {
		names = append(names, string(known))
	}
	return p.problem(fmt.Sprintf("there is no phase %q", phase), "write "+strings.Join(names, ", "))
}
