package store

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// resourceOf returns the resource of a kind: as declared, or guessed.
func (s *Store) resourceOf(gvk schema.GroupVersionKind) schema.GroupVersionResource {
	if r, ok := s.resources[gvk.GroupKind()]; ok && r.Name != "" {
		return gvk.GroupVersion().WithResource(r.Name)
	}
	plural, _ := meta.UnsafeGuessKindToResource(gvk)
	return plural
}

// restMapper answers what kubectl asks discovery for. It knows the kinds of
// the scheme in the version in which the store keeps them, the declared ones,
// and every kind that has ever been mentioned to the store.
type restMapper struct {
	store  *Store
	served []servedKind                          // of the scheme and declared
	asked  map[schema.GroupKind]meta.RESTMapping // without a version; an answer lasts
}

var _ meta.RESTMapper = (*restMapper)(nil)

// servedKind is one kind under all the names that people use for it.
type servedKind struct {
	gvk   schema.GroupVersionKind
	names []string // plural first, then singular, then short names
}

func (s *Store) restMapper() *restMapper {
	if s.mapper != nil {
		return s.mapper
	}
	m := &restMapper{store: s, asked: map[schema.GroupKind]meta.RESTMapping{}}
	if served, ok := schemeKinds.Load(s.scheme); ok && len(s.opts.APIResources) == 0 {
		m.served = served.([]servedKind)
	} else {
		m.served = s.servedKinds()
	}
	s.mapper = m
	return m
}

// schemeKinds holds, by scheme, what stores without declared kinds serve: a
// scheme has hundreds of kinds and does not change once a store was made for it.
var schemeKinds sync.Map // *runtime.Scheme -> []servedKind

// servedKinds gathers the kinds of the scheme and the declared ones.
func (s *Store) servedKinds() []servedKind {
	var served []servedKind
	seen := map[schema.GroupKind]bool{}
	add := func(gvk schema.GroupVersionKind) {
		if !seen[gvk.GroupKind()] {
			seen[gvk.GroupKind()] = true
			served = append(served, s.describe(gvk))
		}
	}
	for _, r := range s.opts.APIResources {
		add(schema.GroupVersionKind{Group: r.Group, Version: r.Version, Kind: r.Kind})
	}
	object := reflect.TypeFor[client.Object]()
	for gvk, goType := range s.scheme.AllKnownTypes() {
		// The group extensions is no longer served by anybody.
		if gvk.Version != runtime.APIVersionInternal && gvk.Group != "extensions" && reflect.PointerTo(goType).Implements(object) {
			add(s.storageVersion(gvk))
		}
	}
	slices.SortFunc(served, func(a, b servedKind) int { return compareKinds(a.gvk, b.gvk) })
	if len(s.opts.APIResources) == 0 {
		schemeKinds.Store(s.scheme, served)
	}
	return served
}

// compareKinds puts the core group first, then the built-in groups, then the
// custom ones: the order in which a name without a group is looked up.
func compareKinds(a, b schema.GroupVersionKind) int {
	rank := func(group string) int {
		switch {
		case group == "":
			return 0
		case isCustom(group):
			return 2
		}
		return 1
	}
	return cmp.Or(cmp.Compare(rank(a.Group), rank(b.Group)), strings.Compare(a.Group, b.Group), strings.Compare(a.Kind, b.Kind))
}

// describe gathers the names of a kind.
func (s *Store) describe(gvk schema.GroupVersionKind) servedKind {
	declared := s.resources[gvk.GroupKind()]
	singular := cmp.Or(declared.SingularName, strings.ToLower(gvk.Kind))
	k := servedKind{gvk: gvk, names: []string{s.resourceOf(gvk).Resource, singular}}
	k.names = append(k.names, declared.ShortNames...)
	k.names = append(k.names, shortNames[gvk.GroupKind()]...)
	return k
}

// kinds returns every kind that a resource may mean, the likeliest first.
func (m *restMapper) kinds(r schema.GroupVersionResource) (found []schema.GroupVersionKind) {
	name := strings.ToLower(r.Resource)
	match := func(k servedKind) {
		if !slices.Contains(k.names, name) || r.Group != "" && r.Group != k.gvk.Group {
			return
		}
		gvk := k.gvk
		if r.Version != "" && m.store.scheme.Recognizes(gvk.GroupKind().WithVersion(r.Version)) {
			gvk.Version = r.Version
		}
		if r.Version == "" || r.Version == gvk.Version {
			found = append(found, gvk)
		}
	}
	for _, k := range m.served {
		match(k)
	}
	for _, t := range m.store.sortedTables() {
		if !slices.ContainsFunc(m.served, func(k servedKind) bool { return k.gvk.GroupKind() == t.gvk.GroupKind() }) {
			match(m.store.describe(t.gvk))
		}
	}
	return found
}

// KindsFor finds the kinds of a resource by its plural, its singular or a
// short name.
func (m *restMapper) KindsFor(r schema.GroupVersionResource) ([]schema.GroupVersionKind, error) {
	found := m.kinds(r)
	if len(found) == 0 {
		return nil, &meta.NoResourceMatchError{PartialResource: r}
	}
	return found, nil
}

// KindFor is KindsFor when one answer is wanted: the first built-in kind, or
// the only custom one.
func (m *restMapper) KindFor(r schema.GroupVersionResource) (schema.GroupVersionKind, error) {
	found, err := m.KindsFor(r)
	if err != nil {
		return schema.GroupVersionKind{}, err
	}
	if len(found) > 1 && isCustom(found[0].Group) {
		return schema.GroupVersionKind{}, &meta.AmbiguousResourceError{PartialResource: r, MatchingKinds: found}
	}
	return found[0], nil
}

// ResourcesFor completes a partial resource.
func (m *restMapper) ResourcesFor(r schema.GroupVersionResource) ([]schema.GroupVersionResource, error) {
	found, err := m.KindsFor(r)
	if err != nil {
		return nil, err
	}
	var out []schema.GroupVersionResource
	for _, gvk := range found {
		out = append(out, m.store.resourceOf(gvk))
	}
	return out, nil
}

// ResourceFor is ResourcesFor when one answer is wanted.
func (m *restMapper) ResourceFor(r schema.GroupVersionResource) (schema.GroupVersionResource, error) {
	gvk, err := m.KindFor(r)
	if err != nil {
		return schema.GroupVersionResource{}, err
	}
	return m.store.resourceOf(gvk), nil
}

// RESTMapping maps a kind. A kind that nobody has heard of is mapped by
// guessing if a version is given, since the store would accept it.
func (m *restMapper) RESTMapping(gk schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	if known, ok := m.asked[gk]; ok && len(versions) == 0 {
		return &known, nil
	}
	found, err := m.mapping(gk, versions)
	if err == nil && len(versions) == 0 {
		m.asked[gk] = *found
	}
	return found, err
}

func (m *restMapper) mapping(gk schema.GroupKind, versions []string) (*meta.RESTMapping, error) {
	known := ""
	for _, k := range m.served {
		if k.gvk.GroupKind() == gk {
			known = k.gvk.Version
		}
	}
	if t := m.store.tables[gk]; known == "" && t != nil {
		known = t.gvk.Version
	}
	gvk := gk.WithVersion(known)
	for _, v := range versions {
		if v == "" || v == runtime.APIVersionInternal {
			continue
		}
		if builtin := !isCustom(gk.Group); builtin && !m.store.scheme.Recognizes(gk.WithVersion(v)) {
			continue
		}
		gvk.Version = v
		break
	}
	if gvk.Version == "" || known == "" && len(versions) == 0 {
		return nil, &meta.NoKindMatchError{GroupKind: gk, SearchedVersions: versions}
	}
	scope := meta.RESTScopeNamespace
	if m.store.factsOf(gk).clusterScoped {
		scope = meta.RESTScopeRoot
	}
	return &meta.RESTMapping{Resource: m.store.resourceOf(gvk), GroupVersionKind: gvk, Scope: scope}, nil
}

// RESTMappings is RESTMapping: a kind is kept in one version.
func (m *restMapper) RESTMappings(gk schema.GroupKind, versions ...string) ([]*meta.RESTMapping, error) {
	one, err := m.RESTMapping(gk, versions...)
	if err != nil {
		return nil, err
	}
	return []*meta.RESTMapping{one}, nil
}

// ResourceSingularizer returns the singular of a plural.
func (m *restMapper) ResourceSingularizer(resource string) (string, error) {
	gvk, err := m.KindFor(schema.GroupVersionResource{Resource: resource})
	if err != nil {
		return resource, fmt.Errorf("no resource %q is known", resource)
	}
	return m.store.describe(gvk).names[1], nil
}

// shortNames are those that people type for the kinds that every cluster under
// test has.
var shortNames = map[schema.GroupKind][]string{
	{Kind: "Pod"}:                        {"po"},
	{Kind: "Service"}:                    {"svc"},
	{Kind: "Endpoints"}:                  {"ep"},
	{Kind: "ConfigMap"}:                  {"cm"},
	{Kind: "Event"}:                      {"ev"},
	{Kind: "Namespace"}:                  {"ns"},
	{Kind: "Node"}:                       {"no"},
	{Kind: "ServiceAccount"}:             {"sa"},
	{Group: "apps", Kind: "Deployment"}:  {"deploy"},
	{Group: "apps", Kind: "ReplicaSet"}:  {"rs"},
	{Group: "apps", Kind: "StatefulSet"}: {"sts"},
	{Group: "apps", Kind: "DaemonSet"}:   {"ds"},
	{Group: "autoscaling", Kind: "HorizontalPodAutoscaler"}:           {"hpa"},
	{Group: "batch", Kind: "CronJob"}:                                 {"cj"},
	{Group: "networking.k8s.io", Kind: "Ingress"}:                     {"ing"},
	{Group: "policy", Kind: "PodDisruptionBudget"}:                    {"pdb"},
	{Group: argoGroup, Kind: "Rollout"}:                               {"ro"},
	{Group: argoGroup, Kind: "AnalysisRun"}:                           {"ar"},
	{Group: argoGroup, Kind: "AnalysisTemplate"}:                      {"at"},
	{Group: argoGroup, Kind: "ClusterAnalysisTemplate"}:               {"cat"},
	{Group: argoGroup, Kind: "Experiment"}:                            {"exp"},
	{Group: "networking.istio.io", Kind: "VirtualService"}:            {"vs"},
	{Group: "networking.istio.io", Kind: "DestinationRule"}:           {"dr"},
	{Group: "networking.istio.io", Kind: "Gateway"}:                   {"gw"},
	{Group: "gateway.networking.k8s.io", Kind: "GatewayClass"}:        {"gc"},
	{Group: "gateway.networking.k8s.io", Kind: "Gateway"}:             {"gtw"},
	{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}: {"crd"},
}

// sortedTables returns the tables by group and kind.
func (s *Store) sortedTables() []*table {
	var list []*table
	for _, t := range s.tables {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b *table) int { return compareKinds(a.gvk, b.gvk) })
	return list
}
