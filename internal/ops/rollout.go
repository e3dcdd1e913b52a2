package ops

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
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

// fields are part of a spec or status, as JSON names.
type fields map[string]any

func patchSpec(ctx context.Context, c client.Client, key types.NamespacedName, verb string, f fields) error {
	ro := named(key)
	err := c.Patch(ctx, ro, mergePatch(fields{"spec": f}))
	return explain(ctx, c, key, verb, err)
}

func patchStatus(ctx context.Context, c client.Client, key types.NamespacedName, verb string, f fields) error {
	ro := named(key)
	err := c.Status().Patch(ctx, ro, mergePatch(fields{"status": f}))
	return explain(ctx, c, key, verb, err)
}

func named(key types.NamespacedName) *v1alpha1.Rollout {
	ro := &v1alpha1.Rollout{}
	ro.Namespace, ro.Name = key.Namespace, key.Name
	return ro
}

// mergePatch cannot fail: the fields are strings, numbers, booleans and maps.
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
	if err := c.Get(ctx, key, ro); err != nil {
		return nil, explain(ctx, c, key, "get", err)
	}
	return ro, nil
}

// explain adds to the API server's "not found" what there is, and to its other
// errors what was being done. A nil error stays nil.
func explain(ctx context.Context, c client.Client, key types.NamespacedName, verb string, err error) error {
	if err == nil {
		return nil
	}
	if meta.IsNoMatchError(err) {
		return fmt.Errorf("the cluster does not know Rollouts: install the CRDs of argoproj.io first (%w)", err)
	}
	if !apierrors.IsNotFound(err) {
		return fmt.Errorf("%s rollout %q in namespace %q: %w", verb, key.Name, key.Namespace, err)
	}
	var list v1alpha1.RolloutList
	if listErr := c.List(ctx, &list, client.InNamespace(key.Namespace)); listErr != nil {
		return err
	}
	if len(list.Items) == 0 {
		return fmt.Errorf("%w: namespace %q has no rollouts; choose another one with -n", err, key.Namespace)
	}
	names := make([]string, 0, len(list.Items))
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	return fmt.Errorf("%w: namespace %q has %s", err, key.Namespace, enumerate(names))
}

// enumerate joins names; of many it gives the first ten.
func enumerate(names []string) string {
	const most = 10
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
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
