package history

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/manifest"
)

//go:embed templates.yaml routes.yaml
var manifests embed.FS

// read reads a manifest of this package into the namespace of histories.
func read(name string) ([]client.Object, error) {
	data, err := manifests.ReadFile(name)
	if err != nil {
		return nil, err
	}
	scheme, err := manifest.Scheme()
	if err != nil {
		return nil, err
	}
	found, err := manifest.Read([]manifest.File{{Name: name, Data: data}}, scheme)
	var objects []client.Object
	for _, f := range found {
		f.Object.SetNamespace(Key.Namespace)
		objects = append(objects, f.Object)
	}
	return objects, err
}

// second is the end of the name of a second VirtualService, for other users, whose
// only route needs no name.
const second = "-outside"

// sockets is the end of the name of one with TLS and TCP routes.
const sockets = "-sockets"

// objects are the Rollout, its Services, what routes its requests, what its
// analyses measure and, if there is one, its workload.
func (s Setup) objects() ([]client.Object, error) {
	ro := s.rollout()
	var objects []client.Object
	if s.Workload != "" {
		objects = append(objects, moveTemplate(ro, s.Workload))
	}
	templates, err := read("templates.yaml")
	if err != nil {
		return nil, err
	}
	objects = append(objects, templates...)
	if s.Routing != "" {
		routes, err := read("routes.yaml")
		if err != nil {
			return nil, err
		}
		objects = append(objects, slices.DeleteFunc(routes, func(o client.Object) bool {
			return !strings.HasPrefix(o.GetName(), string(s.Routing)) ||
				!s.Second && strings.HasSuffix(o.GetName(), second) || !s.Sockets && strings.HasSuffix(o.GetName(), sockets)
		})...)
		if s.Reserved {
			if err := reserve(objects); err != nil {
				return nil, err
			}
		}
		objects = append(objects, service("web"))
	}
	if s.Strategy == BlueGreen || s.BothServices {
		objects = append(objects, service("active"), service("preview"))
	}
	if s.Strategy == Canary || s.BothServices {
		objects = append(objects, service("stable"), service("canary"))
	}
	return append(objects, ro), nil
}

// moveTemplate makes a Rollout refer to a Deployment, which it returns, that
// runs as many pods already.
func moveTemplate(ro *v1alpha1.Rollout, scaleDown string) *appsv1.Deployment {
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: Key.Namespace, Name: Key.Name},
		Spec:       appsv1.DeploymentSpec{Replicas: ro.Spec.Replicas, Selector: ro.Spec.Selector, Template: ro.Spec.Template},
	}
	if scaleDown == "never" { // the documented way: it was scaled to 0 by hand
		d.Spec.Replicas = new(int32)
	}
	ro.Spec.WorkloadRef = &v1alpha1.ObjectRef{APIVersion: "apps/v1", Kind: "Deployment", Name: d.Name, ScaleDown: scaleDown}
	ro.Spec.Template, ro.Spec.Selector = corev1.PodTemplateSpec{}, nil
	return d
}

func (s Setup) rollout() *v1alpha1.Rollout {
	labels := map[string]string{"app": "web"}
	deadline := int32(120)
	ro := &v1alpha1.Rollout{
		ObjectMeta: metav1.ObjectMeta{Namespace: Key.Namespace, Name: Key.Name},
		Spec: v1alpha1.RolloutSpec{
			Replicas: &s.Replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			MinReadySeconds: s.MinReadySeconds, ProgressDeadlineSeconds: &deadline, ProgressDeadlineAbort: s.DeadlineAbort,
			Template: podTemplate(labels, Images[0]),
		},
	}
	if s.Strategy == BlueGreen {
		ro.Spec.Strategy.BlueGreen = &v1alpha1.BlueGreenStrategy{
			ActiveService: "active", PreviewService: "preview", AutoPromotionEnabled: &s.AutoPromote,
			AutoPromotionSeconds: s.AutoPromoteSeconds, PreviewReplicaCount: s.Preview,
			PrePromotionAnalysis: analysisOf(s.Pre), PostPromotionAnalysis: analysisOf(s.Post),
		}
		s.give(ro)
		return ro
	}
	ro.Spec.Strategy.Canary = &v1alpha1.CanaryStrategy{
		StableService: "stable", CanaryService: "canary", Steps: steps(s.Steps),
		MaxSurge: s.MaxSurge, MaxUnavailable: s.MaxUnavailable,
	}
	if s.Background != "" {
		ro.Spec.Strategy.Canary.Analysis = &v1alpha1.RolloutAnalysisBackground{RolloutAnalysis: *analysisOf(s.Background), StartingStep: &s.StartingStep}
	}
	s.route(ro.Spec.Strategy.Canary)
	s.give(ro)
	return ro
}

// route adds what routed canaries have.
func (s Setup) route(c *v1alpha1.CanaryStrategy) {
	if s.Routing == "" {
		return
	}
	first := v1alpha1.IstioVirtualService{Name: string(s.Routing), Routes: []string{"primary"}}
	istio := &v1alpha1.IstioTrafficRouting{VirtualService: &first}
	if s.Second || s.Sockets {
		istio.VirtualService = nil
		istio.VirtualServices = []v1alpha1.IstioVirtualService{first}
	}
	if s.Second {
		istio.VirtualServices = append(istio.VirtualServices, v1alpha1.IstioVirtualService{Name: string(s.Routing) + second})
	}
	if s.Sockets {
		istio.VirtualServices = append(istio.VirtualServices, v1alpha1.IstioVirtualService{
			Name: string(s.Routing) + sockets, TLSRoutes: []v1alpha1.TLSRoute{{Port: 443}}, TCPRoutes: []v1alpha1.TCPRoute{{Port: 9000}},
		})
	}
	if s.Routing == Subsets {
		istio.DestinationRule = &v1alpha1.IstioDestinationRule{Name: string(Subsets), StableSubsetName: "stable", CanarySubsetName: "canary"}
		c.StableService, c.CanaryService = "", ""
	}
	c.TrafficRouting = &v1alpha1.RolloutTrafficRouting{Istio: istio, ManagedRoutes: []v1alpha1.ManagedRoute{{Name: headerRoute}, {Name: mirrorRoute}}}
	if s.PingPong {
		c.PingPong = &v1alpha1.PingPongSpec{PingService: c.StableService, PongService: c.CanaryService}
		c.StableService, c.CanaryService = "", ""
	}
	if s.MinPods > 0 {
		c.MinPodsPerReplicaSet = &s.MinPods
	}
	c.DynamicStableScale = s.Dynamic
	c.AbortScaleDownDelaySeconds = s.AbortDelay
}

func podTemplate(labels map[string]string, tag string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "web", Image: repository + tag, Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
		}}},
	}
}

func service(name string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: Key.Namespace, Name: name},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": "web"},
			Ports:    []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromInt32(8080)}},
		},
	}
}

// standalone is an Experiment that a person starts beside the Rollout, which
// compares the first image with another one.
func standalone(name, form, tag string) *v1alpha1.Experiment {
	step := experimentStep(form)
	e := &v1alpha1.Experiment{ObjectMeta: metav1.ObjectMeta{Namespace: Key.Namespace, Name: name}}
	e.Spec.Duration = step.Duration
	for i, image := range []string{Images[0], tag} {
		labels := map[string]string{"experiment": name, "version": fmt.Sprint(i)}
		t := v1alpha1.TemplateSpec{
			Name: []string{"old", "new"}[i], Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: podTemplate(labels, image),
		}
		if i == 1 {
			t.Service = &v1alpha1.TemplateService{}
		}
		e.Spec.Templates = append(e.Spec.Templates, t)
	}
	for _, a := range step.Analyses {
		e.Spec.Analyses = append(e.Spec.Analyses, v1alpha1.ExperimentAnalysisTemplateRef{
			Name: a.Name, TemplateName: a.TemplateName, RequiredForCompletion: a.RequiredForCompletion,
		})
	}
	return e
}
