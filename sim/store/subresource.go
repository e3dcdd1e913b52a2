package store

import (
	"context"
	"fmt"
	"net/http"

	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// subresource is the client of status, scale or eviction.
type subresource struct {
	actor *actor
	name  string
}

// absent is the answer of an API server for a subresource that a kind lacks.
func (sr *subresource) absent(t *table, verb, name string) error {
	return apierrors.NewGenericServerResponse(http.StatusNotFound, verb, t.resource, name, "", 0, true)
}

// Get reads the scale of an object into body; other subresources cannot be
// read.
func (sr *subresource) Get(ctx context.Context, obj, body client.Object, _ ...client.SubResourceGetOption) error {
	gvk, t, err := sr.actor.store.kindOf(obj)
	if err != nil {
		return err
	}
	key := t.keyIn(client.ObjectKeyFromObject(obj))
	if sr.name != "scale" || !scalable(t) {
		return sr.absent(t, "get", key.Name)
	}
	return sr.actor.do(ctx, Op{Verb: "get", Kind: gvk, Key: key, Subresource: sr.name}, func() error {
		stored := t.head(key)
		if stored == nil {
			return apierrors.NewNotFound(t.resource, key.Name)
		}
		return readScale(t, stored, body)
	})
}

// Create evicts a pod: body is a policy/v1 Eviction, whose DeleteOptions
// apply. Hooks see the verb create and the subresource eviction and may refuse
// with TooManyRequests, as a disruption budget does.
func (sr *subresource) Create(ctx context.Context, obj, body client.Object, opts ...client.SubResourceCreateOption) error {
	gvk, t, err := sr.actor.store.kindOf(obj)
	if err != nil {
		return err
	}
	key := client.ObjectKeyFromObject(obj)
	if sr.name != "eviction" || t.gvk.Group != "" || t.gvk.Kind != "Pod" {
		return sr.absent(t, "post", key.Name)
	}
	eviction, ok := body.(*policyv1.Eviction)
	if !ok {
		return apierrors.NewBadRequest(fmt.Sprintf("the body of an eviction must be a policy/v1 Eviction, not %T", body))
	}
	o := client.SubResourceCreateOptions{}
	o.ApplyOptions(opts)
	req := sr.actor.request(t, key, "evict", "", o.DryRun)
	return sr.actor.do(ctx, Op{Verb: "create", Kind: gvk, Key: req.key, Subresource: sr.name, Object: body}, func() error {
		options := eviction.DeleteOptions
		if options == nil {
			options = &metav1.DeleteOptions{}
		}
		return sr.actor.store.delete(req, options)
	})
}

// Update writes the status of obj, or the scale given with
// client.WithSubResourceBody.
func (sr *subresource) Update(ctx context.Context, obj client.Object, opts ...client.SubResourceUpdateOption) error {
	o := client.SubResourceUpdateOptions{}
	o.ApplyOptions(opts)
	_, t, err := sr.actor.store.kindOf(obj)
	if err != nil {
		return err
	}
	body := obj
	if o.SubResourceBody != nil {
		body = o.SubResourceBody
	}
	switch {
	case sr.name == "status" && t.facts.status != statusField:
		return sr.actor.update(ctx, obj, body, "status", &o.UpdateOptions)
	case sr.name == "scale" && scalable(t):
		return sr.actor.updateScale(ctx, t, obj, body, &o.UpdateOptions)
	}
	return sr.absent(t, "put", obj.GetName())
}

// Patch patches the status of obj, or its scale, which is then the body given
// with the options (nil: the result is not wanted).
func (sr *subresource) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	o := client.SubResourcePatchOptions{}
	o.ApplyOptions(opts)
	_, t, err := sr.actor.store.kindOf(obj)
	if err != nil {
		return err
	}
	body := obj
	if o.SubResourceBody != nil {
		body = o.SubResourceBody
	}
	switch {
	case sr.name == "status" && t.facts.status != statusField:
		return sr.actor.patch(ctx, obj, body, patch, "status", &o.PatchOptions)
	case sr.name == "scale" && scalable(t):
		return sr.actor.patchScale(ctx, t, obj, body, patch, &o.PatchOptions)
	}
	return sr.absent(t, "patch", obj.GetName())
}

// Apply is server-side apply, which the simulator does not have.
func (sr *subresource) Apply(ctx context.Context, obj runtime.ApplyConfiguration, _ ...client.SubResourceApplyOption) error {
	return sr.actor.Apply(ctx, obj)
}
