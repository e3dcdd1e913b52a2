package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/clock"
)

var noon = time.Date(2026, time.January, 5, 12, 0, 0, 0, time.UTC)

var runKey = types.NamespacedName{Namespace: "shop", Name: "run"}

// bench is a reconciler of AnalysisRuns with everything around it in the test's hands.
type bench struct {
	*analysisRunReconciler
	t      *testing.T
	now    time.Time
	answer string   // of Prometheus: a scalar
	asked  []string // queries, with the header Authorization
	events []string
	writes int
	// beforePatch runs before each patch of a run; an error refuses it.
	beforePatch func() error
}

// Event notes an event.
func (b *bench) Event(_ runtime.Object, eventType, reason, message string) {
	b.events = append(b.events, eventType+" "+reason+" "+message)
}

// RoundTrip answers as Prometheus does.
func (b *bench) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	b.asked = append(b.asked, strings.TrimSpace(r.Form.Get("query")+" "+r.Header.Get("Authorization")))
	w := httptest.NewRecorder()
	_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"scalar","result":[0,%q]}}`, b.answer)
	return w.Result(), nil
}

func newBench(t *testing.T, objects ...client.Object) *bench {
	t.Helper()
	b := &bench{t: t, now: noon, answer: "0.97"}
	scheme := newScheme(t)
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			b.writes++
			if b.beforePatch != nil {
				if err := b.beforePatch(); err != nil {
					return err
				}
			}
			return c.Patch(ctx, obj, patch, opts...)
		},
	}).Build()
	b.analysisRunReconciler = newAnalysisRunReconciler(Deps{Client: c, Clock: clock.Func(func() time.Time { return b.now }), Events: b, HTTP: b})
	return b
}

// look reconciles the run at a number of seconds after noon.
func (b *bench) look(seconds float64) (wake time.Time, err error) {
	b.t.Helper()
	b.now = noon.Add(time.Duration(seconds * float64(time.Second)))
	return b.Reconcile(context.Background(), runKey)
}

// must is look for tests that expect no error, with the next look in seconds
// after noon; -1 if there is none.
func (b *bench) must(seconds float64) float64 {
	b.t.Helper()
	wake, err := b.look(seconds)
	if err != nil {
		b.t.Fatal(err)
	}
	if wake.IsZero() {
		return -1
	}
	return wake.Sub(noon).Seconds()
}

func (b *bench) run() *v1alpha1.AnalysisRun {
	b.t.Helper()
	run := &v1alpha1.AnalysisRun{}
	if err := b.Client.Get(context.Background(), runKey, run); err != nil {
		b.t.Fatal(err)
	}
	return run
}

func (b *bench) jobs() []batchv1.Job {
	b.t.Helper()
	list := &batchv1.JobList{}
	if err := b.Client.List(context.Background(), list); err != nil {
		b.t.Fatal(err)
	}
	return list.Items
}

// promRun is a run of three measurements.
func promRun(more func(*v1alpha1.AnalysisRun)) *v1alpha1.AnalysisRun {
	run := &v1alpha1.AnalysisRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "run", UID: "9126fd9c-bb2b-49b7-a0e1-064b9a706834"},
		Spec: v1alpha1.AnalysisRunSpec{
			Metrics: []v1alpha1.Metric{{
				Name: "success-rate", Interval: "30s", Count: ptr.To(intstr.FromInt32(3)), FailureLimit: ptr.To(intstr.FromInt32(2)), SuccessCondition: "result >= 0.95",
				Provider: v1alpha1.MetricProvider{Prometheus: &v1alpha1.PrometheusMetric{Address: "http://prometheus:9090", Query: "scalar(rate{app=\"{{args.app}}\"})"}},
			}},
			Args: []v1alpha1.Argument{{Name: "app", Value: ptr.To("web")}},
		},
	}
	if more != nil {
		more(run)
	}
	return run
}

func jobRun(more func(*v1alpha1.AnalysisRun)) *v1alpha1.AnalysisRun {
	return promRun(func(run *v1alpha1.AnalysisRun) {
		m := &run.Spec.Metrics[0]
		m.Count, m.Interval, m.FailureLimit, m.SuccessCondition = nil, "", nil, ""
		m.Provider = v1alpha1.MetricProvider{Job: &v1alpha1.JobMetric{Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "test", Image: "busybox"}},
		}}}}}
		if more != nil {
			more(run)
		}
	})
}

// TestRunFails is the failing analysis of case 2.2.5: no request, three times.
func TestRunFails(t *testing.T) {
	b := newBench(t, promRun(nil))
	b.answer = "NaN"
	var wakes []float64
	for _, at := range []float64{0, 30, 60} {
		wakes = append(wakes, b.must(at))
	}
	if want := []float64{30, 60, -1}; !cmp.Equal(want, wakes) {
		t.Errorf("wakes at %v, want %v", wakes, want)
	}
	s := b.run().Status
	if want := `Metric "success-rate" assessed Failed due to failed (3) > failureLimit (2)`; s.Phase != v1alpha1.AnalysisPhaseFailed || s.Message != want {
		t.Errorf("got %s %q", s.Phase, s.Message)
	}
	r := s.MetricResults[0]
	at := metav1.NewTime(noon.Add(30 * time.Second))
	if diff := cmp.Diff(v1alpha1.Measurement{Phase: "Failed", Value: "NaN", StartedAt: &at, FinishedAt: &at}, r.Measurements[1]); diff != "" {
		t.Errorf("second measurement (-want +got):\n%s", diff)
	}
	if want := `scalar(rate{app="web"})`; r.Metadata["ResolvedPrometheusQuery"] != want || b.asked[2] != want {
		t.Errorf("asked %q, noted %q", b.asked, r.Metadata)
	}
	want := []string{"Warning MetricFailed Metric 'success-rate' Completed. Result: Failed", "Warning AnalysisRunFailed Analysis Completed. Result: Failed"}
	if diff := cmp.Diff(want, b.events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestQuiet: looks without reason measure nothing and write nothing.
func TestQuiet(t *testing.T) {
	b := newBench(t, promRun(nil))
	for _, at := range []float64{0, 0, 1, 29.9, 30, 30, 45, 60, 60, 3600} {
		b.must(at)
	}
	if len(b.asked) != 3 || b.writes != 3 || b.run().Status.Phase != v1alpha1.AnalysisPhaseSuccessful {
		t.Errorf("%d measurements, %d writes, %+v", len(b.asked), b.writes, b.run().Status)
	}
}

func TestRunTerminates(t *testing.T) {
	b := newBench(t, promRun(func(run *v1alpha1.AnalysisRun) { run.Spec.Metrics[0].Count = nil }))
	b.must(0)
	b.terminate()
	b.must(5)
	if s := b.run().Status; s.Phase != v1alpha1.AnalysisPhaseSuccessful || s.Message != "Run Terminated" || len(b.asked) != 1 {
		t.Errorf("got %+v after %d measurements", s, len(b.asked))
	}
}

// terminate asks the run to end, as a person does.
func (b *bench) terminate() {
	b.t.Helper()
	run := b.run()
	run.Spec.Terminate = true
	if err := b.Client.Update(context.Background(), run); err != nil {
		b.t.Fatal(err)
	}
}

// TestConflict: somebody asks the run to end while it is measured.
func TestConflict(t *testing.T) {
	b := newBench(t, promRun(nil))
	b.beforePatch = func() error {
		b.beforePatch = nil
		b.terminate()
		return nil
	}
	if _, err := b.look(0); !apierrors.IsConflict(err) {
		t.Fatalf("got %v, want a conflict", err)
	}
	if len(b.events) > 0 || !b.run().Spec.Terminate {
		t.Errorf("events %v, %+v", b.events, b.run().Spec)
	}
	b.must(1)
	if s := b.run().Status; s.Phase != v1alpha1.AnalysisPhaseSuccessful || s.Message != "Run Terminated" {
		t.Errorf("got %+v", s)
	}
}

// TestStale: a view without our own last write is not measured from.
func TestStale(t *testing.T) {
	b := newBench(t, promRun(nil))
	old := b.run()
	b.must(0)
	fresh := b.Client
	b.Client = interceptor.NewClient(fresh.(client.WithWatch), interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if run, ok := obj.(*v1alpha1.AnalysisRun); ok {
				old.DeepCopyInto(run)
				return nil
			}
			return c.Get(ctx, key, obj, opts...)
		},
	})
	if wake := b.must(0.5); wake != 1.5 || len(b.asked) != 1 {
		t.Errorf("wakes at %v after %d measurements", wake, len(b.asked))
	}
	b.Client = fresh
	if wake := b.must(1.5); wake != 30 {
		t.Errorf("wakes at %v", wake)
	}
}

func TestRunSecret(t *testing.T) {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "prom"}, Data: map[string][]byte{"token": []byte("s3cr3t-t0ken")}}
	withSecret := func(run *v1alpha1.AnalysisRun) {
		run.Spec.Args = append(run.Spec.Args, v1alpha1.Argument{Name: "token", ValueFrom: &v1alpha1.ValueFrom{SecretKeyRef: &v1alpha1.SecretKeyRef{Name: "prom", Key: "token"}}})
		p := run.Spec.Metrics[0].Provider.Prometheus
		p.Headers = []v1alpha1.WebMetricHeader{{Key: "Authorization", Value: "Bearer {{args.token}}"}}
		p.Query += " # {{ args.token }}"
	}
	b := newBench(t, promRun(withSecret), secret)
	b.must(0)
	if want := `scalar(rate{app="web"}) # s3cr3t-t0ken Bearer s3cr3t-t0ken`; b.asked[0] != want {
		t.Errorf("asked %q", b.asked)
	}
	if text := fmt.Sprintf("%+v", b.run().Status); strings.Contains(text, "s3cr3t") || !strings.Contains(text, "# *****") {
		t.Errorf("the status shows the Secret: %s", text)
	}

	b = newBench(t, promRun(withSecret))
	b.must(0)
	if s := b.run().Status; s.Phase != v1alpha1.AnalysisPhaseError || s.Message != `Unable to resolve metric arguments: secrets "prom" not found` {
		t.Errorf("without it: %s %q", s.Phase, s.Message)
	}
}

// TestRunInvalid has the web metric of the Chinese guide, whose token is not declared.
func TestRunInvalid(t *testing.T) {
	b := newBench(t, promRun(func(run *v1alpha1.AnalysisRun) {
		run.Spec.Metrics[0].Provider.Prometheus.Query = "{{ args.api-token }}"
	}))
	b.must(0)
	s := b.run().Status
	if s.Phase != v1alpha1.AnalysisPhaseError || s.Message != "Unable to resolve metric arguments: failed to resolve {{args.api-token}}" {
		t.Errorf("got %s %q", s.Phase, s.Message)
	}
	if want := []string{"Warning AnalysisRunError Analysis Completed. Result: Error"}; !cmp.Equal(want, b.events) {
		t.Errorf("events %v", b.events)
	}
}

func TestRunTTL(t *testing.T) {
	b := newBench(t, promRun(func(run *v1alpha1.AnalysisRun) {
		run.Spec.Metrics[0].Count = nil
		run.Spec.Metrics[0].Interval = ""
		run.Spec.TTLStrategy = &v1alpha1.TTLStrategy{SecondsAfterCompletion: ptr.To(int32(60))}
	}))
	if wake := b.must(0); wake != 60 {
		t.Errorf("wakes at %v", wake)
	}
	if wake := b.must(59); wake != 60 {
		t.Errorf("wakes at %v", wake)
	}
	if wake := b.must(60); wake != -1 {
		t.Errorf("wakes at %v", wake)
	}
	if err := b.Client.Get(context.Background(), runKey, &v1alpha1.AnalysisRun{}); !apierrors.IsNotFound(err) {
		t.Errorf("still there: %v", err)
	}
	if wake := b.must(61); wake != -1 {
		t.Errorf("wakes at %v for a run that is gone", wake)
	}
}

func TestRunDeleted(t *testing.T) {
	b := newBench(t, promRun(func(run *v1alpha1.AnalysisRun) { run.Finalizers = []string{"test/hold"} }))
	if err := b.Client.Delete(context.Background(), b.run()); err != nil {
		t.Fatal(err)
	}
	if wake := b.must(0); wake != -1 || len(b.asked) > 0 || b.writes > 0 {
		t.Errorf("wakes at %v after %d measurements, %d writes", wake, len(b.asked), b.writes)
	}
}

// finish ends a Job.
func (b *bench) finish(job *batchv1.Job, kind batchv1.JobConditionType) {
	b.t.Helper()
	job.Status.Conditions = []batchv1.JobCondition{{Type: kind, Status: corev1.ConditionTrue}}
	if err := b.Client.Status().Update(context.Background(), job); err != nil {
		b.t.Fatal(err)
	}
}

func TestJobMetric(t *testing.T) {
	for kind, want := range map[batchv1.JobConditionType]v1alpha1.AnalysisPhase{batchv1.JobComplete: "Successful", batchv1.JobFailed: "Failed"} {
		b := newBench(t, jobRun(nil))
		if wake := b.must(0); wake != -1 {
			t.Errorf("wakes at %v: only the Job can wake it", wake)
		}
		if m := b.run().Status.MetricResults[0].Measurements[0]; m.Phase != "Running" || m.Metadata["job-name"] != "9126fd9c-bb2b-49b7-a0e1-064b9a706834.success-rate.1" {
			t.Errorf("got %+v", m)
		}
		b.must(3)
		job := &b.jobs()[0]
		if keys := b.runOfJob(context.Background(), job); !cmp.Equal([]types.NamespacedName{runKey}, keys) {
			t.Errorf("a change of the Job wakes %v", keys)
		}
		b.finish(job, kind)
		b.must(15)
		r := b.run().Status.MetricResults[0]
		if b.run().Status.Phase != want || r.Measurements[0].Phase != want || !r.Measurements[0].FinishedAt.Time.Equal(noon.Add(15*time.Second)) || !r.Measurements[0].StartedAt.Time.Equal(noon) {
			t.Errorf("%s: got %+v", kind, b.run().Status)
		}
		if b.writes != 2 || len(b.jobs()) != 1 {
			t.Errorf("%d writes, %d Jobs", b.writes, len(b.jobs()))
		}
	}
}

// TestJobCrash: the controller dies after creating a Job and before remembering it.
func TestJobCrash(t *testing.T) {
	b := newBench(t, jobRun(nil))
	b.beforePatch = func() error { return errors.New("killed") }
	if _, err := b.look(0); err == nil {
		t.Fatal("no error")
	}
	b.beforePatch = nil
	b.fresh = newFreshness() // a new process remembers nothing
	b.must(1)
	b.must(2)
	if jobs := b.jobs(); len(jobs) != 1 {
		t.Errorf("%d Jobs", len(jobs))
	}
	if r := b.run().Status.MetricResults[0]; len(r.Measurements) != 1 || r.Measurements[0].Phase != "Running" {
		t.Errorf("got %+v", r)
	}
}

func TestJobTerminated(t *testing.T) {
	b := newBench(t, jobRun(nil))
	b.must(0)
	b.terminate()
	b.must(5)
	s := b.run().Status
	if s.Phase != "Successful" || s.MetricResults[0].Message != "Metric Terminated" || len(b.jobs()) != 0 {
		t.Errorf("got %+v with %d Jobs", s, len(b.jobs()))
	}
}

func TestJobImage(t *testing.T) {
	b := newBench(t, jobRun(nil))
	b.must(0)
	job := b.jobs()[0]
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p", Labels: map[string]string{batchv1.JobNameLabel: job.Name},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(&job, batchv1.SchemeGroupVersion.WithKind("Job"))}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "test", Image: "busybox", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}}}},
	}
	ctx := context.Background()
	if keys := b.runOfPod(ctx, pod); len(keys) > 0 {
		t.Errorf("a pod on its way wakes %v", keys)
	}
	pod.Status.ContainerStatuses[0].State.Waiting.Reason = "ImagePullBackOff"
	if keys := b.runOfPod(ctx, pod); !cmp.Equal([]types.NamespacedName{runKey}, keys) {
		t.Errorf("a pod without an image wakes %v", keys)
	}
	if err := b.Client.Create(ctx, pod); err != nil {
		t.Fatal(err)
	}
	b.must(10)
	want := `Metric "success-rate" assessed Inconclusive due to inconclusive (1) > inconclusiveLimit (0): "Error Message: container test cannot start: ImagePullBackOff: busybox"`
	if s := b.run().Status; s.Phase != "Inconclusive" || s.Message != want {
		t.Errorf("got %s %q", s.Phase, s.Message)
	}
}

// TestJobRetention: Jobs of measurements that are not kept are not kept either.
func TestJobRetention(t *testing.T) {
	b := newBench(t, jobRun(func(run *v1alpha1.AnalysisRun) {
		run.Spec.Metrics[0].Interval, run.Spec.Metrics[0].Count = "10s", ptr.To(intstr.FromInt32(4))
		run.Spec.MeasurementRetention = []v1alpha1.MeasurementRetention{{MetricName: "success-rate", Limit: 2}}
	}))
	for i := range 4 {
		b.must(float64(20 * i))
		for _, job := range b.jobs() {
			if len(job.Status.Conditions) == 0 {
				b.finish(&job, batchv1.JobComplete)
			}
		}
		b.must(float64(20*i + 5))
	}
	var names []string
	for _, job := range b.jobs() {
		names = append(names, job.Name[len("9126fd9c-bb2b-49b7-a0e1-064b9a706834."):])
	}
	if want := []string{"success-rate.3", "success-rate.4"}; !cmp.Equal(want, names) || b.run().Status.Phase != "Successful" {
		t.Errorf("left %v, %s", names, b.run().Status.Phase)
	}
}

func TestOtherJobs(t *testing.T) {
	b := newBench(t)
	for _, job := range []*batchv1.Job{
		{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "j"}},
		{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "j", Labels: map[string]string{v1alpha1.AnalysisRunUIDLabelKey: "u"}}},
	} {
		if keys := b.runOfJob(context.Background(), job); len(keys) > 0 {
			t.Errorf("%v wakes %v", job.Labels, keys)
		}
	}
}

// TestServer has Prometheus on a network, with the address of the controller.
func TestServer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"vector","result":[]}}`)
	}))
	defer server.Close()
	b := newBench(t, promRun(func(run *v1alpha1.AnalysisRun) {
		run.Spec.Metrics[0].Provider.Prometheus.Address = ""
		run.Spec.Metrics[0].SuccessCondition = "result[0] >= 0.95"
	}))
	deps := b.Deps
	deps.HTTP, deps.Metrics.PrometheusAddress = nil, server.URL
	b.analysisRunReconciler = newAnalysisRunReconciler(deps)
	for i := range 5 {
		b.must(float64(10 * i))
	}
	s := b.run().Status
	want := `Metric "success-rate" assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4): "Error Message: successCondition "result[0] >= 0.95": index out of range: 0 (array length is 0) (1:7); the provider returned no data: test len(result) > 0 first"`
	if s.Phase != "Error" || s.Message != want {
		t.Errorf("got %s %q", s.Phase, s.Message)
	}
}
