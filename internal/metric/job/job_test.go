package job

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/metric"
)

var noon = time.Date(2026, time.January, 5, 12, 0, 0, 0, time.UTC)

const uid = "9126fd9c-bb2b-49b7-a0e1-064b9a706834"

var (
	run = &v1alpha1.AnalysisRun{ObjectMeta: metav1.ObjectMeta{Name: "reviews-3-2", Namespace: "istio", UID: uid}}

	podSpec = corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "test", Image: "busybox"}}}
)

func query(number int) metric.Query {
	spec := &v1alpha1.JobMetric{
		Metadata: metav1.ObjectMeta{Labels: map[string]string{"foo": "bar"}, Annotations: map[string]string{"note": "x"}},
		Spec:     batchv1.JobSpec{BackoffLimit: ptr.To(int32(1)), Template: corev1.PodTemplateSpec{Spec: podSpec}},
	}
	return metric.NewQuery(run, v1alpha1.Metric{Name: "success-rate", Provider: v1alpha1.MetricProvider{Job: spec}}, number)
}

func provider(settings metric.Settings, objects ...client.Object) (*Provider, client.Client) {
	c := fake.NewClientBuilder().WithObjects(objects...).Build()
	return New(metric.Deps{Client: c, Settings: settings}), c
}

func getJob(t *testing.T, c client.Client, namespace, name string) *batchv1.Job {
	t.Helper()
	job := &batchv1.Job{}
	if err := c.Get(context.Background(), client.ObjectKey{Namespace: namespace, Name: name}, job); err != nil {
		t.Fatal(err)
	}
	return job
}

func TestCreate(t *testing.T) {
	p, c := provider(metric.Settings{})
	m, err := p.Measure(context.Background(), query(4), noon)
	if err != nil {
		t.Fatal(err)
	}
	const name = uid + ".success-rate.4"
	want := v1alpha1.Measurement{Phase: "Running", Metadata: map[string]string{"job-name": name}}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("measurement (-want +got):\n%s", diff)
	}
	job := getJob(t, c, "istio", name)
	meta := metav1.ObjectMeta{
		Name: name, Namespace: "istio",
		Labels: map[string]string{"foo": "bar", "analysisrun.argoproj.io/uid": uid},
		Annotations: map[string]string{
			"note": "x", "analysisrun.argoproj.io/name": "reviews-3-2", "analysisrun.argoproj.io/namespace": "istio",
			"analysisrun.argoproj.io/metric-name": "success-rate",
		},
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "argoproj.io/v1alpha1", Kind: "AnalysisRun", Name: "reviews-3-2", UID: uid, Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true)}},
		ResourceVersion: "1",
	}
	if diff := cmp.Diff(meta, job.ObjectMeta); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	if *job.Spec.BackoffLimit != 1 || job.Spec.Template.Spec.Containers[0].Image != "busybox" {
		t.Errorf("spec %+v", job.Spec)
	}
}

// TestCreateAgain: the controller died between creating the Job and remembering it.
func TestCreateAgain(t *testing.T) {
	p, c := provider(metric.Settings{})
	for range 2 {
		m, err := p.Measure(context.Background(), query(1), noon)
		if err != nil || m.Phase != v1alpha1.AnalysisPhaseRunning {
			t.Fatal(m, err)
		}
	}
	jobs := &batchv1.JobList{}
	if err := c.List(context.Background(), jobs); err != nil || len(jobs.Items) != 1 {
		t.Errorf("%d Jobs, %v", len(jobs.Items), err)
	}
	other := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "istio", Name: uid + ".success-rate.1"}}
	p, _ = provider(metric.Settings{}, other)
	if _, err := p.Measure(context.Background(), query(1), noon); err == nil || !strings.Contains(err.Error(), "is taken by one that this run did not create") {
		t.Errorf("another's Job: %v", err)
	}
}

func TestOtherNamespace(t *testing.T) {
	p, c := provider(metric.Settings{JobNamespace: "jobs"})
	m, err := p.Measure(context.Background(), query(1), noon)
	if err != nil || m.Metadata["job-namespace"] != "jobs" {
		t.Fatal(m, err)
	}
	job := getJob(t, c, "jobs", uid+".success-rate.1")
	if len(job.OwnerReferences) > 0 || job.Annotations["analysisrun.argoproj.io/namespace"] != "istio" {
		t.Errorf("got %+v", job.ObjectMeta)
	}
	if m, err = p.Resume(context.Background(), query(1), m, noon); err != nil || m.Phase != v1alpha1.AnalysisPhaseRunning || m.ResumeAt != nil {
		t.Errorf("not found again: %+v, %v", m, err)
	}
	if err := p.Terminate(context.Background(), query(1), m); err != nil {
		t.Fatal(err)
	}
	if err := c.Get(context.Background(), client.ObjectKeyFromObject(job), job); !apierrors.IsNotFound(err) {
		t.Errorf("the Job is still there: %v", err)
	}
}

func TestResume(t *testing.T) {
	condition := func(kind batchv1.JobConditionType, status corev1.ConditionStatus) []batchv1.JobCondition {
		return []batchv1.JobCondition{{Type: batchv1.JobSuspended, Status: corev1.ConditionFalse}, {Type: kind, Status: status, Message: "Job has reached the specified backoff limit"}}
	}
	for _, tt := range []struct {
		conditions []batchv1.JobCondition
		want       v1alpha1.AnalysisPhase
	}{
		{nil, "Running"},
		{condition(batchv1.JobComplete, corev1.ConditionTrue), "Successful"},
		{condition(batchv1.JobFailed, corev1.ConditionTrue), "Failed"},
		{condition(batchv1.JobFailed, corev1.ConditionFalse), "Running"},
		{condition(batchv1.JobFailureTarget, corev1.ConditionTrue), "Running"},
	} {
		job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "istio", Name: "j"}, Status: batchv1.JobStatus{Conditions: tt.conditions}}
		p, _ := provider(metric.Settings{}, job)
		under := v1alpha1.Measurement{Phase: "Running", Metadata: map[string]string{"job-name": "j"}}
		got, err := p.Resume(context.Background(), query(1), under, noon)
		if err != nil || got.Phase != tt.want || got.Message != "" || got.ResumeAt != nil {
			t.Errorf("%+v: got %+v, %v; want %s", tt.conditions, got, err, tt.want)
		}
	}
}

// TestResumeMissing: what we read may lag behind what we wrote, for a while.
func TestResumeMissing(t *testing.T) {
	p, _ := provider(metric.Settings{})
	started := metav1.NewTime(noon)
	under := v1alpha1.Measurement{Phase: "Running", StartedAt: &started, Metadata: map[string]string{"job-name": "j"}}
	got, err := p.Resume(context.Background(), query(1), under, noon.Add(3*time.Second))
	if err != nil || got.Phase != "Running" || !got.ResumeAt.Time.Equal(noon.Add(4*time.Second)) {
		t.Errorf("soon: %+v, %v", got, err)
	}
	if _, err = p.Resume(context.Background(), query(1), got, noon.Add(grace)); !apierrors.IsNotFound(err) {
		t.Errorf("later: %v", err)
	}
}

func TestImage(t *testing.T) {
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "istio", Name: "j"}}
	pod := func(reason string) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "istio", Name: "j-x", Labels: map[string]string{"batch.kubernetes.io/job-name": "j"}},
			Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
				Name: "test", Image: "busybox:nope", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}},
			}}},
		}
	}
	for reason, want := range map[string]v1alpha1.AnalysisPhase{
		"ContainerCreating": "Running", "ImagePullBackOff": "Inconclusive", "ErrImagePull": "Inconclusive", "InvalidImageName": "Inconclusive",
	} {
		p, c := provider(metric.Settings{}, job.DeepCopy(), pod(reason))
		got, err := p.Resume(context.Background(), query(1), v1alpha1.Measurement{Phase: "Running", Metadata: map[string]string{"job-name": "j"}}, noon)
		if err != nil || got.Phase != want {
			t.Errorf("%s: got %+v, %v; want %s", reason, got, err, want)
		}
		gone := apierrors.IsNotFound(c.Get(context.Background(), client.ObjectKeyFromObject(job), &batchv1.Job{}))
		if gone != (want == "Inconclusive") {
			t.Errorf("%s: the Job is gone: %t", reason, gone)
		}
		if want == "Inconclusive" && got.Message != "container test cannot start: "+reason+": busybox:nope" {
			t.Errorf("%s: message %q", reason, got.Message)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		err   error
		again bool
	}{
		{apierrors.NewForbidden(batchv1.Resource("jobs"), "j", errors.New("exceeded quota")), false},
		{apierrors.NewInternalError(errors.New("etcd is away")), true},
	} {
		refuse := interceptor.Funcs{Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return tt.err }}
		p := New(metric.Deps{Client: fake.NewClientBuilder().WithInterceptorFuncs(refuse).Build()})
		_, err := p.Measure(context.Background(), query(1), noon)
		if again := err != tt.err; err == nil || again != tt.again { // one that is not marked is passed as it is
			t.Errorf("%v: got %v", tt.err, err)
		}
	}
}

func TestCollect(t *testing.T) {
	job := func(metricName string, number, minute int, ended bool) *batchv1.Job {
		j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{
			Namespace: "istio", Name: fmt.Sprintf("u.%s.%d", metricName, number), CreationTimestamp: metav1.NewTime(noon.Add(time.Duration(minute) * time.Minute)),
			Labels: map[string]string{"analysisrun.argoproj.io/uid": uid}, Annotations: map[string]string{"analysisrun.argoproj.io/metric-name": metricName},
		}}
		if ended {
			j.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}}
		}
		return j
	}
	foreign := job("a", 1, 0, true)
	foreign.Name, foreign.Labels = "foreign", nil
	p, c := provider(metric.Settings{}, foreign, job("a", 8, 0, false), job("a", 9, 1, true), job("a", 10, 1, true), job("a", 11, 2, true), job("b", 1, 0, true))
	if err := p.Collect(context.Background(), run, "a", 2); err != nil {
		t.Fatal(err)
	}
	jobs := &batchv1.JobList{}
	if err := c.List(context.Background(), jobs); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, j := range jobs.Items {
		got = append(got, j.Name)
	}
	if want := []string{"foreign", "u.a.10", "u.a.11", "u.a.8", "u.b.1"}; !cmp.Equal(want, got) {
		t.Errorf("left %v, want %v", got, want)
	}
}

func TestName(t *testing.T) {
	long := strings.Repeat("x", 40)
	tests := []struct {
		metric string
		number int
		want   string
	}{
		{"success-rate", 5, uid + ".success-rate.5"},
		{strings.Repeat("y", 24), 1, uid + "." + strings.Repeat("y", 24) + ".1"},
	}
	for _, tt := range tests {
		if got := Name(uid, tt.metric, tt.number); got != tt.want || len(got) > 63 {
			t.Errorf("%s %d: got %s", tt.metric, tt.number, got)
		}
	}
	seen := map[string]bool{}
	for _, name := range []string{long, long + "-a", long + "-b"} {
		for _, number := range []int{1, 2, 11} {
			got := Name(uid, name, number)
			if len(got) > 63 || seen[got] || !strings.HasPrefix(got, uid+".xxx") || !strings.HasSuffix(got, fmt.Sprintf(".%d", number)) {
				t.Errorf("%s %d: got %s", name, number, got)
			}
			seen[got] = true
		}
	}
}
