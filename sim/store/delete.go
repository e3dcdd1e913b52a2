package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// GraceFunc returns how many seconds an object lingers after Delete when the
// caller names no grace period. Zero removes it at once, whatever the caller
// asked for.
type GraceFunc func(obj client.Object) (seconds int64)

// DefaultGracefulKinds are the kinds that linger on a real cluster: pods.
func DefaultGracefulKinds() map[schema.GroupKind]GraceFunc {
	return map[schema.GroupKind]GraceFunc{{Kind: "Pod"}: PodGrace}
}

// PodGrace is the rule of the API server for pods: a pod that is bound to a
// node and not finished lingers for its terminationGracePeriodSeconds, so that
// the kubelet can stop it; any other goes at once.
func PodGrace(obj client.Object) int64 {
	pod, ok := obj.(*corev1.Pod)
	if !ok || pod.Spec.NodeName == "" || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return 0
	}
	if s := pod.Spec.TerminationGracePeriodSeconds; s != nil {
		return *s
	}
	return corev1.DefaultTerminationGracePeriodSeconds
}

// Delete removes an object, or marks it as being deleted if it has finalizers
// or if its kind is graceful. Dependents follow by garbage collection, in the
// background unless the options say otherwise.
func (a *actor) Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error {
	gvk, t, err := a.store.kindOf(obj)
	if err != nil {
		return err
	}
	o := client.DeleteOptions{}
	o.ApplyOptions(opts)
	req := a.request(t, client.ObjectKeyFromObject(obj), "delete", "", o.DryRun)
	return a.do(ctx, Op{Verb: "delete", Kind: gvk, Key: req.key, Object: obj}, func() error {
		return a.store.delete(req, o.AsDeleteOptions())
	})
}

// DeleteAllOf deletes the objects that match the options, in order.
func (a *actor) DeleteAllOf(ctx context.Context, obj client.Object, opts ...client.DeleteAllOfOption) error {
	gvk, t, err := a.store.kindOf(obj)
	if err != nil {
		return err
	}
	o := client.DeleteAllOfOptions{}
	o.ApplyOptions(opts)
	op := Op{Verb: "deletecollection", Kind: gvk, Key: types.NamespacedName{Namespace: o.Namespace}, Object: obj}
	return a.do(ctx, op, func() error {
		found, err := a.store.find(t, a.store.rev, &o.ListOptions)
		if err != nil {
			return err
		}
		for _, item := range found {
			req := a.request(t, client.ObjectKeyFromObject(item), "delete", "", o.DryRun)
			if err := a.store.delete(req, o.AsDeleteOptions()); client.IgnoreNotFound(err) != nil {
				return err
			}
		}
		return nil
	})
}

// delete carries out one deletion.
func (s *Store) delete(req request, o *metav1.DeleteOptions) error {
	t := req.table
	cur := t.head(req.key)
	if cur == nil {
		return apierrors.NewNotFound(t.resource, req.key.Name)
	}
	if err := checkPreconditions(t, cur, o.Preconditions); err != nil {
		return err
	}
	next := t.shallowCopy(cur)
	s.markDeleted(t, next, o)
	next.SetFinalizers(propagate(next.GetFinalizers(), o.PropagationPolicy))
	if req.dryRun {
		return nil
	}
	if deletionDone(next) {
		s.remove(req, "")
		return nil
	}
	if !compare(t, cur, next).any() {
		return nil // it is already being deleted, and no faster than before
	}
	if cur.GetDeletionTimestamp() == nil && cur.GetGeneration() > 0 {
		next.SetGeneration(cur.GetGeneration() + 1)
	}
	s.commit(change{table: t, record: t.records[req.key], kind: watch.Modified, object: next, actor: req.actor.name, verb: req.verb, sub: "terminating"})
	s.cascade(t.records[req.key])
	return nil
}

func checkPreconditions(t *table, cur client.Object, p *metav1.Preconditions) error {
	if p == nil {
		return nil
	}
	if p.UID != nil && *p.UID != cur.GetUID() {
		return apierrors.NewConflict(t.resource, cur.GetName(), fmt.Errorf(
			"the UID in the precondition (%s) does not match the UID in record (%s). The object might have been deleted and then recreated", *p.UID, cur.GetUID()))
	}
	if p.ResourceVersion != nil && *p.ResourceVersion != cur.GetResourceVersion() {
		return apierrors.NewConflict(t.resource, cur.GetName(), fmt.Errorf(
			"the ResourceVersion in the precondition (%s) does not match the ResourceVersion in record (%s). The object might have been modified", *p.ResourceVersion, cur.GetResourceVersion()))
	}
	return nil
}

// markDeleted sets the two deletion fields of next. A second deletion may
// shorten the grace period, never lengthen it.
func (s *Store) markDeleted(t *table, next client.Object, o *metav1.DeleteOptions) {
	grace := graceOf(t, next, o.GracePeriodSeconds)
	if next.GetDeletionTimestamp() != nil {
		present := next.GetDeletionGracePeriodSeconds()
		if present == nil || o.GracePeriodSeconds == nil || grace >= *present {
			return
		}
	}
	at := metav1.NewTime(s.now().Add(time.Duration(grace) * time.Second))
	next.SetDeletionTimestamp(&at)
	next.SetDeletionGracePeriodSeconds(&grace)
}

// graceOf returns the grace period in seconds; asked may be nil.
func graceOf(t *table, obj client.Object, asked *int64) int64 {
	if t.facts.grace == nil {
		return 0
	}
	natural := t.facts.grace(obj)
	switch {
	case natural == 0 || asked == nil:
		return natural
	case *asked < 0:
		return 1
	}
	return *asked
}

// propagate adds the finalizer by which the garbage collector is asked to deal
// with the dependents before the object goes.
func propagate(finalizers []string, policy *metav1.DeletionPropagation) []string {
	if policy == nil {
		return finalizers
	}
	want := ""
	switch *policy {
	case metav1.DeletePropagationOrphan:
		want = metav1.FinalizerOrphanDependents
	case metav1.DeletePropagationForeground:
		want = metav1.FinalizerDeleteDependents
	}
	out := slices.DeleteFunc(slices.Clone(finalizers), func(f string) bool {
		return f == metav1.FinalizerOrphanDependents || f == metav1.FinalizerDeleteDependents
	})
	if want != "" {
		out = append(out, want)
	}
	return out
}

// remove takes an object out of the store for good.
func (s *Store) remove(req request, why string) {
	r := req.table.records[req.key]
	gone := s.commit(change{table: req.table, record: r, kind: watch.Deleted, actor: req.actor.name, verb: "delete", sub: why})
	s.releaseDependents(gone)
}
