package ops

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Kind is a kind of objects that people name.
type Kind struct {
	// Name is what sentences call one of them: "rollout".
	Name string
	// kind is its name in manifests.
	kind   string
	object func() client.Object
	list   func() client.ObjectList
}

// The kinds that operations are about.
var (
	Rollouts = Kind{
		"rollout", v1alpha1.KindRollout,
		func() client.Object { return &v1alpha1.Rollout{} },
		func() client.ObjectList { return &v1alpha1.RolloutList{} },
	}
	Experiments = Kind{
		"experiment", v1alpha1.KindExperiment,
		func() client.Object { return &v1alpha1.Experiment{} },
		func() client.ObjectList { return &v1alpha1.ExperimentList{} },
	}
	AnalysisRuns = Kind{
		"analysisrun", v1alpha1.KindAnalysisRun,
		func() client.Object { return &v1alpha1.AnalysisRun{} },
		func() client.ObjectList { return &v1alpha1.AnalysisRunList{} },
	}
	analysisTemplates = Kind{
		"analysistemplate", v1alpha1.KindAnalysisTemplate,
		func() client.Object { return &v1alpha1.AnalysisTemplate{} },
		func() client.ObjectList { return &v1alpha1.AnalysisTemplateList{} },
	}
	clusterAnalysisTemplates = Kind{
		"clusteranalysistemplate", v1alpha1.KindClusterAnalysisTemplate,
		func() client.Object { return &v1alpha1.ClusterAnalysisTemplate{} },
		func() client.ObjectList { return &v1alpha1.ClusterAnalysisTemplateList{} },
	}
)

// List reads the objects of a kind into a list of that kind. The namespace is
// empty for all, and for kinds that have none.
func (k Kind) List(ctx context.Context, c client.Reader, namespace string, list client.ObjectList) error {
	err := c.List(ctx, list, client.InNamespace(namespace))
	switch {
	case meta.IsNoMatchError(err):
		return k.unknown(err)
	case err != nil:
		return fmt.Errorf("list %ss: %w", k.Name, err)
	}
	return nil
}

// Names lists the names of the objects of a kind, in their order. The namespace is
// as for List.
func (k Kind) Names(ctx context.Context, c client.Reader, namespace string) ([]string, error) {
	list := k.list()
	if err := k.List(ctx, c, namespace, list); err != nil {
		return nil, err
	}
	var names []string
	err := meta.EachListItem(list, func(item runtime.Object) error {
		object, err := meta.Accessor(item)
		if err == nil {
			names = append(names, object.GetName())
		}
		return err
	})
	slices.Sort(names)
	return names, err
}

// named is an object of the kind that has nothing but its name.
func (k Kind) named(key types.NamespacedName) client.Object {
	object := k.object()
	object.SetNamespace(key.Namespace)
	object.SetName(key.Name)
	return object
}

// get reads an object. A wrong name is explained by the names that exist.
func (k Kind) get(ctx context.Context, c client.Reader, key types.NamespacedName, into client.Object) error {
	return k.explain(ctx, c, key, "get", c.Get(ctx, key, into))
}

// explain adds to the API server's "not found" what there is, and to its other
// errors what was being done. A nil error stays nil.
func (k Kind) explain(ctx context.Context, c client.Reader, key types.NamespacedName, verb string, err error) error {
	where, remedy := "the cluster", ""
	if key.Namespace != "" {
		where, remedy = fmt.Sprintf("namespace %q", key.Namespace), "; choose another one with -n"
	}
	switch {
	case err == nil:
		return nil
	case meta.IsNoMatchError(err):
		return k.unknown(err)
	case !apierrors.IsNotFound(err):
		return fmt.Errorf("%s %s %q in %s: %w", verb, k.Name, key.Name, where, err)
	}
	names, listErr := k.Names(ctx, c, key.Namespace)
	switch {
	case listErr != nil:
		return err
	case len(names) == 0:
		return fmt.Errorf("%w: %s has no %ss%s", err, where, k.Name, remedy)
	}
	return fmt.Errorf("%w: %s has %s", err, where, enumerate(names))
}

// unknown explains that the cluster does not serve the kind.
func (k Kind) unknown(err error) error {
	return fmt.Errorf("the cluster does not know %ss: install the CRDs of argoproj.io first (%w)", k.kind, err)
}

// enumerate joins names; of many it gives the first ten.
func enumerate(names []string) string {
	const most = 10
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
