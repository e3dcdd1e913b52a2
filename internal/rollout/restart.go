package rollout

import (
	"sort"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/aviary-rollouts/aviary/internal/replicas"
)

// restartRecheck is how often a restart that could not evict is looked at again.
const restartRecheck = 30 * time.Second

// restart evicts pods that are older than spec.restartAt, at most
// max(maxUnavailable, 1) at once, stable pods first. It reports whether pods are
// missing that the ReplicaSets still count, because this pass evicts them or the
// one before did.
func (d *decision) restart() bool {
	at := d.spec.RestartAt
	if at == nil || d.held() || (d.status.RestartedAt != nil && d.status.RestartedAt.Equal(at)) {
		return false
	}
	if d.now.Before(at.Time) {
		d.wakeAt(at.Time)
		return false
	}
	old := d.podsBefore(at.Time)
	unnoticed := d.evictionUnnoticed()
	if len(old) == 0 && unnoticed {
		return true
	}
	if len(old) == 0 {
		d.status.RestartedAt = at.DeepCopy()
		return false
	}
	evicted := 0
	quotas, shared := d.evictionQuotas()
	for _, p := range old {
		owner := ownerName(p)
		if quotas[owner] <= 0 || shared <= 0 {
			continue
		}
		quotas[owner]--
		shared--
		evicted++
		d.do(EvictPod{Pod: p.Name})
		d.event("RestartingPod", "Evicted pod %s: it is older than restartAt", p.Name)
	}
	d.waiting("%d pods are older than restartAt, %d of them are evicted now", len(old), evicted)
	d.wakeAfter(restartRecheck)
	return evicted > 0 || unnoticed
}

// evictionUnnoticed is true while a ReplicaSet counts more pods than there are, or more
// that serve: it has not seen an eviction yet, or not in our view, and will wake us when
// it has.
func (d *decision) evictionUnnoticed() bool {
	there, serving := map[string]int32{}, map[string]int32{}
	for _, p := range d.Pods {
		if d.serves(p) {
			serving[ownerName(p)]++
		}
		if p.DeletionTimestamp == nil && p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed {
			there[ownerName(p)]++
		}
	}
	for _, rs := range d.all {
		if rs.Status.Replicas > there[rs.Name] && d.seesPodsOf(rs) {
			d.waiting("ReplicaSet %s counts %d pods, of which %d are left", rs.Name, rs.Status.Replicas, there[rs.Name])
			return true
		}
		if available(rs) > serving[rs.Name] && d.seesPodsOf(rs) {
			d.waiting("ReplicaSet %s counts %d pods that serve, of which %d are seen", rs.Name, available(rs), serving[rs.Name])
			d.wakeAfter(time.Second)
			return true
		}
	}
	return false
}

// seesPodsOf is false for a ReplicaSet from before the selector was another one: its
// pods are not among those observed.
func (d *decision) seesPodsOf(rs *appsv1.ReplicaSet) bool {
	selector, err := metav1.LabelSelectorAsSelector(d.Selector)
	return err == nil && selector.Matches(labels.Set(rs.Spec.Template.Labels))
}

// evictionQuotas says, by ReplicaSet and for all together, how many pods may go
// now without more than max(maxUnavailable, 1) missing. The pods of a basic canary
// and of its stable version serve the same users, as do those of a routed one with
// dynamicStableScale: they share one quota. Where a router splits the requests one
// pod at least stays on each side.
func (d *decision) evictionQuotas() (own map[string]int32, shared int32) {
	canary := d.spec.Strategy.Canary
	allowed := d.mayBeMissing()
	serving := map[string]int32{}
	for _, p := range d.Pods {
		if d.serves(p) {
			serving[ownerName(p)]++
		}
	}
	own, shared = map[string]int32{}, allowed-d.n
	for _, rs := range d.all {
		// ReplicaSets notice an eviction late and count availability late: take the lower.
		up := min(available(rs), serving[rs.Name])
		shared += up
		wanted := specReplicas(rs)
		if rs == d.stableRS && !d.dynamic() {
			wanted = max(wanted, d.n) // it may be about to grow
		}
		own[rs.Name] = allowed - max(0, wanted-up)
		if d.routed() && wanted > 1 {
			own[rs.Name] = min(own[rs.Name], up-1)
		}
		if canary != nil && !d.routed() {
			own[rs.Name] = allowed
		}
	}
	if canary == nil || d.routed() && !d.dynamic() {
		shared = int32(len(d.Pods)) // each side counts for itself
	}
	return own, shared
}

// mayBeMissing is how many pods a restart may take at once.
func (d *decision) mayBeMissing() int32 {
	var configured *intstr.IntOrString
	if c := d.spec.Strategy.Canary; c != nil {
		configured = c.MaxUnavailable
	} else {
		configured = d.spec.Strategy.BlueGreen.MaxUnavailable
	}
	limits, err := replicas.ResolveLimits(d.n, nil, configured)
	if err != nil {
		limits.Unavailable = 0 // validation has refused the Rollout before
	}
	return max(limits.Unavailable, 1)
}

// serves is true for a pod that has been ready for minReadySeconds and is not on
// its way out.
func (d *decision) serves(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			since := d.now.Sub(c.LastTransitionTime.Time)
			return p.DeletionTimestamp == nil && c.Status == corev1.ConditionTrue && since >= time.Duration(d.spec.MinReadySeconds)*time.Second
		}
	}
	return false
}

// podsBefore lists the pods made before t that are not on their way out:
// stable first, then new, then older, each by age.
func (d *decision) podsBefore(t time.Time) []*corev1.Pod {
	rank := map[string]int{}
	for i, rs := range d.older {
		rank[rs.Name] = 3 + i
	}
	if d.newRS != nil {
		rank[d.newRS.Name] = 2
	}
	if d.stableRS != nil {
		rank[d.stableRS.Name] = 1
	}
	var old []*corev1.Pod
	for _, p := range d.Pods {
		if p.DeletionTimestamp == nil && p.CreationTimestamp.Time.Before(t) && rank[ownerName(p)] > 0 {
			old = append(old, p)
		}
	}
	sort.SliceStable(old, func(i, j int) bool {
		a, b := old[i], old[j]
		if ra, rb := rank[ownerName(a)], rank[ownerName(b)]; ra != rb {
			return ra < rb
		}
		if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
			return a.CreationTimestamp.Before(&b.CreationTimestamp)
		}
		return a.Name < b.Name
	})
	return old
}

func ownerName(p *corev1.Pod) string {
	for _, o := range p.OwnerReferences {
		if o.Controller != nil && *o.Controller {
			return o.Name
		}
	}
	return ""
}
