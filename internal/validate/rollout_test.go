package validate

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// A rule is one line of a table: what to change in a Rollout that is in order,
// and the first error after it; no error is written "".
type rule struct {
	name   string
	change func(ro *v1alpha1.Rollout)
	want   string
}

// check runs the rules against Rollouts that base makes.
func check(t *testing.T, base func() *v1alpha1.Rollout, rules []rule) {
	t.Helper()
	if errs := Spec(base()); len(errs) > 0 {
		t.Fatalf("the base is not in order: %v", errs)
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			ro := base()
			r.change(ro)
			got := ""
			if errs := Spec(ro); len(errs) > 0 {
				got = errs[0].Error()
			}
			if got != r.want {
				t.Errorf("first error\n got: %s\nwant: %s", got, r.want)
			}
		})
	}
}

// decode reads a Rollout strictly.
func decode(manifest string) *v1alpha1.Rollout {
	ro := &v1alpha1.Rollout{}
	if err := yaml.UnmarshalStrict([]byte(manifest), ro); err != nil {
		panic(err)
	}
	return ro
}

const pods = `
metadata: {name: web}
spec:
  replicas: 5
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1"}]}
`

func canaryRollout() *v1alpha1.Rollout {
	return decode(pods + `
  strategy:
    canary: {steps: [{setWeight: 20}, {pause: {duration: 30s}}, {setWeight: 50}, {pause: {}}]}`)
}

func routedRollout() *v1alpha1.Rollout {
	return decode(pods + `
  strategy:
    canary:
      canaryService: web-canary
      stableService: web-stable
      trafficRouting:
        istio: {virtualService: {name: web}}
        managedRoutes: [{name: header}, {name: mirror}]
      steps: [{setCanaryScale: {replicas: 1}}, {setWeight: 20}]`)
}

func blueGreenRollout() *v1alpha1.Rollout {
	return decode(pods + `
  strategy:
    blueGreen: {activeService: web-active, previewService: web-preview}`)
}

func n32(n int32) *int32                      { return &n }
func number(n int32) *intstr.IntOrString      { v := intstr.FromInt32(n); return &v }
func percentage(s string) *intstr.IntOrString { v := intstr.FromString(s); return &v }

func TestTopLevel(t *testing.T) {
	spec := func(f func(s *v1alpha1.RolloutSpec)) func(*v1alpha1.Rollout) {
		return func(ro *v1alpha1.Rollout) { f(&ro.Spec) }
	}
	check(t, canaryRollout, []rule{
		{"no replicas given", spec(func(s *v1alpha1.RolloutSpec) { s.Replicas = nil }), ""},
		{"zero replicas", spec(func(s *v1alpha1.RolloutSpec) { s.Replicas = n32(0) }), ""},
		{"negative replicas", spec(func(s *v1alpha1.RolloutSpec) { s.Replicas = n32(-1) }),
			`spec.replicas: Invalid value: -1: must be greater than or equal to 0`},
		{"no selector", spec(func(s *v1alpha1.RolloutSpec) { s.Selector = nil }),
			`spec.selector: Required value: Rollout has missing field '.spec.selector'`},
		{"empty selector", spec(func(s *v1alpha1.RolloutSpec) { s.Selector = &metav1.LabelSelector{} }),
			`spec.selector: Invalid value: {}: empty selector is invalid for rollout`},
		{"selector with an unknown operator", spec(func(s *v1alpha1.RolloutSpec) {
			s.Selector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "app", Operator: "Equals"}}
		}), `spec.selector.matchExpressions[0].operator: Invalid value: "Equals": not a valid selector operator`},
		{"selector misses the labels", spec(func(s *v1alpha1.RolloutSpec) { s.Selector.MatchLabels["app"] = "other" }),
			"spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`"},
		{"no template", spec(func(s *v1alpha1.RolloutSpec) { s.Template = corev1.PodTemplateSpec{} }),
			`spec.template: Required value: Rollout has missing field '.spec.template'`},
		{"no history", spec(func(s *v1alpha1.RolloutSpec) { s.RevisionHistoryLimit = n32(0) }), ""},
		{"negative history", spec(func(s *v1alpha1.RolloutSpec) { s.RevisionHistoryLimit = n32(-1) }),
			`spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0`},
		{"a window of less than nothing", spec(func(s *v1alpha1.RolloutSpec) { s.RollbackWindow = &v1alpha1.RollbackWindowSpec{Revisions: -1} }),
			`spec.rollbackWindow.revisions: Invalid value: -1: must be greater than or equal to 0`},
		{"a negative number of runs", spec(func(s *v1alpha1.RolloutSpec) {
			s.Analysis = &v1alpha1.AnalysisRunStrategy{UnsuccessfulRunHistoryLimit: n32(-1)}
		}), `spec.analysis.unsuccessfulRunHistoryLimit: Invalid value: -1: must be greater than or equal to 0`},
		{"negative minReadySeconds", spec(func(s *v1alpha1.RolloutSpec) { s.MinReadySeconds = -1 }),
			`spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0`},
		{"minReadySeconds below the default deadline", spec(func(s *v1alpha1.RolloutSpec) { s.MinReadySeconds = 599 }), ""},
		{"minReadySeconds at the default deadline", spec(func(s *v1alpha1.RolloutSpec) { s.MinReadySeconds = 600 }),
			`spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds`},
		{"deadline above minReadySeconds", spec(func(s *v1alpha1.RolloutSpec) { s.MinReadySeconds, s.ProgressDeadlineSeconds = 5, n32(6) }), ""},
		{"deadline at minReadySeconds", spec(func(s *v1alpha1.RolloutSpec) { s.MinReadySeconds, s.ProgressDeadlineSeconds = 5, n32(5) }),
			`spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds`},
		{"no strategy", spec(func(s *v1alpha1.RolloutSpec) { s.Strategy.Canary = nil }),
			`spec.strategy: Required value: Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'`},
		{"two strategies", spec(func(s *v1alpha1.RolloutSpec) { s.Strategy.BlueGreen = &v1alpha1.BlueGreenStrategy{ActiveService: "a"} }),
			`spec.strategy: Invalid value: "canary and blueGreen": Multiple Strategies can not be listed`},
		{"an empty canary is a rolling update", spec(func(s *v1alpha1.RolloutSpec) { s.Strategy.Canary = &v1alpha1.CanaryStrategy{} }), ""},
	})
}

func TestWorkloadRef(t *testing.T) {
	base := func() *v1alpha1.Rollout {
		return decode(`{metadata: {name: web}, spec: {workloadRef: {apiVersion: apps/v1, kind: Deployment, name: web}, strategy: {canary: {}}}}`)
	}
	ref := func(f func(r *v1alpha1.ObjectRef)) func(*v1alpha1.Rollout) {
		return func(ro *v1alpha1.Rollout) { f(ro.Spec.WorkloadRef) }
	}
	check(t, base, []rule{
		{"ReplicaSet", ref(func(r *v1alpha1.ObjectRef) { r.Kind = "ReplicaSet" }), ""},
		{"PodTemplate", ref(func(r *v1alpha1.ObjectRef) { r.Kind = "PodTemplate" }), ""},
		{"StatefulSet", ref(func(r *v1alpha1.ObjectRef) { r.Kind = "StatefulSet" }),
			`spec.workloadRef.kind: Unsupported value: "StatefulSet": supported values: "Deployment", "ReplicaSet", "PodTemplate"`},
		{"no name", ref(func(r *v1alpha1.ObjectRef) { r.Name = "" }), `spec.workloadRef.name: Required value`},
		{"progressively", ref(func(r *v1alpha1.ObjectRef) { r.ScaleDown = "progressively" }), ""},
		{"an unknown scaleDown", ref(func(r *v1alpha1.ObjectRef) { r.ScaleDown = "later" }),
			`spec.workloadRef.scaleDown: Unsupported value: "later": supported values: "never", "onsuccess", "progressively"`},
		{"selector beside it", func(ro *v1alpha1.Rollout) {
			ro.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
		}, ""},
		{"template beside it", func(ro *v1alpha1.Rollout) { ro.Spec.Template = canaryRollout().Spec.Template },
			`spec.template: Forbidden: template must be empty for workload reference rollout`},
	})
}

func TestMessage(t *testing.T) {
	ro := canaryRollout()
	ro.Spec.Strategy.Canary = nil
	want := `The Rollout "web" is invalid: spec.strategy: Required value: Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'`
	if got := Message(ro.Name, Spec(ro)); got != want {
		t.Errorf("Message = %s\nwant %s", got, want)
	}
	if got := Message("web", nil); got != "" {
		t.Errorf("Message without errors = %q, want none", got)
	}
}

// TestSpecDoesNotModify hands in a template without any default.
func TestSpecDoesNotModify(t *testing.T) {
	ro := canaryRollout()
	Spec(ro)
	if c := ro.Spec.Template.Spec.Containers[0]; c.ImagePullPolicy != "" || ro.Spec.Template.Spec.RestartPolicy != "" {
		t.Errorf("Spec has set defaults in the Rollout itself: %+v", c)
	}
}

func TestReferencesOnlyOfASoundSpec(t *testing.T) {
	ro := blueGreenRollout()
	ro.Spec.Replicas = n32(-1)
	errs := Rollout(ro, Refs{})
	if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), "spec.replicas") {
		t.Errorf("errors = %v, want that of spec.replicas alone", errs)
	}
	errs = Rollout(blueGreenRollout(), Refs{})
	if len(errs) != 2 || !strings.HasSuffix(errs[0].Error(), `service "web-active" not found`) {
		t.Errorf("errors = %v, want the two missing Services", errs)
	}
}
