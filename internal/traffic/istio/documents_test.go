package istio

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/fixtures"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// The template hashes that the documents print.
const (
	hashV1        = "6579c6cc98"
	hashV2        = "7c6fcfb847"
	hashV1Ann     = "5f59cc96"
	hashV2Ann     = "789cf554d9"
	hashExpStable = "68879bfdd8"
	hashExpCanary = "65c7c65dd7"
)

// state is a moment of a document: what is wanted, and the split and the
// subsets that its outputs show.
type state struct {
	name    string
	want    traffic.Routing
	weights traffic.Weights
	subsets string // stable and canary hash, empty without a DestinationRule
}

// host is what is wanted when Services tell the revisions apart.
func host(weight int32, additional ...traffic.Destination) traffic.Routing {
	return traffic.Routing{StableService: "mock-server-stable", CanaryService: "mock-server-canary", CanaryWeight: weight, Additional: additional}
}

// subset is what is wanted when labels tell the revisions apart.
func subset(weight int32, stable, canary string, additional ...traffic.Destination) traffic.Routing {
	return traffic.Routing{StableHash: stable, CanaryHash: canary, CanaryWeight: weight, Additional: additional, MoveSubsets: true}
}

func weights(stable, canary int32, additional ...traffic.Destination) traffic.Weights {
	return traffic.Weights{Canary: canary, Stable: stable, Additional: additional}
}

var (
	expStable = traffic.Destination{Host: "mock-server-experiment-stable", Hash: hashExpStable, Weight: 20}
	expCanary = traffic.Destination{Host: "mock-server-experiment-canary", Hash: hashExpCanary, Weight: 20}
	varStable = traffic.Destination{Host: "mock-server-789cf554d9-2-0-baseline", Hash: hashExpStable, Weight: 20}
	varCanary = traffic.Destination{Host: "mock-server-789cf554d9-2-0-canary", Hash: hashExpCanary, Weight: 20}
)

// hosts says what Observe sees of destinations that no subset stands for.
func hosts(list ...traffic.Destination) []traffic.Destination {
	for i := range list {
		list[i].Hash = ""
	}
	return list
}

// documents are the cases of the source documents that route with Istio.
var documents = []struct {
	name   string
	files  []string
	states []state
}{
	{"2.2.4-virtualservice", []string{"cases/mock-server-canary-istio-virtualservice.yaml"}, []state{
		{"S1 applied", host(0), weights(100, 0), ""},
		{"S2 setWeight 20", host(20), weights(80, 20), ""},
		{"S3 setWeight 40", host(40), weights(60, 40), ""},
		{"setWeight 100", host(100), weights(0, 100), ""},
		{"S4 promoted", host(0), weights(100, 0), ""},
	}},
	{"2.2.6-virtualservice-experiment", []string{"cases/mock-server-canary-istio-virtualservice-analysis-experiment.yaml"}, []state{
		{"S1 applied", host(0), weights(100, 0), ""},
		{"S2 experiment", host(0, expCanary, expStable), weights(60, 0, hosts(expCanary, expStable)...), ""},
		{"S3 aborted", host(0), weights(100, 0), ""},
		{"S4 retried", host(0, expCanary, expStable), weights(60, 0, hosts(expCanary, expStable)...), ""},
		{"S6 setWeight 20", host(20), weights(80, 20), ""},
	}},
	{"2.2.7-destinationrule", []string{"cases/mock-server-canary-istio-destinationrule.yaml"}, []state{
		{"S1 applied", subset(0, hashV1, hashV1), weights(100, 0), hashV1 + " " + hashV1},
		{"S2 setWeight 20", subset(20, hashV1, hashV2), weights(80, 20), hashV1 + " " + hashV2},
		{"S3 setWeight 40", subset(40, hashV1, hashV2), weights(60, 40), hashV1 + " " + hashV2},
		{"setWeight 100", subset(100, hashV1, hashV2), weights(0, 100), hashV1 + " " + hashV2},
		{"S4 promoted", subset(0, hashV2, hashV2), weights(100, 0), hashV2 + " " + hashV2},
	}},
	{"2.2.9-destinationrule-experiment", []string{"cases/mock-server-canary-istio-destinationrule-analysistemplate-experiment.yaml"}, []state{
		{"S1 applied", subset(0, hashV1Ann, hashV1Ann), weights(100, 0), hashV1Ann + " " + hashV1Ann},
		{"S2 experiment", subset(0, hashV1Ann, hashV2Ann, expCanary, expStable), weights(60, 0, expCanary, expStable), hashV1Ann + " " + hashV2Ann},
		{"S3 aborted", subset(0, hashV1Ann, hashV1Ann), weights(100, 0), hashV1Ann + " " + hashV1Ann},
		{"S6 setWeight 20", subset(20, hashV1Ann, hashV2Ann), weights(80, 20), hashV1Ann + " " + hashV2Ann},
	}},
	{"001-destinationrule-experiment", []string{"variant/mock-server-canary-istio-destinationrule-analysistemplate-experiment.yaml"}, []state{
		{"S1 applied", subset(0, hashV1Ann, hashV1Ann), weights(100, 0), hashV1Ann + " " + hashV1Ann},
		{"S2 experiment", subset(0, hashV1Ann, hashV2Ann, varStable, varCanary), weights(60, 0, varStable, varCanary), hashV1Ann + " " + hashV2Ann},
		{"S3 aborted", subset(0, hashV1Ann, hashV1Ann), weights(100, 0), hashV1Ann + " " + hashV1Ann},
	}},
	{"004b-virtualservices", []string{"production/istio/rollout.yaml", "production/istio/virtualservice-01.yaml", "production/istio/virtualservice-02.yaml"}, []state{
		{"S1 applied", silly(0), weights(100, 0), ""},
		{"S2 setWeight 20", silly(20), weights(80, 20), ""},
		{"aborted", silly(0), weights(100, 0), ""},
	}},
	{"003-subsets-with-policies", []string{"guide/rollout-canary-istio-destinationRule.yaml", "guide/argo-vs-reviews-subset.yaml", "guide/dr-reviews.yaml"}, []state{
		{"applied", subset(0, "7f9bff4bbb", "7f9bff4bbb"), weights(100, 0), "7f9bff4bbb 7f9bff4bbb"},
		{"setWeight 20", subset(20, "7f9bff4bbb", "5b4c8b5b4"), weights(80, 20), "7f9bff4bbb 5b4c8b5b4"},
		{"aborted", subset(0, "7f9bff4bbb", "7f9bff4bbb"), weights(100, 0), "7f9bff4bbb 7f9bff4bbb"},
	}},
	{"003-hosts", []string{"guide/rollout-canary-istio.yaml", "guide/argo-vs-reviews.yaml"}, []state{
		{"setWeight 20", reviews(20), weights(80, 20), ""},
	}},
}

func silly(weight int32) traffic.Routing {
	return traffic.Routing{StableService: "silly-demo-stable", CanaryService: "silly-demo-canary", CanaryWeight: weight}
}

func reviews(weight int32) traffic.Routing {
	return traffic.Routing{StableService: "reviews-v1-stable", CanaryService: "reviews-v1-canary", CanaryWeight: weight}
}

// TestDocuments takes the objects of each document through its states. What
// they look like then is in testdata; -update rewrites it.
func TestDocuments(t *testing.T) {
	for _, d := range documents {
		t.Run(d.name, func(t *testing.T) {
			ro, o := load(t, d.files...)
			var golden strings.Builder
			for _, s := range d.states {
				settle(t, ro, &o, s.want)
				seen := Observe(ro, o)
				if !seen.Synced || seen.Problem != "" {
					t.Errorf("%s: not in sync: %q", s.name, seen.Problem)
				}
				if diff := cmp.Diff(s.weights, seen.Weights); diff != "" {
					t.Errorf("%s: %s", s.name, diff)
				}
				if got := strings.TrimSpace(seen.StableHash + " " + seen.CanaryHash); got != s.subsets {
					t.Errorf("%s: the subsets select %q, not %q", s.name, got, s.subsets)
				}
				fmt.Fprintf(&golden, "# %s\n%s", s.name, dump(t, o))
			}
			compare(t, d.name, golden.String())
		})
	}
}

// settle carries out plans until there is nothing left to do, which must take
// two at most.
func settle(t testing.TB, ro *v1alpha1.Rollout, o *Objects, want traffic.Routing) {
	t.Helper()
	for range 3 {
		writes, err := plan(ro, *o, want)
		if err != nil {
			t.Fatal(err)
		}
		if len(writes) == 0 {
			return
		}
		for _, w := range writes {
			o.replace(w.object)
		}
	}
	t.Fatal("not settled after three passes")
}

// replace puts an object where one of its kind and name is.
func (o *Objects) replace(obj *unstructured.Unstructured) {
	if obj.GetKind() == KindDestinationRule {
		o.DestinationRule = obj
		return
	}
	for i, vs := range o.VirtualServices {
		if vs.GetName() == obj.GetName() {
			o.VirtualServices[i] = obj
		}
	}
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".yaml")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-update rewrites it): %s", path, diff)
	}
}

// dump prints the objects as YAML documents.
func dump(t *testing.T, o Objects) string {
	t.Helper()
	var b strings.Builder
	for _, obj := range o.All() {
		text, err := yaml.Marshal(obj.(*unstructured.Unstructured).Object)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "---\n%s", text)
	}
	return b.String()
}

// load reads a Rollout and the objects of Istio that it names from fixtures.
func load(t testing.TB, files ...string) (*v1alpha1.Rollout, Objects) {
	t.Helper()
	var content []byte
	for _, name := range files {
		data, err := fs.ReadFile(fixtures.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		content = append(append(content, "\n---\n"...), data...)
	}
	return parse(t, string(content))
}

// parse reads a Rollout and objects of Istio from YAML documents.
func parse(t testing.TB, content string) (*v1alpha1.Rollout, Objects) {
	t.Helper()
	ro := &v1alpha1.Rollout{}
	found := map[string]*unstructured.Unstructured{}
	var o Objects
	for _, document := range bytes.Split([]byte(content), []byte("\n---")) {
		obj := decode(t, document)
		switch obj.GetKind() {
		case v1alpha1.KindRollout:
			if err := yaml.UnmarshalStrict(document, ro); err != nil {
				t.Fatal(err)
			}
		case KindVirtualService:
			found[obj.GetName()] = obj
		case KindDestinationRule:
			o.DestinationRule = obj
		}
	}
	ro.Namespace = "default"
	for _, ref := range References(ro) {
		if ref.Kind == KindVirtualService {
			o.VirtualServices = append(o.VirtualServices, found[ref.Keys[0].Name])
		}
	}
	return ro, o
}

// decode reads one document as a client does: whole numbers are int64.
func decode(t testing.TB, document []byte) *unstructured.Unstructured {
	t.Helper()
	data, err := yaml.YAMLToJSON(document)
	if err != nil {
		t.Fatal(err)
	}
	obj := &unstructured.Unstructured{}
	if string(data) == "null" {
		return obj
	}
	if err := obj.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	return obj
}
