package view

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// now is the time at which all outputs were printed.
var now = time.Date(2025, 12, 1, 12, 0, 0, 0, time.UTC)

func weight(w int32) v1alpha1.CanaryStep { return v1alpha1.CanaryStep{SetWeight: ptr.To(w)} }

var (
	pause      = v1alpha1.CanaryStep{Pause: &v1alpha1.RolloutPause{}}
	timed      = v1alpha1.CanaryStep{Pause: &v1alpha1.RolloutPause{Duration: ptr.To(intstr.FromString("10s"))}}
	analysis   = v1alpha1.CanaryStep{Analysis: &v1alpha1.RolloutAnalysis{}}
	experiment = v1alpha1.CanaryStep{Experiment: &v1alpha1.RolloutExperimentStep{}}
)

func steps(s ...v1alpha1.CanaryStep) []v1alpha1.CanaryStep { return s }

// manifest is what the outputs of one case do not tell: the strategy of the
// manifest that stands beside them.
type manifest struct {
	routed bool
	steps  []v1alpha1.CanaryStep
}

// The manifests of 003 that several of its outputs share.
var (
	guide4   = steps(weight(20), timed, weight(80), timed)
	guide8   = steps(weight(20), pause, weight(40), timed, weight(60), timed, weight(80), timed)
	guide9   = steps(weight(20), pause, analysis, weight(40), timed, weight(60), timed, weight(80), timed)
	withExp5 = steps(experiment, weight(20), pause, analysis, weight(100))
)

var manifests = map[string]manifest{
	"2.2.2":   {steps: steps(weight(20), pause, weight(40), timed, weight(100))},
	"2.2.3":   {steps: steps(weight(20), pause, weight(40), pause, weight(100))},
	"2.2.4":   {routed: true, steps: steps(weight(20), pause, weight(40), pause, weight(100))},
	"2.2.5":   {routed: true, steps: steps(weight(20), timed, analysis, weight(100))},
	"2.2.6":   {routed: true, steps: withExp5},
	"2.2.7":   {routed: true, steps: steps(weight(20), pause, weight(40), pause, weight(100))},
	"2.2.8":   {routed: true, steps: steps(weight(20), timed, analysis, weight(100))},
	"2.2.9":   {routed: true, steps: withExp5},
	"001":     {routed: true, steps: withExp5},
	"002":     {routed: true, steps: steps(weight(10), timed, weight(20), timed, weight(40), timed, weight(60), timed, weight(80), timed)},
	"003-R1":  {steps: guide8},
	"003-R2":  {},
	"003-R3":  {},
	"003-R4":  {steps: guide4},
	"003-R5":  {routed: true, steps: guide8},
	"003-R6":  {routed: true, steps: guide9},
	"003-R7":  {routed: true, steps: guide8},
	"003-R8":  {routed: true, steps: guide8},
	"003-R9":  {routed: true, steps: guide9},
	"003-R10": {routed: true, steps: guide9},
	"003-R11": {routed: true, steps: guide9},
	"003-R12": {routed: true, steps: guide9},
	"003-R13": {routed: true, steps: steps(experiment)},
	"003-R14": {routed: true, steps: guide4},
	"004a":    {steps: guide8},
	"004b":    {routed: true, steps: guide8},
	"004c":    {routed: true, steps: guide8},
}

// How an output is compared.
const (
	exactly       = "exactly"
	atTheEnd      = "at the end"
	withoutBlanks = "without blanks"
)

func comparison(name string) string {
	switch name {
	case "003-R12", "003-R13", "004a-S1":
		return atTheEnd
	case "002-S1", "002-S2", "002-S3":
		return withoutBlanks
	}
	return exactly
}

// TestPrintedOutputs builds the objects behind every printed output and expects
// the output back.
func TestPrintedOutputs(t *testing.T) {
	files, err := filepath.Glob("testdata/get-rollout/*.txt")
	if err != nil || len(files) != 80 {
		t.Fatalf("%d files, want 80: %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := string(text)
			o := parsePrinted(t, want, manifestOf(name))
			var b bytes.Buffer
			if err := Render(&b, Rollout(o, now), false); err != nil {
				t.Fatal(err)
			}
			got := b.String()
			switch comparison(name) {
			case atTheEnd:
				got = got[max(0, len(got)-len(want)):]
			case withoutBlanks:
				got, want = collapse(got), collapse(want)
			}
			if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("printed output (-want +got):\n%s", diff)
			}
		})
	}
}

// manifestOf finds the strategy of a state; nil means blue/green.
func manifestOf(name string) *manifest {
	document, _, _ := strings.Cut(name, "-")
	for _, key := range []string{name, document} {
		if m, ok := manifests[key]; ok {
			return &m
		}
	}
	return nil
}

var blanks = regexp.MustCompile(` +`)

func collapse(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(blanks.ReplaceAllString(lines[i], " "))
	}
	return strings.Join(lines, "\n")
}

// TestColourKeepsColumns removes the colours again and expects the plain text.
func TestColourKeepsColumns(t *testing.T) {
	text, err := os.ReadFile("testdata/get-rollout/2.2.9-S6.txt")
	if err != nil {
		t.Fatal(err)
	}
	o := parsePrinted(t, string(text), manifestOf("2.2.9-S6"))
	var b bytes.Buffer
	if err := Render(&b, Rollout(o, now), true); err != nil {
		t.Fatal(err)
	}
	colored := b.String()
	for _, want := range []string{green + "✔ Healthy" + reset, yellow + "canary" + reset, red + "✖ Failed" + reset} {
		if !strings.Contains(colored, want) {
			t.Errorf("no %q in the coloured output", want)
		}
	}
	plain := regexp.MustCompile("\x1b\\[[0-9]*m").ReplaceAllString(colored, "")
	if diff := cmp.Diff(string(text), plain); diff != "" {
		t.Errorf("coloured output without its colours (-want +got):\n%s", diff)
	}
}

// BenchmarkGetRollout builds and prints the largest of the printed trees.
func BenchmarkGetRollout(b *testing.B) {
	text, err := os.ReadFile("testdata/get-rollout/2.2.9-S6.txt")
	if err != nil {
		b.Fatal(err)
	}
	o := parsePrinted(b, string(text), manifestOf("2.2.9-S6"))
	b.ReportAllocs()
	for b.Loop() {
		if err := Render(io.Discard, Rollout(o, now), false); err != nil {
			b.Fatal(err)
		}
	}
}
