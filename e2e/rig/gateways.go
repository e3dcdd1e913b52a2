package rig

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
)

// gateways lets requests in from outside. Manifests of scenarios name gateways
// that belong to whoever runs the cluster; here they are made when they are first
// needed, on a proxy of the scenario's own.
type gateways struct {
	scene *backend.Live

	mu sync.Mutex
}

// pushed is how long istiod takes to tell a proxy of something new, at most.
const pushed = 2 * time.Second

var networking = schema.GroupVersion{Group: "networking.istio.io", Version: "v1"}

// proxy is the value of the label istio of the scenario's gateway.
func (g *gateways) proxy() string { return "gate" + strings.TrimPrefix(g.scene.InCluster("x"), "x") }

// source makes sure that every gateway exists that a VirtualService names, and
// returns the source of requests from outside.
func (g *gateways) source(ctx context.Context) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, namespace := range g.scene.Namespaces() {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(networking.WithKind("VirtualServiceList"))
		if err := g.scene.Client().List(ctx, list, client.InNamespace(namespace)); err != nil {
			return "", fmt.Errorf("list the VirtualServices of %s: %w", namespace, err)
		}
		for i := range list.Items {
			names, _, err := unstructured.NestedStringSlice(list.Items[i].Object, "spec", "gateways")
			if err != nil {
				return "", fmt.Errorf("VirtualService %s/%s: %w", namespace, list.Items[i].GetName(), err)
			}
			for _, name := range names {
				if err := g.ensure(ctx, namespace, name); err != nil {
					return "", err
				}
			}
		}
	}
	return "gateway/" + g.proxy(), nil
}

// ensure creates a gateway that a VirtualService of a namespace names.
func (g *gateways) ensure(ctx context.Context, namespace, name string) error {
	if name == "mesh" {
		return nil
	}
	if other, short, ok := strings.Cut(name, "/"); ok {
		namespace, name = other, short
	}
	gateway := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"namespace": namespace, "name": name},
		"spec": map[string]any{
			"selector": map[string]any{"istio": g.proxy()},
			"servers": []any{map[string]any{
				"hosts": []any{"*"},
				"port":  map[string]any{"name": "http", "number": int64(80), "protocol": "HTTP"},
			}},
		},
	}}
	gateway.SetGroupVersionKind(networking.WithKind("Gateway"))
	err := g.scene.Client().Create(ctx, gateway)
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("create the Gateway %s/%s: %w", namespace, name, err)
	}
	return clock.Wait(ctx, pushed)
}
