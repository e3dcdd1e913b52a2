package manager

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

const (
	// lookEvery is how soon a kind is noticed that somebody installs or removes.
	lookEvery = 10 * time.Second
	// fillTimeout is how long the cache of such a kind may take to fill.
	fillTimeout = 30 * time.Second
)

// optionalKinds watches the kinds that a cluster need not have, such as those of
// Istio: not before they are installed, and from then on. A kind counts as served
// only while its cache is filled, so that reading never waits.
//
// They are found by asking the API server which kinds it has, which everybody
// may, and not by watching definitions, which takes a right to all of them.
type optionalKinds struct {
	discovery *discovery.DiscoveryClient
	cache     cache.Cache
	log       logr.Logger
	waiting   map[schema.GroupKind][]waiter // written before the start alone

	mu     sync.RWMutex
	served map[schema.GroupKind]*meta.RESTMapping
}

// waiter is a queue that a change of an optional kind wakes.
type waiter struct {
	controller controller.Controller
	handler    handler.EventHandler
}

func newOptionalKinds(config *rest.Config, h *http.Client, c cache.Cache, log logr.Logger) (*optionalKinds, error) {
	d, err := discovery.NewDiscoveryClientForConfigAndClient(config, h)
	if err != nil {
		return nil, fmt.Errorf("set up discovery: %w", err)
	}
	return &optionalKinds{
		discovery: d, cache: c, log: log,
		waiting: map[schema.GroupKind][]waiter{}, served: map[schema.GroupKind]*meta.RESTMapping{},
	}, nil
}

// watch connects a kind to a queue, before the manager starts. If the cluster
// has the kind, no object is reconciled before its cache is filled.
func (k *optionalKinds) watch(ctx context.Context, c controller.Controller, kind schema.GroupKind, h handler.EventHandler) error {
	k.waiting[kind] = append(k.waiting[kind], waiter{c, h})
	mapping, err := k.look(ctx, kind, nil)
	if err != nil || mapping == nil {
		return err
	}
	k.set(kind, mapping)
	return k.connect(waiter{c, h}, mapping.GroupVersionKind)
}

func (k *optionalKinds) connect(w waiter, gvk schema.GroupVersionKind) error {
	if err := w.controller.Watch(source.Kind[client.Object](k.cache, prototype(gvk), w.handler)); err != nil {
		return fmt.Errorf("watch %s: %w", gvk.Kind, err)
	}
	return nil
}

// Start looks out for kinds that come and go until ctx ends.
func (k *optionalKinds) Start(ctx context.Context) error {
	for clock.Wait(ctx, lookEvery) == nil {
		for kind := range k.waiting {
			if err := k.update(ctx, kind); err != nil && ctx.Err() == nil {
				k.log.Error(err, "Looking for a kind that may be installed later", "kind", kind.String())
			}
		}
	}
	return nil
}

// NeedLeaderElection is false: who waits to lead keeps its caches filled too.
func (k *optionalKinds) NeedLeaderElection() bool { return false }

// update follows what has become of one kind. One that is served in other versions only
// than the one in use is gone, and found again.
func (k *optionalKinds) update(ctx context.Context, kind schema.GroupKind) error {
	was := k.get(kind)
	now, err := k.look(ctx, kind, was)
	if err != nil || was != nil && now != nil && was.GroupVersionKind == now.GroupVersionKind {
		return err
	}
	if was != nil {
		k.log.Info("A kind is gone", "kind", was.GroupVersionKind.String())
		k.set(kind, nil)
		if err := k.cache.RemoveInformer(ctx, prototype(was.GroupVersionKind)); err != nil {
			return fmt.Errorf("stop watching %s: %w", kind.Kind, err)
		}
	}
	if now != nil {
		return k.begin(ctx, kind, now)
	}
	return nil
}

// begin fills the cache of a kind that was installed, and wakes who waits for it.
func (k *optionalKinds) begin(ctx context.Context, kind schema.GroupKind, mapping *meta.RESTMapping) error {
	gvk := mapping.GroupVersionKind
	filling, cancel := context.WithTimeout(ctx, fillTimeout)
	defer cancel()
	if _, err := k.cache.GetInformer(filling, prototype(gvk)); err != nil {
		return fmt.Errorf("list and watch %s: %w", gvk.Kind, err)
	}
	k.log.Info("Found a kind that was not there before", "kind", gvk.String())
	k.set(kind, mapping)
	for _, w := range k.waiting[kind] {
		if err := k.connect(w, gvk); err != nil {
			return err
		}
	}
	return nil
}

// look asks the API server for a kind, in the version that is in use, or else in the one
// that it prefers; nil if it has none.
func (k *optionalKinds) look(ctx context.Context, kind schema.GroupKind, inUse *meta.RESTMapping) (*meta.RESTMapping, error) {
	if inUse != nil {
		if still, err := k.in(ctx, inUse.GroupVersionKind.GroupVersion(), kind); err != nil || still != nil {
			return still, err
		}
	}
	group := &metav1.APIGroup{}
	err := k.discovery.RESTClient().Get().AbsPath("/apis/" + kind.Group).Do(ctx).Into(group)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up the API group %s: %w", kind.Group, err)
	}
	for _, version := range group.Versions {
		mapping, err := k.in(ctx, schema.GroupVersion{Group: kind.Group, Version: version.Version}, kind)
		if err != nil || mapping != nil {
			return mapping, err
		}
	}
	return nil, nil
}

// in asks the API server for a kind in one version; nil if it does not serve it.
func (k *optionalKinds) in(ctx context.Context, gv schema.GroupVersion, kind schema.GroupKind) (*meta.RESTMapping, error) {
	list := &metav1.APIResourceList{}
	err := k.discovery.RESTClient().Get().AbsPath("/apis/" + gv.String()).Do(ctx).Into(list)
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("look up the kinds of %s: %w", gv, err)
	}
	for _, r := range list.APIResources {
		if r.Kind == kind.Kind && r.Namespaced {
			return &meta.RESTMapping{Resource: gv.WithResource(r.Name), GroupVersionKind: gv.WithKind(kind.Kind), Scope: meta.RESTScopeNamespace}, nil
		}
	}
	return nil, nil
}

// get returns how a kind is served, nil if it is not.
func (k *optionalKinds) get(kind schema.GroupKind) *meta.RESTMapping {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.served[kind]
}

// set notes how a kind is served, nil if it is not.
func (k *optionalKinds) set(kind schema.GroupKind, mapping *meta.RESTMapping) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.served[kind] = mapping
}

func prototype(gvk schema.GroupVersionKind) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(gvk)
	return u
}
