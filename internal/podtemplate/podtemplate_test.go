package podtemplate

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

func TestPullPolicy(t *testing.T) {
	for image, want := range map[string]corev1.PullPolicy{
		"app": "Always", "app:latest": "Always", "app:1.0": "IfNotPresent", "host:5000/app": "Always",
		"host:5000/app:2": "IfNotPresent", "app@sha256:00": "IfNotPresent", "app:latest@sha256:00": "IfNotPresent",
	} {
		if got := pullPolicy(image); got != want {
			t.Errorf("pullPolicy(%q) = %s, want %s", image, got, want)
		}
	}
}

func TestEqualSeesThroughDefaultsAndHash(t *testing.T) {
	written := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web:1"}}, Volumes: []corev1.Volume{{Name: "tmp"}}},
	}
	stored := *written.DeepCopy()
	SetDefaults(&stored.Spec)
	stored.Labels[v1alpha1.DefaultRolloutUniqueLabelKey] = "abc"
	if !Equal(written, stored) {
		t.Error("a template is not equal to itself as the API server stores it")
	}
	for name, change := range map[string]func(*corev1.PodTemplateSpec){
		"another image":      func(t *corev1.PodTemplateSpec) { t.Spec.Containers[0].Image = "web:2" },
		"another label":      func(t *corev1.PodTemplateSpec) { t.Labels["tier"] = "front" },
		"a variable is gone": func(t *corev1.PodTemplateSpec) { t.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "A"}} },
	} {
		other := *stored.DeepCopy()
		if change(&other); Equal(written, other) {
			t.Errorf("%s: the templates count as equal", name)
		}
	}
}

func TestApart(t *testing.T) {
	rule := &v1alpha1.AntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &v1alpha1.RequiredDuringSchedulingIgnoredDuringExecution{}}
	own := &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{TopologyKey: "zone"}}}}
	with := Apart(own, rule, "abc")
	if len(with.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution) != 2 || !KeptApart(with) {
		t.Errorf("with the rule: %+v", with.PodAntiAffinity)
	}
	if moved := Apart(with, rule, "def"); len(moved.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution) != 2 {
		t.Errorf("the rule against another revision is added, not replaced: %+v", moved.PodAntiAffinity)
	}
	if without := Apart(with, nil, ""); KeptApart(without) || len(without.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution) != 1 {
		t.Errorf("without the rule: %+v", without.PodAntiAffinity)
	}
	if none := Apart(Apart(nil, rule, "abc"), nil, ""); none != nil {
		t.Errorf("an affinity is left: %+v", none)
	}
}
