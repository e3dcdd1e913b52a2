// Package job measures by running Jobs: one that completes is a success, one that
// fails a failure. Conditions of the metric are not looked at.
//
// A Job is named <uid of the run>.<metric>.<number of the measurement>, so that a
// controller that died after creating it finds it again. The measurement goes on
// until the Job ends; a Job whose image cannot be pulled never will, and is
// inconclusive.
package job

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/metric"
)

const (
	// Kind is the field of MetricProvider that this provider serves.
	Kind = "job"
	// JobName and JobNamespace are keys in the metadata of a measurement; the
	// second is there only if the Job is in another namespace than the run.
	JobName      = "job-name"
	JobNamespace = "job-namespace"

	// maxName is the longest name of a Job whose pods can carry it as a label.
	maxName = 63
	// grace is how long a Job that we created may be missing from what we read.
	grace = 10 * time.Second
	// lookAgain is when a Job that is missing is looked for again.
	lookAgain = time.Second
)

// Provider runs Jobs.
type Provider struct{ deps metric.Deps }

// New makes a provider.
func New(deps metric.Deps) *Provider { return &Provider{deps} }

// Measure creates the Job, or finds the one that it created before.
func (p *Provider) Measure(ctx context.Context, q metric.Query, now time.Time) (v1alpha1.Measurement, error) {
	job := p.job(q)
	m := v1alpha1.Measurement{Phase: v1alpha1.AnalysisPhaseRunning, Metadata: map[string]string{JobName: job.Name}}
	if job.Namespace != q.Run.Namespace {
		m.Metadata[JobNamespace] = job.Namespace
	}
	err := p.deps.Client.Create(ctx, job)
	if !apierrors.IsAlreadyExists(err) {
		return m, metric.OfCluster(err)
	}
	existing := &batchv1.Job{}
	if err := p.deps.Client.Get(ctx, client.ObjectKeyFromObject(job), existing); err != nil {
		return m, metric.TryAgain(fmt.Errorf("looking at Job %s, whose name is taken: %w", job.Name, err))
	}
	if existing.Labels[v1alpha1.AnalysisRunUIDLabelKey] != string(q.Run.UID) {
		return m, fmt.Errorf("the name of Job %s is taken by one that this run did not create", job.Name)
	}
	return p.Resume(ctx, q, m, now)
}

// Resume looks how the Job is.
func (p *Provider) Resume(ctx context.Context, q metric.Query, m v1alpha1.Measurement, now time.Time) (v1alpha1.Measurement, error) {
	m.ResumeAt = nil
	key := keyOf(q.Run, m)
	job := &batchv1.Job{}
	err := p.deps.Client.Get(ctx, key, job)
	if apierrors.IsNotFound(err) && m.StartedAt != nil && now.Before(m.StartedAt.Add(grace)) {
		later := metav1.NewTime(analysis.Stamp(now).Add(lookAgain))
		m.ResumeAt = &later
		return m, nil
	}
	if err != nil {
		return m, metric.OfCluster(err)
	}
	if phase, ended := verdict(job); ended {
		m.Phase = phase
		return m, nil
	}
	stuck, err := p.cannotStart(ctx, job)
	if err != nil || stuck == "" {
		return m, err
	}
	m.Phase, m.Message = v1alpha1.AnalysisPhaseInconclusive, stuck
	return m, p.Terminate(ctx, q, m)
}

// Terminate deletes the Job and its pods.
func (p *Provider) Terminate(ctx context.Context, q metric.Query, m v1alpha1.Measurement) error {
	key := keyOf(q.Run, m)
	return p.remove(ctx, &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}})
}

// Collect deletes the oldest Jobs of a metric that have ended.
func (p *Provider) Collect(ctx context.Context, run *v1alpha1.AnalysisRun, name string, keep int) error {
	list := &batchv1.JobList{}
	err := p.deps.Client.List(ctx, list, client.InNamespace(p.namespace(run)), client.MatchingLabels{v1alpha1.AnalysisRunUIDLabelKey: string(run.UID)})
	if err != nil {
		return fmt.Errorf("listing Jobs: %w", err)
	}
	jobs := slices.DeleteFunc(list.Items, func(j batchv1.Job) bool {
		return j.Annotations[v1alpha1.AnalysisRunMetricNameAnnotationKey] != name || j.DeletionTimestamp != nil
	})
	slices.SortFunc(jobs, newestFirst)
	for i := min(keep, len(jobs)); i < len(jobs); i++ {
		if _, ended := verdict(&jobs[i]); !ended {
			continue
		}
		if err := p.remove(ctx, &jobs[i]); err != nil {
			return fmt.Errorf("deleting Job %s: %w", jobs[i].Name, err)
		}
	}
	return nil
}

func (p *Provider) remove(ctx context.Context, job *batchv1.Job) error {
	err := p.deps.Client.Delete(ctx, job, client.PropagationPolicy(metav1.DeletePropagationBackground))
	return metric.OfCluster(client.IgnoreNotFound(err))
}

// job is the Job of a measurement.
func (p *Provider) job(q metric.Query) *batchv1.Job {
	spec := q.Metric.Provider.Job.DeepCopy()
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Name: Name(string(q.Run.UID), q.Metric.Name, q.Number), Namespace: p.namespace(q.Run),
			Labels: map[string]string{}, Annotations: map[string]string{},
		},
		Spec: spec.Spec,
	}
	maps.Copy(job.Labels, spec.Metadata.Labels)
	maps.Copy(job.Annotations, spec.Metadata.Annotations)
	job.Labels[v1alpha1.AnalysisRunUIDLabelKey] = string(q.Run.UID)
	job.Annotations[v1alpha1.AnalysisRunNameAnnotationKey] = q.Run.Name
	job.Annotations[v1alpha1.AnalysisRunNamespaceAnnotationKey] = q.Run.Namespace
	job.Annotations[v1alpha1.AnalysisRunMetricNameAnnotationKey] = q.Metric.Name
	if job.Namespace == q.Run.Namespace { // owners do not reach into other namespaces
		job.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(q.Run, v1alpha1.SchemeGroupVersion.WithKind(v1alpha1.KindAnalysisRun))}
	}
	return job
}

func (p *Provider) namespace(run *v1alpha1.AnalysisRun) string {
	return cmp.Or(p.deps.Settings.JobNamespace, run.Namespace)
}

// Name is <uid>.<metric>.<number>. Where that is too long for a label, the metric
// is cut and told from others by a hash: cutting the end, as the original does,
// would cut the number and give all measurements one Job.
func Name(uid, metricName string, number int) string {
	end := fmt.Sprintf(".%d", number)
	name := uid + "." + metricName
	if len(name)+len(end) <= maxName {
		return name + end
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(metricName))
	end = "-" + rand.SafeEncodeString(fmt.Sprint(sum.Sum32())) + end
	return name[:maxName-len(end)] + end
}

func keyOf(run *v1alpha1.AnalysisRun, m v1alpha1.Measurement) types.NamespacedName {
	return types.NamespacedName{Namespace: cmp.Or(m.Metadata[JobNamespace], run.Namespace), Name: m.Metadata[JobName]}
}

// verdict is what the end of a Job means; false while it runs.
func verdict(job *batchv1.Job) (v1alpha1.AnalysisPhase, bool) {
	for _, c := range job.Status.Conditions {
		switch {
		case c.Status != corev1.ConditionTrue:
		case c.Type == batchv1.JobComplete:
			return v1alpha1.AnalysisPhaseSuccessful, true
		case c.Type == batchv1.JobFailed:
			return v1alpha1.AnalysisPhaseFailed, true
		}
	}
	return v1alpha1.AnalysisPhaseRunning, false
}

// cannotStart says why the pods of a Job cannot start, empty if they can.
func (p *Provider) cannotStart(ctx context.Context, job *batchv1.Job) (string, error) {
	pods := &corev1.PodList{}
	if err := p.deps.Client.List(ctx, pods, client.InNamespace(job.Namespace), client.MatchingLabels{batchv1.JobNameLabel: job.Name}); err != nil {
		return "", metric.TryAgain(fmt.Errorf("listing the pods of Job %s: %w", job.Name, err))
	}
	for i := range pods.Items {
		if why := WaitsForImage(&pods.Items[i]); why != "" {
			return why, nil
		}
	}
	return "", nil
}

// WaitsForImage says why the image of a container cannot be pulled, empty if none
// is missing.
func WaitsForImage(pod *corev1.Pod) string {
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if w := c.State.Waiting; w != nil {
			switch w.Reason {
			case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull":
				return fmt.Sprintf("container %s cannot start: %s: %s", c.Name, w.Reason, cmp.Or(w.Message, c.Image))
			}
		}
	}
	return ""
}

// newestFirst sorts Jobs by time of creation; those of one second by name, number
// 10 before 9.
func newestFirst(a, b batchv1.Job) int {
	return cmp.Or(
		b.CreationTimestamp.Time.Compare(a.CreationTimestamp.Time),
		cmp.Compare(len(b.Name), len(a.Name)),
		cmp.Compare(b.Name, a.Name),
	)
}
