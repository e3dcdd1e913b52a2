package crd_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/randfill"
	"sigs.k8s.io/yaml"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/config/crd"
)

// TestShape pins what a user sees of each kind before any field of it.
func TestShape(t *testing.T) {
	type shape struct {
		Scope, Short string
		Columns      []string
		Status       bool
		Scale        string
	}
	want := map[string]shape{
		"Rollout": {"Namespaced", "ro", []string{
			"Desired .spec.replicas", "Current .status.replicas", "Up-to-date .status.updatedReplicas",
			"Available .status.availableReplicas", "Age .metadata.creationTimestamp",
		}, true, ".spec.replicas .status.HPAReplicas .status.selector"},
		"AnalysisTemplate":        {"Namespaced", "at", []string{"Age .metadata.creationTimestamp"}, false, ""},
		"ClusterAnalysisTemplate": {"Cluster", "cat", []string{"Age .metadata.creationTimestamp"}, false, ""},
		"AnalysisRun":             {"Namespaced", "ar", []string{"Status .status.phase", "Age .metadata.creationTimestamp"}, false, ""},
		"Experiment":              {"Namespaced", "exp", []string{"Status .status.phase", "Age .metadata.creationTimestamp"}, false, ""},
	}
	got := map[string]shape{}
	for _, def := range all(t) {
		version := def.Spec.Versions[0]
		s := shape{Scope: string(def.Spec.Scope), Short: strings.Join(def.Spec.Names.ShortNames, ",")}
		for _, c := range version.AdditionalPrinterColumns {
			s.Columns = append(s.Columns, c.Name+" "+c.JSONPath)
		}
		if sub := version.Subresources; sub != nil {
			s.Status = sub.Status != nil
			if sub.Scale != nil {
				s.Scale = sub.Scale.SpecReplicasPath + " " + sub.Scale.StatusReplicasPath + " " + *sub.Scale.LabelSelectorPath
			}
		}
		got[def.Spec.Names.Kind] = s
		if def.Spec.Group != v1alpha1.GroupName || version.Name != "v1alpha1" || !version.Served || !version.Storage {
			t.Errorf("%s: group %s version %s served %t stored %t", def.Name, def.Spec.Group, version.Name, version.Served, version.Storage)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
}

// TestOf finds each definition by its kind.
func TestOf(t *testing.T) {
	for _, want := range all(t) {
		got, err := crd.Of(schema.GroupKind{Group: want.Spec.Group, Kind: want.Spec.Names.Kind})
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: error %v (-all +of):\n%s", want.Name, err, diff)
		}
	}
	if got, err := crd.Of(schema.GroupKind{Group: "apps", Kind: "Deployment"}); got != nil || err != nil {
		t.Errorf("a Deployment has the definition %v, error %v", got, err)
	}
}

// TestInstallable asks the validation of the API server, and that `kubectl
// apply` can keep each definition in its annotation, which holds 256 KiB.
func TestInstallable(t *testing.T) {
	for _, def := range all(t) {
		def.Status.StoredVersions = []string{"v1alpha1"}
		scheme := runtime.NewScheme()
		if err := apiextensionsv1.AddToScheme(scheme); err != nil {
			t.Fatal(err)
		}
		scheme.Default(def)
		apiextensionsv1.SetObjectDefaults_CustomResourceDefinition(def)
		internal := &apiextensions.CustomResourceDefinition{}
		if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(def, internal, nil); err != nil {
			t.Fatal(err)
		}
		for _, err := range crdvalidation.ValidateCustomResourceDefinition(t.Context(), internal) {
			t.Errorf("%s: %v", def.Name, err)
		}
		content, err := json.Marshal(def)
		if err != nil {
			t.Fatal(err)
		}
		if limit := 256 << 10; len(content) > limit/2 {
			t.Errorf("%s takes %d bytes, more than half of the %d that kubectl apply can keep", def.Name, len(content), limit)
		}
	}
}

func TestDefaults(t *testing.T) {
	object := decode(t, `
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: a}
spec:
  template:
    spec:
      containers:
      - name: a
        ports:
        - containerPort: 8080
        livenessProbe:
          grpc: {port: 8080}
      volumes:
      - name: v
        iscsi: {targetPortal: p, iqn: q, lun: 1}
`)
	validator(t).Default(object)
	text := encode(t, object)
	if !strings.Contains(text, `"ports":[{"containerPort":8080,"protocol":"TCP"}]`) {
		t.Errorf("the protocol of a port has no default: %s", text)
	}
	if !strings.Contains(text, `"grpc":{"port":8080}`) {
		t.Errorf("a probe has a default that means nothing, but changes the hash: %s", text)
	}
	if strings.Contains(text, "iscsiInterface") {
		t.Errorf("a volume has defaults, which existing clusters do not set: %s", text)
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name, kind, object string
		want               string // what is wrong, empty for nothing
	}{
		{"template and selector are optional beside workloadRef", "Rollout",
			`{"spec":{"workloadRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"a"}}}`, ""},
		{"a rollout may be empty", "Rollout", `{"spec":{}}`, ""},
		{"spec is required", "Rollout", `{}`, "spec: Required value"},
		{"blue-green needs an active service", "Rollout", `{"spec":{"strategy":{"blueGreen":{}}}}`,
			"spec.strategy.blueGreen.activeService: Required value"},
		{"a pause lasts a number of seconds", "Rollout", `{"spec":{"strategy":{"canary":{"steps":[{"pause":{"duration":10}}]}}}}`, ""},
		{"a pause lasts a duration", "Rollout", `{"spec":{"strategy":{"canary":{"steps":[{"pause":{"duration":"10m"}}]}}}}`, ""},
		{"a pause may be endless", "Rollout", `{"spec":{"strategy":{"canary":{"steps":[{"pause":{}}]}}}}`, ""},
		{"a pause lasts as long as a number of 32 bits", "Rollout", `{"spec":{"strategy":{"canary":{"steps":[{"pause":{"duration":2147483647}}]}}}}`, ""},
		{"a pause lasts no longer", "Rollout", `{"spec":{"strategy":{"canary":{"steps":[{"pause":{"duration":3000000000}}]}}}}`,
			"spec.strategy.canary.steps[0].pause.duration: Invalid value: 3000000000: "},
		{"a surge may be a share", "Rollout", `{"spec":{"strategy":{"canary":{"maxSurge":"25%","maxUnavailable":"0"}}}}`, ""},
		{"a restart is at a time", "Rollout", `{"spec":{"restartAt":"2026-01-05T10:00:00Z"}}`, ""},
		{"a restart is at a time of a zone", "Rollout", `{"spec":{"restartAt":"2026-01-05T10:00:00.25+05:30"}}`, ""},
		{"a restart is at no time in small letters", "Rollout", `{"spec":{"restartAt":"2026-01-05t10:00:00z"}}`,
			`spec.restartAt: Invalid value: "2026-01-05t10:00:00z": `},
		{"a weight is a number", "Rollout", `{"spec":{"strategy":{"canary":{"steps":[{"setWeight":"20"}]}}}}`,
			`spec.strategy.canary.steps[0].setWeight: Invalid value: "string"`},
		{"a plugin is configured freely", "Rollout",
			`{"spec":{"strategy":{"canary":{"trafficRouting":{"plugins":{"a/b":{"x":[1,{"y":true}]}}},"steps":[{"plugin":{"name":"c/d","config":["z"]}}]}}}}`, ""},
		{"a variable may be set twice", "Rollout",
			`{"spec":{"template":{"spec":{"containers":[{"name":"a","env":[{"name":"x"},{"name":"x"}]}]}}}}`, ""},
		{"a request may be a fraction", "Rollout",
			`{"spec":{"template":{"spec":{"containers":[{"name":"a","resources":{"requests":{"cpu":0.02,"memory":"10Mi"}}}]}}}}`, ""},
		{"a request is in units that there are", "Rollout",
			`{"spec":{"template":{"spec":{"containers":[{"name":"a","resources":{"limits":{"memory":"512MB"}}}]}}}}`,
			`spec.template.spec.containers[0].resources.limits.memory: Invalid value: "512MB": `},
		{"a request may be any number", "Rollout",
			`{"spec":{"template":{"spec":{"containers":[{"name":"a","resources":{"limits":{"cpu":2,"memory":"1.5e9","a":".5","b":"-1Ki","c":"100m"}}}]}}}}`, ""},
		{"a volume may be any", "Rollout",
			`{"spec":{"template":{"spec":{"containers":[{"name":"a"}],"volumes":[{"name":"v","new":{"x":1}},{"name":"v","secret":{"new":[1]}},{"rbd":{"x":1}}]}}}}`, ""},
		{"a volume has a size", "Rollout",
			`{"spec":{"template":{"spec":{"containers":[{"name":"a"}],"volumes":[{"name":"v","emptyDir":{"sizeLimit":"5GB"}}]}}}}`,
			`spec.template.spec.volumes[0].emptyDir.sizeLimit: Invalid value: "5GB": `},
		{"a limit of failures is of 32 bits", "AnalysisTemplate",
			`{"spec":{"metrics":[{"name":"m","failureLimit":99999999999,"provider":{}}]}}`, "spec.metrics[0].failureLimit: Invalid value: 99999999999: "},
		{"the observed generation is a string", "Rollout", `{"spec":{},"status":{"observedGeneration":7}}`,
			`status.observedGeneration: Invalid value: "integer"`},
		{"limits may be arguments", "AnalysisTemplate",
			`{"spec":{"metrics":[{"name":"m","count":"{{args.n}}","failureLimit":-1,"provider":{"plugin":{"a/b":{"x":1}}}}]}}`, ""},
		{"an interval is a string", "AnalysisTemplate", `{"spec":{"metrics":[{"name":"m","interval":5,"provider":{}}]}}`,
			`spec.metrics[0].interval: Invalid value: "integer"`},
		{"a metric needs a provider", "AnalysisRun", `{"spec":{"metrics":[{"name":"m"}]}}`, "spec.metrics[0].provider: Required value"},
		{"an experiment needs selectors", "Experiment", `{"spec":{"templates":[{"name":"a","template":{}}]}}`,
			"spec.templates[0].selector: Required value"},
		{"a misspelt field is unknown", "Rollout", `{"spec":{"strategy":{"canary":{"step":[]}}}}`,
			"spec.strategy.canary.step: unknown field"},
		{"another kind", "Deployment", `{}`, `kind: "Deployment" is none of this API group`},
	}
	v := validator(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			object := decode(t, tt.object)
			object["kind"] = tt.kind
			got := v.Problems(object)
			if tt.want == "" && len(got) > 0 || tt.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], tt.want)) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestWorkloadRef writes a Rollout as the controller does: an empty template must
// not become a pod without containers.
func TestWorkloadRef(t *testing.T) {
	rollout := &v1alpha1.Rollout{Spec: v1alpha1.RolloutSpec{WorkloadRef: &v1alpha1.ObjectRef{Kind: "Deployment", Name: "a"}}}
	object := decode(t, encode(t, rollout))
	object["kind"] = v1alpha1.KindRollout
	if got := validator(t).Problems(object); len(got) > 0 {
		t.Error(got)
	}
}

// TestDocumentedFields takes every router and every metric provider in the form
// of the documentation. Neither schema nor types may miss a field of them.
func TestDocumentedFields(t *testing.T) {
	for file, typed := range map[string]any{
		"testdata/routers.yaml":   &v1alpha1.Rollout{},
		"testdata/providers.yaml": &v1alpha1.AnalysisTemplate{},
	} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.UnmarshalStrict(content, typed); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		for _, p := range validator(t).Problems(decode(t, string(content))) {
			t.Errorf("%s: %s", file, p)
		}
	}
}

// TestEveryFieldIsKnown fills objects of the Go types at random. Whatever a
// controller can write, the schema must know, and for a status also accept.
func TestEveryFieldIsKnown(t *testing.T) {
	v := validator(t)
	for kind, object := range map[string]any{
		"Rollout":                 &v1alpha1.Rollout{},
		"AnalysisTemplate":        &v1alpha1.AnalysisTemplate{},
		"ClusterAnalysisTemplate": &v1alpha1.ClusterAnalysisTemplate{},
		"AnalysisRun":             &v1alpha1.AnalysisRun{},
		"Experiment":              &v1alpha1.Experiment{},
	} {
		for seed := range int64(10) {
			filler(seed).Fill(object)
			content := decode(t, encode(t, object))
			content["apiVersion"], content["kind"] = v1alpha1.GroupVersion.String(), kind
			for _, p := range v.Problems(content) {
				if isPodTemplate(p) || !strings.HasPrefix(p, "status") && !strings.HasSuffix(p, "unknown field") {
					continue
				}
				t.Errorf("seed %d: %s: %s", seed, kind, p)
			}
		}
	}
}

// isPodTemplate says whether a problem is one of a pod template or Job, which are
// types of Kubernetes and hold, filled at random, what Kubernetes refuses too.
func isPodTemplate(problem string) bool {
	return strings.Contains(problem, ".template.") || strings.Contains(problem, ".provider.job.")
}

// filler fills objects at random, with every pointer set and every list filled.
func filler(seed int64) *randfill.Filler {
	return randfill.NewWithSeed(seed).NilChance(0).NumElements(1, 2).MaxDepth(12).Funcs(
		func(j *apiextensionsv1.JSON, _ randfill.Continue) { j.Raw = []byte(`{"a":[1,"b"]}`) },
		func(v *intstr.IntOrString, c randfill.Continue) { *v = intstr.FromInt32(c.Int31()) },
		func(q *resource.Quantity, _ randfill.Continue) { *q = resource.MustParse("1") },
		func(v *metav1.Time, c randfill.Continue) { v.Time = time.Unix(c.Int63n(1<<32), 0).UTC() },
		func(e *metav1.ManagedFieldsEntry, _ randfill.Continue) { e.Manager = "m" },
		func(s *corev1.PodSpec, _ randfill.Continue) { s.Containers = []corev1.Container{{Name: "a"}} },
	)
}

func all(t *testing.T) []*apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	defs, err := crd.All()
	if err != nil {
		t.Fatal(err)
	}
	return defs
}

func validator(t *testing.T) *crd.Validator {
	t.Helper()
	v, err := crd.NewValidator()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	content, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	object := map[string]any{}
	if err := utiljson.Unmarshal(content, &object); err != nil { // whole numbers stay whole
		t.Fatal(err)
	}
	return object
}

func encode(t *testing.T, object any) string {
	t.Helper()
	content, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
