package store

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// resourceOf returns the resource of a kind: as declared, or guessed.
func (s *Store) resourceOf(gvk schema.GroupVersionKind) schema.GroupVersionResource {
	if r, ok := s.resources[gvk.GroupKind()]; ok && r.Name != "" {
		return gvk.GroupVersion().WithResource(r.Name)
	}
	plural, _ := meta.UnsafeGuessKindToResource(gvk)
	return plural
}

// restMapper maps the kinds of the scheme and the declared ones by table, and
// any other kind by guessing its plural.
type restMapper struct {
	*meta.DefaultRESTMapper
	store *Store
	short map[string]schema.GroupResource
}

func (s *Store) restMapper() *restMapper {
	if s.mapper != nil {
		return s.mapper
	}
	m := &restMapper{DefaultRESTMapper: meta.NewDefaultRESTMapper(s.scheme.PreferredVersionAllGroups()), store: s, short: map[string]schema.GroupResource{}}
	for gvk := range s.scheme.AllKnownTypes() {
		if gvk.Version != runtime.APIVersionInternal && !strings.HasSuffix(gvk.Kind, "List") {
			m.add(gvk)
		}
	}
	for _, r := range s.opts.APIResources {
		m.declare(r)
	}
	for _, r := range builtinShortNames {
		m.short[r.short] = r.resource
	}
	s.mapper = m
	return m
}

func (m *restMapper) add(gvk schema.GroupVersionKind) {
	gvr := m.store.resourceOf(gvk)
	m.AddSpecific(gvk, gvr, gvr.GroupVersion().WithResource(strings.ToLower(gvk.Kind)), m.scope(gvk.GroupKind()))
}

func (m *restMapper) declare(r metav1.APIResource) {
	gvk := schema.GroupVersionKind{Group: r.Group, Version: r.Version, Kind: r.Kind}
	gvr := m.store.resourceOf(gvk)
	singular := r.SingularName
	if singular == "" {
		singular = strings.ToLower(r.Kind)
	}
	m.AddSpecific(gvk, gvr, gvr.GroupVersion().WithResource(singular), m.scope(gvk.GroupKind()))
	for _, name := range r.ShortNames {
		m.short[name] = gvr.GroupResource()
	}
}

func (m *restMapper) scope(gk schema.GroupKind) meta.RESTScope {
	if m.store.factsOf(gk).clusterScoped {
		return meta.RESTScopeRoot
	}
	return meta.RESTScopeNamespace
}

// RESTMapping maps a kind, known or not.
func (m *restMapper) RESTMapping(gk schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	mapping, err := m.DefaultRESTMapper.RESTMapping(gk, versions...)
	if !meta.IsNoMatchError(err) {
		return mapping, err
	}
	gvk := schema.GroupVersionKind{Group: gk.Group, Kind: gk.Kind}
	switch t := m.store.tables[gk]; {
	case len(versions) > 0 && versions[0] != "":
		gvk.Version = versions[0]
	case t != nil:
		gvk.Version = t.gvk.Version
	default:
		return nil, err
	}
	return &meta.RESTMapping{Resource: m.store.resourceOf(gvk), GroupVersionKind: gvk, Scope: m.scope(gk)}, nil
}

// RESTMappings maps a kind in all its versions, or guesses.
func (m *restMapper) RESTMappings(gk schema.GroupKind, versions ...string) ([]*meta.RESTMapping, error) {
	mappings, err := m.DefaultRESTMapper.RESTMappings(gk, versions...)
	if err == nil && len(mappings) > 0 {
		return mappings, nil
	}
	one, err := m.RESTMapping(gk, versions...)
	if err != nil {
		return nil, err
	}
	return []*meta.RESTMapping{one}, nil
}

// KindsFor finds the kinds of a resource, by its plural, its singular or a
// short name, among all kinds that the store has met.
func (m *restMapper) KindsFor(resource schema.GroupVersionResource) ([]schema.GroupVersionKind, error) {
	resource = m.expand(resource)
	found, err := m.DefaultRESTMapper.KindsFor(resource)
	if err == nil {
		return found, nil
	}
	for _, t := range m.store.sortedTables() {
		plural := m.store.resourceOf(t.gvk)
		named := resource.Resource == plural.Resource || resource.Resource == strings.ToLower(t.gvk.Kind)
		if named && (resource.Group == "" || resource.Group == t.gvk.Group) {
			found = append(found, t.gvk)
		}
	}
	if len(found) == 0 {
		return nil, err
	}
	return found, nil
}

// KindFor is KindsFor when one answer is wanted.
func (m *restMapper) KindFor(resource schema.GroupVersionResource) (schema.GroupVersionKind, error) {
	resource = m.expand(resource)
	gvk, err := m.DefaultRESTMapper.KindFor(resource)
	if !meta.IsNoMatchError(err) {
		return gvk, err
	}
	found, err := m.KindsFor(resource)
	switch {
	case err != nil:
		return schema.GroupVersionKind{}, err
	case len(found) > 1:
		return schema.GroupVersionKind{}, &meta.AmbiguousResourceError{PartialResource: resource, MatchingKinds: found}
	}
	return found[0], nil
}

// ResourcesFor completes a partial resource.
func (m *restMapper) ResourcesFor(in schema.GroupVersionResource) ([]schema.GroupVersionResource, error) {
	kinds, err := m.KindsFor(in)
	if err != nil {
		return nil, err
	}
	var out []schema.GroupVersionResource
	for _, gvk := range kinds {
		out = append(out, m.store.resourceOf(gvk))
	}
	return out, nil
}

// ResourceFor is ResourcesFor when one answer is wanted.
func (m *restMapper) ResourceFor(in schema.GroupVersionResource) (schema.GroupVersionResource, error) {
	gvk, err := m.KindFor(in)
	if err != nil {
		return schema.GroupVersionResource{}, err
	}
	return m.store.resourceOf(gvk), nil
}

// expand replaces a short name.
func (m *restMapper) expand(r schema.GroupVersionResource) schema.GroupVersionResource {
	if full, ok := m.short[r.Resource]; ok && (r.Group == "" || r.Group == full.Group) {
		return full.WithVersion(r.Version)
	}
	return r
}

// builtinShortNames are those that people type for built-in kinds.
var builtinShortNames = []struct {
	short    string
	resource schema.GroupResource
}{
	{"po", schema.GroupResource{Resource: "pods"}},
	{"svc", schema.GroupResource{Resource: "services"}},
	{"ep", schema.GroupResource{Resource: "endpoints"}},
	{"cm", schema.GroupResource{Resource: "configmaps"}},
	{"ev", schema.GroupResource{Resource: "events"}},
	{"ns", schema.GroupResource{Resource: "namespaces"}},
	{"no", schema.GroupResource{Resource: "nodes"}},
	{"sa", schema.GroupResource{Resource: "serviceaccounts"}},
	{"deploy", schema.GroupResource{Group: "apps", Resource: "deployments"}},
	{"rs", schema.GroupResource{Group: "apps", Resource: "replicasets"}},
	{"sts", schema.GroupResource{Group: "apps", Resource: "statefulsets"}},
	{"ds", schema.GroupResource{Group: "apps", Resource: "daemonsets"}},
	{"hpa", schema.GroupResource{Group: "autoscaling", Resource: "horizontalpodautoscalers"}},
	{"ing", schema.GroupResource{Group: "networking.k8s.io", Resource: "ingresses"}},
	{"pdb", schema.GroupResource{Group: "policy", Resource: "poddisruptionbudgets"}},
	{"ro", schema.GroupResource{Group: argoGroup, Resource: "rollouts"}},
	{"ar", schema.GroupResource{Group: argoGroup, Resource: "analysisruns"}},
	{"at", schema.GroupResource{Group: argoGroup, Resource: "analysistemplates"}},
	{"exp", schema.GroupResource{Group: argoGroup, Resource: "experiments"}},
	{"vs", schema.GroupResource{Group: "networking.istio.io", Resource: "virtualservices"}},
	{"dr", schema.GroupResource{Group: "networking.istio.io", Resource: "destinationrules"}},
	{"gw", schema.GroupResource{Group: "networking.istio.io", Resource: "gateways"}},
}

// sortedTables returns the tables by group and kind.
func (s *Store) sortedTables() []*table {
	var list []*table
	for _, t := range s.tables {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b *table) int { return compareKeys(tableKey(a), tableKey(b)) })
	return list
}
