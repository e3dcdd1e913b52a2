package rig

import (
	"context"
	"fmt"
	"io"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/aviary-rollouts/aviary/e2e/localplane"
)

// apply installs documents. In a cluster that was there what others have installed stays
// as it is. In one of ours new images have the names of old ones, so that pods are told
// which they are: else those of a cluster that was kept would stay.
func (r *Remote) apply(ctx context.Context, documents io.Reader) error {
	i := localplane.Installer{Config: r.Config}
	if r.options.Loaded {
		i.Edit = func(object *unstructured.Unstructured) error {
			if object.GetKind() != "Deployment" {
				return nil
			}
			return unstructured.SetNestedField(object.Object, r.options.Images, "spec", "template", "metadata", "annotations", "aviary/images")
		}
	} else {
		i.Left = func(object *unstructured.Unstructured) {
			fmt.Fprintf(r.options.Progress, "%s: the %s %s is there already, and stays as it is\n", r.options.Name, object.GetKind(), object.GetName())
		}
	}
	return i.Apply(ctx, documents)
}

// refuseOthers says which programs of somebody else are where ours would be installed:
// neither are they replaced, nor judged in place of what was asked for.
func (r *Remote) refuseOthers(ctx context.Context) error {
	if r.options.Loaded {
		return nil
	}
	there, err := r.deployment(ctx, controllerNamespace, "argo-rollouts")
	if err != nil {
		return err
	}
	if r.options.Controller == InstalledController {
		if there == nil {
			return fmt.Errorf("the cluster has no controller to judge: there is no Deployment argo-rollouts in %s", controllerNamespace)
		}
	} else if there != nil && !localplane.Applied(there) {
		return fmt.Errorf("the cluster has a controller, argo-rollouts in %s, which would be replaced: to judge it as it is, say %s (E2E_CONTROLLER, --controller); or delete it", controllerNamespace, InstalledController)
	}
	if r.options.Mesh != MeshXDS {
		return nil
	}
	if there, err = r.deployment(ctx, istioNamespace, "istiod"); err != nil {
		return err
	}
	if there != nil && !localplane.Applied(there) {
		return fmt.Errorf("the cluster has Istio: use it with E2E_ISTIO=%s, or leave traffic out with E2E_ISTIO=%s", MeshReal, MeshNone)
	}
	return nil
}

// hasIstio is an error if the cluster has no istiod, and none was given.
func (r *Remote) hasIstio(ctx context.Context) error {
	there, err := r.deployment(ctx, istioNamespace, "istiod")
	if err == nil && there == nil {
		return fmt.Errorf("the cluster has no istiod in %s, and no manifests of Istio are given: render them with istioctl manifest generate and name the file in E2E_ISTIO_MANIFESTS (see docs/e2e.md), or choose the mesh %s", istioNamespace, MeshXDS)
	}
	return err
}

// istioNamespace is where Istio lives.
const istioNamespace = "istio-system"

// deployment is nil if there is none.
func (r *Remote) deployment(ctx context.Context, namespace, name string) (*appsv1.Deployment, error) {
	there, err := r.client.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for the Deployment %s in %s: %w", name, namespace, err)
	}
	return there, nil
}
