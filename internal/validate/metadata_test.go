package validate

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// What pods are to wear is refused before an update is under way, where the API server
// would refuse the pods or their ReplicaSet.
func TestRoleMetadata(t *testing.T) {
	wear := func(key, value string) *v1alpha1.PodTemplateMetadata {
		return &v1alpha1.PodTemplateMetadata{Labels: map[string]string{key: value}}
	}
	noted := func(key string) *v1alpha1.PodTemplateMetadata {
		return &v1alpha1.PodTemplateMetadata{Annotations: map[string]string{key: "Team A"}}
	}
	canary := func(trying, trusted *v1alpha1.PodTemplateMetadata) *v1alpha1.Rollout {
		ro := canaryRollout()
		ro.Spec.Strategy.Canary.CanaryMetadata, ro.Spec.Strategy.Canary.StableMetadata = trying, trusted
		return ro
	}
	blueGreen := func(trying, trusted *v1alpha1.PodTemplateMetadata) *v1alpha1.Rollout {
		ro := blueGreenRollout()
		ro.Spec.Strategy.BlueGreen.PreviewMetadata, ro.Spec.Strategy.BlueGreen.ActiveMetadata = trying, trusted
		return ro
	}
	const label = `: Invalid value: "Team A": a valid label must be an empty string or consist of alphanumeric characters`
	for name, tt := range map[string]struct {
		ro   *v1alpha1.Rollout
		want string
	}{
		"a label":                         {canary(wear("team", "a"), wear("team", "b")), ""},
		"any text in an annotation":       {canary(noted("team"), noted("team")), ""},
		"what the selector selects":       {canary(wear("app", "web"), nil), ""},
		"a canary's label":                {canary(wear("team", "Team A"), nil), "spec.strategy.canaryMetadata.labels" + label},
		"a stable version's label":        {canary(nil, wear("team", "Team A")), "spec.strategy.stableMetadata.labels" + label},
		"a preview's label":               {blueGreen(wear("team", "Team A"), nil), "spec.strategy.blueGreen.previewMetadata.labels" + label},
		"an active version's label":       {blueGreen(nil, wear("team", "Team A")), "spec.strategy.blueGreen.activeMetadata.labels" + label},
		"the key of a label":              {canary(wear("the team", "a"), nil), `spec.strategy.canaryMetadata.labels: Invalid value: "the team": name part must consist of`},
		"the key of an annotation":        {canary(nil, noted("the team")), `spec.strategy.stableMetadata.annotations: Invalid value: "the team": name part must consist of`},
		"the label that tells revisions":  {canary(wear("rollouts-pod-template-hash", "a"), nil), `spec.strategy.canaryMetadata.labels[rollouts-pod-template-hash]: Invalid value: "a": ` + hashLabel},
		"another value for the selector":  {canary(nil, wear("app", "shop")), `spec.strategy.stableMetadata.labels[app]: Invalid value: "shop": ` + notSelecting},
		"another value, in blue/green":    {blueGreen(nil, wear("app", "shop")), `spec.strategy.blueGreen.activeMetadata.labels[app]: Invalid value: "shop": ` + notSelecting},
		"a selector that selects nothing": {func() *v1alpha1.Rollout { ro := canary(wear("app", "shop"), nil); ro.Spec.Selector = nil; return ro }(), "spec.selector: Required value"},
	} {
		got := ""
		if errs := Spec(tt.ro); len(errs) > 0 {
			got = errs[0].Error()
		}
		if !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("%s:\n got: %s\nwant: %s", name, got, tt.want)
		}
	}
}

// The pods of a workload that is referred to are known later.
func TestRoleMetadataOfAWorkload(t *testing.T) {
	ro := canaryRollout()
	pods := ro.Spec.Template
	ro.Spec.Template, ro.Spec.Selector = corev1.PodTemplateSpec{}, nil
	ro.Spec.WorkloadRef = &v1alpha1.ObjectRef{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}
	ro.Spec.Strategy.Canary.StableMetadata = &v1alpha1.PodTemplateMetadata{Labels: map[string]string{"app": "shop"}}
	if errs := Spec(ro); len(errs) > 0 {
		t.Fatal(errs)
	}
	errs := References(ro, Refs{Template: &pods, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}})
	if want := `spec.strategy.canary.stableMetadata.labels[app]: Invalid value: "shop": ` + notSelecting; len(errs) == 0 || errs[0].Error() != want {
		t.Errorf("got %v, want %s", errs, want)
	}
}
