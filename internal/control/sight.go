package control

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/rollout"
	"github.com/aviary-rollouts/aviary/internal/traffic/istio"
	"github.com/aviary-rollouts/aviary/internal/validate"
)

// sight is what one look at a Rollout found: what a decision is made from, and what
// that was made from.
type sight struct {
	rollout.Observed
	// recorded is the status that the API server has, which the one observed may be
	// ahead of; see patience.
	recorded  *v1alpha1.RolloutStatus
	facts     *specFacts
	refs      validate.Refs
	routes    istio.Objects
	workload  version // of what spec.workloadRef names; empty without, or if it is not there
	templates []version
}

// after decides once more with what the API server answered to the actions of a
// plan, as the next look would if nothing else happened. A status that says what was
// done needs no write of its own then. The plan is returned as it is where the next
// decision is about more than a status, or where the answers do not tell what the next
// look would see.
func (s *sight) after(plan rollout.Plan, written []client.Object, now time.Time) rollout.Ahead {
	if slices.ContainsFunc(plan.Actions, unseen) {
		return rollout.Ahead{Plan: plan}
	}
	for _, obj := range written {
		if !s.replace(obj) {
			return rollout.Ahead{Plan: plan}
		}
	}
	s.Rollout = rollout.WithStatus(s.Rollout, plan.Status)
	ports := s.stablePorts()
	s.judge()
	if s.Routing != nil {
		s.Routing.StablePorts = ports
	}
	ahead := rollout.DecideAhead(s.Observed, now)
	if len(ahead.Actions) > 0 {
		return rollout.Ahead{Plan: plan, Next: &ahead.Plan}
	}
	ahead.Actions, ahead.Why = plan.Actions, append(plan.Why, ahead.Why...)
	return ahead
}

// reported puts a Rollout whose status was written, or was right, in the place of the one
// observed. It reports whether all else is seen that the next decision needs: pods are
// not in the answers, and of a ping-pong pair the roles of its Services change with the
// status.
func (s *sight) reported(version string, status v1alpha1.RolloutStatus) bool {
	same := status.Canary.StablePingPong == s.Rollout.Status.Canary.StablePingPong
	s.Rollout = rollout.WithStatus(s.Rollout, status)
	s.Rollout.ResourceVersion = version
	s.recorded = &s.Rollout.Status
	return same && rollout.NeedsPods(s.Observed) != rollout.EveryPod
}

// standsWithoutStatus is true if a controller that knows nothing but what is on record
// would leave the cluster as it is now.
func (s *sight) standsWithoutStatus(now time.Time) bool {
	o := s.Observed
	o.Rollout = rollout.WithStatus(s.Rollout, *s.recorded)
	return len(rollout.Decide(o, now).Actions) == 0
}

func (s *sight) stablePorts() []corev1.ServicePort {
	if s.Routing == nil {
		return nil
	}
	return s.Routing.StablePorts
}

// unseen is true for actions whose effect is not in the answers: what is deleted, a
// change of the spec, pods, and workloads.
func unseen(a rollout.Action) bool {
	switch a.(type) {
	case rollout.AnnotateRollout, rollout.CreateReplicaSet, rollout.UpdateReplicaSet, rollout.SelectPods, rollout.Route,
		rollout.CreateRun, rollout.CreateExperiment:
		return false
	}
	return true
}

// replace puts an answer in the place of what was observed.
func (s *sight) replace(obj client.Object) bool {
	switch obj := obj.(type) {
	case *v1alpha1.Rollout:
		ro := *obj // which will carry the status that is written
		s.Rollout = &ro
		return ro.Generation == s.facts.generation && ro.UID == s.facts.uid
	case *appsv1.ReplicaSet:
		s.ReplicaSets = replaced(s.ReplicaSets, obj)
	case *corev1.Service:
		s.Services[obj.Name] = obj
	case *v1alpha1.AnalysisRun:
		s.Runs = replaced(s.Runs, obj)
	case *v1alpha1.Experiment:
		s.Experiments = replaced(s.Experiments, obj)
	case *unstructured.Unstructured:
		return s.routes.Replace(obj)
	default:
		return false
	}
	return true
}

// replaced returns the objects with obj in the place of the one that it was, or at
// the end if it is new.
func replaced[T client.Object](all []T, obj T) []T {
	i := slices.IndexFunc(all, func(o T) bool { return o.GetUID() == obj.GetUID() })
	if i < 0 {
		return append(all, obj)
	}
	all = slices.Clone(all)
	all[i] = obj
	return all
}
