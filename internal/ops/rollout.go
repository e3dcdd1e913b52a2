package ops

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Abort stops an update: traffic and pods go back to the stable version.
func Abort(ctx context.Context, c client.Client, key types.NamespacedName) error {
	return patchStatus(ctx, c, key, "abort", fields{"abort": true})
}

// Retry starts an aborted update again, from its first step.
func Retry(ctx context.Context, c client.Client, key types.NamespacedName) error {
	return patchStatus(ctx, c, key, "retry", fields{"abort": false})
}

// Pause holds a Rollout where it is until Resume or Promote.
func Pause(ctx context.Context, c client.Client, key types.NamespacedName) error {
	return patchSpec(ctx, c, key, "pause", fields{"paused": true})
}

// Resume ends what Pause began. It does not end the pause of a step.
func Resume(ctx context.Context, c client.Client, key types.NamespacedName) error {
	return patchSpec(ctx, c, key, "resume", fields{"paused": false})
}

// Restart replaces all pods that were created before a time, which may lie
// ahead. It is kept to the second.
func Restart(ctx context.Context, c client.Client, key types.NamespacedName, at time.Time) error {
	return patchSpec(ctx, c, key, "restart", fields{"restartAt": at.UTC().Format(time.RFC3339)})
}

// Scale sets the number of pods that a Rollout wants.
func Scale(ctx context.Context, c client.Client, key types.NamespacedName, replicas int32) error {
	if replicas < 0 {
		return fmt.Errorf("scale rollout %q to %d: the number of replicas cannot be negative", key.Name, replicas)
	}
	return patchSpec(ctx, c, key, "scale", fields{"replicas": replicas})
}

// fields are part of an object, as JSON names.
type fields map[string]any

func patchSpec(ctx context.Context, c client.Client, key types.NamespacedName, verb string, f fields) error {
	return Rollouts.patch(ctx, c, key, verb, fields{"spec": f})
}

func patchStatus(ctx context.Context, c client.Client, key types.NamespacedName, verb string, f fields) error {
	err := c.Status().Patch(ctx, Rollouts.named(key), mergePatch(fields{"status": f}))
	return Rollouts.explain(ctx, c, key, verb, err)
}

// patch changes fields of the object itself: for Experiments and AnalysisRuns,
// whose status is no subresource, those of the status, too.
func (k Kind) patch(ctx context.Context, c client.Client, key types.NamespacedName, verb string, f fields) error {
	return k.explain(ctx, c, key, verb, c.Patch(ctx, k.named(key), mergePatch(f)))
}

// mergePatch cannot fail: the fields are strings, numbers, booleans, maps and nil.
func mergePatch(f fields) client.Patch {
	data, err := json.Marshal(f)
	if err != nil {
		panic(fmt.Sprintf("ops: a patch of unknown types: %v", err))
	}
	return client.RawPatch(types.MergePatchType, data)
}

// Get reads a Rollout. A wrong name is explained by the names that exist.
func Get(ctx context.Context, c client.Client, key types.NamespacedName) (*v1alpha1.Rollout, error) {
	ro := &v1alpha1.Rollout{}
	if err := Rollouts.get(ctx, c, key, ro); err != nil {
		return nil, err
	}
	return ro, nil
}

// again runs a read and a write that depends on it until nobody wrote in
// between, five times at most.
func again(f func() error) error {
	var err error
	for range 5 {
		if err = f(); !apierrors.IsConflict(err) {
			return err
		}
	}
	return err
}
