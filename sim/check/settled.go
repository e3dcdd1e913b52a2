package check

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Settled checks the end of a history in which nothing has gone wrong for long
// enough: every Rollout is Healthy, Paused or Degraded, says why, and what it
// says is true. Nothing is left of Experiments, runs and routes that are over.
func Settled(s *State) error {
	for _, f := range s.Families() {
		if err := settled(f, s); err != nil {
			return fmt.Errorf("settled: rollout %s: %w; %s", f.Key(), err, f.Sizes())
		}
	}
	if err := leftovers(s); err != nil {
		return fmt.Errorf("settled: %w", err)
	}
	return nil
}

func settled(f *Family, s *State) error {
	status := &f.Rollout.Status
	if observedGeneration(f.Rollout) != f.Rollout.Generation {
		return fmt.Errorf("generation %d was never looked at: observed is %s", f.Rollout.Generation, status.ObservedGeneration)
	}
	switch status.Phase {
	case v1alpha1.RolloutPhaseHealthy:
		return healthy(f, s.Now)
	case v1alpha1.RolloutPhasePaused:
		return paused(f)
	case v1alpha1.RolloutPhaseDegraded:
		if status.Message == "" {
			return fmt.Errorf("it is Degraded and does not say why")
		}
		return nil
	}
	return fmt.Errorf("it is still %q: %q (step %s)", status.Phase, status.Message, stepOf(f.Rollout))
}

func stepOf(ro *v1alpha1.Rollout) string {
	if i := ro.Status.CurrentStepIndex; i != nil {
		return fmt.Sprint(*i)
	}
	return "none"
}

// healthy checks the claims of the phase: the new revision is the stable one,
// runs the template of the spec with all its pods, and nothing else runs.
func healthy(f *Family, now time.Time) error {
	status := &f.Rollout.Status
	set := f.ByHash(status.CurrentPodHash)
	switch {
	case status.CurrentPodHash != status.StableRS:
		return fmt.Errorf("it is Healthy although %s is not stable (%s is)", status.CurrentPodHash, status.StableRS)
	case set == nil:
		return fmt.Errorf("it is Healthy without a ReplicaSet of hash %s", status.CurrentPodHash)
	case set.Available(now) < f.Replicas():
		return fmt.Errorf("it is Healthy with %d of %d pods available", set.Available(now), f.Replicas())
	case f.Active() != f.Replicas():
		return fmt.Errorf("it is Healthy with %d pods instead of %d", f.Active(), f.Replicas())
	}
	if err := dressed(f.Rollout, set); err != nil {
		return err
	}
	if err := f.history(); err != nil {
		return err
	}
	if f.Rollout.Spec.WorkloadRef != nil {
		return nil // the template is elsewhere
	}
	for i, c := range f.Rollout.Spec.Template.Spec.Containers {
		if got := set.ReplicaSet.Spec.Template.Spec.Containers[i].Image; got != c.Image {
			return fmt.Errorf("it is Healthy with image %s instead of %s", got, c.Image)
		}
	}
	return nil
}

// paused checks that somebody can tell what it waits for, and that the pods
// which serve are all there.
func paused(f *Family) error {
	if !f.Rollout.Spec.Paused && len(f.Rollout.Status.PauseConditions) == 0 {
		return fmt.Errorf("it is Paused without a reason")
	}
	if f.Rollout.Status.Message == "" {
		return fmt.Errorf("it is Paused and does not say why")
	}
	return nil
}

// dressed compares the labels and annotations of pods with those of their role:
// they are stable, or active, and no longer a canary's or a preview's.
func dressed(ro *v1alpha1.Rollout, set *Set) error {
	var is, was *v1alpha1.PodTemplateMetadata
	if c := ro.Spec.Strategy.Canary; c != nil {
		is, was = c.StableMetadata, c.CanaryMetadata
	} else if bg := ro.Spec.Strategy.BlueGreen; bg != nil {
		is, was = bg.ActiveMetadata, bg.PreviewMetadata
	}
	if is == nil || was == nil {
		return nil
	}
	for _, pod := range byName(set.Pods, func(p *corev1.Pod) metav1.Object { return p }) {
		if !active(pod) {
			continue
		}
		for key, want := range is.Labels {
			if pod.Labels[key] != want {
				return fmt.Errorf("it is Healthy, and the label %s of pod %s is %q instead of %q", key, pod.Name, pod.Labels[key], want)
			}
		}
		for key := range was.Annotations {
			if _, stays := is.Annotations[key]; !stays && pod.Annotations[key] != "" {
				return fmt.Errorf("it is Healthy, and pod %s still has the annotation %s", pod.Name, key)
			}
		}
	}
	return nil
}

// history counts the ReplicaSets of older revisions, all of which are empty by now.
func (f *Family) history() error {
	limit := 10
	if n := f.Rollout.Spec.RevisionHistoryLimit; n != nil {
		limit = int(*n)
	}
	if old := len(f.Sets) - 1; old > limit {
		return fmt.Errorf("it is Healthy with %d old ReplicaSets, and %d are to be kept", old, limit)
	}
	return nil
}
