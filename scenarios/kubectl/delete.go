package kubectl

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Delete removes objects by name, by label or by file. What they own is
// removed in the background.
func Delete(ctx context.Context, k *Kubectl, args []string) error {
	f := flags("delete")
	names := f.StringSliceP("filename", "f", nil, "")
	selector := f.StringP("selector", "l", "", "")
	all := f.Bool("all", false, "")
	ignore := f.Bool("ignore-not-found", false, "")
	f.Bool("wait", true, "")
	args, err := parse(f, args)
	if err != nil {
		return err
	}
	if len(*names) > 0 {
		return k.deleteFiles(ctx, *names, *ignore)
	}
	targets, err := k.targets(ctx, args, *selector, *all)
	if err != nil && (!*ignore || !apierrors.IsNotFound(err)) {
		return err
	}
	if len(targets) == 0 && !*ignore {
		k.printf("No resources found\n")
	}
	for _, t := range targets {
		if err := k.delete(ctx, t.object, *ignore); err != nil {
			return err
		}
	}
	return nil
}

func (k *Kubectl) deleteFiles(ctx context.Context, names []string, ignore bool) error {
	found, err := k.manifests(names)
	if err != nil {
		return err
	}
	for _, m := range found {
		if err := k.place(m); err != nil {
			return err
		}
		if err := k.delete(ctx, m.object, ignore); err != nil {
			return err
		}
	}
	return nil
}

func (k *Kubectl) delete(ctx context.Context, obj *unstructured.Unstructured, ignore bool) error {
	err := k.Client.Delete(ctx, obj, client.PropagationPolicy(metav1.DeletePropagationBackground))
	if ignore && apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return serverErrorWhen(fmt.Sprintf("error when deleting %s/%s: ", prefixOf(obj), obj.GetName()), err)
	}
	where := ""
	if obj.GetNamespace() != "" {
		where = " from " + obj.GetNamespace() + " namespace"
	}
	k.printf("%s %q deleted%s\n", prefixOf(obj), obj.GetName(), where)
	return nil
}
