package backend

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// past is a client that reads from a view what is recorded, and asks the cluster
// for the rest.
type past struct {
	client.WithWatch
	view *view
	// covers tells whether objects of a kind in a namespace are in the view; an
	// empty namespace means all of the scenario's.
	covers func(kind schema.GroupVersionKind, namespace string) bool
}

// Get reads one object.
func (p past) Get(ctx context.Context, key client.ObjectKey, into client.Object, o ...client.GetOption) error {
	kind, err := apiutil.GVKForObject(into, p.Scheme())
	if err != nil {
		return err
	}
	if !p.covers(kind, key.Namespace) {
		return p.WithWatch.Get(ctx, key, into, o...)
	}
	found, ok := p.view.objects[kind][key]
	if !ok {
		mapping, err := p.RESTMapper().RESTMapping(kind.GroupKind(), kind.Version)
		if err != nil {
			return err
		}
		return apierrors.NewNotFound(mapping.Resource.GroupResource(), key.Name)
	}
	return restore(found, into)
}

// List reads objects, in the order of an API server. What is selected by fields
// is asked of the cluster.
func (p past) List(ctx context.Context, into client.ObjectList, o ...client.ListOption) error {
	kind, err := apiutil.GVKForObject(into, p.Scheme())
	if err != nil {
		return err
	}
	kind.Kind = kind.Kind[:len(kind.Kind)-len("List")]
	var options client.ListOptions
	options.ApplyOptions(o)
	if !p.covers(kind, options.Namespace) || options.FieldSelector != nil && !options.FieldSelector.Empty() {
		return p.WithWatch.List(ctx, into, o...)
	}
	var items []runtime.Object
	for _, found := range p.sorted(kind, &options) {
		item, err := p.empty(into, kind)
		if err != nil {
			return err
		}
		if err := restore(found, item); err != nil {
			return err
		}
		items = append(items, item)
	}
	return meta.SetList(into, items)
}

// sorted returns what a list has, by namespace and name.
func (p past) sorted(kind schema.GroupVersionKind, o *client.ListOptions) []*unstructured.Unstructured {
	var found []*unstructured.Unstructured
	for key, object := range p.view.objects[kind] {
		if o.Namespace != "" && key.Namespace != o.Namespace {
			continue
		}
		if o.LabelSelector != nil && !o.LabelSelector.Matches(labels.Set(object.GetLabels())) {
			continue
		}
		found = append(found, object)
	}
	slices.SortFunc(found, func(a, b *unstructured.Unstructured) int {
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
	return found
}

// empty makes an item of a list.
func (p past) empty(list client.ObjectList, kind schema.GroupVersionKind) (client.Object, error) {
	if _, ok := list.(runtime.Unstructured); ok {
		return &unstructured.Unstructured{}, nil
	}
	made, err := p.Scheme().New(kind)
	if err != nil {
		return nil, err
	}
	object, ok := made.(client.Object)
	if !ok {
		return nil, fmt.Errorf("%s is no object", kind)
	}
	return object, nil
}

// restore copies a recorded object into one of the caller's type.
func restore(found *unstructured.Unstructured, into client.Object) error {
	if u, ok := into.(*unstructured.Unstructured); ok {
		found.DeepCopyInto(u)
		return nil
	}
	reflect.ValueOf(into).Elem().SetZero()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(found.Object, into); err != nil {
		return fmt.Errorf("read %s %s from the record: %w", found.GetKind(), found.GetName(), err)
	}
	into.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{}) // as typed clients do
	return nil
}
