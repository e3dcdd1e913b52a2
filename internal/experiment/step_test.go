package experiment

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/google/go-cmp/cmp"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/podhash"
	"github.com/aviary-rollouts/aviary/internal/podtemplate"
)

// stored is a ReplicaSet of mock-server as the API server stores it: with the
// defaults filled in, and the hash label.
func stored(hash, tag string) *appsv1.ReplicaSet {
	labels := map[string]string{"app": "mock-server", v1alpha1.DefaultRolloutUniqueLabelKey: hash}
	rs := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: "mock-server-" + hash, Labels: labels}}
	rs.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
	rs.Spec.Template = corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: map[string]string{
			"prometheus.io/scrape": "true", "prometheus.io/path": "/stats/prometheus", "prometheus.io/port": "15020",
		}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "mock-server", Image: "ghcr.io/ssup2/mock-go-server:" + tag, Ports: []corev1.ContainerPort{{ContainerPort: 8080}},
		}}},
	}
	podtemplate.SetDefaults(&rs.Spec.Template.Spec)
	return rs
}

// stepOf is step 0 of a Rollout between 1.0.0 and 2.0.0, as in 2.2.9 and 001.
func stepOf(e v1alpha1.RolloutExperimentStep) Step {
	ro := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Name: "mock-server", Namespace: "default", UID: "u"}}
	ro.Spec.ProgressDeadlineSeconds, ro.Spec.MinReadySeconds = ptr.To[int32](120), 5
	ro.Spec.Strategy.Canary = &v1alpha1.CanaryStrategy{Steps: []v1alpha1.CanaryStep{{Experiment: &e}}}
	return Step{Rollout: ro, Revision: "2", Stable: stored("5f59cc96", "1.0.0"), Canary: stored("789cf554d9", "2.0.0")}
}

func mustBuild(t *testing.T, s Step, name string) *v1alpha1.Experiment {
	t.Helper()
	e, err := ForStep(s, name)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// The hashes of the pods of an Experiment are those that documents 2.2.9 and 001
// show in their DestinationRules.
func TestHashesOfTheDocuments(t *testing.T) {
	s := stepOf(v1alpha1.RolloutExperimentStep{Templates: []v1alpha1.RolloutExperimentTemplate{
		{Name: "baseline", SpecRef: v1alpha1.StableSpecRef, Weight: ptr.To[int32](20)},
		{Name: "canary", SpecRef: v1alpha1.CanarySpecRef, Weight: ptr.To[int32](20)},
	}})
	e := mustBuild(t, s, s.Name(nil))
	if e.Name != "mock-server-789cf554d9-2-0" || e.Annotations[v1alpha1.RevisionAnnotation] != "2" || !metav1.IsControlledBy(e, s.Rollout) {
		t.Errorf("the Experiment is %+v", e.ObjectMeta)
	}
	for i, want := range []string{"68879bfdd8", "65c7c65dd7"} {
		if got := podhash.Of(e.Spec.Templates[i].Template, nil); got != want {
			t.Errorf("hash of %s is %s, want %s", e.Spec.Templates[i].Name, got, want)
		}
	}
	plan := Decide(Observed{Experiment: e}, metav1.Now().Time)
	var made []string
	for _, a := range plan.Actions {
		switch a := a.(type) {
		case CreateReplicaSet:
			made = append(made, a.ReplicaSet.Name+" "+hashOf(a.ReplicaSet))
		case CreateService:
			made = append(made, a.Service.Name+" "+a.Service.Spec.Selector[v1alpha1.DefaultRolloutUniqueLabelKey])
		}
	}
	want := []string{
		"mock-server-789cf554d9-2-0-baseline 68879bfdd8", "mock-server-789cf554d9-2-0-baseline 68879bfdd8",
		"mock-server-789cf554d9-2-0-canary 65c7c65dd7", "mock-server-789cf554d9-2-0-canary 65c7c65dd7",
	}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("ReplicaSets and Services (-want +got):\n%s", diff)
	}
}

func TestStepFields(t *testing.T) {
	step := v1alpha1.RolloutExperimentStep{
		Duration: "2m", ScaleDownDelaySeconds: ptr.To[int32](7), DryRun: []v1alpha1.DryRun{{MetricName: "m"}},
		AnalysisRunMetadata: v1alpha1.AnalysisRunMetadata{Labels: map[string]string{"l": "1"}},
		Templates: []v1alpha1.RolloutExperimentTemplate{
			{Name: "baseline", SpecRef: v1alpha1.StableSpecRef, Replicas: ptr.To[int32](3),
				Metadata: v1alpha1.PodTemplateMetadata{Labels: map[string]string{"test": "base"}, Annotations: map[string]string{"test": "note", "prometheus.io/port": "1"}}},
			{Name: "canary", SpecRef: v1alpha1.CanarySpecRef, Weight: ptr.To[int32](5),
				Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"only": "this"}}},
			{Name: "named", SpecRef: v1alpha1.CanarySpecRef, Service: &v1alpha1.TemplateService{Name: "svc"}},
		},
		Analyses: []v1alpha1.RolloutExperimentStepAnalysisTemplateRef{{
			Name: "compare", TemplateName: "t", ClusterScope: true, RequiredForCompletion: true,
			Args: []v1alpha1.AnalysisRunArgument{
				{Name: "plain", Value: "v"}, {Name: "later", Value: "{{templates.canary.podTemplateHash}}"},
				{Name: "stable", ValueFrom: &v1alpha1.ArgumentValueFrom{PodTemplateHashValue: ptr.To(v1alpha1.Stable)}},
				{Name: "latest", ValueFrom: &v1alpha1.ArgumentValueFrom{PodTemplateHashValue: ptr.To(v1alpha1.Latest)}},
				{Name: "name", ValueFrom: &v1alpha1.ArgumentValueFrom{FieldRef: &v1alpha1.FieldRef{FieldPath: "metadata.name"}}},
			},
		}},
	}
	got := mustBuild(t, stepOf(step), "e").Spec
	if got.Duration != "2m" || *got.ScaleDownDelaySeconds != 7 || *got.ProgressDeadlineSeconds != 120 || len(got.DryRun) != 1 || got.AnalysisRunMetadata.Labels["l"] != "1" {
		t.Errorf("the spec is %+v", got)
	}
	base, canary, named := got.Templates[0], got.Templates[1], got.Templates[2]
	if *base.Replicas != 3 || *canary.Replicas != 1 || base.MinReadySeconds != 5 {
		t.Errorf("replicas %d and %d, minReadySeconds %d", *base.Replicas, *canary.Replicas, base.MinReadySeconds)
	}
	want := map[string]string{"app": "mock-server", "test": "base"}
	if diff := cmp.Diff(want, base.Template.Labels) + cmp.Diff(want, base.Selector.MatchLabels); diff != "" {
		t.Errorf("labels and selector of the baseline (-want +got):\n%s", diff)
	}
	wantAnnotations := map[string]string{"prometheus.io/scrape": "true", "prometheus.io/path": "/stats/prometheus", "prometheus.io/port": "1", "test": "note"}
	if diff := cmp.Diff(wantAnnotations, base.Template.Annotations); diff != "" {
		t.Errorf("annotations of the baseline (-want +got):\n%s", diff)
	}
	if canary.Selector.MatchLabels["only"] != "this" || len(canary.Selector.MatchLabels) != 1 {
		t.Errorf("the selector of the canary is %v", canary.Selector)
	}
	if base.Service != nil || canary.Service == nil || named.Service.Name != "svc" {
		t.Errorf("Services: %v, %v, %v", base.Service, canary.Service, named.Service)
	}
	var args []string
	for _, a := range got.Analyses[0].Args {
		args = append(args, a.Name+"="+*a.Value)
	}
	if got, want := strings.Join(args, " "), "plain=v later={{templates.canary.podTemplateHash}} stable=5f59cc96 latest=789cf554d9 name=mock-server"; got != want {
		t.Errorf("arguments\n got %s\nwant %s", got, want)
	}
	if a := got.Analyses[0]; !a.ClusterScope || !a.RequiredForCompletion || a.TemplateName != "t" {
		t.Errorf("the analysis is %+v", a)
	}
}

// TestStepSuppliesDefaults: the default of an argument may be a field of the Rollout. What
// the step or the template says otherwise comes first.
func TestStepSuppliesDefaults(t *testing.T) {
	field := func(path string) *v1alpha1.ValueFrom {
		return &v1alpha1.ValueFrom{FieldRef: &v1alpha1.FieldRef{FieldPath: path}}
	}
	s := stepOf(v1alpha1.RolloutExperimentStep{Analyses: []v1alpha1.RolloutExperimentStepAnalysisTemplateRef{
		{Name: "a", TemplateName: "t", Args: []v1alpha1.AnalysisRunArgument{{Name: "said", Value: "v"}}},
		{Name: "b", TemplateName: "elsewhere"},
	}})
	s.Templates = analysis.Library{{TemplateName: "t"}: {
		Args: []v1alpha1.Argument{
			{Name: "said", ValueFrom: field("metadata.name")}, {Name: "fixed", Value: ptr.To("f")}, {Name: "name", ValueFrom: field("metadata.name")},
			{Name: "token", ValueFrom: &v1alpha1.ValueFrom{SecretKeyRef: &v1alpha1.SecretKeyRef{Name: "s", Key: "k"}}},
		},
		Metrics: []v1alpha1.Metric{{Name: "m"}},
	}}
	e := mustBuild(t, s, "e")
	want := []v1alpha1.Argument{{Name: "said", Value: ptr.To("v")}, {Name: "name", Value: ptr.To("mock-server")}}
	if diff := cmp.Diff(want, e.Spec.Analyses[0].Args); diff != "" || e.Spec.Analyses[1].Args != nil {
		t.Errorf("arguments of b: %v, of a (-want +got):\n%s", e.Spec.Analyses[1].Args, diff)
	}
	s.Templates[v1alpha1.AnalysisTemplateRef{TemplateName: "t"}].Args[2].ValueFrom = field("status.nothing")
	if _, err := ForStep(s, "e"); err == nil || err.Error() != `steps[0].experiment.analyses[0]: argument "name": invalid path status.nothing in rollout: nothing is not there` {
		t.Errorf("a field that the Rollout has not: %v", err)
	}
}

// Pods of an Experiment do not carry what a role in the Rollout put on the pods.
func TestStepDropsTheMetadataOfRoles(t *testing.T) {
	s := stepOf(v1alpha1.RolloutExperimentStep{Templates: []v1alpha1.RolloutExperimentTemplate{{Name: "a", SpecRef: v1alpha1.StableSpecRef}}})
	s.Stable.Spec.Template.Labels["role"] = "stable"
	s.Stable.Annotations = map[string]string{v1alpha1.EphemeralMetadataAnnotation: `{"labels":{"role":"stable","app":"other"}}`}
	labels := mustBuild(t, s, "e").Spec.Templates[0].Template.Labels
	if diff := cmp.Diff(map[string]string{"app": "mock-server"}, labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if s.Stable.Spec.Template.Labels["role"] != "stable" || s.Stable.Spec.Selector.MatchLabels[v1alpha1.DefaultRolloutUniqueLabelKey] == "" {
		t.Error("the ReplicaSet was modified")
	}
}

func TestStepNames(t *testing.T) {
	s := stepOf(v1alpha1.RolloutExperimentStep{})
	var existing []*v1alpha1.Experiment
	for _, want := range []string{"mock-server-789cf554d9-2-0", "mock-server-789cf554d9-2-0-1", "mock-server-789cf554d9-2-0-2"} {
		got := s.Name(existing)
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		existing = append(existing, &v1alpha1.Experiment{ObjectMeta: metav1.ObjectMeta{Name: got}})
	}
}

func TestStepErrors(t *testing.T) {
	of := v1alpha1.ValueFromPodTemplateHash("Newest")
	for _, c := range []struct {
		step v1alpha1.RolloutExperimentStep
		want string
	}{
		{v1alpha1.RolloutExperimentStep{Templates: []v1alpha1.RolloutExperimentTemplate{{Name: "a", SpecRef: "latest"}}},
			`steps[0].experiment.templates[0]: there is no ReplicaSet for specRef "latest"`},
		{v1alpha1.RolloutExperimentStep{Analyses: []v1alpha1.RolloutExperimentStepAnalysisTemplateRef{{Args: []v1alpha1.AnalysisRunArgument{
			{Name: "h", ValueFrom: &v1alpha1.ArgumentValueFrom{PodTemplateHashValue: &of}}}}}},
			`steps[0].experiment.analyses[0]: argument "h": podTemplateHashValue is "Newest", not Stable or Latest`},
	} {
		if _, err := ForStep(stepOf(c.step), "e"); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}
