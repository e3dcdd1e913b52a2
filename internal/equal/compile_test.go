package equal_test

import (
	"reflect"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/randfill"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/equal"
)

// TestAsTheLibrary compares random objects with copies of them in which some parts are
// other ones: the answer is that of the library.
func TestAsTheLibrary(t *testing.T) {
	t.Run("Rollout", func(t *testing.T) { asTheLibrary[v1alpha1.Rollout](t) })
	t.Run("RolloutStatus", func(t *testing.T) { asTheLibrary[v1alpha1.RolloutStatus](t) })
	t.Run("AnalysisRun", func(t *testing.T) { asTheLibrary[v1alpha1.AnalysisRun](t) })
	t.Run("Experiment", func(t *testing.T) { asTheLibrary[v1alpha1.Experiment](t) })
	t.Run("Pod", func(t *testing.T) { asTheLibrary[corev1.Pod](t) })
	t.Run("ReplicaSet", func(t *testing.T) { asTheLibrary[appsv1.ReplicaSet](t) })
	t.Run("Job", func(t *testing.T) { asTheLibrary[batchv1.Job](t) })
	t.Run("EndpointSlice", func(t *testing.T) { asTheLibrary[discoveryv1.EndpointSlice](t) })
}

func asTheLibrary[T any, P interface {
	*T
	DeepCopy() *T
}](t *testing.T) {
	differ := 0
	for seed := range int64(40) {
		fill := randfill.NewWithSeed(seed).NilChance(0.5).NumElements(0, 2).MaxDepth(12).Funcs(
			func(q *resource.Quantity, c randfill.Continue) {
				*q = *resource.NewMilliQuantity(c.Int63n(5000), resource.DecimalSI)
			},
			func(m *metav1.Time, c randfill.Continue) { *m = metav1.Unix(c.Int63n(1000), 0) },
			func(m *metav1.MicroTime, c randfill.Continue) {
				*m = metav1.MicroTime{Time: time.Unix(c.Int63n(1000), 0)}
			},
			func(m *metav1.FieldsV1, _ randfill.Continue) { m.SetRawBytes([]byte("{}")) },
		)
		var a, other T
		fill.Fill(&a)
		fill.Fill(&other)
		b := P(&a).DeepCopy()
		if !equal.Objects(&a, b) {
			t.Fatalf("seed %d: a copy is another one", seed)
		}
		for _, path := range paths(reflect.TypeFor[T](), nil, 3) {
			part := reflect.ValueOf(b).Elem().FieldByIndex(path)
			kept := reflect.New(part.Type()).Elem()
			kept.Set(part)
			part.Set(reflect.ValueOf(&other).Elem().FieldByIndex(path))
			want := equality.Semantic.DeepEqual(&a, b)
			if got := equal.Objects(&a, b); got != want {
				t.Fatalf("seed %d, with another %s: %t, want %t", seed, reflect.TypeFor[T]().FieldByIndex(path).Name, got, want)
			}
			if !want {
				differ++
			}
			part.Set(kept)
		}
	}
	if differ < 200 {
		t.Errorf("only %d of the comparisons found a difference", differ)
	}
}

// paths lists the fields of a struct and of the structs in it.
func paths(t reflect.Type, above []int, depth int) (found [][]int) {
	for i := range t.NumField() {
		path := append(append([]int{}, above...), i)
		if !t.Field(i).IsExported() {
			continue
		}
		found = append(found, path)
		if f := t.Field(i).Type; f.Kind() == reflect.Struct && depth > 0 {
			found = append(found, paths(f, path, depth-1)...)
		}
	}
	return found
}

func TestMeaning(t *testing.T) {
	now := metav1.Now()
	elsewhere := metav1.NewTime(now.In(time.FixedZone("elsewhere", 3600)))
	type pod = corev1.Pod
	for _, tt := range []struct {
		name string
		a, b *pod
		want bool
	}{
		{"both nil", nil, nil, true},
		{"one nil", &pod{}, nil, false},
		{"a nil list and an empty one", &pod{}, &pod{Spec: corev1.PodSpec{Containers: []corev1.Container{}}}, true},
		{"a nil map and an empty one", &pod{}, &pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{}}}, true},
		{"a nil pointer and an empty value", &pod{}, &pod{Spec: corev1.PodSpec{SecurityContext: &corev1.PodSecurityContext{}}}, false},
		{"one instant", &pod{Status: corev1.PodStatus{StartTime: &now}}, &pod{Status: corev1.PodStatus{StartTime: &elsewhere}}, true},
		{"one amount", limited("1"), limited("1000m"), true},
		{"two amounts", limited("1"), limited("1100m"), false},
		{"two labels", &pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}}}, &pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "c"}}}, false},
	} {
		if got := equal.Objects(tt.a, tt.b); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
	}
}

func limited(cpu string) *corev1.Pod {
	limits := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}
	return &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{Limits: limits}}}}}
}

func BenchmarkStatus(b *testing.B) {
	var a v1alpha1.RolloutStatus
	randfill.NewWithSeed(1).NilChance(0).NumElements(1, 2).MaxDepth(5).Fill(&a)
	other := a.DeepCopy()
	b.ReportAllocs()
	for b.Loop() {
		if !equal.Objects(&a, other) {
			b.Fatal("a copy is another one")
		}
	}
}
