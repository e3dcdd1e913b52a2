package trial

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// Job is how one Job ends.
type Job struct {
	// After is how long it takes.
	After time.Duration
	// Condition is how it ends: batchv1.JobComplete or batchv1.JobFailed.
	Condition batchv1.JobConditionType
	// Waiting is why its container cannot start: "ErrImagePull". Such a Job has
	// no Condition.
	Waiting string
}

// jobChanged lets a new Job run, and looks at the run after every other change.
func (t *trial) jobChanged(e store.Event) {
	j, ok := e.Object.(*batchv1.Job)
	if !ok || e.Type != watch.Added {
		t.look()
		return
	}
	name := j.Annotations[v1alpha1.AnalysisRunMetricNameAnnotationKey]
	script := nth(t.Jobs[name], t.started[name])
	t.started[name]++
	t.kernel.After(script.After, kernel.ClassWorld, "job "+j.Name, func() { t.end(j, script) })
}

// end puts a Job into its last state. One that is gone was ended by the run.
func (t *trial) end(j *batchv1.Job, script Job) {
	current := &batchv1.Job{}
	err := t.client.Get(t.ctx, client.ObjectKeyFromObject(j), current)
	switch {
	case client.IgnoreNotFound(err) == nil && err != nil:
		return
	case err != nil:
	case script.Waiting != "":
		err = t.stuckPod(current, script.Waiting)
	default:
		now := metav1.NewTime(t.kernel.Now())
		current.Status.Conditions = append(current.Status.Conditions, batchv1.JobCondition{
			Type: script.Condition, Status: corev1.ConditionTrue, LastTransitionTime: now,
		})
		err = t.client.Status().Update(t.ctx, current)
	}
	if err != nil {
		t.kernel.Fail(fmt.Errorf("end Job %s: %w", j.Name, err))
	}
}

// stuckPod creates the pod of a Job whose container cannot start.
func (t *trial) stuckPod(j *batchv1.Job, reason string) error {
	name := "job"
	if c := j.Spec.Template.Spec.Containers; len(c) > 0 {
		name = c[0].Name
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: j.Namespace, Name: j.Name + "-0", Labels: map[string]string{batchv1.JobNameLabel: j.Name},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(j, batchv1.SchemeGroupVersion.WithKind("Job"))},
		},
		Spec: j.Spec.Template.Spec,
	}
	if err := t.client.Create(t.ctx, pod); err != nil {
		return err
	}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: name, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}},
	}}
	if err := t.client.Status().Update(t.ctx, pod); err != nil {
		return err
	}
	t.look()
	return nil
}
