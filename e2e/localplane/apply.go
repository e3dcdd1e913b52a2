package localplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

const (
	// istioNamespace is where Istio lives.
	istioNamespace = "istio-system"
	// fieldManager owns the fields that the plane applies.
	fieldManager = "aviary-local"
)

// crds is the resource of CustomResourceDefinitions.
var crds = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// Apply applies YAML documents as [Apply] does, as the administrator.
func (p *Plane) Apply(ctx context.Context, documents io.Reader) error {
	return Apply(ctx, p.Config(), documents)
}

// Apply applies YAML documents in their order, server-side, and waits until the
// API serves the CRDs among them. What is there already is changed, whoever made it.
func Apply(ctx context.Context, config *rest.Config, documents io.Reader) error {
	return Installer{Config: config}.Apply(ctx, documents)
}

// Installer applies YAML documents to a cluster.
type Installer struct {
	// Config reaches the cluster.
	Config *rest.Config
	// Edit changes an object before it is applied; nil changes none.
	Edit func(object *unstructured.Unstructured) error
	// Left is told of objects that are there, and that nobody has applied in this way:
	// they stay as they are. If it is nil, they are changed like others.
	Left func(object *unstructured.Unstructured)
}

// Apply does what the function [Apply] does, and what the installer adds to that.
func (i Installer) Apply(ctx context.Context, documents io.Reader) error {
	objects, err := decode(documents)
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(i.Config)
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	finder, err := discovery.NewDiscoveryClientForConfig(i.Config)
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(finder))
	var definitions []string
	for _, object := range objects {
		if err := i.apply(ctx, client, mapper, object); err != nil {
			return fmt.Errorf("applying %s %s: %w", object.GetKind(), object.GetName(), err)
		}
		if object.GetKind() == "CustomResourceDefinition" {
			definitions = append(definitions, object.GetName())
		}
	}
	for _, name := range definitions {
		if err := awaitServed(ctx, client, name); err != nil {
			return err
		}
	}
	return nil
}

// decode reads YAML documents; empty ones do not count.
func decode(documents io.Reader) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(documents, 4096); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading document %d: %w", len(objects)+1, err)
		}
		if len(object.Object) == 0 {
			continue
		}
		if object.GetKind() == "" || object.GetAPIVersion() == "" || object.GetName() == "" {
			return nil, fmt.Errorf("document %d: an object needs apiVersion, kind and metadata.name", len(objects)+1)
		}
		objects = append(objects, object)
	}
}

// apply applies one object; one that says no namespace goes to default.
func (i Installer) apply(ctx context.Context, client dynamic.Interface, mapper meta.RESTMapper, object *unstructured.Unstructured) error {
	if i.Edit != nil {
		if err := i.Edit(object); err != nil {
			return err
		}
	}
	kind := object.GroupVersionKind()
	mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return err
	}
	content, err := json.Marshal(object)
	if err != nil {
		return err
	}
	var resource dynamic.ResourceInterface = client.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		namespace := object.GetNamespace()
		if namespace == "" {
			namespace = metav1.NamespaceDefault
		}
		resource = client.Resource(mapping.Resource).Namespace(namespace)
	}
	if i.Left != nil {
		switch there, err := resource.Get(ctx, object.GetName(), metav1.GetOptions{}); {
		case err == nil && !Applied(there):
			i.Left(there)
			return nil
		case err != nil && !apierrors.IsNotFound(err):
			return err
		}
	}
	force := true
	_, err = resource.Patch(ctx, object.GetName(), "application/apply-patch+yaml", content,
		metav1.PatchOptions{FieldManager: fieldManager, Force: &force})
	return err
}

// Applied says whether an object was applied by [Apply], at any time.
func Applied(object metav1.Object) bool {
	return slices.ContainsFunc(object.GetManagedFields(), func(f metav1.ManagedFieldsEntry) bool { return f.Manager == fieldManager })
}

// awaitServed waits until the API serves the kind of a CRD.
func awaitServed(ctx context.Context, client dynamic.Interface, name string) error {
	for {
		object, err := client.Resource(crds).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("looking at CRD %s: %w", name, err)
		}
		if conditionTrue(object, "Established") {
			return nil
		}
		if err := clock.Wait(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("waiting until CRD %s is served: %w", name, err)
		}
	}
}

// conditionTrue says whether a condition of an object's status is "True".
func conditionTrue(object *unstructured.Unstructured, kind string) bool {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, condition := range conditions {
		if c, ok := condition.(map[string]any); ok && c["type"] == kind {
			return c["status"] == "True"
		}
	}
	return false
}

// installIstio applies the CRDs that belong to the istiod that was built, and
// makes its namespace.
func (p *Plane) installIstio(ctx context.Context) error {
	if err := p.Apply(ctx, namespaceDocument(istioNamespace)); err != nil {
		return err
	}
	path := filepath.Join(p.binaries.istiod, "crds.yaml")
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading the CRDs of Istio: %w (remove %s to build it again)", err, p.binaries.istiod)
	}
	defer file.Close()
	if err := p.Apply(ctx, file); err != nil {
		return fmt.Errorf("installing the CRDs of Istio: %w", err)
	}
	return nil
}

// hasDefaultServiceAccount says whether pods can be created: until the
// controller-manager has made the account that they get, they are refused.
func (p *Plane) hasDefaultServiceAccount(ctx context.Context) error {
	client, err := dynamic.NewForConfig(p.Config())
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	accounts := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"})
	_, err = accounts.Namespace(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return errors.New("the namespace default has no service account yet")
	}
	return err
}

// namespaceDocument is the manifest of a namespace.
func namespaceDocument(name string) io.Reader {
	return strings.NewReader("apiVersion: v1\nkind: Namespace\nmetadata: {name: " + name + "}\n")
}
