package templatetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/sim/trial"
)

// frozen is a clock that stands still.
var frozen = clock.Func(func() time.Time { return time.Time{} })

// TestRun runs tests that pass, each of which would fail without what its name says.
func TestRun(t *testing.T) {
	for _, test := range []struct{ name, text string }{
		{"arguments", prometheusMetric + `
tests:
- name: t
  args: {limit: "8", app: shop}
  input_series: [{series: 'errors{app="shop"}', values: "7"}]
  expect: {phase: Successful, metrics: {rate: {count: 1, measurements: [{value: 7}]}}}`},
		{"the time of day", `
templates:
- apiVersion: argoproj.io/v1alpha1
  kind: AnalysisTemplate
  metadata: {name: a}
  spec:
    metrics:
    - {name: hour, provider: {prometheus: {query: scalar(hour())}}}
    - {name: sample, provider: {prometheus: {query: x}}}
tests:
- name: written as text
  start_timestamp: 2026-03-01T12:00:00Z
  interval: 1d
  start_after: 90m
  input_series: [{series: x, values: 4 5}]
  expect: {phase: Successful, metrics: {hour: {measurements: [{at: 0s, value: 13}]}, sample: {measurements: [{value: []}]}}}
- name: in seconds, a week later
  start_timestamp: 1772366400
  start_after: 1w
  expect: {phase: Successful, metrics: {hour: {measurements: [{value: 12}]}}}
- name: since 1970
  start_after: 5m
  input_series: [{series: x, values: "4 5 6 7 8 9 _ _ _ _ _ _ _"}]
  expect: {phase: Successful, metrics: {hour: {measurements: [{value: 0}]}, sample: {measurements: [{value: [9]}]}}}`},
		{"SkyWalking's errors", skyMetric + `
tests:
- name: t
  skywalking:
  - errors: [no such service, try again]
  - status: 502
  - error: no route to host
  - data: {apdex: 0.95}
  expect:
    phase: Successful
    metrics:
      apdex:
        measurements:
        - {message: 'graphql: no such service; try again'}
        - {message: 'received non 2xx response code: 502'}
        - {message: '...no route to host'}
        - {value: {apdex: 0.95}}`},
		{"Graphite's series", `
templates: [{apiVersion: argoproj.io/v1alpha1, kind: AnalysisTemplate, metadata: {name: g}, spec: {metrics: [{name: rate, successCondition: 'result[0] > 90', provider: {graphite: {address: http://graphite, query: target=a.b}}}]}}]
tests:
- name: t
  graphite:
  - {status: 500}
  - {json: [{target: a.b, datapoints: [[99.5, 1], [null, 2]]}]}
  expect:
    phase: Successful
    metrics:
      rate:
        measurements:
        - {message: 'received non 2xx response code: 500'}
        - {value: [99.5]}`},
		{"a metric that runs dry", `
templates:
- apiVersion: argoproj.io/v1alpha1
  kind: ClusterAnalysisTemplate
  metadata: {name: a}
  spec:
    dryRun: [{metricName: bad}]
    metrics:
    - {name: good, successCondition: result == 1, provider: {web: {url: http://good/}}}
    - {name: bad, successCondition: result == 1, provider: {web: {url: http://bad/}}}
tests:
- name: t
  web: [{metric: good, json: 1}, {metric: bad, body: '2'}]
  expect: {phase: Successful, message: '', metrics: {bad: {phase: Failed, failed: 1, message: 'Metric assessed Failed due to failed (1) > failureLimit (0)'}}}`},
		{"rules of a Rollout", webMetrics + `
tests:
- name: t
  dryRun: [{metricName: b}]
  measurementRetention: [{metricName: a, limit: 3}]
  web: [{metric: a, json: 1}, {metric: b, status: 500}]
  expect: {phase: Successful, metrics: {b: {phase: Error}}}`},
		{"a Secret that is missing", `
templates:
- apiVersion: argoproj.io/v1alpha1
  kind: AnalysisTemplate
  metadata: {name: a}
  spec:
    args: [{name: token, valueFrom: {secretKeyRef: {name: api, key: token}}}]
    metrics: [{name: a, provider: {web: {url: 'http://a/{{args.token}}'}}}]
tests:
- name: t
  web: [{}]
  secrets: {api: {tokn: x}}
  expect: {phase: Error, message: 'Unable to resolve metric arguments: ...key ''token'' does not exist...', metrics: {a: {measurements: []}}}`},
		{"parts of a Secret", `
templates:
- apiVersion: argoproj.io/v1alpha1
  kind: AnalysisTemplate
  metadata: {name: a}
  spec:
    args: [{name: token, valueFrom: {secretKeyRef: {name: api, key: token}}}]
    metrics:
    - {name: query, consecutiveErrorLimit: 0, provider: {prometheus: {query: 'up{a={{args.token}}}'}}}
    - {name: range, consecutiveErrorLimit: 0, provider: {prometheus: {query: up, rangeQuery: {start: '{{args.token}}', end: now(), step: 1m}}}}
    - {name: path, consecutiveErrorLimit: 0, provider: {web: {url: 'http://a/', jsonPath: '{$.a[?(@.b == {{args.token}})]}'}}}
    - {name: condition, consecutiveErrorLimit: 0, successCondition: 'result == {{args.token}}', provider: {web: {url: 'http://a/'}}}
    - {name: sky, consecutiveErrorLimit: 0, provider: {skywalking: {address: 'http://sky', query: 'query { {{args.token}} }'}}}
tests:
- name: t
  web: [{metric: path, body: '{"a": []}'}, {metric: condition, body: '1'}]
  skywalking: [{errors: [no field swordfish]}]
  secrets: {api: {token: hunter2 swordfish}}
  expect:
    phase: Error
    metrics:
      query: {measurements: [{message: 'query cannot be read with its secret arguments put in...'}]}
      range: {measurements: [{message: 'rangeQuery cannot be read with its secret arguments put in...'}]}
      path: {measurements: [{message: 'jsonPath cannot be read with its secret arguments put in...'}]}
      condition: {measurements: [{message: 'a condition cannot be read with its secret arguments put in...'}]}
      sky: {measurements: [{message: 'query cannot be read with its secret arguments put in...'}]}`},
		{"a template that cannot work", `
templates:
- apiVersion: argoproj.io/v1alpha1
  kind: AnalysisTemplate
  metadata: {name: a}
  spec:
    metrics: [{name: a, count: 3, provider: {prometheus: {query: x}}}]
tests:
- name: t
  expect: {phase: Error, message: 'Analysis spec invalid: ...interval must be specified when count > 1'}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			file, err := readText(strings.TrimLeft(test.text, "\n"))
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range file.Tests {
				if o := one.Run(context.Background(), frozen); !o.Passed() {
					t.Errorf("%s:\n%s", one.Name, o.details(true))
				}
			}
		})
	}
}

// TestBrokenSimulation shows an error in the place of a comparison.
func TestBrokenSimulation(t *testing.T) {
	o := &Outcome{Test: &Test{File: "a_test.yaml", Line: 3, Name: "t"}, Err: errors.New("out of order")}
	var b strings.Builder
	text := Text{Out: &b, NameWidth: 12}
	if err := text.Write(&FileOutcome{Name: "a_test.yaml", Outcomes: []*Outcome{o}}); err != nil {
		t.Fatal(err)
	}
	const want = "--- FAIL: t (0s simulated)\n    a_test.yaml:3: out of order\nFAIL  a_test.yaml     1 test   0s simulated\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	if r := o.report(); r.Error != "out of order" || r.Result != "failed" {
		t.Errorf("the report says %+v", r)
	}
	if f := o.junitFailure(); f == nil || f.Message != "out of order" {
		t.Errorf("JUnit says %+v", f)
	}
}

func TestRow(t *testing.T) {
	m := trial.Measurement{Metric: "m", Finished: 2 * time.Second, Value: strings.Repeat("ä", 70), Phase: "Error", Message: "why"}
	got := row(m)
	if want := strings.Repeat("ä", 57) + "..."; got[0] != "0s - 2s" || got[2] != want || got[3] != "Error: why" {
		t.Errorf("got %q", got)
	}
}
