package kubectl

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// deletion is how objects are deleted.
type deletion struct {
	ignore bool // objects that are not there
	policy metav1.DeletionPropagation
}

// propagation says what becomes of dependents.
func propagation(cascade string) (metav1.DeletionPropagation, error) {
	for _, p := range []metav1.DeletionPropagation{metav1.DeletePropagationBackground, metav1.DeletePropagationOrphan, metav1.DeletePropagationForeground} {
		if strings.EqualFold(cascade, string(p)) {
			return p, nil
		}
	}
	return "", fmt.Errorf(`error: invalid cascade value (%s). Must be "background", "foreground", or "orphan"`, cascade)
}

// Delete removes objects by name, by label or by file. What they own is removed
// in the background, unless --cascade says otherwise. It does not wait until
// they are gone.
func Delete(ctx context.Context, k *Kubectl, args []string) error {
	f := flags("delete")
	names := f.StringSliceP("filename", "f", nil, "")
	selector := f.StringP("selector", "l", "", "")
	all := f.Bool("all", false, "")
	ignore := f.Bool("ignore-not-found", false, "")
	cascade := f.String("cascade", "background", "")
	f.Bool("wait", true, "")
	args, err := parse(f, args)
	if err != nil {
		return err
	}
	d := deletion{ignore: *ignore}
	if d.policy, err = propagation(*cascade); err != nil {
		return err
	}
	if len(*names) > 0 {
		return k.deleteFiles(ctx, *names, d)
	}
	targets, err := k.targets(ctx, args, *selector, *all)
	if err != nil && (!*ignore || !apierrors.IsNotFound(err)) {
		return err
	}
	if len(targets) == 0 && !*ignore {
		k.printf("No resources found\n")
	}
	for _, t := range targets {
		if err := k.delete(ctx, t.object, d); err != nil {
			return err
		}
	}
	return nil
}

func (k *Kubectl) deleteFiles(ctx context.Context, names []string, d deletion) error {
	found, err := k.manifests(names)
	if err != nil {
		return err
	}
	for _, m := range found {
		if err := k.place(m); err != nil {
			return err
		}
		if err := k.delete(ctx, m.object, d); err != nil {
			return err
		}
	}
	return nil
}

func (k *Kubectl) delete(ctx context.Context, obj *unstructured.Unstructured, d deletion) error {
	err := k.Client.Delete(ctx, obj, client.PropagationPolicy(d.policy))
	if d.ignore && apierrors.IsNotFound(err) {
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
