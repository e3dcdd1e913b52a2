package trial

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/google/go-cmp/cmp"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/fixtures"
	"github.com/aviary-rollouts/aviary/sim/prom"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// spec reads metrics in YAML.
func spec(t testing.TB, text string) v1alpha1.AnalysisRunSpec {
	t.Helper()
	var s v1alpha1.AnalysisRunSpec
	if err := yaml.UnmarshalStrict([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// successRate is the template of the source document's analyses.
func successRate(t testing.TB) v1alpha1.AnalysisRunSpec {
	t.Helper()
	data, err := fixtures.FS.ReadFile("cases/success-rate-analysistemplate.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var template v1alpha1.AnalysisTemplate
	if err := yaml.UnmarshalStrict(data, &template); err != nil {
		t.Fatal(err)
	}
	return v1alpha1.AnalysisRunSpec{Metrics: template.Spec.Metrics}
}

// series are requests a quarter of a minute apart, beginning a minute before the
// run.
func series(t testing.TB, values map[string]string) *prom.DB {
	t.Helper()
	db := prom.NewDB(prom.Options{})
	for code, v := range values {
		name := fmt.Sprintf(`istio_requests_total{destination_service_name="mock-server-canary",response_code=%q}`, code)
		if err := db.Pin(start.Add(-time.Minute), 15*time.Second, name, v); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

// story is a run in a few lines: every measurement, and the end.
func story(r *Record) []string {
	var lines []string
	for _, m := range r.Measurements {
		at := m.Started.String()
		if m.Finished > m.Started {
			at += "-" + m.Finished.String()
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", at, m.Metric, m.Phase, m.Value, m.Message)))
	}
	return append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Took, r.Run.Status.Phase, r.Run.Status.Message)))
}

const twoWebMetrics = `
metrics:
- name: a
  interval: 10s
  count: 3
  successCondition: result == "good"
  provider: {web: {url: http://a/}}
- name: b
  interval: 10s
  count: 3
  provider: {web: {url: http://b/, jsonPath: "{$.v}"}}
`

const oneJob = `
metrics:
- name: j
  interval: 60s
  count: 2
  failureLimit: 1
  provider: {job: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: test, image: busybox}]}}}}}
`

func TestRun(t *testing.T) {
	for _, test := range []struct {
		name  string
		trial Trial
		want  []string
	}{
		{"good traffic", Trial{Spec: successRate(t), Series: series(t, map[string]string{"200": "0+97x20", "500": "0+3x20"})}, []string{
			"0s success-rate Successful 0.97", "30s success-rate Successful 0.97", "1m0s success-rate Successful 0.97", "1m0s Successful"}},
		{"no traffic", Trial{Spec: successRate(t)}, []string{
			"0s success-rate Failed NaN", "30s success-rate Failed NaN", "1m0s success-rate Failed NaN",
			`1m0s Failed Metric "success-rate" assessed Failed due to failed (3) > failureLimit (2)`}},
		{"four errors in a row", Trial{Spec: successRate(t), Series: series(t, map[string]string{"200": "0+100x20"}), Outages: []Outage{{0, 40 * time.Second}}}, []string{
			refused(0), refused(10), refused(20), refused(30), "40s success-rate Successful 1", "1m10s success-rate Successful 1", "1m40s success-rate Successful 1", "1m40s Successful"}},
		{"five errors in a row", Trial{Spec: successRate(t), Outages: []Outage{{0, 41 * time.Second}}}, []string{
			refused(0), refused(10), refused(20), refused(30), refused(40),
			`40s Error Metric "success-rate" assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4): "Error Message: ` + refusal + `"`}},
		{"two web servers", Trial{Spec: spec(t, twoWebMetrics), Answers: map[string][]Answer{
			"a": {{Body: "good"}, {Status: 503}, {Body: "good"}}, "b": {{Body: `{"v":1}`}, {Body: `{"v":2}`}, {Error: "no route to host"}, {Body: `{"v":3}`}}}}, []string{
			"0s a Successful good", "0s b Successful 1", "10s a Error  received non 2xx response code: 503", "10s b Successful 2",
			"20s a Successful good", `20s b Error  Get "http://b/": no route to host`, "30s a Successful good", "30s b Successful 3", "30s Successful"}},
		{"terminated", Trial{Spec: spec(t, twoWebMetrics), TerminateAfter: 10 * time.Second, Answers: map[string][]Answer{
			"a": {{Body: "good"}}, "b": {{Body: `{"v":1}`}}}}, []string{
			"0s a Successful good", "0s b Successful 1", "10s a Successful good", "10s b Successful 1", "10s Successful Run Terminated"}},
		{"jobs", Trial{Spec: spec(t, oneJob), Jobs: map[string][]Job{"j": {
			{After: 15 * time.Second, Condition: batchv1.JobComplete}, {After: 5 * time.Second, Condition: batchv1.JobFailed}}}}, []string{
			"0s-15s j Successful", "1m15s-1m20s j Failed", "1m20s Successful"}},
		{"an image that is not there", Trial{Spec: spec(t, oneJob), Jobs: map[string][]Job{"j": {{After: 2 * time.Second, Waiting: "ErrImagePull"}}}}, []string{
			"0s-2s j Inconclusive  container test cannot start: ErrImagePull:",
			`2s Inconclusive Metric "j" assessed Inconclusive due to inconclusive (1) > inconclusiveLimit (0): "Error Message: container test cannot start: ErrImagePull: "`}},
		{"a job that is ended", Trial{Spec: spec(t, oneJob), TerminateAfter: 20 * time.Second, Jobs: map[string][]Job{"j": {{After: time.Hour, Condition: batchv1.JobComplete}}}}, []string{
			"0s-20s j Successful  Metric Terminated", "20s Successful Run Terminated"}},
		{"a limit", Trial{Spec: spec(t, oneJob), Limit: time.Minute, Jobs: map[string][]Job{"j": {{After: time.Hour, Condition: batchv1.JobComplete}}}}, []string{
			"1m0s Running"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.trial.Start = start
			record, err := test.trial.Run(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, story(record)); diff != "" {
				t.Errorf("story (-want +got):\n%s", diff)
			}
		})
	}
}

const refusal = `Post "http://prometheus.istio-system.svc.cluster.local:9090/api/v1/query": connection refused`

func refused(seconds int) string { return fmt.Sprintf("%ds success-rate Error  %s", seconds, refusal) }

const withSecret = `
args:
- name: token
  valueFrom: {secretKeyRef: {name: api, key: token}}
metrics:
- name: a
  failureCondition: result != "pass"
  provider: {web: {url: "http://a/?t={{args.token}}"}}
`

// TestSecrets lets a metric need a Secret: it is read, and hidden again.
func TestSecrets(t *testing.T) {
	trial := Trial{Start: start, Spec: spec(t, withSecret), Answers: map[string][]Answer{"a": {{Error: "no such host"}, {Body: "hush"}}},
		Secrets: map[string]map[string]string{"api": {"token": "hush"}}}
	record, err := trial.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`0s a Error  Get "http://a/?t=*****": no such host`, "10s a Failed *****", `10s Failed Metric "a" assessed Failed due to failed (1) > failureLimit (0)`}
	if diff := cmp.Diff(want, story(record)); diff != "" {
		t.Errorf("story (-want +got):\n%s", diff)
	}
	trial.Secrets = nil
	if record, err = trial.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := record.Run.Status; got.Phase != v1alpha1.AnalysisPhaseError || !strings.HasPrefix(got.Message, "Unable to resolve metric arguments: ") {
		t.Errorf("without the Secret the run is %s: %s", got.Phase, got.Message)
	}
}

const withToken = `
metrics:
- name: a
  successCondition: result == "good"
  provider: {web: {url: http://a/, authentication: {oauth2: {tokenUrl: http://login/token, clientId: me, clientSecret: hush}}}}
`

// TestToken checks that asking for a token takes no answer from the metric.
func TestToken(t *testing.T) {
	record, err := Trial{Start: start, Spec: spec(t, withToken), Answers: map[string][]Answer{"a": {{Body: "good"}, {Body: "bad"}}}}.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"0s a Successful good", "0s Successful"}, story(record)); diff != "" {
		t.Errorf("story (-want +got):\n%s", diff)
	}
}

func TestMissing(t *testing.T) {
	for provider, text := range map[string]string{"web": twoWebMetrics, "job": oneJob} {
		_, err := Trial{Start: start, Spec: spec(t, text)}.Run(context.Background())
		var missing *MissingError
		if !errors.As(err, &missing) || missing.Provider != provider {
			t.Errorf("%s: got %v, want that an answer is missing", provider, err)
		}
	}
}

func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (Trial{Start: start, Spec: successRate(t)}).Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was interrupted", err)
	}
}

// TestKeepsAll checks that the record has what the status does not keep.
func TestKeepsAll(t *testing.T) {
	const text = `{metrics: [{name: a, interval: 1s, count: 30, provider: {web: {url: http://a/}}}]}`
	record, err := Trial{Start: start, Spec: spec(t, text), Answers: map[string][]Answer{"a": {{Body: "1"}}}}.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if kept, all := len(record.Run.Status.MetricResults[0].Measurements), len(record.Measurements); kept != 10 || all != 30 {
		t.Errorf("the status keeps %d and the record %d, want 10 and 30", kept, all)
	}
}

// TestSameTwice checks that a trial leaves what it was given as it is.
func TestSameTwice(t *testing.T) {
	trial := Trial{Start: start, Spec: spec(t, oneJob), Jobs: map[string][]Job{"j": {{After: time.Second, Condition: batchv1.JobComplete}}}}
	var first []string
	for range 2 {
		record, err := trial.Run(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = story(record)
		}
		if diff := cmp.Diff(first, story(record)); diff != "" {
			t.Errorf("the second time is another (-first +second):\n%s", diff)
		}
	}
	if containers := trial.Spec.Metrics[0].Provider.Job.Spec.Template.Spec.Containers; !cmp.Equal(containers, []corev1.Container{{Name: "test", Image: "busybox"}}) {
		t.Errorf("the spec was changed: %v", containers)
	}
}

func BenchmarkRun(b *testing.B) {
	trial := Trial{Start: start, Spec: successRate(b), Series: series(b, map[string]string{"200": "0+97x20", "500": "0+3x20"})}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := trial.Run(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
