package manager

import (
	"context"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// clusterView is the cluster as the controllers see it: through the caches, as
// far as they may look.
type clusterView struct {
	client.Client
	kinds *optionalKinds
	// namespace is the only one there is; empty means all.
	namespace string
}

// Get reads one object. What lies outside the namespace does not exist: a Role
// gives no right to it.
func (v clusterView) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	if v.namespace != "" && key.Namespace != v.namespace {
		gvk, err := v.GroupVersionKindFor(obj)
		if err != nil {
			return err
		}
		resource := schema.GroupResource{Group: gvk.Group, Resource: strings.ToLower(gvk.Kind) + "s"}
		return apierrors.NewNotFound(resource, key.Name)
	}
	return v.Client.Get(ctx, key, obj, opts...)
}

// RESTMapper knows the optional kinds that are being watched and no others; to
// ask it costs no request.
func (v clusterView) RESTMapper() meta.RESTMapper {
	return viewMapper{v.Client.RESTMapper(), v.kinds}
}

type viewMapper struct {
	meta.RESTMapper
	kinds *optionalKinds
}

// RESTMapping returns how a kind is served.
func (m viewMapper) RESTMapping(kind schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	if _, optional := m.kinds.waiting[kind]; !optional {
		return m.RESTMapper.RESTMapping(kind, versions...)
	}
	if mapping := m.kinds.get(kind); mapping != nil {
		return mapping, nil
	}
	return nil, &meta.NoKindMatchError{GroupKind: kind, SearchedVersions: versions}
}
