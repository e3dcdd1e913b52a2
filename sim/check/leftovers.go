package check

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// leftovers looks, once things are settled, for what should have gone: pods and
// Services of Experiments that are over, subsets and shares of theirs, runs of
// owners that need them no more, and managed routes of updates that are over or that
// nobody declares any more. What the status says of the shares must be what is in force.
func leftovers(s *State) error {
	for _, e := range byName(s.experiments, func(e *v1alpha1.Experiment) metav1.Object { return e }) {
		if err := s.ofExperiment(e); err != nil {
			return fmt.Errorf("experiment %s/%s: %w", e.Namespace, e.Name, err)
		}
	}
	for _, run := range byName(s.runs, func(r *v1alpha1.AnalysisRun) metav1.Object { return r }) {
		if err := s.ofRun(run); err != nil {
			return fmt.Errorf("analysisrun %s/%s: %w", run.Namespace, run.Name, err)
		}
	}
	for _, f := range s.Families() {
		for _, question := range []func(*State) error{f.leftRoutes, f.recorded} {
			if err := question(s); err != nil {
				return fmt.Errorf("rollout %s: %w", f.Key(), err)
			}
		}
	}
	if err := s.routesOfNobody(); err != nil {
		return err
	}
	return s.subsetsOfNobody()
}

// routesOfNobody looks for routes that have the name of a managed one, though no Rollout
// that names their VirtualService declares it any more. Where a person holds such a
// Rollout, or wrote what is refused, nothing is taken away.
func (s *State) routesOfNobody() error {
	for _, key := range sortedKeys(s.routes) {
		for _, sp := range s.routes[key] {
			if !slices.Contains(s.declared[key], sp.name) {
				continue
			}
			stays := func(f *Family) bool {
				return f.names(key) && (f.managed(sp.name) || f.Rollout.Spec.Paused || f.refused())
			}
			if !slices.ContainsFunc(s.Families(), stays) {
				return fmt.Errorf("no Rollout declares the managed route %q any more, and VirtualService %s still has it", sp.name, key)
			}
		}
	}
	return nil
}

func sortedKeys[V any](objects map[types.NamespacedName]V) []types.NamespacedName {
	return slices.SortedFunc(maps.Keys(objects), func(a, b types.NamespacedName) int { return cmp.Compare(a.String(), b.String()) })
}

// subsetsOfNobody looks for subsets that still ask for a revision of a Rollout, or of an
// Experiment, though no Rollout names their DestinationRule.
func (s *State) subsetsOfNobody() error {
	named := map[types.NamespacedName]bool{}
	for _, f := range s.Families() {
		if istio := f.istio(); istio != nil && istio.DestinationRule != nil {
			named[f.named(istio.DestinationRule.Name)] = true
		}
	}
	for _, key := range sortedKeys(s.subsets) {
		for _, subset := range s.subsets[key] {
			if hash := subset.labels[v1alpha1.DefaultRolloutUniqueLabelKey]; hash != "" && !named[key] {
				return fmt.Errorf("no Rollout names DestinationRule %s, and its subset %s selects %q", key, subset.name, hash)
			}
		}
	}
	return nil
}

// byName lists the values of a map by the names of their objects, so that of
// several leftovers the same is named each time.
func byName[K comparable, V any](values map[K]V, object func(V) metav1.Object) []V {
	return slices.SortedFunc(maps.Values(values), func(a, b V) int {
		x, y := object(a), object(b)
		return cmp.Or(cmp.Compare(x.GetNamespace(), y.GetNamespace()), cmp.Compare(x.GetName(), y.GetName()))
	})
}

// ofExperiment looks at the Services and pods of an Experiment that is over, and
// at one that its Rollout waits for no more.
func (s *State) ofExperiment(e *v1alpha1.Experiment) error {
	if owner := s.ownerOf(e); owner != nil && !e.Status.Phase.Completed() && owner.Status.Canary.CurrentExperiment != e.Name {
		return fmt.Errorf("it is %q, and its Rollout waits for %q", e.Status.Phase, owner.Status.Canary.CurrentExperiment)
	}
	if !e.Status.Phase.Completed() {
		return nil
	}
	if f := s.familyOf(e); f != nil && f.refused() {
		return nil // requests may still be sent there
	}
	for _, svc := range byName(s.services, func(svc *corev1.Service) metav1.Object { return svc }) {
		if metav1.IsControlledBy(svc, e) {
			return fmt.Errorf("it is %s, and its Service %s is still there", e.Status.Phase, svc.Name)
		}
	}
	for _, set := range byName(s.sets, func(set *Set) metav1.Object { return set.ReplicaSet }) {
		if metav1.IsControlledBy(set.ReplicaSet, e) && (set.Wanted() > 0 || set.Active() > 0) {
			return fmt.Errorf("it is %s, and its ReplicaSet %s has %d pods", e.Status.Phase, set.ReplicaSet.Name, set.Active())
		}
	}
	return nil
}

// ofRun looks at a run that goes on: its owner must wait for it.
func (s *State) ofRun(run *v1alpha1.AnalysisRun) error {
	if run.Status.Phase.Completed() {
		return nil
	}
	if ro := s.ownerOf(run); ro != nil {
		switch {
		case ro.Status.Abort || ro.Status.CurrentPodHash == ro.Status.StableRS:
			return fmt.Errorf("it is %q, and its Rollout is at its end", run.Status.Phase)
		case !currentRun(ro, run.Name):
			return fmt.Errorf("it is %q, and its Rollout does not know of it", run.Status.Phase)
		}
	}
	if owner := metav1.GetControllerOfNoCopy(run); owner != nil {
		if e := s.experiments[owner.UID]; e != nil && e.Status.Phase.Completed() {
			return fmt.Errorf("it is %q, and its Experiment is %s", run.Status.Phase, e.Status.Phase)
		}
	}
	return nil
}

// ownerOf returns the Rollout that controls something; nil if none does.
func (s *State) ownerOf(of metav1.Object) *v1alpha1.Rollout {
	if f := s.familyOf(of); f != nil {
		return f.Rollout
	}
	return nil
}

func currentRun(ro *v1alpha1.Rollout, name string) bool {
	for _, status := range []*v1alpha1.RolloutAnalysisRunStatus{
		ro.Status.Canary.CurrentStepAnalysisRunStatus, ro.Status.Canary.CurrentBackgroundAnalysisRunStatus,
		ro.Status.BlueGreen.PrePromotionAnalysisRunStatus, ro.Status.BlueGreen.PostPromotionAnalysisRunStatus,
	} {
		if status != nil && status.Name == name {
			return true
		}
	}
	return false
}

// leftRoutes looks for routes, shares and subsets of an update that is over: it is
// promoted, or given up and the stable revision can carry everything. Where a
// person holds a Rollout, or wrote what is refused, nothing is taken away.
func (f *Family) leftRoutes(s *State) error {
	status := &f.Rollout.Status
	stable := f.ByHash(status.StableRS)
	over := (status.Abort || status.CurrentPodHash == status.StableRS) && !f.refused()
	if f.istio() == nil || !over || f.Rollout.Spec.Paused || stable == nil || stable.Available(s.Now) < f.Replicas() || f.Replicas() == 0 {
		return nil
	}
	for _, sp := range f.splits(s) {
		if f.managed(sp.name) {
			return fmt.Errorf("the update is over, and VirtualService %s still has the managed route %q", sp.vs, sp.name)
		}
		for _, d := range sp.destinations {
			if hash := f.selector(s, d)[v1alpha1.DefaultRolloutUniqueLabelKey]; d.weight > 0 && hash != status.StableRS && !f.ofUser(d) {
				return fmt.Errorf("the update is over, and VirtualService %s still sends %d %% to %s, which is %q", sp.vs, d.weight, d, hash)
			}
		}
	}
	names := f.istio().DestinationRule
	for _, subset := range f.subsets(s) {
		key := types.NamespacedName{Namespace: f.Rollout.Namespace, Name: subset.name}
		known := subset.name == names.StableSubsetName || subset.name == names.CanarySubsetName ||
			strings.Contains(strings.Join(names.AdditionalSubsetNames, " "), subset.name)
		if !known {
			return fmt.Errorf("the update is over, and the subset %s of an Experiment is still there (its Service: %t)", subset.name, s.services[key] != nil)
		}
	}
	return nil
}

// recorded holds the share that the status says the canary has against what the
// mesh was told: in every route, or in one at least where a person stopped
// everything between the writes to two of them. A write that failed is not made good
// for a spec that is refused.
func (f *Family) recorded(s *State) error {
	w := f.Rollout.Status.Canary.Weights
	if f.istio() == nil || w == nil || f.refused() {
		return nil
	}
	var wrong error
	for _, sp := range f.splits(s) {
		if f.managed(sp.name) || !f.steers(sp.vs, sp.name) {
			continue
		}
		for _, d := range sp.destinations {
			right := d.weight == int64(w.Canary.Weight)
			switch {
			case !f.isCanary(d, w.Canary.ServiceName):
			case right && f.Rollout.Spec.Paused:
				return nil
			case !right:
				wrong = fmt.Errorf("the status says that the canary has %d %%, and VirtualService %s route %q sends %d %%", w.Canary.Weight, sp.vs, sp.name, d.weight)
			}
		}
	}
	return wrong
}

// isCanary reports whether a destination is the canary's: its subset, or its Service
// where there are none.
func (f *Family) isCanary(d destination, service string) bool {
	if rule := f.istio().DestinationRule; rule != nil {
		return d.subset != "" && d.subset == rule.CanarySubsetName
	}
	host, _, _ := strings.Cut(d.host, ".")
	return d.subset == "" && service != "" && host == service
}
