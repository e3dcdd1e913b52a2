package rig

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
)

// quiet compares what the objects of a scenario are with what they are a while
// later. That is less than the simulator does, which makes every controller look
// again.
type quiet struct{ scene *backend.Live }

// silence is how long nothing may be written.
const silence = 5 * time.Second

// watched are the kinds that a rollouts controller writes.
var watched = []schema.GroupVersionKind{
	{Group: "argoproj.io", Version: "v1alpha1", Kind: "Rollout"},
	{Group: "argoproj.io", Version: "v1alpha1", Kind: "AnalysisRun"},
	{Group: "argoproj.io", Version: "v1alpha1", Kind: "Experiment"},
	{Group: "apps", Version: "v1", Kind: "ReplicaSet"},
	{Version: "v1", Kind: "Service"},
	networking.WithKind("VirtualService"),
	networking.WithKind("DestinationRule"),
}

// tries bounds how often it is looked at: what a scenario did last may still be
// on its way.
const tries = 4

// CheckQuiet fails if objects go on being written.
func (q quiet) CheckQuiet(ctx context.Context) error {
	var err error
	for range tries {
		if err = q.once(ctx); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// once fails if any object is written within some seconds.
func (q quiet) once(ctx context.Context) error {
	before, err := q.versions(ctx)
	if err != nil {
		return err
	}
	if err := clock.Wait(ctx, silence); err != nil {
		return err
	}
	after, err := q.versions(ctx)
	if err != nil {
		return err
	}
	var changed []string
	for name, version := range after {
		if before[name] != version {
			changed = append(changed, name)
		}
	}
	if len(changed) > 0 {
		slices.Sort(changed)
		return fmt.Errorf("written within %s though nothing happened: %s", silence, strings.Join(changed, ", "))
	}
	if len(after) < len(before) {
		gone := maps.Clone(before)
		maps.DeleteFunc(gone, func(name, _ string) bool { return after[name] != "" })
		return fmt.Errorf("deleted within %s though nothing happened: %s", silence, strings.Join(slices.Sorted(maps.Keys(gone)), ", "))
	}
	return nil
}

// versions returns the resource version of each object.
func (q quiet) versions(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	for _, namespace := range q.scene.Namespaces() {
		for _, kind := range watched {
			list := &unstructured.UnstructuredList{}
			list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
			if err := q.scene.Client().List(ctx, list, client.InNamespace(namespace)); err != nil {
				return nil, fmt.Errorf("list %ss: %w", kind.Kind, err)
			}
			for i := range list.Items {
				found[kind.Kind+" "+namespace+"/"+list.Items[i].GetName()] = list.Items[i].GetResourceVersion()
			}
		}
	}
	return found, nil
}
