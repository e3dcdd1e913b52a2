package store

import (
	"regexp"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/google/go-cmp/cmp"

	"github.com/aviary-rollouts/aviary/sim/kernel"
)

func TestCreateStamps(t *testing.T) {
	f := newFixture(t, Options{})
	f.must(f.kernel.RunUntil(epoch.Add(90*time.Second + 700*time.Millisecond)))
	rs := replicaSet("web", 2)
	rs.UID, rs.Generation = "mine", 7
	rs.CreationTimestamp = metav1.NewTime(epoch.Add(-time.Hour))
	rs.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	rs.Status.Replicas = 5
	f.must(f.Create(ctx, rs))

	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(string(rs.UID)) {
		t.Errorf("uid %q is not a version 4 UUID", rs.UID)
	}
	if want := epoch.Add(90 * time.Second); !rs.CreationTimestamp.Time.Equal(want) {
		t.Errorf("created at %v, want %v: the API keeps whole seconds", rs.CreationTimestamp, want)
	}
	if rs.Generation != 1 || rs.ResourceVersion != "1" || f.store.Revision() != 1 {
		t.Errorf("generation %d, resourceVersion %s, revision %d", rs.Generation, rs.ResourceVersion, f.store.Revision())
	}
	if rs.ManagedFields != nil || rs.Status.Replicas != 0 {
		t.Errorf("kept what a creator may not set: %+v %+v", rs.ObjectMeta, rs.Status)
	}
	if d := cmp.Diff(get(f, rs), rs, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".TypeMeta" }, cmp.Ignore())); d != "" {
		t.Errorf("the creator was told something else than what is stored: %s", d)
	}
}

// Which kinds count generations, and where a status given at creation stays.
func TestCreateByKind(t *testing.T) {
	for _, tc := range []struct {
		obj        client.Object
		generation int64
		status     bool // status survives
	}{
		{configMap("c", nil), 0, false},
		{replicaSet("r", 1), 1, false},
		{pod("p", ""), 1, false},
		{unstructuredOf("argoproj.io/v1alpha1", "Rollout", "r", "status.phase", "Healthy"), 1, false},
		{unstructuredOf("argoproj.io/v1alpha1", "AnalysisRun", "a", "status.phase", "Running"), 1, true},
		{unstructuredOf("argoproj.io/v1alpha1", "Experiment", "e", "status.phase", "Running"), 1, true},
		{unstructuredOf("networking.istio.io/v1", "VirtualService", "v", "status.phase", "x"), 1, true},
	} {
		f := newFixture(t, Options{})
		f.must(f.Create(ctx, tc.obj))
		if got := tc.obj.GetGeneration(); got != tc.generation {
			t.Errorf("%T %s: generation %d, want %d", tc.obj, tc.obj.GetName(), got, tc.generation)
		}
		if u, ok := tc.obj.(*unstructured.Unstructured); ok {
			if _, has := u.Object["status"]; has != tc.status {
				t.Errorf("%s: status kept is %v, want %v", u.GetKind(), has, tc.status)
			}
		}
	}
}

func TestCreateErrors(t *testing.T) {
	existing := configMap("taken", nil)
	withVersion := configMap("a", nil)
	withVersion.ResourceVersion = "1"
	nowhere := configMap("a", nil)
	nowhere.Namespace = ""
	for _, tc := range []struct {
		name string
		obj  client.Object
		want string
	}{
		{"taken", configMap("taken", nil), `configmaps "taken" already exists`},
		{"resourceVersion", withVersion, "resourceVersion should not be set on objects to be created"},
		{"no namespace", nowhere, "an empty namespace may not be set during creation"},
		{"namespace for a cluster kind", unstructuredOf("argoproj.io/v1alpha1", "ClusterAnalysisTemplate", "a"),
			"namespace may not be set on cluster-scoped objects: ClusterAnalysisTemplate a"},
		{"bad name", configMap("Web", nil), `ConfigMap "Web" is invalid: metadata.name: Invalid value: "Web": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`},
		{"no name", configMap("", nil), `ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required`},
		{"no kind", &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1"}}, "Object 'Kind' is missing in 'unstructured object has no kind'"},
		{"wrong type", unstructuredOf("apps/v1", "ReplicaSet", "a", "spec.replicas", "three"),
			`ReplicaSet in version "v1" cannot be handled as a ReplicaSet: json: cannot unmarshal string into Go struct field ReplicaSetSpec.spec.replicas of type int32`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t, Options{})
			f.must(f.Create(ctx, existing.DeepCopy()))
			wantError(t, f.Create(ctx, tc.obj), tc.want)
			if f.store.Revision() != 1 {
				t.Error("a refused creation took a revision")
			}
		})
	}
}

func TestGenerateName(t *testing.T) {
	f := newFixture(t, Options{})
	seen := map[string]bool{}
	prefixes := []string{"web-", "web-6cf78c66c5-", strings.Repeat("x", 80)}
	for range 30 {
		for _, prefix := range prefixes {
			cm := configMap("", nil)
			cm.GenerateName = prefix
			f.must(f.Create(ctx, cm))
			if len(prefix) > 58 {
				prefix = prefix[:58]
			}
			if suffix, ok := strings.CutPrefix(cm.Name, prefix); !ok || len(suffix) != 5 || strings.Trim(suffix, "bcdfghjklmnpqrstvwxz2456789") != "" {
				t.Fatalf("generated name %q from %q", cm.Name, prefix)
			}
			if seen[cm.Name] {
				t.Fatalf("name %q twice", cm.Name)
			}
			seen[cm.Name] = true
		}
	}
}

// Identity depends on the seed and on the name, not on what else happened.
func TestIdentityIsStable(t *testing.T) {
	names := func(seed uint64, noise int) (out []string) {
		s := New(kernel.New(seed, epoch), testScheme(), Options{})
		c := s.Client("test")
		for range noise {
			other := configMap("", nil)
			other.GenerateName = "noise-"
			if err := c.Create(ctx, other); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			p := pod("", "")
			p.GenerateName = "web-"
			if err := c.Create(ctx, p); err != nil {
				t.Fatal(err)
			}
			out = append(out, p.Name+" "+string(p.UID))
		}
		return out
	}
	want := names(1, 0)
	if d := cmp.Diff(want, names(1, 5)); d != "" {
		t.Errorf("other objects changed the identity: %s", d)
	}
	if cmp.Equal(want, names(2, 0)) {
		t.Error("two seeds gave the same identities")
	}
}

// A name that is used again is another object.
func TestRecreate(t *testing.T) {
	f := newFixture(t, Options{})
	seen := map[types.UID]bool{}
	for range 5 {
		cm := configMap("a", nil)
		f.must(f.Create(ctx, cm))
		if seen[cm.UID] {
			t.Fatalf("uid %s used twice", cm.UID)
		}
		seen[cm.UID] = true
		f.must(f.Delete(ctx, cm))
	}
}

func TestDryRun(t *testing.T) {
	f := newFixture(t, Options{})
	f.must(f.Create(ctx, configMap("a", nil)))
	before := f.store.Revision()

	fresh := configMap("b", nil)
	f.must(f.Create(ctx, fresh, client.DryRunAll))
	if fresh.UID == "" {
		t.Error("a dry run does not show the object that it would make")
	}
	changed := configMap("a", map[string]string{"k": "v"})
	f.must(f.Update(ctx, changed, client.DryRunAll))
	f.must(f.Patch(ctx, configMap("a", nil), client.RawPatch(types.MergePatchType, []byte(`{"data":{"k":"v"}}`)), client.DryRunAll))
	f.must(f.Delete(ctx, configMap("a", nil), client.DryRunAll))
	f.must(f.DeleteAllOf(ctx, &corev1.ConfigMap{}, client.InNamespace("default"), client.DryRunAll))

	if f.store.Revision() != before {
		t.Errorf("dry runs wrote: revision %d, want %d", f.store.Revision(), before)
	}
	f.gone(fresh)
	if got := get(f, configMap("a", nil)); len(got.Data) != 0 {
		t.Errorf("a dry run changed the object: %v", got.Data)
	}
}

// Nobody shares memory with the store.
func TestCopies(t *testing.T) {
	f := newFixture(t, Options{DetectMutation: true})
	in := replicaSet("web", 1)
	f.must(f.Create(ctx, in))
	vs := unstructuredOf("networking.istio.io/v1", "VirtualService", "v", "spec.hosts", []any{"a"})
	f.must(f.Create(ctx, vs))

	in.Labels["app"] = "changed"
	in.Spec.Template.Spec.Containers[0].Image = "changed"
	vs.Object["spec"].(map[string]any)["hosts"].([]any)[0] = "changed"
	out := get(f, in)
	out.Spec.Template.Labels["app"] = "changed"
	var list appsv1.ReplicaSetList
	f.must(f.List(ctx, &list))
	list.Items[0].Spec.Selector.MatchLabels["app"] = "changed"
	in.Status.Conditions = []appsv1.ReplicaSetCondition{{Type: "A", Reason: "first"}}
	f.must(f.Status().Update(ctx, in))
	in.Status.Conditions[0].Reason = "changed"
	if err := f.store.CheckUnmodified(); err != nil {
		t.Error(err)
	}
	other := unstructuredOf("apps/v1", "ReplicaSet", "web")
	f.must(f.Get(ctx, client.ObjectKeyFromObject(in), other))
	f.must(unstructured.SetNestedField(other.Object, "changed", "spec", "template", "metadata", "labels", "app"))
	if err := f.store.CheckUnmodified(); err != nil {
		t.Error(err)
	}

	// The detector does find a reader who asked to share and then wrote.
	var shared appsv1.ReplicaSet
	f.must(f.Get(ctx, client.ObjectKeyFromObject(in), &shared, client.UnsafeDisableDeepCopy))
	shared.Labels["app"] = "changed"
	wantError(t, f.store.CheckUnmodified(), "ReplicaSet default/web was modified in place: a receiver of shared objects wrote to one")
}

// A client that shares gets what is stored. What it sets in an object of its own
// reaches nobody until it is written.
func TestShares(t *testing.T) {
	f := newFixture(t, Options{DetectMutation: true})
	c := f.store.Client("model", Shares())
	in := replicaSet("web", 1)
	f.must(c.Create(ctx, in))
	containers := &in.Spec.Template.Spec.Containers[0]
	check := func(what string, rs *appsv1.ReplicaSet) {
		t.Helper()
		if &rs.Spec.Template.Spec.Containers[0] != containers {
			t.Errorf("%s copied the object", what)
		}
		if err := f.store.CheckUnmodified(); err != nil {
			t.Errorf("after %s: %v", what, err)
		}
	}
	check("create", in)
	in.Status = appsv1.ReplicaSetStatus{Replicas: 1}
	in.Labels = map[string]string{"a": "b"}
	check("nothing", in)
	f.must(c.Status().Update(ctx, in)) // which leaves the labels alone
	check("update", in)
	if in.Labels["app"] != "web" || in.Status.Replicas != 1 || in.Kind != "" {
		t.Errorf("the status update returned labels %v, %d replicas, kind %q", in.Labels, in.Status.Replicas, in.Kind)
	}
	var list appsv1.ReplicaSetList
	for range 2 {
		f.must(c.List(ctx, &list))
		check("list", &list.Items[0])
	}
	first := &list.Items[0]
	f.must(c.List(ctx, &list))
	if first != &list.Items[0] {
		t.Error("the list did not use its memory again")
	}
	f.must(c.Create(ctx, replicaSet("web-2", 1)))
	f.must(c.List(ctx, &list))
	if got := list.Items[1].Name; len(list.Items) != 2 || got != "web-2" {
		t.Errorf("the longer list has %d items, the second is %s", len(list.Items), got)
	}
}

// A Go value that only looks like JSON is taken as what it would be encoded to.
func TestUnstructuredFromGo(t *testing.T) {
	f := newFixture(t, Options{})
	u := unstructuredOf("example.com/v1", "Thing", "a")
	u.Object["spec"] = map[string]any{"n": 3, "names": []string{"x"}, "labels": map[string]string{"a": "b"}, "f": float32(0.5)}
	f.must(f.Create(ctx, u))
	want := map[string]any{"n": int64(3), "names": []any{"x"}, "labels": map[string]any{"a": "b"}, "f": 0.5}
	if d := cmp.Diff(want, get(f, unstructuredOf("example.com/v1", "Thing", "a")).Object["spec"]); d != "" {
		t.Error(d)
	}
	u = unstructuredOf("example.com/v1", "Thing", "b")
	u.Object["spec"] = func() {}
	if err := f.Create(ctx, u); err == nil {
		t.Error("a function was accepted as JSON")
	}
}

// Kinds that the scheme does not know are kept under one version and answered
// in the one asked for.
func TestForeignVersions(t *testing.T) {
	f := newFixture(t, Options{})
	f.must(f.Create(ctx, unstructuredOf("networking.istio.io/v1alpha3", "VirtualService", "v", "spec.x", "y")))
	got := get(f, unstructuredOf("networking.istio.io/v1beta1", "VirtualService", "v"))
	if got.GetAPIVersion() != "networking.istio.io/v1beta1" || got.Object["spec"].(map[string]any)["x"] != "y" {
		t.Errorf("got %v", got.Object)
	}
}
