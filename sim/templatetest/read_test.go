package templatetest

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/manifest"
)

// prometheusMetric, webMetrics and jobMetric are templates on line 1 of a file.
const (
	prometheusMetric = `templates: [{apiVersion: argoproj.io/v1alpha1, kind: AnalysisTemplate, metadata: {name: p}, spec: {args: [{name: limit, value: "1"}, {name: app, value: web}], metrics: [{name: rate, successCondition: 'result < {{args.limit}}', provider: {prometheus: {query: 'scalar(errors{app="{{args.app}}"})'}}}]}}]` + "\n"
	needsArgument    = `templates: [{apiVersion: argoproj.io/v1alpha1, kind: AnalysisTemplate, metadata: {name: needs}, spec: {args: [{name: app}], metrics: [{name: rate, provider: {prometheus: {query: 'errors{app="{{args.app}}"}'}}}]}}]` + "\n"
	webMetrics       = `templates: [{apiVersion: argoproj.io/v1alpha1, kind: AnalysisTemplate, metadata: {name: w}, spec: {metrics: [{name: a, provider: {web: {url: http://a/}}}, {name: b, provider: {web: {url: http://b/}}}]}}]` + "\n"
	jobMetric        = `templates: [{apiVersion: argoproj.io/v1alpha1, kind: AnalysisTemplate, metadata: {name: j}, spec: {metrics: [{name: a, provider: {job: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}}}]}}]` + "\n"
	skyMetric        = `templates: [{apiVersion: argoproj.io/v1alpha1, kind: AnalysisTemplate, metadata: {name: s}, spec: {metrics: [{name: apdex, successCondition: 'result.apdex > 0.9', provider: {skywalking: {address: http://oap:12800, query: q}}}]}}]` + "\n"
	twoTemplates     = `templates: [{apiVersion: argoproj.io/v1alpha1, kind: AnalysisTemplate, metadata: {name: a}, spec: {metrics: [{name: m, provider: {prometheus: {query: q}}}]}}, {apiVersion: argoproj.io/v1alpha1, kind: ClusterAnalysisTemplate, metadata: {name: a}, spec: {templates: [{templateName: gone}], metrics: [{name: m, provider: {prometheus: {query: q}}}]}}]` + "\n"
	test             = "tests:\n- name: t\n  expect: {phase: Successful}\n"
)

// readText reads a test file that has no files beside it.
func readText(text string) (*File, error) {
	return read(manifest.File{Name: "t.yaml", Data: []byte(text)}, func(string) ([]manifest.File, error) { return nil, nil })
}

func TestReadErrors(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "", "t.yaml: there are 0 documents in it; write one"},
		{"no template", test, "t.yaml:1: there is no template to test; name files under template_files, or write templates under templates"},
		{"no tests", prometheusMetric, "t.yaml:1: there is no test in this file; write one under tests"},
		{"no file", "template_files: [x/*.yaml]\n" + test, "t.yaml:1: there is no file x/*.yaml; correct the path, which counts from the folder of the test file"},
		{"another kind", "templates: [{apiVersion: argoproj.io/v1alpha1, kind: Rollout}]\n" + test, `t.yaml:1: kind is "Rollout"; write AnalysisTemplate or ClusterAnalysisTemplate`},
		{"another version", "templates: [{apiVersion: v1, kind: AnalysisTemplate}]\n" + test, `t.yaml:1: apiVersion is "v1"; write argoproj.io/v1alpha1`},
		{"a template without a name", "templates: [{apiVersion: argoproj.io/v1alpha1, kind: AnalysisTemplate}]\n" + test, `t.yaml:1: this template has no name; set metadata.name`},
		{"the same template twice", "templates:\n- &a {apiVersion: argoproj.io/v1alpha1, kind: AnalysisTemplate, metadata: {name: a}}\n- *a\n" + test,
			`t.yaml:3: AnalysisTemplate "a" is given twice: at t.yaml:2 and at t.yaml:3; leave one of them out`},
		{"two templates", twoTemplates + test, `t.yaml:3: there are 2 templates to test; name one or more under templates, as {templateName: a}`},
		{"a template that is not there", twoTemplates + test + "  templates: [{templateName: b}]\n",
			`t.yaml:5: there is no AnalysisTemplate "b"; there is AnalysisTemplate "a", ClusterAnalysisTemplate "a"`},
		{"a template that refers to none", twoTemplates + test + "  templates: [{templateName: a, clusterScope: true}]\n",
			`t.yaml:3: AnalysisTemplate "gone" is referred to and not there; add its file to template_files`},
		{"the same template named twice is once", twoTemplates + test + "  templates: [{templateName: a}, {templateName: a}]\n", ""},
		{"a test without a name", prometheusMetric + "tests:\n- expect: {phase: Failed}\n", "t.yaml:3: this test has no name; set name to what it shows"},
		{"two tests of one name", prometheusMetric + test + "- name: t\n  expect: {phase: Failed}\n", `t.yaml:5: there is a test "t" already; give each its own name`},
		{"an argument that is not there", prometheusMetric + test + "  args:\n    limt: '2'\n", "t.yaml:6: no template of this test has an argument limt; they have limit, app"},
		{"an argument of none", webMetrics + test + "  args: {x: '2'}\n  web: [{metric: a}, {metric: b}]\n", "t.yaml:5: no template of this test has an argument x; remove it: they have none"},
		{"an argument that is missing", needsArgument + test, "t.yaml:3: args.app was not resolved; give it a value under args: a test has no Rollout that could supply it"},
		{"a rule that contradicts another", webMetrics + test + "  measurementRetention:\n  - {metricName: a, limit: 3}\n  - {metricName: a, limit: 4}\n  web: [{metric: a}, {metric: b}]\n",
			`t.yaml:7: the rule for "a" that a template has, or that stands before this one, keeps 3; give both the same limit, or leave this one out`},
		{"an argument that is a number", prometheusMetric + test + "  args: {limit: 2}\n", `t.yaml:5: field "tests[0].args.limit" is a number; write a string; quote it if it looks like something else`},
		{"a time", prometheusMetric + test + "  start_after: soon\n", `t.yaml:5: "soon" is not a span of time; write one as 30s, 5m or 1h30m`},
		{"a negative time", prometheusMetric + test + "  terminate_after: -5s\n", `t.yaml:5: "-5s" is not a span of time; write one as 30s, 5m or 1h30m`},
		{"an end at once", prometheusMetric + test + "  terminate_after: 0s\n", `t.yaml:5: "0s" is no time at all; write a longer one, as 30s, 5m or 1h30m, or leave it out, which means never`},
		{"a look at once", prometheusMetric + test + "  until: 0s\n", `t.yaml:5: "0s" is no time at all; write a longer one, as 30s, 5m or 1h30m, or leave it out, which means 24h`},
		{"samples all at once", prometheusMetric + test + "  interval: 0m\n", `t.yaml:5: "0m" is no time at all; write a longer one, as 30s, 5m or 1h30m, or leave it out, which means 1m`},
		{"samples of all tests at once", "interval: 0s\n" + prometheusMetric + test + "  interval: 1m\n", `t.yaml:1: "0s" is no time at all; write a longer one, as 30s, 5m or 1h30m, or leave it out, which means 1m`},
		{"a start at once", prometheusMetric + test + "  start_after: 0s\n", ""},
		{"a date", prometheusMetric + test + "  start_timestamp: yesterday\n", `t.yaml:5: yesterday is not a time; write seconds since 1970, or as 2026-03-01T12:00:00Z`},
		{"an interval", "interval: 5\n" + prometheusMetric + test, `t.yaml:1: field "interval" is a number; write a string`},
		{"a series without values", prometheusMetric + test + "  input_series:\n  - series: errors\n", `t.yaml:6: values are missing; write samples, as '0 10 _ 30', '0+10x20' or '1 stale'`},
		{"a series without a name", prometheusMetric + test + "  input_series:\n  - values: '1'\n", `t.yaml:6: series is missing; write a name with labels, as requests_total{code="200"}`},
		{"the same series twice", prometheusMetric + test + "  input_series:\n  - {series: errors, values: '1'}\n  - {series: errors, values: '1'}\n", `t.yaml:7: pin series {__name__="errors"}: it has a sample at 1970-01-01T00:00:00Z or later already; `},
		{"too many samples", prometheusMetric + test + "  input_series:\n  - {series: errors, values: 0+1x10000000}\n", `t.yaml:6: these are more than a million samples; repeat less often`},
		{"a broken series", prometheusMetric + test + "  input_series:\n  - {series: 'errors{', values: '1'}\n", `t.yaml:6: pin series errors{ with values "1": `},
		{"an outage", prometheusMetric + test + "  outages:\n  - {from: 2m, to: 1m}\n", "t.yaml:6: this outage ends before it begins; write to, later than from"},
		{"an answer too few", webMetrics + test + "  web: [{metric: a}]\n", `t.yaml:3: metric "b" asks a web provider, for which there is no answer; write one for each measurement under web; the last one holds for all that follow`},
		{"an answer for nobody", prometheusMetric + test + "  web: [{status: 200}]\n", "t.yaml:5: no metric of this test has a web provider; remove it"},
		{"an answer for whom", webMetrics + test + "  web: [{status: 200}]\n", "t.yaml:5: it is not said for which metric this is; set metric to one of a, b"},
		{"an answer for another", webMetrics + test + "  web:\n  - metric: c\n", `t.yaml:6: no metric "c" has a web provider; write a or b`},
		{"an answer too often", webMetrics + test + "  web:\n  - {metric: a, times: -1}\n", `t.yaml:6: times is -1; write a number from 1 to 100000`},
		{"a status", webMetrics + test + "  web:\n  - {metric: a, status: 20}\n", `t.yaml:6: status is 20; write a code of HTTP from 200 to 599`},
		{"two bodies", webMetrics + test + "  web:\n  - {metric: a, body: a, json: {}}\n", `t.yaml:6: there are both body and json; keep one of them`},
		{"no Job", jobMetric + test, `t.yaml:3: metric "a" asks a job provider, for which there is no answer; write one for each measurement under job`},
		{"an empty Job", jobMetric + test + "  job: [{after: 5s}]\n", `t.yaml:5: a Job needs either condition or waiting; write condition: Complete, condition: Failed or waiting: ErrImagePull`},
		{"a Job's end", jobMetric + test + "  job: [{condition: Succeeded}]\n", `t.yaml:5: condition is "Succeeded"; write Complete or Failed`},
		{"a Job's image", jobMetric + test + "  job: [{waiting: ContainerCreating}]\n", `t.yaml:5: waiting is "ContainerCreating"; write ErrImagePull, ImagePullBackOff, InvalidImageName, ErrImageNeverPull`},
		{"no answer of SkyWalking", skyMetric + test + "  skywalking: [{}]\n", `t.yaml:5: there is no answer here; write data, errors, status or error`},
		{"nothing expected", prometheusMetric + "tests:\n- name: t\n", "t.yaml:3: it is not said how the run has to end; set expect.phase to Successful, Failed, Error or Inconclusive"},
		{"an unknown metric", prometheusMetric + "tests:\n- name: t\n  expect:\n    phase: Failed\n    metrics:\n      rates: {}\n", `t.yaml:7: this test has no metric "rates"; there is rate`},
		{"the phase of a metric", prometheusMetric + "tests:\n- name: t\n  expect:\n    phase: Failed\n    metrics:\n      rate: {phase: Bad}\n", `t.yaml:7: there is no phase "Bad"; write Successful, Failed, Error, Inconclusive, Running`},
		{"the phase of a measurement", prometheusMetric + "tests:\n- name: t\n  expect:\n    phase: Failed\n    metrics:\n      rate:\n        measurements:\n        - phase: Running\n", `t.yaml:9: there is no phase "Running"; write Successful, Failed, Error, Inconclusive`},
		{"a misspelt count", prometheusMetric + "tests:\n- name: t\n  expect:\n    phase: Failed\n    metrics:\n      rate:\n        fialed: 1\n", `t.yaml:8: unknown field "tests[0].expect.metrics.rate.fialed"; did you mean "failed"?`},
		{"a misspelt answer", webMetrics + test + "  web:\n  - {metrc: a}\n", `t.yaml:6: unknown field "tests[0].web[0].metrc"; did you mean "metric"?`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := readText(test.text)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("got %v, want no error", err)
			case test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), "\n")):
				t.Errorf("got\n%v, want\n%s", err, test.want)
			case test.want != "" && !manifest.IsProblem(err):
				t.Errorf("%v is a %T", err, err)
			}
		})
	}
}

// TestReadFiles finds templates beside the test file.
func TestReadFiles(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("service.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n")
	write("a.yaml", "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: a}\nspec:\n  templates: [{templateName: b}]\n")
	write("b.yaml", "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: b}\nspec:\n  metrics: [{name: m, provider: {prometheus: {query: up}}}]\n")
	write("x_test.yml", "template_files: ['[ab].yaml']\n"+test)
	write("y_test.yaml", "template_files: [service.yaml]\n"+test)
	file, err := Read(filepath.Join(folder, "x_test.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if metrics := file.Tests[0].trial.Spec.Metrics; len(metrics) != 1 || metrics[0].Name != "m" {
		t.Errorf("the test measures %v, want what the template refers to", metrics)
	}
	if _, err := Read(filepath.Join(folder, "y_test.yaml")); err == nil || !strings.Contains(err.Error(), "there is no template in service.yaml") {
		t.Errorf("a Service: %v", err)
	}
	if _, err := Read(filepath.Join(folder, "z_test.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	found, err := Find(folder, filepath.Join(folder, "x_test.yml"))
	if want := []string{filepath.Join(folder, "x_test.yml"), filepath.Join(folder, "y_test.yaml")}; err != nil || !gocmp.Equal(found, want) {
		t.Errorf("found %v, %v, want %v", found, err, want)
	}
}

// FuzzRead reads and runs whatever comes. Errors are one line and name the file.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"success-rate_test.yaml", "limits_test.yaml", "providers_test.yaml"} {
		data, err := os.ReadFile(filepath.Join("../../examples/analysis", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	for _, template := range []string{prometheusMetric, needsArgument, webMetrics, jobMetric, skyMetric} {
		f.Add(template + test + "  args: {limit: '0.5'}\n  start_timestamp: 17e8\n  input_series: [{series: errors, values: 0 NaN _ Inf stale 1x3}]\n")
		f.Add(template + test + "  web: [{body: x}]\n  until: 5m\n")
		f.Add(template + test + "  job: [{after: 1m, condition: Failed, times: 3}]\n")
		f.Add(template + test + "  skywalking: [{data: {apdex: 1}}, {errors: [no]}]\n  terminate_after: 5m\n")
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := read(manifest.File{Name: "t.yaml", Data: []byte(text)}, beside("../../examples/analysis"))
		if err != nil {
			if manifest.IsProblem(err) && strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines:\n%v", err)
			}
			return
		}
		for _, test := range file.Tests {
			test.trial.Limit = min(cmp.Or(test.trial.Limit, time.Hour), time.Hour)
			if o := test.Run(context.Background(), clock.Real{}); o.Err != nil {
				t.Errorf("%s: %v", test.Name, o.Err)
			}
		}
	})
}
