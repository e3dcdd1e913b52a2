package metric

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/clock"
)

var noon = time.Date(2026, time.January, 5, 12, 0, 0, 0, time.UTC)

var atNoon = clock.Func(func() time.Time { return noon })

// scripted is a provider that answers what the test says, and tells what it was asked.
type scripted struct {
	measure func(Query) (v1alpha1.Measurement, error)
	asked   []Query
}

func (s *scripted) Measure(_ context.Context, q Query, now time.Time) (v1alpha1.Measurement, error) {
	s.asked = append(s.asked, q)
	if s.measure == nil {
		return q.Judged(0.97, "0.97", now), nil
	}
	return s.measure(q)
}

// slow is a provider whose measurements take their time.
type slow struct {
	scripted
	terminate error
}

func (s *slow) Resume(_ context.Context, _ Query, m v1alpha1.Measurement, _ time.Time) (v1alpha1.Measurement, error) {
	m.Phase = v1alpha1.AnalysisPhaseFailed
	return m, nil
}

func (s *slow) Terminate(context.Context, Query, v1alpha1.Measurement) error { return s.terminate }

func (s *slow) Describe(q Query) map[string]string {
	return map[string]string{"query": q.Metric.Provider.Web.URL}
}

func webMetric(url string) v1alpha1.Metric {
	return v1alpha1.Metric{Name: "m", SuccessCondition: "result >= 0.95", Provider: v1alpha1.MetricProvider{Web: &v1alpha1.WebMetric{URL: url}}}
}

func runWith(m v1alpha1.Metric, args ...v1alpha1.Argument) *v1alpha1.AnalysisRun {
	return &v1alpha1.AnalysisRun{
		ObjectMeta: metav1.ObjectMeta{Name: "run", Namespace: "shop"},
		Spec:       v1alpha1.AnalysisRunSpec{Metrics: []v1alpha1.Metric{m}, Args: args},
	}
}

func registry(p Provider, objects ...client.Object) *Registry {
	return NewRegistry(map[string]Provider{"web": p}, fake.NewClientBuilder().WithObjects(objects...).Build(), atNoon)
}

func secretArg(name, key string) v1alpha1.Argument {
	return v1alpha1.Argument{Name: name, ValueFrom: &v1alpha1.ValueFrom{SecretKeyRef: &v1alpha1.SecretKeyRef{Name: "token-secret", Key: key}}}
}

func tokenSecret(value string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "token-secret"}, Data: map[string][]byte{"token": []byte(value)}}
}

// do carries out one task.
func do(r *Registry, run *v1alpha1.AnalysisRun, task analysis.Task) (analysis.Outcome, error) {
	ready, err := r.resolve(context.Background(), run, task)
	if err != nil {
		return analysis.Outcome{}, err
	}
	return r.do(context.Background(), run, ready)
}

func TestMeasure(t *testing.T) {
	p := &scripted{}
	m := webMetric("http://x")
	o, err := do(registry(p), runWith(m), analysis.Task{Kind: analysis.Measure, Metric: m, Number: 3})
	if err != nil {
		t.Fatal(err)
	}
	started := metav1.NewTime(noon)
	want := analysis.Outcome{Metric: "m", Measurement: v1alpha1.Measurement{Phase: v1alpha1.AnalysisPhaseSuccessful, Value: "0.97", StartedAt: &started}}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p.asked[0].Number != 3 || p.asked[0].Run.Name != "run" {
		t.Errorf("asked %+v", p.asked[0])
	}
}

// TestErrors: what cannot be measured is an outcome; what says nothing is not.
func TestErrors(t *testing.T) {
	metricOf := func(more func(*v1alpha1.Metric)) v1alpha1.Metric {
		m := webMetric("http://x")
		if more != nil {
			more(&m)
		}
		return m
	}
	tests := []struct {
		name    string
		m       v1alpha1.Metric
		answer  error
		message string
		again   bool
	}{
		{name: "the provider fails", m: metricOf(nil), answer: errors.New("no route to host"), message: "no route to host"},
		{name: "a passing trouble", m: metricOf(nil), answer: TryAgain(errors.New("conflict")), message: `metric "m": conflict`, again: true},
		{name: "a kind without a provider", m: metricOf(func(m *v1alpha1.Metric) {
			m.Provider = v1alpha1.MetricProvider{Wavefront: &v1alpha1.WavefrontMetric{Query: "q"}}
		}), message: `provider "wavefront": this version of the controller cannot measure it; it can measure web`},
		{name: "no provider", m: metricOf(func(m *v1alpha1.Metric) { m.Provider = v1alpha1.MetricProvider{} }), message: "no provider specified"},
		{name: "a condition that does not compile", m: metricOf(func(m *v1alpha1.Metric) { m.SuccessCondition = "result >" }),
			message: `successCondition "result >": unexpected token EOF (1:8)`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &scripted{}
			if tt.answer != nil {
				p.measure = func(Query) (v1alpha1.Measurement, error) { return v1alpha1.Measurement{}, tt.answer }
			}
			o, err := do(registry(p), runWith(tt.m), analysis.Task{Kind: analysis.Measure, Metric: tt.m, Number: 1})
			if tt.again {
				if err == nil || err.Error() != tt.message {
					t.Errorf("got %v, %+v; want the error %q", err, o, tt.message)
				}
				return
			}
			if err != nil || o.Measurement.Phase != v1alpha1.AnalysisPhaseError || o.Measurement.Message != tt.message {
				t.Errorf("got %v, %+v; want %q", err, o.Measurement, tt.message)
			}
		})
	}
}

func TestUnderWay(t *testing.T) {
	m := webMetric("http://x")
	going := v1alpha1.Measurement{Phase: v1alpha1.AnalysisPhaseRunning, Metadata: map[string]string{"job-name": "j"}}
	try := func(p Provider, kind analysis.TaskKind) (v1alpha1.Measurement, error) {
		o, err := do(registry(p), runWith(m), analysis.Task{Kind: kind, Metric: m, Number: 1, Measurement: going})
		return o.Measurement, err
	}
	if got, err := try(&slow{}, analysis.Resume); err != nil || got.Phase != v1alpha1.AnalysisPhaseFailed || got.Metadata["job-name"] != "j" {
		t.Errorf("resume: %+v, %v", got, err)
	}
	if got, err := try(&slow{}, analysis.Terminate); err != nil || got.Phase != v1alpha1.AnalysisPhaseSuccessful || got.Message != "Metric Terminated" {
		t.Errorf("terminate: %+v, %v", got, err)
	}
	got, err := try(&slow{terminate: errors.New("forbidden")}, analysis.Terminate)
	if err != nil || got.Phase != v1alpha1.AnalysisPhaseSuccessful || got.Message != "Metric Terminated" || got.Metadata["terminate-error"] != "forbidden" {
		t.Errorf("terminate, refused: %+v, %v", got, err)
	}
	if len(going.Metadata) != 1 {
		t.Errorf("the task was modified: %v", going.Metadata)
	}
	if _, err := try(&slow{terminate: TryAgain(errors.New("timeout"))}, analysis.Terminate); err == nil {
		t.Error("terminate, passing trouble: no error")
	}
	if got, err := try(&scripted{}, analysis.Resume); err != nil || got.Phase != v1alpha1.AnalysisPhaseError || !strings.Contains(got.Message, "no way to go on") {
		t.Errorf("resume without a way to: %+v, %v", got, err)
	}
}

// TestSecrets: the provider gets the value, the status does not.
func TestSecrets(t *testing.T) {
	const value = `p"s w/1+`
	m := webMetric("http://x?t={{ args.api-token }}")
	p := &slow{}
	p.measure = func(q Query) (v1alpha1.Measurement, error) {
		return v1alpha1.Measurement{
			Phase: v1alpha1.AnalysisPhaseFailed, Value: "got " + value,
			Message:  fmt.Sprintf("Get %q: t=p%%22s+w%%2F1%%2B", q.Metric.Provider.Web.URL),
			Metadata: map[string]string{"k": value},
		}, nil
	}
	run := runWith(m, secretArg("api-token", "token"))
	o, err := do(registry(p, tokenSecret(value)), run, analysis.Task{Kind: analysis.Measure, Metric: m, Number: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.asked[0].Metric.Provider.Web.URL; got != "http://x?t="+value {
		t.Errorf("the provider got %q", got)
	}
	got := o.Measurement
	if got.Value != "got *****" || got.Message != `Get "http://x?t=*****": t=*****` || got.Metadata["k"] != "*****" || o.Metadata["query"] != "http://x?t=*****" {
		t.Errorf("not hidden: %+v, %v", got, o.Metadata)
	}
	p.measure = func(Query) (v1alpha1.Measurement, error) {
		return v1alpha1.Measurement{}, TryAgain(errors.New("refused " + value))
	}
	_, err = do(registry(p, tokenSecret(value)), run, analysis.Task{Kind: analysis.Measure, Metric: m, Number: 1})
	if err == nil || strings.Contains(err.Error(), value) {
		t.Errorf("not hidden: %v", err)
	}
}

// TestSecretsMisread: an error about a text that cannot be read may quote a part of a value,
// which is shown as little as the whole. Other errors are.
func TestSecretsMisread(t *testing.T) {
	const value, hint = "hunter2 swordfish", " cannot be read with its secret arguments put in: look at the values in the Secret"
	m := webMetric("http://x?t={{args.t}}")
	secretly := webMetric("http://x")
	secretly.SuccessCondition = "result == {{args.t}}"
	wrong := webMetric("http://x?t={{args.t}}")
	wrong.SuccessCondition = "result >"
	for _, tt := range []struct {
		name string
		m    v1alpha1.Metric
		err  error // of the provider
		want string
	}{
		{"a condition", secretly, nil, "a condition" + hint},
		{"a condition that asks for no Secret", wrong, nil, `successCondition "result >": unexpected token EOF (1:8)`},
		{"a query", m, Misread("query", "up{"+value+"}", errors.New("unexpected swordfish")), "query" + hint},
		{"a query that asks for no Secret", m, Misread("query", "up{", errors.New("unexpected end")), "unexpected end"},
		{"a server that is away", m, errors.New("no route to host"), "no route to host"},
	} {
		p := &scripted{}
		if tt.err != nil {
			p.measure = func(Query) (v1alpha1.Measurement, error) { return v1alpha1.Measurement{}, tt.err }
		}
		o, err := do(registry(p, tokenSecret(value)), runWith(tt.m, secretArg("t", "token")), analysis.Task{Kind: analysis.Measure, Metric: tt.m, Number: 1})
		if err != nil || o.Measurement.Phase != v1alpha1.AnalysisPhaseError || o.Measurement.Message != tt.want {
			t.Errorf("%s: got %v, %+v, want %q", tt.name, err, o.Measurement, tt.want)
		}
	}
}

func TestSecretsMissing(t *testing.T) {
	m := webMetric("http://x?t={{args.t}}")
	task := analysis.Task{Kind: analysis.Measure, Metric: m, Number: 1}
	_, err := do(registry(&scripted{}), runWith(m, secretArg("t", "token")), task)
	var unresolved *UnresolvedError
	if !errors.As(err, &unresolved) || unresolved.Error() != `secrets "token-secret" not found` {
		t.Errorf("no Secret: %v", err)
	}
	_, err = do(registry(&scripted{}, tokenSecret("v")), runWith(m, secretArg("t", "other")), task)
	if !errors.As(err, &unresolved) || unresolved.Error() != "key 'other' does not exist in secret 'token-secret'" {
		t.Errorf("no key: %v", err)
	}
	end := analysis.Task{Kind: analysis.Terminate, Metric: m, Number: 1, Measurement: v1alpha1.Measurement{Phase: v1alpha1.AnalysisPhaseRunning}}
	o, err := do(registry(&slow{}), runWith(m, secretArg("t", "token")), end)
	if err != nil || o.Measurement.Message != "Metric Terminated" || o.Metadata != nil {
		t.Errorf("an end without the Secret: %+v, %v", o, err)
	}
	look := analysis.Task{Kind: analysis.Resume, Metric: m, Number: 1, Measurement: v1alpha1.Measurement{Phase: v1alpha1.AnalysisPhaseRunning}}
	o, err = do(registry(&slow{}), runWith(m, secretArg("t", "token")), look)
	if err != nil || o.Measurement.Phase != v1alpha1.AnalysisPhaseFailed {
		t.Errorf("a look at what is under way without the Secret: %+v, %v", o, err)
	}
	failing := interceptor.Funcs{Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
		return apierrors.NewInternalError(errors.New("etcd is away"))
	}}
	r := NewRegistry(map[string]Provider{"web": &scripted{}}, fake.NewClientBuilder().WithInterceptorFuncs(failing).Build(), atNoon)
	_, err = do(r, runWith(m, secretArg("t", "token")), task)
	if err == nil || errors.As(err, &unresolved) {
		t.Errorf("a passing trouble: %v", err)
	}
}

func TestRedactor(t *testing.T) {
	r := newRedactor(map[string]string{"a": "abc", "b": "abcdef", "c": ""})
	for text, want := range map[string]string{
		"":            "",
		"abcdef abc":  "***** *****",
		"xabcy":       "x*****y",
		"YWJjZGVm":    "*****",
		"nothing":     "nothing",
		"abcabcdef":   "**********",
		"ab c abcde.": "ab c *****de.",
	} {
		if got := r.text(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got := (redactor{}).text("abc"); got != "abc" {
		t.Errorf("without secrets: %q", got)
	}
}

// FuzzRedactor: wherever a value stands, it is gone.
func FuzzRedactor(f *testing.F) {
	f.Add("pass word", "GET http://x?t=", "!")
	f.Add("*****", "a", "b")
	f.Fuzz(func(t *testing.T, secret, before, after string) {
		if secret == "" || strings.Contains(secret, "*") {
			return // what hides it could be a part of it
		}
		r := newRedactor(map[string]string{"s": secret})
		if got := r.text(before + secret + after); strings.Contains(got, secret) {
			t.Errorf("%q is still in %q", secret, got)
		}
	})
}

func TestOfCluster(t *testing.T) {
	job := schema.GroupResource{Group: "batch", Resource: "jobs"}
	for _, tt := range []struct {
		err   error
		again bool
	}{
		{apierrors.NewForbidden(job, "j", errors.New("quota")), false},
		{apierrors.NewInvalid(schema.GroupKind{Kind: "Job"}, "j", nil), false},
		{apierrors.NewNotFound(job, "j"), false},
		{apierrors.NewConflict(job, "j", nil), true},
		{apierrors.NewInternalError(errors.New("x")), true},
		{apierrors.NewTooManyRequests("slow down", 1), true},
		{errors.New("connection refused"), true},
	} {
		if got := isAgain(fmt.Errorf("wrapped: %w", OfCluster(tt.err))); got != tt.again {
			t.Errorf("%v: try again %t", tt.err, got)
		}
	}
	if OfCluster(nil) != nil {
		t.Error("nothing became an error")
	}
}

func TestJudges(t *testing.T) {
	var j Memo[[2]string, analysis.Judge]
	for i := range maxMemo + 10 {
		condition := fmt.Sprintf("result > %d", i)
		_, err := j.Of([2]string{condition}, func() (analysis.Judge, error) { return analysis.Condition(condition, "") })
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := len(j.made); n == 0 || n > maxMemo {
		t.Errorf("%d compiled conditions are remembered", n)
	}
}

func BenchmarkJudged(b *testing.B) {
	p, m := &scripted{}, webMetric("http://x")
	r, run, task := registry(p), runWith(m), analysis.Task{Kind: analysis.Measure, Metric: m, Number: 1}
	b.ReportAllocs()
	for b.Loop() {
		p.asked = nil
		if o, err := do(r, run, task); err != nil || o.Measurement.Phase != v1alpha1.AnalysisPhaseSuccessful {
			b.Fatal(o, err)
		}
	}
}
