package validate

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

func serviceOf(name string, change ...func(*corev1.Service)) *corev1.Service {
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{v1alpha1.ManagedByRolloutsKey: "web"}},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "web", v1alpha1.DefaultRolloutUniqueLabelKey: "6579c6cc98"}},
	}
	for _, c := range change {
		c(s)
	}
	return s
}

func TestServices(t *testing.T) {
	for name, tc := range map[string]struct {
		rollout func() *v1alpha1.Rollout
		missing string
		change  map[string]func(*corev1.Service)
		want    string
	}{
		"all there":         {rollout: blueGreenRollout},
		"active missing":    {rollout: blueGreenRollout, missing: "web-active", want: `spec.strategy.blueGreen.activeService: Invalid value: "web-active": service "web-active" not found`},
		"preview missing":   {rollout: blueGreenRollout, missing: "web-preview", want: `spec.strategy.blueGreen.previewService: Invalid value: "web-preview": service "web-preview" not found`},
		"canary missing":    {rollout: routedRollout, missing: "web-canary", want: `spec.strategy.canary.canaryService: Invalid value: "web-canary": service "web-canary" not found`},
		"stable missing":    {rollout: routedRollout, missing: "web-stable", want: `spec.strategy.canary.stableService: Invalid value: "web-stable": service "web-stable" not found`},
		"not managed yet":   {rollout: routedRollout, change: map[string]func(*corev1.Service){"web-stable": func(s *corev1.Service) { s.Annotations = nil }}},
		"managed by others": {rollout: routedRollout, change: map[string]func(*corev1.Service){"web-stable": func(s *corev1.Service) { s.Annotations[v1alpha1.ManagedByRolloutsKey] = "other" }}, want: `spec.strategy.canary.stableService: Invalid value: "web-stable": Service "web-stable" is managed by another Rollout`},
		"selects more":      {rollout: routedRollout, change: map[string]func(*corev1.Service){"web-canary": func(s *corev1.Service) { s.Spec.Selector["role"] = "leader" }}, want: `spec.strategy.canary.canaryService: Invalid value: "web-canary": Service "web-canary" has unmatch label "role" in rollout`},
		"selects others":    {rollout: routedRollout, change: map[string]func(*corev1.Service){"web-canary": func(s *corev1.Service) { s.Spec.Selector["app"] = "shop" }}, want: `spec.strategy.canary.canaryService: Invalid value: "web-canary": Service "web-canary" has unmatch label "app" in rollout`},
		"selects nothing":   {rollout: routedRollout, change: map[string]func(*corev1.Service){"web-canary": func(s *corev1.Service) { s.Spec.Selector = nil }}},
	} {
		t.Run(name, func(t *testing.T) {
			ro, refs := tc.rollout(), Refs{Services: map[string]*corev1.Service{}}
			for _, ref := range Services(ro) {
				if ref.Name == tc.missing {
					continue
				}
				refs.Services[ref.Name] = serviceOf(ref.Name)
				if change := tc.change[ref.Name]; change != nil {
					change(refs.Services[ref.Name])
				}
			}
			got := ""
			if errs := Rollout(ro, refs); len(errs) > 0 {
				got = errs[0].Error()
			}
			if got != tc.want {
				t.Errorf("first error\n got: %s\nwant: %s", got, tc.want)
			}
		})
	}
}

func TestListOfServices(t *testing.T) {
	ro := routedRollout()
	c := ro.Spec.Strategy.Canary
	c.PingPong = &v1alpha1.PingPongSpec{PingService: "ping", PongService: "pong"}
	c.TrafficRouting.ALB = &v1alpha1.ALBTrafficRouting{Ingress: "i", RootService: "root"}
	var got []string
	for _, ref := range Services(ro) {
		got = append(got, ref.Field.String()+"="+ref.Name)
		if ref.Managed == (ref.Name == "root") {
			t.Errorf("%s: managed = %v", ref.Name, ref.Managed)
		}
	}
	want := []string{
		"spec.strategy.canary.canaryService=web-canary", "spec.strategy.canary.stableService=web-stable",
		"spec.strategy.canary.pingPong.pingService=ping", "spec.strategy.canary.pingPong.pongService=pong",
		"spec.strategy.canary.trafficRouting.alb.rootService=root",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Services (-want +got):\n%s", diff)
	}
}

func TestWorkload(t *testing.T) {
	ro := decode(`{metadata: {name: web}, spec: {workloadRef: {apiVersion: apps/v1, kind: Deployment, name: web}, strategy: {canary: {}}}}`)
	own := canaryRollout().Spec
	broken := own.Template.DeepCopy()
	broken.Spec.Containers[0].Image = ""
	for name, tc := range map[string]struct {
		refs Refs
		want string
	}{
		"found":     {Refs{Template: &own.Template, Selector: own.Selector}, ""},
		"not found": {Refs{WorkloadNotFound: true}, `spec.workloadRef.name: Invalid value: "web": Deployment "web" not found`},
		"broken":    {Refs{Template: broken, Selector: own.Selector}, `spec.template.spec.containers[0].image: Required value`},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if errs := Rollout(ro, tc.refs); len(errs) > 0 {
				got = errs[0].Error()
			}
			if got != tc.want {
				t.Errorf("first error\n got: %s\nwant: %s", got, tc.want)
			}
		})
	}
}

// TestExperimentPods looks at the pods that steps make of the new version, which are those
// of the Rollout or of its workload. Those of the stable version may be anything.
func TestExperimentPods(t *testing.T) {
	const at = "spec.strategy.canary.steps[0].experiment.templates[0]"
	for _, r := range []struct {
		name, template, want string
		ports                []corev1.ContainerPort
	}{
		{name: "without a Service", template: "{name: a, specRef: canary}"},
		{name: "a Service without a port", template: "{name: a, specRef: canary, service: {}}",
			want: at + `.service: Invalid value: "": a Service needs a port: declare the containerPort of at least one container of the template`},
		{name: "a Service with a port", template: "{name: a, specRef: canary, service: {}}", ports: []corev1.ContainerPort{{ContainerPort: 8080}}},
		{name: "a Service of the stable version", template: "{name: a, specRef: stable, service: {}}"},
		{name: "a selector", template: "{name: a, specRef: canary, selector: {matchLabels: {test: a}}, metadata: {labels: {test: a}}}"},
		{name: "a selector of other pods", template: "{name: a, specRef: canary, selector: {matchLabels: {test: a}}}",
			want: at + ".template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`"},
		{name: "a selector of pods of the stable version", template: "{name: a, specRef: stable, selector: {matchLabels: {test: a}}}"},
	} {
		for _, referring := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, by workloadRef %t", r.name, referring), func(t *testing.T) {
				ro, refs := canaryRollout(), Refs{}
				withStep("experiment: {templates: [" + r.template + "]}")(ro)
				pods := &ro.Spec.Template
				pods.Spec.Containers[0].Ports = r.ports
				if referring {
					refs = Refs{Template: pods.DeepCopy(), Selector: ro.Spec.Selector}
					ro.Spec.Selector, ro.Spec.Template = nil, corev1.PodTemplateSpec{}
					ro.Spec.WorkloadRef = &v1alpha1.ObjectRef{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}
				}
				got := ""
				if errs := Rollout(ro, refs); len(errs) > 0 {
					got = errs[0].Error()
				}
				if got != r.want {
					t.Errorf("first error\n got: %s\nwant: %s", got, r.want)
				}
			})
		}
	}
}
