package world

import (
	"context"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/control"
	"github.com/aviary-rollouts/aviary/internal/equal"
)

// jobs is the Job controller: pods run until as many as asked for have
// succeeded, or more than backoffLimit have failed, or the time is up. A pod
// after a failure waits 10 s, 20 s, ... Indexed Jobs, suspension, pod failure
// policies and the removal of finished Jobs are not modelled.
type jobs struct {
	world  *World
	client client.Client
}

func (j *jobs) row() control.Controller {
	return control.Controller{
		Name: "job-controller", For: &batchv1.Job{}, Reconcile: j.reconcile,
		Watches: []control.Watch{{Kind: &corev1.Pod{}, Keys: ownerKeys("Job")}},
	}
}

func (j *jobs) reconcile(ctx context.Context, key types.NamespacedName) (time.Time, error) {
	job := &batchv1.Job{}
	if err := j.client.Get(ctx, key, job); err != nil {
		if apierrors.IsNotFound(err) {
			return time.Time{}, nil
		}
		return time.Time{}, fmt.Errorf("read Job %s: %w", key, err)
	}
	if job.DeletionTimestamp != nil || jobEnded(job) {
		return time.Time{}, nil
	}
	count, err := j.count(ctx, job)
	if err != nil {
		return time.Time{}, err
	}
	now := j.world.kernel.Now()
	status, wake := jobStatus(job, count, now)
	if jobGoal(status.Conditions) == nil {
		var retry time.Time
		if retry, err = j.start(ctx, job, count, now); err != nil {
			return time.Time{}, err
		}
		wake = earliest(wake, retry)
	} else if err := j.stop(ctx, count); err != nil {
		return time.Time{}, err
	}
	if equal.Objects(&job.Status, &status) {
		return wake, nil
	}
	job.Status = status
	if err := j.client.Status().Update(ctx, job); err != nil {
		return time.Time{}, fmt.Errorf("report Job %s: %w", key, err)
	}
	return wake, nil
}

// jobPods is what the pods of a Job have come to.
type jobPods struct {
	active            []*corev1.Pod
	terminating       int32
	ready             int32
	succeeded, failed int32
	restarts          int32     // of containers, with restartPolicy OnFailure
	lastFailure       time.Time // of a pod; zero without one
}

// failures is what backoffLimit counts.
func (p *jobPods) failures() int32 { return p.failed + p.restarts }

func (j *jobs) count(ctx context.Context, job *batchv1.Job) (*jobPods, error) {
	var list corev1.PodList
	if err := j.client.List(ctx, &list, client.InNamespace(job.Namespace), client.MatchingLabels{batchv1.JobNameLabel: job.Name}); err != nil {
		return nil, fmt.Errorf("list the pods of Job %s/%s: %w", job.Namespace, job.Name, err)
	}
	p := &jobPods{}
	for i := range list.Items {
		pod := &list.Items[i]
		switch {
		case !metav1.IsControlledBy(pod, job):
		case pod.Status.Phase == corev1.PodSucceeded:
			p.succeeded++
		case pod.Status.Phase == corev1.PodFailed:
			p.failed++
			if at := finishedAt(pod); at.After(p.lastFailure) {
				p.lastFailure = at
			}
		case pod.DeletionTimestamp != nil:
			p.terminating++
		default:
			p.active = append(p.active, pod)
			if podReady(pod) {
				p.ready++
			}
			for _, c := range pod.Status.ContainerStatuses {
				p.restarts += c.RestartCount
			}
		}
	}
	return p, nil
}

// finishedAt is when the last container of a pod ended.
func finishedAt(pod *corev1.Pod) (at time.Time) {
	for _, c := range pod.Status.ContainerStatuses {
		if t := c.State.Terminated; t != nil {
			at = clock.Later(at, t.FinishedAt.Time)
		}
	}
	return at
}

// jobStatus is how the Job is now, and when that changes by time alone.
func jobStatus(job *batchv1.Job, p *jobPods, now time.Time) (status batchv1.JobStatus, wake time.Time) {
	status = *job.Status.DeepCopy()
	if status.StartTime == nil {
		status.StartTime = ptr.To(apiTime(now))
	}
	status.Active, status.Ready = int32(len(p.active)), ptr.To(p.ready)
	status.Succeeded, status.Failed = p.succeeded, p.failed
	deadline := time.Time{}
	if s := job.Spec.ActiveDeadlineSeconds; s != nil {
		deadline = status.StartTime.Add(time.Duration(*s) * time.Second)
	}
	goal := jobGoal(status.Conditions)
	switch {
	case goal != nil: // it was decided before, and pods were left
	case p.succeeded >= ptr.Deref(job.Spec.Completions, 1):
		goal = jobCondition(batchv1.JobSuccessCriteriaMet, "CompletionsReached", "Reached expected number of succeeded pods", now)
	case p.failures() > ptr.Deref(job.Spec.BackoffLimit, 6):
		goal = jobCondition(batchv1.JobFailureTarget, "BackoffLimitExceeded", "Job has reached the specified backoff limit", now)
	case !deadline.IsZero() && !now.Before(deadline):
		goal = jobCondition(batchv1.JobFailureTarget, "DeadlineExceeded", "Job was active longer than specified deadline", now)
	default:
		return status, deadline
	}
	status.Active, status.Ready = 0, ptr.To[int32](0)
	status.Conditions = endJob(status.Conditions, goal, len(p.active) > 0 || p.terminating > 0, now)
	if goal.Type == batchv1.JobSuccessCriteriaMet && endedBy(status.Conditions) {
		status.CompletionTime = ptr.To(apiTime(now))
	}
	return status, time.Time{}
}

func jobCondition(kind batchv1.JobConditionType, reason, message string, now time.Time) *batchv1.JobCondition {
	return &batchv1.JobCondition{
		Type: kind, Status: corev1.ConditionTrue, Reason: reason, Message: message,
		LastProbeTime: apiTime(now), LastTransitionTime: apiTime(now),
	}
}

// jobGoal is the condition that says how the Job is going to end; nil while that
// is open.
func jobGoal(conditions []batchv1.JobCondition) *batchv1.JobCondition {
	for i := range conditions {
		if t := conditions[i].Type; t == batchv1.JobSuccessCriteriaMet || t == batchv1.JobFailureTarget {
			return &conditions[i]
		}
	}
	return nil
}

// endJob adds the goal, and what follows from it once no pod is left. (KEP-3939:
// a Job has not ended while a pod of it may still do something.)
func endJob(conditions []batchv1.JobCondition, goal *batchv1.JobCondition, pods bool, now time.Time) []batchv1.JobCondition {
	conditions = slices.Clone(conditions)
	if jobGoal(conditions) == nil {
		conditions = append(conditions, *goal)
	}
	if pods {
		return conditions
	}
	kind := batchv1.JobFailed
	if goal.Type == batchv1.JobSuccessCriteriaMet {
		kind = batchv1.JobComplete
	}
	return append(conditions, *jobCondition(kind, goal.Reason, goal.Message, now))
}

func jobEnded(job *batchv1.Job) bool { return endedBy(job.Status.Conditions) }

func endedBy(conditions []batchv1.JobCondition) bool {
	return slices.ContainsFunc(conditions, func(c batchv1.JobCondition) bool {
		return c.Status == corev1.ConditionTrue && (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed)
	})
}

// start creates the pods that are missing. After a failure it waits first, and
// returns until when.
func (j *jobs) start(ctx context.Context, job *batchv1.Job, p *jobPods, now time.Time) (wait time.Time, err error) {
	missing := min(ptr.Deref(job.Spec.Parallelism, 1), ptr.Deref(job.Spec.Completions, 1)-p.succeeded) - int32(len(p.active))
	if missing <= 0 {
		return time.Time{}, nil
	}
	if err := j.world.room("Job", job, missing); err != nil {
		return time.Time{}, err
	}
	if p.failed > 0 {
		if at := p.lastFailure.Add(backOff(int(p.failed))); now.Before(at) {
			return at, nil
		}
	}
	for range missing {
		if err := j.createPod(ctx, job); err != nil {
			return time.Time{}, err
		}
	}
	return time.Time{}, nil
}

func (j *jobs) createPod(ctx context.Context, job *batchv1.Job) error {
	if err := j.world.admitPod(ctx, j.client, job.Namespace, job.Name+"-"); err != nil {
		return err
	}
	pod := &corev1.Pod{ObjectMeta: *job.Spec.Template.ObjectMeta.DeepCopy(), Spec: *job.Spec.Template.Spec.DeepCopy()}
	pod.Namespace, pod.Name, pod.GenerateName = job.Namespace, "", job.Name+"-"
	pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(job, batchv1.SchemeGroupVersion.WithKind("Job"))}
	pod.Status.Phase = corev1.PodPending
	if err := j.world.inject(ctx, j.client, pod); err != nil {
		return err
	}
	if err := j.client.Create(ctx, pod); err != nil {
		return fmt.Errorf("create a pod of Job %s/%s: %w", job.Namespace, job.Name, err)
	}
	return nil
}

// stop deletes the pods that still run when a Job has ended.
func (j *jobs) stop(ctx context.Context, p *jobPods) error {
	for _, pod := range p.active {
		if err := client.IgnoreNotFound(j.client.Delete(ctx, pod)); err != nil {
			return fmt.Errorf("delete pod %s/%s: %w", pod.Namespace, pod.Name, err)
		}
	}
	return nil
}
