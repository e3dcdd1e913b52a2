package experiment

import (
	"slices"
	"time"

	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// defaultScaleDownDelay is how long the pods stay after the end, so that clients
// that have not yet heard of it still find them.
const defaultScaleDownDelay int32 = 30

// lookAgainAtRoutes is how often routes are looked at again that keep pods beyond their
// delay: nobody tells of the end of a share that its Rollout never recorded.
const lookAgainAtRoutes = 10 * time.Second

// windDown takes away what an Experiment that is over leaves behind: its runs at
// once, its pods after a delay, its Services with the pods.
func (d *decision) windDown() {
	d.stopRuns()
	d.status.AnalysisRuns = slices.DeleteFunc(d.status.AnalysisRuns, func(e v1alpha1.ExperimentAnalysisRunStatus) bool {
		return !e.Phase.Completed() && d.runs[e.AnalysisRun] == nil // it was never made
	})
	for _, v := range d.versions {
		if v.rs != nil && specReplicas(v.rs) > 0 {
			d.retire(v)
		}
		gone := v.rs == nil || (specReplicas(v.rs) == 0 && v.rs.Status.Replicas == 0)
		if v.service != nil && gone {
			v.status.ServiceName = ""
			d.deleteService(v.service)
		}
	}
}

// retire scales the ReplicaSet of a version to 0 once its deadline has passed and
// no request is sent to it any more. The deadline is set when it is first asked,
// and stays, for people to see.
func (d *decision) retire(v *version) {
	delay := ptr.Deref(d.spec.ScaleDownDelaySeconds, defaultScaleDownDelay)
	deadline, err := time.Parse(time.RFC3339, v.rs.Annotations[v1alpha1.ScaleDownDeadlineAnnotation])
	if err != nil && delay > 0 {
		deadline = d.stamp().Add(time.Duration(delay) * time.Second)
		v.amend().Annotations[v1alpha1.ScaleDownDeadlineAnnotation] = ptr.To(deadline.UTC().Format(time.RFC3339))
	}
	switch {
	case d.now.Before(deadline):
		d.waiting("ReplicaSet %s keeps its pods for another %s", v.rs.Name, deadline.Sub(d.now))
		d.wakeAt(deadline)
	case v.service != nil && !d.was.Phase.Completed():
		d.waiting("ReplicaSet %s keeps its pods until the end is on record: only then are the routes asked for shares that are not", v.rs.Name)
	case v.service != nil && d.Routed[v.service.Name]:
		d.waiting("ReplicaSet %s keeps its pods as long as requests are sent to Service %s", v.rs.Name, v.service.Name)
		d.wakeAt(d.now.Add(lookAgainAtRoutes))
	default:
		d.scale(v, 0)
	}
}
