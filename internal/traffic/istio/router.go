package istio

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
	"github.com/aviary-rollouts/aviary/internal/traffic/router"
)

// Router reads and writes the objects of Istio.
type Router struct {
	// Client reads (possibly a little behind) and writes.
	Client client.Client
	// Version of Istio's API: "v1alpha3", "v1beta1" or "v1". Empty means the
	// one that the cluster prefers.
	Version string
	// Seen are the objects that a Rollout names, as whoever asks for changes sees them;
	// nil: they are read.
	Seen *Objects
	// Wrote is told of every object that was written, as the server returned
	// it. It may be nil.
	Wrote func(client.Object)
}

var _ router.Interface = Router{}

// Apply transforms the objects that a Rollout names and writes
// those that differ, with the resource version that was seen. Objects that are
// missing or wrong are an error, returned after the others are written.
//
// The DestinationRule is written before the VirtualServices: subsets that are
// about to get requests select their pods before the requests come. A subset
// that is about to lose its requests moves in the next call, and one that must
// not move yet gets no more requests than it has.
func (r Router) Apply(ctx context.Context, ro *v1alpha1.Rollout, want traffic.Routing) ([]traffic.Change, error) {
	if configOf(ro) == nil {
		return nil, nil
	}
	o, err := r.seen(ctx, ro)
	if err != nil {
		return nil, err
	}
	writes, problems := plan(ro, o, want)
	var done []traffic.Change
	for _, w := range writes {
		if err := r.Client.Update(ctx, w.object); err != nil {
			err = fmt.Errorf("updating %s %s: %w", w.object.GetKind(), client.ObjectKeyFromObject(w.object), err)
			return done, errors.Join(err, problems)
		}
		if r.Wrote != nil {
			r.Wrote(w.object)
		}
		if w.change.Reason != "" {
			done = append(done, w.change)
		}
	}
	return done, problems
}

func (r Router) seen(ctx context.Context, ro *v1alpha1.Rollout) (Objects, error) {
	if r.Seen != nil {
		return *r.Seen, nil
	}
	return r.Read(ctx, References(ro))
}

// Observe says what is in force.
func (r Router) Observe(ctx context.Context, ro *v1alpha1.Rollout) (traffic.Observed, error) {
	o, err := r.Read(ctx, References(ro))
	if err != nil {
		return traffic.Observed{}, err
	}
	return Observe(ro, o), nil
}

// LetGo leaves a VirtualService or a DestinationRule as it is without a Rollout, if it is
// still as it was seen. It says whether anything but annotations has changed.
func (r Router) LetGo(ctx context.Context, seen *unstructured.Unstructured, ofExperiment func(host string) bool) (bool, error) {
	out, changed, err := releaseOf(seen.GetKind())(seen.Object, ofExperiment)
	if err != nil || !changed {
		return false, err
	}
	err = r.Client.Update(ctx, &unstructured.Unstructured{Object: clone(out).(node)})
	return !equal(seen.Object["spec"], out["spec"]), err
}

// LetGoRoutes takes the managed routes of Rollouts out of a VirtualService that others
// still name, if it is still as it was seen.
func (r Router) LetGoRoutes(ctx context.Context, seen *unstructured.Unstructured, of []types.NamespacedName) error {
	out, changed, err := ReleaseRoutes(seen.Object, of)
	if err != nil || !changed {
		return err
	}
	return r.Client.Update(ctx, &unstructured.Unstructured{Object: clone(out).(node)})
}

// Read reads the objects that a Rollout names, by its [References]. What does not
// exist, or is of a kind that the cluster does not know, is no error.
func (r Router) Read(ctx context.Context, named []Reference) (Objects, error) {
	var o Objects
	for _, ref := range named {
		found, err := r.find(ctx, ref)
		switch {
		case meta.IsNoMatchError(err):
			o.Unserved = append(o.Unserved, ref.Kind)
		case err != nil:
			return Objects{}, err
		}
		if ref.Kind == KindDestinationRule {
			o.DestinationRule = found
		} else {
			o.VirtualServices = append(o.VirtualServices, found)
		}
	}
	return o, nil
}

// VirtualServices lists all of them, which nobody may modify; none where the cluster does
// not know them.
func (r Router) VirtualServices(ctx context.Context) ([]unstructured.Unstructured, error) {
	apiVersion, kind, err := r.served(KindVirtualService)
	if meta.IsNoMatchError(err) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	list := &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": apiVersion, "kind": kind + "List"}}
	if err := r.Client.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing VirtualServices: %w", err)
	}
	return list.Items, nil
}

// served says in which version a kind is asked for.
func (r Router) served(kind string) (apiVersion, served string, err error) {
	var versions []string
	if r.Version != "" {
		versions = []string{r.Version}
	}
	mapping, err := r.Client.RESTMapper().RESTMapping(schema.GroupKind{Group: Group, Kind: kind}, versions...)
	if err != nil {
		return "", "", fmt.Errorf("looking up the version of %s: %w", kind, err)
	}
	apiVersion, served = mapping.GroupVersionKind.ToAPIVersionAndKind()
	return apiVersion, served, nil
}

// find reads the first object that a reference may mean; nil if there is none.
func (r Router) find(ctx context.Context, ref Reference) (*unstructured.Unstructured, error) {
	apiVersion, kind, err := r.served(ref.Kind)
	if err != nil {
		return nil, err
	}
	for _, key := range ref.Keys {
		found := &unstructured.Unstructured{Object: map[string]any{"apiVersion": apiVersion, "kind": kind}}
		err := r.Client.Get(ctx, key, found, client.UnsafeDisableDeepCopy) // plan and Observe modify nothing
		if err == nil {
			return found, nil
		}
		if !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("reading %s %s: %w", ref.Kind, key, err)
		}
	}
	return nil, nil
}
