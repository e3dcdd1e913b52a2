package rollout

import (
	"cmp"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/podhash"
	"github.com/aviary-rollouts/aviary/internal/podtemplate"
)

// cast says who is who among the ReplicaSets.
type cast struct {
	// hash names the template in force: the label of its ReplicaSet if there
	// is one, else the hash that its ReplicaSet will get.
	hash string
	// stepHash names the list of canary steps; without steps it is the one on record,
	// if that is about none either, or empty.
	stepHash string
	// newRS has the template in force; nil until it is created.
	newRS *appsv1.ReplicaSet
	// stableRS is the one that status.stableRS names; nil before the first
	// deployment. It is the same object as newRS outside an update.
	stableRS *appsv1.ReplicaSet
	// older are the rest, highest revision first.
	older []*appsv1.ReplicaSet
	// all is every ReplicaSet, highest revision first.
	all []*appsv1.ReplicaSet
}

func identify(o Observed) cast {
	var c cast
	c.all = append(c.all, o.ReplicaSets...)
	slices.SortStableFunc(c.all, func(a, b *appsv1.ReplicaSet) int {
		return cmp.Or(cmp.Compare(revision(b), revision(a)), cmp.Compare(a.Name, b.Name))
	})
	c.hash = o.Hashes.Template
	if c.hash == "" {
		c.hash = podhash.Of(*o.Template, o.Rollout.Status.CollisionCount)
	}
	c.newRS = findNew(c.all, o, c.hash)
	if c.newRS != nil {
		c.hash = hashOf(c.newRS)
	}
	c.stepHash = o.Hashes.Steps
	if canary := o.Rollout.Spec.Strategy.Canary; c.stepHash == "" && canary != nil && len(canary.Steps) > 0 {
		c.stepHash = podhash.OfSteps(canary.Steps)
	}
	if s := &o.Rollout.Status; c.stepHash == "" && s.CurrentStepIndex == nil {
		// Another controller has a hash for the list of no steps: whoever writes which, there
		// are as few as before. Only where there were steps is an index on record.
		c.stepHash = s.CurrentStepHash
	}
	for _, rs := range c.all {
		switch {
		case hashOf(rs) == o.Rollout.Status.StableRS:
			c.stableRS = rs
		case rs != c.newRS:
			c.older = append(c.older, rs)
		}
	}
	return c
}

// findNew looks the ReplicaSet of the template up by hash and, failing that, by
// comparing templates: "undo" and a newer Kubernetes library both give
// templates that are equal but hash differently.
func findNew(all []*appsv1.ReplicaSet, o Observed, hash string) *appsv1.ReplicaSet {
	for _, rs := range all {
		if hashOf(rs) == hash {
			return rs
		}
	}
	for _, rs := range all {
		if podtemplate.Equal(podtemplate.Plain(rs), *o.Template) {
			return rs
		}
	}
	return nil
}

// recoverStable finds out which ReplicaSet is the stable one where no status says so: the
// Rollout was deleted without its ReplicaSets and created anew, it comes from a backup, or
// its first status could not be written before the next image came. What serves then, with
// the most pods, must not make way for an "initial deploy" that has none yet.
func (d *decision) recoverStable() {
	if d.status.StableRS != "" {
		return
	}
	for _, rs := range d.older {
		if d.servesUnrecorded(rs) && available(rs) > available(d.stableRS) {
			d.stableRS = rs
		}
	}
	if d.stableRS != nil {
		d.status.StableRS = hashOf(d.stableRS)
		d.older = slices.DeleteFunc(slices.Clone(d.older), func(rs *appsv1.ReplicaSet) bool { return rs == d.stableRS })
	}
}

// servesUnrecorded is true for a ReplicaSet that users reach through the Service of the
// stable version or, where no Service tells versions apart, that has pods which serve while
// the one of the template has not got all of its own.
func (d *decision) servesUnrecorded(rs *appsv1.ReplicaSet) bool {
	service, _ := d.services()
	if bg := d.spec.Strategy.BlueGreen; bg != nil {
		service = bg.ActiveService
	}
	if hash := d.selected(service); hash != "" {
		return hashOf(rs) == hash
	}
	return !saturated(d.newRS, d.n)
}

func hashOf(rs *appsv1.ReplicaSet) string { return rs.Labels[v1alpha1.DefaultRolloutUniqueLabelKey] }

// revision is the number in a ReplicaSet's annotation; 0 if it has none.
func revision(rs *appsv1.ReplicaSet) int64 {
	n, _ := strconv.ParseInt(rs.Annotations[v1alpha1.RevisionAnnotation], 10, 64)
	return n
}

func specReplicas(rs *appsv1.ReplicaSet) int32 {
	if rs == nil || rs.Spec.Replicas == nil {
		return 0
	}
	return *rs.Spec.Replicas
}

// available counts the pods that will still be available once the controller
// of the ReplicaSet has caught up: a surplus is on its way out.
func available(rs *appsv1.ReplicaSet) int32 {
	if rs == nil {
		return 0
	}
	return min(rs.Status.AvailableReplicas, specReplicas(rs))
}

// fullyPromoted is true when no update is under way.
func (d *decision) fullyPromoted() bool {
	return d.newRS != nil && d.status.StableRS == d.hash
}

// saturated is true when a ReplicaSet has all of count pods, and they serve.
func saturated(rs *appsv1.ReplicaSet, count int32) bool {
	return rs != nil && specReplicas(rs) >= count && available(rs) >= count && rs.Status.ObservedGeneration >= rs.Generation
}
