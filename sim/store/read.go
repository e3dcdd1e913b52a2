package store

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Get copies the object of a key into obj, as of the revision that this client
// sees. The error is NotFound if there is none.
func (a *actor) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	gvk, t, err := a.store.kindOf(obj)
	if err != nil {
		return err
	}
	key = t.keyIn(key)
	o := client.GetOptions{}
	o.ApplyOptions(opts)
	return a.do(ctx, Op{Verb: "get", Kind: gvk, Key: key}, func() error {
		if key.Name == "" {
			return fmt.Errorf("resource name may not be empty")
		}
		rev, err := a.readRevision(gvk)
		if err != nil {
			return err
		}
		stored := t.at(key, rev, a.store.rev)
		if stored == nil {
			return apierrors.NewNotFound(t.resource, key.Name)
		}
		if err := fill(t, stored, obj, a.shared(o.UnsafeDisableDeepCopy)); err != nil {
			return err
		}
		a.setKind(obj, gvk)
		return nil
	})
}

// shared reports whether a read may share memory with the store.
func (a *actor) shared(disableDeepCopy *bool) bool {
	return a.shares || disableDeepCopy != nil && *disableDeepCopy
}

// readRevision returns the revision at which the client reads.
func (a *actor) readRevision(gvk schema.GroupVersionKind) (Revision, error) {
	s := a.store
	if a.view == nil {
		return s.rev, nil
	}
	rev := min(a.view(gvk), s.rev)
	if rev < s.floor {
		return 0, apierrors.NewResourceExpired(fmt.Sprintf("The provided resource version is too old: %d, the oldest is %d", rev, s.floor))
	}
	return rev, nil
}

// at returns the object of a key as of a revision.
func (t *table) at(key types.NamespacedName, rev, head Revision) client.Object {
	r := t.records[key]
	switch {
	case r == nil:
		return nil
	case rev >= head:
		return r.head()
	}
	return r.at(rev)
}

// List copies the objects that match into list, sorted by namespace and name,
// as of the revision that this client sees. Limit and Continue are ignored:
// the answer is always whole.
func (a *actor) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	gvk, t, err := a.store.kindOf(list)
	if err != nil {
		return err
	}
	o := client.ListOptions{}
	o.ApplyOptions(opts)
	return a.do(ctx, Op{Verb: "list", Kind: gvk, Key: types.NamespacedName{Namespace: o.Namespace}}, func() error {
		rev, err := a.readRevision(gvk)
		if err != nil {
			return err
		}
		found, err := a.store.find(t, rev, &o)
		if err != nil {
			return err
		}
		if err := a.fillList(t, gvk, found, list, a.shared(o.UnsafeDisableDeepCopy)); err != nil {
			return err
		}
		list.SetResourceVersion(strconv.FormatInt(rev, 10))
		return nil
	})
}

// find returns the stored objects that match the options, in order.
func (s *Store) find(t *table, rev Revision, o *client.ListOptions) ([]client.Object, error) {
	match, err := s.matcher(t, o)
	if err != nil {
		return nil, err
	}
	namespace := o.Namespace
	if t.facts.clusterScoped {
		namespace = ""
	}
	live := span(t.live, namespace)
	found := make([]client.Object, 0, len(live))
	take := func(obj client.Object) {
		if obj != nil && (match == nil || match(obj)) {
			found = append(found, obj)
		}
	}
	if rev >= s.rev {
		for _, r := range live {
			take(r.head())
		}
		return found, nil
	}
	mergeRecords(live, span(t.dead, namespace), func(r *record) { take(r.at(rev)) })
	return found, nil
}

// mergeRecords visits two sorted lists as one.
func mergeRecords(a, b []*record, visit func(*record)) {
	for len(a) > 0 || len(b) > 0 {
		if len(b) == 0 || len(a) > 0 && compareRecords(a[0], b[0]) <= 0 {
			visit(a[0])
			a = a[1:]
		} else {
			visit(b[0])
			b = b[1:]
		}
	}
}

// fillList copies objects into the items of a list. With share, items of the
// stored Go type share memory with the store, and those that the list has are
// overwritten: a caller that lists again and again needs but one slice.
func (a *actor) fillList(t *table, gvk schema.GroupVersionKind, found []client.Object, list client.ObjectList, share bool) error {
	switch l := list.(type) {
	case *unstructured.UnstructuredList:
		return fillUnstructuredList(t, gvk, found, l, share)
	case *metav1.PartialObjectMetadataList:
		l.Items = make([]metav1.PartialObjectMetadata, len(found))
		for i, obj := range found {
			l.Items[i].SetGroupVersionKind(gvk)
			if err := fillPartial(obj, &l.Items[i]); err != nil {
				return err
			}
		}
		return nil
	}
	of := reflect.ValueOf(list).Elem()
	index := itemsField(of.Type())
	if index < 0 {
		return fmt.Errorf("list %T has no field Items", list)
	}
	field := of.Field(index)
	items := field
	if share && field.Cap() >= len(found) {
		items = field.Slice(0, len(found))
	} else {
		items = reflect.MakeSlice(field.Type(), len(found), len(found))
	}
	for i, obj := range found {
		if err := a.fillItem(t, gvk, obj, items.Index(i), share); err != nil {
			return err
		}
	}
	field.Set(items)
	return nil
}

// itemsFields holds the index of the field Items of each type of a list that was asked for:
// to find it by its name takes longer than to copy a small list.
var itemsFields sync.Map // reflect.Type -> int

// itemsField returns that index, or -1 if there is no such slice.
func itemsField(list reflect.Type) int {
	if known, ok := itemsFields.Load(list); ok {
		return known.(int)
	}
	index := -1
	if f, ok := list.FieldByName("Items"); ok && f.Type.Kind() == reflect.Slice && len(f.Index) == 1 {
		index = f.Index[0]
	}
	itemsFields.Store(list, index)
	return index
}

// fillItem copies one object into a slot of a list, which holds a struct or a
// pointer to one.
func (a *actor) fillItem(t *table, gvk schema.GroupVersionKind, obj client.Object, slot reflect.Value, share bool) error {
	if slot.Kind() == reflect.Pointer {
		slot.Set(reflect.New(slot.Type().Elem()))
		slot = slot.Elem()
	}
	out, ok := slot.Addr().Interface().(client.Object)
	if !ok {
		return fmt.Errorf("items of type %s are not API objects", slot.Type())
	}
	if err := fill(t, obj, out, share); err != nil {
		return err
	}
	a.setKind(out, gvk)
	return nil
}

func fillUnstructuredList(t *table, gvk schema.GroupVersionKind, found []client.Object, l *unstructured.UnstructuredList, share bool) error {
	l.Items = make([]unstructured.Unstructured, len(found))
	for i, obj := range found {
		l.Items[i].SetGroupVersionKind(gvk)
		if err := fillUnstructured(t, obj, &l.Items[i], share); err != nil {
			return err
		}
	}
	return nil
}

// Range calls fn with every present object of a kind in a namespace (all if it
// is empty), in order, until fn returns false. The objects are those of the
// store: fn must not modify them, nor write to the kind while it runs. It is
// for models and invariants that look at everything at every instant.
func (s *Store) Range(gvk schema.GroupVersionKind, namespace string, fn func(client.Object) bool) {
	s.catchUp(gvk.GroupKind())
	for _, r := range span(s.tableFor(gvk).live, namespace) {
		if !fn(r.head()) {
			return
		}
	}
}

// itemFor returns a copy of a stored object as an item of a list of the
// caller's type.
func (a *actor) itemFor(list client.ObjectList, t *table, gvk schema.GroupVersionKind, stored client.Object) (client.Object, error) {
	var out client.Object
	switch list.(type) {
	case *unstructured.UnstructuredList:
		out = &unstructured.Unstructured{}
	case *metav1.PartialObjectMetadataList:
		out = &metav1.PartialObjectMetadata{}
	default:
		typed, err := a.store.scheme.New(gvk)
		if err != nil {
			return nil, err
		}
		obj, ok := typed.(client.Object)
		if !ok {
			return nil, fmt.Errorf("items of %T are not API objects", list)
		}
		out = obj
	}
	out.GetObjectKind().SetGroupVersionKind(gvk)
	if err := fill(t, stored, out, false); err != nil {
		return nil, err
	}
	a.setKind(out, gvk)
	return out, nil
}
