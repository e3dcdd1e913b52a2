package store

import (
	"context"
	"fmt"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Update replaces an object, except for its status where that is a
// subresource. A resourceVersion or uid in obj must be the present one, or the
// error is Conflict. An update that changes nothing returns the object as it
// is, with its resourceVersion, and nobody is told.
func (a *actor) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	o := client.UpdateOptions{}
	o.ApplyOptions(opts)
	return a.update(ctx, obj, obj, "", &o)
}

// update replaces the object named by key with body; sub is "" or "status".
func (a *actor) update(ctx context.Context, key, body client.Object, sub string, o *client.UpdateOptions) error {
	gvk, t, err := a.store.kindOf(body)
	if err != nil {
		return err
	}
	if isPartial(body) {
		return fmt.Errorf("cannot update using only metadata -- did you mean to patch?")
	}
	req := a.request(t, client.ObjectKeyFromObject(key), "update", o.FieldValidation, o.DryRun)
	req.sub = sub
	return a.write(ctx, Op{Verb: "update", Kind: gvk, Key: req.key, Subresource: sub, Object: body}, func() (client.Object, error) {
		cur := t.head(req.key)
		if cur == nil {
			return nil, apierrors.NewNotFound(t.resource, req.key.Name)
		}
		next, err := a.store.decodeWrite(req, cur, body)
		if err != nil {
			return nil, err
		}
		return a.store.replace(req, cur, next)
	}, func(stored client.Object) error { return a.answer(t, stored, body) })
}

// replace is the second half of every write to an existing object: next, a
// private copy, takes the place of cur if the rules allow it.
func (s *Store) replace(req request, cur, next client.Object) (client.Object, error) {
	t := req.table
	if err := checkVersion(req, cur, next); err != nil {
		return nil, err
	}
	next, err := s.mergeParts(req, cur, next)
	if err != nil {
		return nil, err
	}
	if req.sub == "" {
		setDefaults(next)
		s.allocate(t, next, cur)
	}
	diff := compareWritten(req, cur, next)
	if !diff.any() {
		return cur, nil
	}
	if t.facts.generation && (diff.content || diff.status && t.facts.status == statusField || diff.annotations && annotationsCount(t)) {
		next.SetGeneration(cur.GetGeneration() + 1)
	}
	if err := s.validateUpdate(req, cur, next, diff); err != nil {
		return nil, err
	}
	if req.dryRun {
		return next, nil
	}
	return s.commitUpdate(req, next, diff.content), nil
}

// commitUpdate stores next, or removes the object instead if next is the last
// thing that its deletion waited for. Content says whether anything beside metadata and
// status has changed.
func (s *Store) commitUpdate(req request, next client.Object, content bool) client.Object {
	if deletionDone(next) {
		s.remove(req, "finalized")
		return next
	}
	return s.commit(change{table: req.table, record: req.table.records[req.key], kind: watch.Modified, object: next,
		content: content, actor: req.actor.name, verb: req.verb, sub: req.sub})
}

// checkVersion enforces the preconditions that an object carries.
func checkVersion(req request, cur, next client.Object) error {
	t := req.table
	if uid := next.GetUID(); uid != "" && uid != cur.GetUID() {
		//lint:ignore ST1005 the words of the API server
		return apierrors.NewConflict(t.resource, req.key.Name, fmt.Errorf(
			"Precondition failed: UID in precondition: %v, UID in object meta: %v", uid, cur.GetUID()))
	}
	rv := next.GetResourceVersion()
	if rv == "" && t.facts.custom && req.verb == "update" {
		return apierrors.NewInvalid(t.gvk.GroupKind(), req.key.Name, field.ErrorList{field.Invalid(
			field.NewPath("metadata", "resourceVersion"), 0, "must be specified for an update")})
	}
	if rv != "" && rv != cur.GetResourceVersion() {
		return apierrors.NewConflict(t.resource, req.key.Name, fmt.Errorf(
			"the object has been modified; please apply your changes to the latest version and try again"))
	}
	return nil
}

// mergeParts combines what a write may change with what it must leave: the
// main resource leaves status, the subresource all but status, and nobody
// changes identity.
func (s *Store) mergeParts(req request, cur, next client.Object) (client.Object, error) {
	t := req.table
	if req.sub == "status" {
		return keepAllButStatus(t, cur, next), nil
	}
	if t.facts.status == statusSubresource {
		copyStatus(t, cur, next)
	}
	next.SetName(req.key.Name)
	next.SetNamespace(req.key.Namespace)
	next.SetUID(cur.GetUID())
	next.SetResourceVersion(cur.GetResourceVersion())
	next.SetCreationTimestamp(cur.GetCreationTimestamp())
	next.SetGeneration(cur.GetGeneration())
	next.SetGenerateName(cur.GetGenerateName())
	next.SetDeletionTimestamp(cur.GetDeletionTimestamp())
	next.SetDeletionGracePeriodSeconds(cur.GetDeletionGracePeriodSeconds())
	next.SetManagedFields(nil)
	next.SetSelfLink("")
	return next, nil
}

// keepAllButStatus returns an object with the status of next, which it may write to, and
// all else of cur, sharing memory.
func keepAllButStatus(t *table, cur, next client.Object) client.Object {
	if t.layout.goType == nil {
		merged := t.shallowCopy(cur)
		copyStatus(t, next, merged)
		return merged
	}
	from, to := reflect.ValueOf(cur).Elem(), reflect.ValueOf(next).Elem()
	for i := range from.NumField() {
		if i != t.layout.status {
			to.Field(i).Set(from.Field(i))
		}
	}
	return next
}

// copyStatus makes the status of dst that of src, sharing memory.
func copyStatus(t *table, src, dst client.Object) {
	if u, ok := src.(*unstructured.Unstructured); ok {
		d := dst.(*unstructured.Unstructured)
		if status, has := u.Object["status"]; has {
			d.Object["status"] = status
		} else {
			delete(d.Object, "status")
		}
		return
	}
	if t.layout.status >= 0 {
		reflect.ValueOf(dst).Elem().Field(t.layout.status).Set(reflect.ValueOf(src).Elem().Field(t.layout.status))
	}
}

// annotationsCount reports whether annotations count as part of the spec. Of
// all kinds, Deployments do: their generation follows their annotations.
func annotationsCount(t *table) bool {
	return t.gvk.Group == "apps" && t.gvk.Kind == "Deployment"
}

// deletionDone reports whether an object that is being deleted has nothing
// left to wait for.
func deletionDone(obj client.Object) bool {
	if obj.GetDeletionTimestamp() == nil || len(obj.GetFinalizers()) > 0 {
		return false
	}
	grace := obj.GetDeletionGracePeriodSeconds()
	return grace == nil || *grace == 0
}
