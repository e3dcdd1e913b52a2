package store

import (
	"reflect"
	"slices"
	"sort"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/version"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/aviary-rollouts/aviary/internal/equal"
)

// table holds the objects of one kind, whatever the version they are asked for
// in. Objects of kinds that the scheme knows are stored as their Go type.
type table struct {
	*model
	facts facts

	records map[types.NamespacedName]*record
	live    []*record // sorted by namespace, then name
	dead    []*record // deleted, but within history; same order
	births  map[string]uint32

	late  []lateWrite  // in their order
	known knownContent // of what was decoded last

	scratch client.Object // what holds a status while it is copied; nothing else is set

	subscribers []*subscription
}

// model is what the scheme says of a kind. It does not change.
type model struct {
	gvk       schema.GroupVersionKind // the version in storage
	resource  schema.GroupResource    // for errors
	layout    layout                  // zero for kinds that are stored unstructured
	groupKind string                  // as text, for the identities of objects
	eventName string
}

// record is one name in a table, through all its lives.
type record struct {
	table    *table
	key      types.NamespacedName
	versions []versionOf
}

// versionOf is what a name held from a revision on; obj is nil after a
// deletion. Stored objects are never modified.
type versionOf struct {
	rev     Revision
	obj     client.Object
	content map[string]any // obj as JSON, once somebody has asked for it
	base    map[string]any // an earlier content that differs in nothing but metadata and status, if there is one
}

// grave remembers a deleted record until no view can see it any more.
type grave struct {
	rev    Revision
	record *record
}

// kindRef is what the store knows of a Go type.
type kindRef struct {
	gvk   schema.GroupVersionKind
	table *table
}

// head returns the present object, nil if there is none.
func (r *record) head() client.Object {
	if len(r.versions) == 0 {
		return nil
	}
	return r.versions[len(r.versions)-1].obj
}

// at returns the object as of a revision, nil if there was none.
func (r *record) at(rev Revision) client.Object {
	i := sort.Search(len(r.versions), func(i int) bool { return r.versions[i].rev > rev })
	if i == 0 {
		return nil
	}
	return r.versions[i-1].obj
}

// trim drops the versions that no view from floor on can see.
func (r *record) trim(floor Revision) {
	drop := 0
	for drop+1 < len(r.versions) && r.versions[drop+1].rev <= floor {
		drop++
	}
	if drop > 0 {
		r.versions = slices.Delete(r.versions, 0, drop)
	}
}

func compareRecords(a, b *record) int { return compareKeys(a.key, b.key) }

func compareKeys(a, b types.NamespacedName) int {
	if c := strings.Compare(a.Namespace, b.Namespace); c != 0 {
		return c
	}
	return strings.Compare(a.Name, b.Name)
}

// put appends a version to a record and keeps the sorted lists.
func (t *table) put(r *record, v versionOf) {
	was := r.head() != nil
	fresh := len(r.versions) == 0
	r.versions = append(r.versions, v)
	is := v.obj != nil
	if was == is {
		return
	}
	if is {
		if !fresh {
			t.dead = without(t.dead, r)
		}
		t.records[r.key] = r
		t.live = with(t.live, r)
		return
	}
	t.live = without(t.live, r)
	t.dead = with(t.dead, r)
}

func with(list []*record, r *record) []*record {
	i, _ := slices.BinarySearchFunc(list, r, compareRecords)
	return slices.Insert(list, i, r)
}

func without(list []*record, r *record) []*record {
	if i, found := slices.BinarySearchFunc(list, r, compareRecords); found {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// span returns the part of a sorted list that lies in a namespace; an empty
// namespace means all.
func span(list []*record, namespace string) []*record {
	if namespace == "" {
		return list
	}
	lo := sort.Search(len(list), func(i int) bool { return list[i].key.Namespace >= namespace })
	hi := sort.Search(len(list), func(i int) bool { return list[i].key.Namespace > namespace })
	return list[lo:hi]
}

// forget drops history beyond the limit: at most a few versions per write, so
// that the cost is spread evenly.
func (s *Store) forget() {
	s.floor = max(0, s.rev-s.opts.HistoryLimit)
	for len(s.graves) > 0 && s.graves[0].rev <= s.floor {
		r := s.graves[0].record
		s.graves[0] = grave{}
		s.graves = s.graves[1:]
		if r.head() == nil && r.versions[len(r.versions)-1].rev <= s.floor {
			r.table.dead = without(r.table.dead, r)
			delete(r.table.records, r.key)
		}
	}
}

// record returns the record of a key, making one that is not yet in the table
// if there is none.
func (t *table) record(key types.NamespacedName) *record {
	if r := t.records[key]; r != nil {
		return r
	}
	return &record{table: t, key: key}
}

// head returns the present object of a key, nil if there is none.
func (t *table) head(key types.NamespacedName) client.Object {
	if r := t.records[key]; r != nil {
		return r.head()
	}
	return nil
}

// tableFor returns the table of a kind, making it at the first mention.
func (s *Store) tableFor(gvk schema.GroupVersionKind) *table {
	gk := gvk.GroupKind()
	if t := s.tables[gk]; t != nil {
		return t
	}
	t := &table{
		model:   s.modelOf(gvk),
		records: map[types.NamespacedName]*record{},
		births:  map[string]uint32{},
		facts:   s.factsOf(gk),
	}
	s.tables[gk] = t
	return t
}

// models holds those of stores without declared kinds, which are the same in each: to make
// them is a tenth of what it takes to set a short simulation up.
var models sync.Map // modelKey -> *model

type modelKey struct {
	scheme *runtime.Scheme
	kind   schema.GroupVersionKind
}

// modelOf returns what follows from the scheme for a kind in a version that somebody uses.
func (s *Store) modelOf(gvk schema.GroupVersionKind) *model {
	key := modelKey{s.scheme, gvk}
	if known, ok := models.Load(key); ok && len(s.resources) == 0 {
		return known.(*model)
	}
	m := &model{gvk: s.storageVersion(gvk), eventName: "watch " + gvk.Kind, groupKind: gvk.GroupKind().String()}
	m.resource = s.resourceOf(m.gvk).GroupResource()
	if s.scheme.Recognizes(m.gvk) {
		if obj, err := s.scheme.New(m.gvk); err == nil {
			m.layout = layoutOf(reflect.TypeOf(obj).Elem())
		}
	}
	if len(s.resources) == 0 {
		models.Store(key, m)
	}
	return m
}

// storageVersion returns the most stable version of a kind that the scheme
// knows, or the version asked for if it knows none.
func (s *Store) storageVersion(gvk schema.GroupVersionKind) schema.GroupVersionKind {
	best := ""
	for _, gv := range s.scheme.PrioritizedVersionsForGroup(gvk.Group) {
		if !s.scheme.Recognizes(gv.WithKind(gvk.Kind)) {
			continue
		}
		if best == "" || version.CompareKubeAwareVersionStrings(gv.Version, best) > 0 {
			best = gv.Version
		}
	}
	if best == "" {
		return gvk
	}
	return gvk.GroupKind().WithVersion(best)
}

// kindOf tells the kind of an object or a list, and its table.
func (s *Store) kindOf(obj runtime.Object) (schema.GroupVersionKind, *table, error) {
	if u, ok := obj.(runtime.Unstructured); ok {
		gvk, err := unstructuredKind(u)
		if err != nil {
			return gvk, nil, err
		}
		return gvk, s.tableFor(gvk), nil
	}
	rt := reflect.TypeOf(obj)
	if ref, ok := s.types[rt]; ok {
		return ref.gvk, ref.table, nil
	}
	gvk, err := apiutil.GVKForObject(obj, s.scheme)
	if err != nil {
		return gvk, nil, err
	}
	gvk.Kind = itemKind(obj, gvk.Kind)
	t := s.tableFor(gvk)
	if !isPartial(obj) {
		s.types[rt] = kindRef{gvk, t}
	}
	return gvk, t, nil
}

func unstructuredKind(u runtime.Unstructured) (schema.GroupVersionKind, error) {
	gvk := u.GetObjectKind().GroupVersionKind()
	if gvk.Kind == "" {
		return gvk, runtime.NewMissingKindErr("unstructured object has no kind")
	}
	if gvk.Version == "" {
		return gvk, runtime.NewMissingVersionErr("unstructured object has no version")
	}
	gvk.Kind = itemKind(u, gvk.Kind)
	return gvk, nil
}

// itemKind turns the kind of a list into that of its items.
func itemKind(obj runtime.Object, kind string) string {
	if _, isList := obj.(client.ObjectList); isList {
		return strings.TrimSuffix(kind, "List")
	}
	return kind
}

// layout tells where the parts of a Go type of an API object are.
type layout struct {
	goType     reflect.Type // the struct; nil: the kind is stored unstructured
	status     int          // index of the field Status, -1 if there is none
	sameStatus equal.Comparer
	content    []contentField // all fields but TypeMeta, ObjectMeta and Status
}

// contentField is a field of a Go type and what compares it.
type contentField struct {
	index int
	same  equal.Comparer
}

func layoutOf(t reflect.Type) layout {
	l := layout{goType: t, status: -1}
	for i := range t.NumField() {
		switch f := t.Field(i); {
		case f.Name == "TypeMeta" || f.Name == "ObjectMeta":
		case f.Name == "Status":
			l.status, l.sameStatus = i, equal.Of(f.Type)
		default:
			l.content = append(l.content, contentField{i, equal.Of(f.Type)})
		}
	}
	return l
}

// shallowCopy returns an object that shares everything with obj but its own
// top level, so that its resourceVersion can be set.
func (t *table) shallowCopy(obj client.Object) client.Object {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		return shallowUnstructured(u)
	}
	n := reflect.New(t.layout.goType)
	n.Elem().Set(reflect.ValueOf(obj).Elem())
	return n.Interface().(client.Object)
}

// shallowUnstructured copies the two levels that setters of metadata write to.
func shallowUnstructured(u *unstructured.Unstructured) *unstructured.Unstructured {
	content := make(map[string]any, len(u.Object))
	for k, v := range u.Object {
		content[k] = v
	}
	if m, ok := content["metadata"].(map[string]any); ok {
		meta := make(map[string]any, len(m))
		for k, v := range m {
			meta[k] = v
		}
		content["metadata"] = meta
	}
	return &unstructured.Unstructured{Object: content}
}
