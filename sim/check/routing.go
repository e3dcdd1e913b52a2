package check

import (
	"fmt"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// routing: requests go where somebody answers.
//
// The shares that the status records add up to the whole, a canary or stable
// Service with a share has a ready pod behind it (unless the world or a user has
// just taken pods away), and after an abort the canary's share never rises.
type routing struct{}

// NewRouting returns the check of canaries with traffic routing.
func NewRouting() Check { return routing{} }

func (routing) Name() string { return "routing" }

func (routing) Event(_ *State, c Change) error {
	after, ok := c.Object.(*v1alpha1.Rollout)
	before, had := c.Old.(*v1alpha1.Rollout)
	if !ok || !had || c.Deleted || !before.Status.Abort || !after.Status.Abort {
		return nil
	}
	was, is := before.Status.Canary.Weights, after.Status.Canary.Weights
	if was != nil && is != nil && is.Canary.Weight > was.Canary.Weight {
		return fmt.Errorf("rollout %s/%s: the canary's share rises from %d to %d after the abort", after.Namespace, after.Name, was.Canary.Weight, is.Canary.Weight)
	}
	return nil
}

func (routing) Instant(s *State) error {
	for _, f := range s.Families() {
		w := f.Rollout.Status.Canary.Weights
		if w == nil || f.Rollout.Spec.Strategy.Canary == nil || f.Rollout.Spec.Strategy.Canary.TrafficRouting == nil {
			continue
		}
		if err := f.shares(w); err != nil {
			return err
		}
		if f.Disrupted(s.Now, s.Lag) {
			continue
		}
		for _, d := range []v1alpha1.WeightDestination{w.Canary, w.Stable} {
			if err := f.answers(s, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// shares adds the shares up. Subsets whose weight is the user's own take a share
// that the status does not know, so that less than the whole is right beside them.
func (f *Family) shares(w *v1alpha1.TrafficWeights) error {
	whole, router := int32(100), f.Rollout.Spec.Strategy.Canary.TrafficRouting
	if m := router.MaxTrafficWeight; m != nil {
		whole = *m
	}
	reserved := router.Istio != nil && router.Istio.DestinationRule != nil && len(router.Istio.DestinationRule.AdditionalSubsetNames) > 0
	sum := w.Canary.Weight + w.Stable.Weight
	for _, a := range w.Additional {
		sum += a.Weight
	}
	if sum > whole || sum < whole && !reserved {
		return fmt.Errorf("rollout %s: the shares add up to %d, not %d: canary %d, stable %d, %d more", f.Key(), sum, whole, w.Canary.Weight, w.Stable.Weight, len(w.Additional))
	}
	return nil
}

// answers looks for a ready pod behind a Service that has a share. A Service that
// no revision is selected by yet belongs to a first deployment.
func (f *Family) answers(s *State, d v1alpha1.WeightDestination) error {
	svc := s.Service(f.Rollout.Namespace, d.ServiceName)
	if d.Weight == 0 || svc == nil {
		return nil
	}
	set := f.ByHash(svc.Spec.Selector[v1alpha1.DefaultRolloutUniqueLabelKey])
	if set == nil || set.Available(s.Now) > 0 {
		return nil
	}
	return fmt.Errorf("rollout %s: Service %s has %d %% of the requests and no ready pod: %s", f.Key(), d.ServiceName, d.Weight, f.Sizes())
}
