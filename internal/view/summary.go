package view

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// The strategies as they are printed.
const (
	Canary    = "Canary"
	BlueGreen = "BlueGreen"
)

// Summary is what a Rollout says about itself: the upper half of `get rollout`
// and a row of `list rollouts`.
type Summary struct {
	Namespace string
	Name      string
	// Strategy is Canary, BlueGreen, or empty if none is set.
	Strategy string
	// Phase and Message are what clients show; see status.go.
	Phase   v1alpha1.RolloutPhase
	Message string
	// Step is the step that runs; the zero value without steps.
	Step Step
	// SetWeight is the weight that the steps ask for. It means something for
	// canaries only.
	SetWeight int32
	// Desired is spec.replicas, 1 if unset. Current counts all pods, Updated
	// those of the newest template; Ready and Available count all pods of a
	// canary, but those of the active ReplicaSet only with blue/green.
	Desired, Current, Updated, Ready, Available int32
}

// Step is a place in the list of canary steps.
type Step struct {
	// Index counts from 0 and equals Count when all steps are done.
	Index, Count int32
}

// String is "1/5", or empty if there are no steps.
func (s Step) String() string {
	if s.Count == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.Index, s.Count)
}

// Summarize sums a Rollout up. workload is the object that spec.workloadRef
// names, or nil.
func Summarize(ro *v1alpha1.Rollout, workload metav1.Object) Summary {
	s := Summary{
		Namespace: ro.Namespace,
		Name:      ro.Name,
		Desired:   1,
		Current:   ro.Status.Replicas,
		Updated:   ro.Status.UpdatedReplicas,
		Ready:     ro.Status.ReadyReplicas,
		Available: ro.Status.AvailableReplicas,
	}
	if ro.Spec.Replicas != nil {
		s.Desired = *ro.Spec.Replicas
	}
	s.Phase, s.Message = status(ro, workload)
	switch {
	case ro.Spec.Strategy.BlueGreen != nil:
		s.Strategy = BlueGreen
	case ro.Spec.Strategy.Canary != nil:
		s.Strategy = Canary
		s.Step = step(ro)
		s.SetWeight = setWeight(ro)
	}
	return s
}
