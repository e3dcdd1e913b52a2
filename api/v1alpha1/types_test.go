package v1alpha1_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/randfill"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

func kinds() []runtime.Object {
	return []runtime.Object{
		&v1alpha1.Rollout{}, &v1alpha1.AnalysisTemplate{}, &v1alpha1.ClusterAnalysisTemplate{},
		&v1alpha1.AnalysisRun{}, &v1alpha1.Experiment{},
	}
}

func TestScheme(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for _, object := range kinds() {
		kind := reflect.TypeOf(object).Elem().Name()
		for _, name := range []string{kind, kind + "List"} {
			if !scheme.Recognizes(v1alpha1.GroupVersion.WithKind(name)) {
				t.Errorf("the scheme does not know %s", name)
			}
		}
	}
}

// TestRoundTrip fills objects at random: nothing may get lost in JSON.
func TestRoundTrip(t *testing.T) {
	for seed := range int64(20) {
		for _, object := range kinds() {
			filler(seed).Fill(object)
			before := encode(t, object)

			decoded := reflect.New(reflect.TypeOf(object).Elem()).Interface()
			if err := json.Unmarshal(before, decoded); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if diff := cmp.Diff(string(before), string(encode(t, decoded))); diff != "" {
				t.Errorf("seed %d: %T lost something in JSON:\n%s", seed, object, diff)
			}
		}
	}
}

// TestDeepCopy writes all over a copy and looks whether the original shows it.
func TestDeepCopy(t *testing.T) {
	for _, object := range kinds() {
		filler(1).Fill(object)
		before := encode(t, object)
		duplicate := object.DeepCopyObject()
		scribble(reflect.ValueOf(duplicate).Elem())
		if string(encode(t, duplicate)) == string(before) {
			t.Fatalf("%T: nothing was scribbled", object)
		}
		if diff := cmp.Diff(string(before), string(encode(t, object))); diff != "" {
			t.Errorf("%T shares memory with its copy:\n%s", object, diff)
		}
	}
}

// scribble changes every string and every number that can be reached from v.
func scribble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			scribble(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				scribble(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			scribble(v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			scribble(v.MapIndex(key)) // reaches what a value points to
		}
		if v.Len() > 0 {
			v.Clear()
		}
	case reflect.String:
		if v.CanSet() {
			v.SetString(v.String() + "!")
		}
	case reflect.Int32:
		if v.CanSet() {
			v.SetInt(v.Int() ^ 1)
		}
	}
}

func TestDurationString(t *testing.T) {
	for text, want := range map[v1alpha1.DurationString]time.Duration{"30s": 30 * time.Second, "1h5m": 65 * time.Minute} {
		if got, err := text.Duration(); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []v1alpha1.DurationString{"", "30", "soon"} {
		if got, err := text.Duration(); err == nil {
			t.Errorf("%q: %v, want an error", text, got)
		}
	}
}

func TestCompleted(t *testing.T) {
	for phase, want := range map[v1alpha1.AnalysisPhase]bool{
		"": false, v1alpha1.AnalysisPhasePending: false, v1alpha1.AnalysisPhaseRunning: false,
		v1alpha1.AnalysisPhaseSuccessful: true, v1alpha1.AnalysisPhaseFailed: true,
		v1alpha1.AnalysisPhaseError: true, v1alpha1.AnalysisPhaseInconclusive: true,
	} {
		if got := phase.Completed(); got != want {
			t.Errorf("%q is completed: %t, want %t", phase, got, want)
		}
	}
	for code, want := range map[v1alpha1.TemplateStatusCode]bool{
		"": false, v1alpha1.TemplateStatusProgressing: false, v1alpha1.TemplateStatusRunning: false,
		v1alpha1.TemplateStatusSuccessful: true, v1alpha1.TemplateStatusFailed: true, v1alpha1.TemplateStatusError: true,
	} {
		if got := code.Completed(); got != want {
			t.Errorf("%q is completed: %t, want %t", code, got, want)
		}
	}
}

// filler fills objects at random, with every pointer set and every list filled.
func filler(seed int64) *randfill.Filler {
	return randfill.NewWithSeed(seed).NilChance(0).NumElements(1, 2).MaxDepth(12).Funcs(
		func(j *apiextensionsv1.JSON, _ randfill.Continue) { j.Raw = []byte(`{"a":[1,"b"]}`) },
		func(v *intstr.IntOrString, c randfill.Continue) { *v = intstr.FromInt32(c.Int31()) },
		func(v *metav1.Time, c randfill.Continue) { v.Time = time.Unix(c.Int63n(1<<32), 0).UTC() },
		func(s *corev1.PodSpec, _ randfill.Continue) { s.Containers = []corev1.Container{{Name: "a"}} },
		func(e *metav1.ManagedFieldsEntry, _ randfill.Continue) { e.Manager = "m" },
	)
}

func encode(t *testing.T, object any) []byte {
	t.Helper()
	content, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
