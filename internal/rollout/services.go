package rollout

import (
	appsv1 "k8s.io/api/apps/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// selectCanaryServices points the stable Service at the stable ReplicaSet and
// the canary Service at the new one, or at the stable one while there is
// nothing else that serves.
func (d *decision) selectCanaryServices() {
	stable, canary := d.services()
	d.selectPods(stable, d.stableRS)
	d.selectPods(canary, d.canaryTarget())
}

// services names the stable and the canary Service, which ping-pong exchanges.
func (d *decision) services() (stable, canary string) {
	return servicesOf(d.spec, d.status)
}

// servicesOf names the two Services as a status has them.
func servicesOf(spec *v1alpha1.RolloutSpec, status *v1alpha1.RolloutStatus) (stable, canary string) {
	ro := v1alpha1.Rollout{Spec: *spec}
	ro.Status.Canary.StablePingPong = status.Canary.StablePingPong
	return traffic.Services(&ro)
}

// canaryTarget is the ReplicaSet behind the canary Service or subset.
func (d *decision) canaryTarget() *appsv1.ReplicaSet {
	if rs := d.superseded(); rs != nil {
		return rs
	}
	switch {
	case d.newRS == nil || d.fullyPromoted():
		return d.stableRS
	case d.status.Abort:
		if rs := d.outgoing(); rs != nil {
			return rs // the traffic that has not been taken back yet was never the new one's
		}
		if d.routed() && d.Routing != nil && d.Routing.Weights.Canary > 0 && d.canarySelects() == d.hash {
			return d.newRS // its traffic has not been taken back yet
		}
		return d.stableRS
	case available(d.newRS) > 0 && d.nextSize(d.newRS) > 0 || d.canarySelects() == d.hash || d.unusedSubset():
		return d.newRS
	}
	return d.stableRS
}

// nextSize is the size of a ReplicaSet after this plan. A canary that an undo finds
// in its scale-down delay has pods that are about to go: nothing is pointed at them.
func (d *decision) nextSize(rs *appsv1.ReplicaSet) int32 {
	if u := d.updates[rs.Name]; u != nil {
		return u.Replicas
	}
	return specReplicas(rs)
}

// unusedSubset is true for the canary subset while an Experiment stands in for
// the canary, which has no pods then: the subset names the new version already,
// and no request goes there.
func (d *decision) unusedSubset() bool {
	_, canary := d.services()
	return canary == "" && d.routed() && d.hasSubsets() && d.Routing != nil && d.Routing.Weights.Canary == 0 &&
		len(d.Routing.Managed) == 0 && d.experimentStep() != nil
}

// canarySelects is the template hash behind the canary Service or subset now.
func (d *decision) canarySelects() string {
	if _, canary := d.services(); canary != "" {
		return d.selected(canary)
	}
	if d.Routing != nil {
		return d.Routing.CanaryHash
	}
	return ""
}

// selectPods switches a Service to a ReplicaSet. The first time a Service is
// taken over every pod of the ReplicaSet must be available, later one is
// enough; a ReplicaSet without available pods is selected only where nobody is
// meant to serve: it is the one that comes with the next pods.
func (d *decision) selectPods(service string, rs *appsv1.ReplicaSet) {
	if service == "" || rs == nil || d.Services[service] == nil {
		return
	}
	from, to := d.selected(service), hashOf(rs)
	if from == to && d.managed(service) {
		return
	}
	needed := int32(1)
	if from == "" {
		needed = max(1, specReplicas(rs))
	}
	if from != to && d.n > 0 && available(rs) < needed {
		d.waiting("Service %s goes on selecting %q: %d of %d needed pods of ReplicaSet %s are available", service, from, available(rs), needed, rs.Name)
		return
	}
	d.do(SelectPods{Service: d.Services[service], Hash: to})
	if from != to {
		d.event("SwitchService", "Switched selector for service '%s' from '%s' to '%s'", service, from, to)
	}
}

// selected is the template hash that a Service selects; empty if none.
func (d *decision) selected(service string) string {
	if s := d.Services[service]; s != nil {
		return s.Spec.Selector[v1alpha1.DefaultRolloutUniqueLabelKey]
	}
	return ""
}

func (d *decision) managed(service string) bool {
	s := d.Services[service]
	return s != nil && s.Annotations[v1alpha1.ManagedByRolloutsKey] == d.Rollout.Name
}
