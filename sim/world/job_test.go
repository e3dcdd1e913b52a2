package world_test

import (
	"fmt"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/sim/world"
)

// newJob is a Job of one container; restart is what its pods do after a failure.
func newJob(image string, restart corev1.RestartPolicy, change func(*batchv1.JobSpec)) *batchv1.Job {
	j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "load"}}
	j.Spec.Template.Spec = corev1.PodSpec{RestartPolicy: restart, Containers: []corev1.Container{{Name: "load", Image: image}}}
	if change != nil {
		change(&j.Spec)
	}
	return j
}

// jobLook is "active/succeeded/failed" and how the Job has ended.
func (c cluster) jobLook() string {
	c.t.Helper()
	j := &batchv1.Job{}
	c.do(c.Client().Get(c.t.Context(), client.ObjectKey{Namespace: "default", Name: "load"}, j))
	text := fmt.Sprintf("%d/%d/%d", j.Status.Active, j.Status.Succeeded, j.Status.Failed)
	for _, condition := range j.Status.Conditions {
		text += fmt.Sprintf(" %s %s", condition.Type, condition.Reason)
	}
	return text
}

func TestJobs(t *testing.T) {
	type moment struct {
		after time.Duration
		want  string
	}
	never, onFailure := corev1.RestartPolicyNever, corev1.RestartPolicyOnFailure
	const second = time.Second
	for _, tc := range []struct {
		name      string
		job       *batchv1.Job
		behaviour world.ImageBehaviour
		moments   []moment
	}{
		{"it ends", newJob("x:1", never, nil), world.ImageBehaviour{}, []moment{{0, "1/0/0"}, {second, "0/1/0 SuccessCriteriaMet CompletionsReached Complete CompletionsReached"}}},
		{"it runs for a while", newJob("x:1", onFailure, nil), world.ImageBehaviour{RunFor: 20 * second},
			[]moment{{20 * second, "1/0/0"}, {second, "0/1/0 SuccessCriteriaMet CompletionsReached Complete CompletionsReached"}}},
		{"three of them, two at a time", newJob("x:1", never, func(s *batchv1.JobSpec) { s.Completions, s.Parallelism = ptr.To[int32](3), ptr.To[int32](2) }),
			world.ImageBehaviour{RunFor: 9 * second}, []moment{{0, "2/0/0"}, {10 * second, "1/2/0"}, {10 * second, "0/3/0 SuccessCriteriaMet CompletionsReached Complete CompletionsReached"}}},
		{"it fails, waits and fails again", newJob("x:1", never, func(s *batchv1.JobSpec) { s.BackoffLimit = ptr.To[int32](1) }),
			world.ImageBehaviour{FailAt: second}, []moment{{2 * second, "0/0/1"}, {9 * second, "0/0/1"}, {second, "1/0/1"}, {2 * second, "0/0/2 FailureTarget BackoffLimitExceeded Failed BackoffLimitExceeded"}}},
		{"no second try", newJob("x:1", never, func(s *batchv1.JobSpec) { s.BackoffLimit = ptr.To[int32](0) }),
			world.ImageBehaviour{FailAt: second}, []moment{{2 * second, "0/0/1 FailureTarget BackoffLimitExceeded Failed BackoffLimitExceeded"}}},
		{"its pod restarts", newJob("x:1", onFailure, func(s *batchv1.JobSpec) { s.BackoffLimit = ptr.To[int32](1) }),
			world.ImageBehaviour{FailAt: second}, []moment{{2 * second, "1/0/0"}, {second, "1/0/0"}, {11 * second, "0/0/0 FailureTarget BackoffLimitExceeded"}, {30 * second, "0/0/0 FailureTarget BackoffLimitExceeded Failed BackoffLimitExceeded"}}},
		{"it takes too long", newJob("x:1", never, func(s *batchv1.JobSpec) { s.ActiveDeadlineSeconds = ptr.To[int64](30) }),
			world.ImageBehaviour{RunFor: time.Hour}, []moment{{29 * second, "1/0/0"}, {second, "0/0/0 FailureTarget DeadlineExceeded"}, {30 * second, "0/0/0 FailureTarget DeadlineExceeded Failed DeadlineExceeded"}}},
		{"its image is missing", newJob("x:1", never, nil), world.ImageBehaviour{PullError: true}, []moment{{time.Hour, "1/0/0"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCluster(t, world.Options{Images: map[string]world.ImageBehaviour{"x:1": tc.behaviour}})
			c.create(tc.job)
			for _, m := range tc.moments {
				c.sleep(m.after)
				if got := c.jobLook(); got != m.want {
					t.Errorf("after %s more: %s, want %s", m.after, got, m.want)
				}
			}
		})
	}
}

// The pod of a Job is Completed, not ready, and stays; a Job that has ended
// leaves no running pod.
func TestPodsOfJobs(t *testing.T) {
	c := newCluster(t, world.Options{})
	c.create(newJob("x:1", corev1.RestartPolicyNever, nil))
	c.sleep(time.Minute)
	c.expect("1 Succeeded 0/1")
	c = newCluster(t, world.Options{Images: map[string]world.ImageBehaviour{"x:1": {RunFor: time.Hour}}})
	c.create(newJob("x:1", corev1.RestartPolicyNever, func(s *batchv1.JobSpec) { s.ActiveDeadlineSeconds = ptr.To[int64](30) }))
	c.sleep(time.Minute)
	c.expect("")
}
