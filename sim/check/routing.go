package check

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// routing: requests go where somebody answers.
//
// The shares that the status records add up to the whole, a canary or stable
// Service with a share has an available pod behind it, and after an abort the
// canary's share never rises, unless the record only catches up with what the
// mesh was told before. What the mesh is told, not what the record says of it,
// decides who has a share. Where the world or a user took the last pod away, it is
// enough that another one is asked for, or that the controller has not seen yet
// that one is wanted, or not what it wrote first when it had seen it, as where an
// update begins at the same time.
type routing struct {
	answered map[behind]time.Time       // when a pod was last there
	told     map[types.UID]abortedShare // what the mesh was told when the abort was seen
}

// behind is a Service of a Rollout and the revision that it selects.
type behind struct {
	rollout       types.UID
	service, hash string
}

// NewRouting returns the check of canaries with traffic routing.
func NewRouting() Check {
	return &routing{answered: map[behind]time.Time{}, told: map[types.UID]abortedShare{}}
}

func (*routing) Name() string { return "routing" }

func (c *routing) Event(s *State, change Change) error {
	if _, ok := change.Object.(*unstructured.Unstructured); ok {
		c.hear(s)
		return nil
	}
	after, ok := change.Object.(*v1alpha1.Rollout)
	before, had := change.Old.(*v1alpha1.Rollout)
	if !ok || !had || change.Deleted {
		return nil
	}
	if !before.Status.Abort || !after.Status.Abort {
		hash := after.Status.CurrentPodHash
		c.told[after.UID] = abortedShare{hash, s.Now, change.Family.shareOf(s, hash)}
		return nil
	}
	was, is := before.Status.Canary.Weights, after.Status.Canary.Weights
	if was != nil && is != nil && is.Canary.Weight > was.Canary.Weight && int64(is.Canary.Weight) > c.told[after.UID].share {
		return fmt.Errorf("rollout %s/%s: the canary's share rises from %d to %d after the abort", after.Namespace, after.Name, was.Canary.Weight, is.Canary.Weight)
	}
	return nil
}

// hear notes what the mesh is told while the controllers cannot have seen an
// abort.
func (c *routing) hear(s *State) {
	for _, f := range s.Families() {
		told := c.told[f.Rollout.UID]
		if f.Rollout.Status.Abort && s.Now.Sub(told.since) <= s.Lag {
			told.share = max(told.share, f.shareOf(s, told.hash))
			c.told[f.Rollout.UID] = told
		}
	}
}

func (c *routing) Instant(s *State) error {
	for _, f := range s.Families() {
		w := f.Rollout.Status.Canary.Weights
		if w == nil || f.Rollout.Spec.Strategy.Canary == nil || f.Rollout.Spec.Strategy.Canary.TrafficRouting == nil {
			continue
		}
		if err := f.shares(w); err != nil {
			return err
		}
		for _, d := range []v1alpha1.WeightDestination{w.Canary, w.Stable} {
			if err := c.answers(s, f, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// shares adds the shares up. Subsets whose weight is the user's own take a share
// that the status does not know, so that less than the whole is right beside them.
func (f *Family) shares(w *v1alpha1.TrafficWeights) error {
	whole, router := wholeOf(f.Rollout), f.Rollout.Spec.Strategy.Canary.TrafficRouting
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

// answers looks for an available pod behind a Service that has a share. A Service
// that no revision is selected by yet belongs to a first deployment.
func (c *routing) answers(s *State, f *Family, d v1alpha1.WeightDestination) error {
	svc := s.Service(f.Rollout.Namespace, d.ServiceName)
	if svc == nil {
		return nil
	}
	hash := svc.Spec.Selector[v1alpha1.DefaultRolloutUniqueLabelKey]
	set, key := f.ByHash(hash), behind{f.Rollout.UID, d.ServiceName, hash}
	if set == nil {
		return nil
	}
	if set.Available(s.Now) > 0 {
		c.answered[key] = s.Now
		return nil
	}
	if f.Replicas() == 0 || f.refused() && set.Wanted() == 0 {
		f.disruptedAt = s.Now // a person took them all, and gives none back while the spec is refused
		c.answered[key] = s.Now
		return nil
	}
	last := c.answered[key]
	asked := set.Wanted() > 0 || observedGeneration(f.Rollout) < f.Rollout.Generation
	taken := f.Disrupted(s.Now, 2*s.Lag) || asked && !f.disruptedAt.IsZero() && !f.disruptedAt.Before(last)
	share := int64(d.Weight)
	if f.istio() != nil {
		share = f.shareOfService(s, d.ServiceName)
	}
	if share == 0 || taken {
		return nil
	}
	return fmt.Errorf("rollout %s: Service %s has %d %% of the requests and no ready pod: %s", f.Key(), d.ServiceName, share, f.Sizes())
}

// shareOfService is the greatest share that a Service has, as a whole, in any
// route that the Rollout steers.
func (f *Family) shareOfService(s *State, service string) (most int64) {
	for _, sp := range f.splits(s) {
		if f.managed(sp.name) || !f.steers(sp.vs, sp.name) {
			continue
		}
		for _, d := range sp.destinations {
			if host, _, _ := strings.Cut(d.host, "."); host == service && d.subset == "" {
				most = max(most, d.weight)
			}
		}
	}
	return most
}
