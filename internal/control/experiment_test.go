package control

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/traffic/istio"
)

var expKey = types.NamespacedName{Namespace: "shop", Name: "exp"}

// lab is a reconciler of Experiments with everything around it in the test's hands.
type lab struct {
	*experimentReconciler
	t      *testing.T
	now    time.Time
	events []string
	writes []string // "create ReplicaSet exp-a"
	// refuse, if it returns an error for a write, refuses it.
	refuse func(write string) error
}

// Event notes an event.
func (l *lab) Event(_ runtime.Object, eventType, reason, message string) {
	l.events = append(l.events, eventType+" "+reason+" "+message)
}

func newLab(t *testing.T, objects ...client.Object) *lab {
	t.Helper()
	l := &lab{t: t, now: noon}
	scheme := newScheme(t)
	note := func(verb string, obj client.Object) error {
		kinds, _, err := scheme.ObjectKinds(obj)
		if err != nil {
			t.Fatal(err)
		}
		write := verb + " " + kinds[0].Kind + " " + obj.GetName()
		if l.refuse != nil {
			if err := l.refuse(write); err != nil {
				return err
			}
		}
		l.writes = append(l.writes, write)
		return nil
	}
	gv := schema.GroupVersion{Group: istio.Group, Version: "v1"}
	served := meta.NewDefaultRESTMapper([]schema.GroupVersion{gv})
	served.Add(gv.WithKind(istio.KindVirtualService), meta.RESTScopeNamespace)
	c := fake.NewClientBuilder().WithScheme(scheme).WithRESTMapper(served).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			if err := note("create", obj); err != nil {
				return err
			}
			return c.Create(ctx, obj, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			if err := note("patch", obj); err != nil {
				return err
			}
			return c.Patch(ctx, obj, patch, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			if err := note("delete", obj); err != nil {
				return err
			}
			return c.Delete(ctx, obj, opts...)
		},
	}).Build()
	d := Deps{Client: c, Live: c, Clock: clock.Func(func() time.Time { return l.now }), Events: l}
	l.experimentReconciler = &experimentReconciler{Deps: d, fresh: newFreshness(), echoes: newEchoes(), specs: newExperimentSpecs()}
	return l
}

// look reconciles once and returns the Experiment after it.
func (l *lab) look() (*v1alpha1.Experiment, time.Time) {
	l.t.Helper()
	wake, err := l.Reconcile(context.Background(), expKey)
	if err != nil {
		l.t.Fatal(err)
	}
	e := &v1alpha1.Experiment{}
	l.get("exp", e)
	return e, wake
}

func (l *lab) get(name string, obj client.Object) {
	l.t.Helper()
	if err := l.Client.Get(context.Background(), types.NamespacedName{Namespace: "shop", Name: name}, obj); err != nil {
		l.t.Fatal(err)
	}
}

// wrote checks what was written since the last time.
func (l *lab) wrote(want ...string) {
	l.t.Helper()
	if diff := cmp.Diff(want, l.writes); diff != "" {
		l.t.Errorf("writes (-want +got):\n%s", diff)
	}
	l.writes = nil
}

// serve makes a ReplicaSet report as many pods as it asks for.
func (l *lab) serve(name string) {
	l.t.Helper()
	rs := &appsv1.ReplicaSet{}
	l.get(name, rs)
	n := *rs.Spec.Replicas
	rs.Status = appsv1.ReplicaSetStatus{Replicas: n, ReadyReplicas: n, AvailableReplicas: n, ObservedGeneration: rs.Generation}
	if err := l.Client.Status().Update(context.Background(), rs); err != nil {
		l.t.Fatal(err)
	}
}

// anExperiment has one template with a Service, one analysis, and a minute.
func anExperiment() *v1alpha1.Experiment {
	labels := map[string]string{"app": "web"}
	e := &v1alpha1.Experiment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "exp", UID: "e"}}
	e.Spec = v1alpha1.ExperimentSpec{
		Duration: "1m",
		Templates: []v1alpha1.TemplateSpec{{
			Name: "a", Selector: &metav1.LabelSelector{MatchLabels: labels}, Service: &v1alpha1.TemplateService{Name: "web-a"},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web:1", Ports: []corev1.ContainerPort{{ContainerPort: 80}}}}}},
		}},
		Analyses: []v1alpha1.ExperimentAnalysisTemplateRef{{Name: "x", TemplateName: "rate"}},
	}
	return e
}

// aStepOf is the Experiment as a step of a Rollout, without an analysis and without a delay.
func aStepOf(ro *v1alpha1.Rollout) *v1alpha1.Experiment {
	e := anExperiment()
	e.Spec.Analyses, e.Spec.ScaleDownDelaySeconds = nil, new(int32)
	e.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(ro, v1alpha1.SchemeGroupVersion.WithKind(v1alpha1.KindRollout))}
	return e
}

func rateTemplate() *v1alpha1.AnalysisTemplate {
	return &v1alpha1.AnalysisTemplate{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "rate"},
		Spec: v1alpha1.AnalysisTemplateSpec{Metrics: []v1alpha1.Metric{{Name: "rate"}}}}
}

// One life, with every write in its order.
func TestExperimentLife(t *testing.T) {
	l := newLab(t, anExperiment(), rateTemplate())
	e, wake := l.look()
	l.wrote("create ReplicaSet exp-a", "create Service web-a", "patch Experiment exp")
	if e.Status.Phase != v1alpha1.AnalysisPhasePending || !wake.Equal(noon.Add(600*time.Second)) {
		t.Errorf("it is %s and wakes at %s", e.Status.Phase, wake)
	}
	l.look()
	l.wrote() // an unchanged world means no writes
	l.serve("exp-a")
	if e, _ = l.look(); e.Status.Phase != v1alpha1.AnalysisPhaseRunning {
		t.Errorf("it is %s", e.Status.Phase)
	}
	l.wrote("patch Experiment exp")
	if _, wake = l.look(); !wake.Equal(noon.Add(time.Minute)) {
		t.Errorf("it wakes at %s", wake)
	}
	l.wrote("create AnalysisRun exp-x")

	l.now = noon.Add(time.Minute)
	if e, _ = l.look(); e.Status.Phase != v1alpha1.AnalysisPhaseRunning {
		t.Errorf("with a run that has not ended it is %s", e.Status.Phase)
	}
	l.wrote("patch AnalysisRun exp-x")
	run := &v1alpha1.AnalysisRun{}
	l.get("exp-x", run)
	run.Status.Phase = v1alpha1.AnalysisPhaseSuccessful
	if err := l.Client.Update(context.Background(), run); err != nil || !run.Spec.Terminate {
		t.Fatalf("the run: %v, terminate %t", err, run.Spec.Terminate)
	}
	if e, wake = l.look(); e.Status.Phase != v1alpha1.AnalysisPhaseSuccessful || !wake.Equal(noon.Add(90*time.Second)) {
		t.Errorf("it is %s and wakes at %s", e.Status.Phase, wake)
	}
	l.wrote("patch ReplicaSet exp-a", "patch Experiment exp")
	l.now = noon.Add(90 * time.Second)
	l.look()
	l.wrote("patch ReplicaSet exp-a")
	l.serve("exp-a")
	l.look()
	l.wrote("delete Service web-a", "patch Experiment exp")
	if _, wake = l.look(); !wake.IsZero() {
		t.Errorf("at the end it wakes at %s", wake)
	}
	l.wrote()
}

// The pods stay as long as the Rollout has a share for them.
func TestExperimentWaitsForTheRouter(t *testing.T) {
	ro := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "r"}}
	ro.Status.Canary.Weights = &v1alpha1.TrafficWeights{Additional: []v1alpha1.WeightDestination{{ServiceName: "web-a", Weight: 20}}}
	e := aStepOf(ro)
	l := newLab(t, e, ro)
	l.look()
	l.serve("exp-a")
	l.look()
	l.now = noon.Add(time.Minute)
	l.writes = nil
	l.look()
	l.wrote("patch Experiment exp")

	l.get("web", ro)
	ro.Status.Canary.Weights = nil
	if err := l.Client.Update(context.Background(), ro); err != nil {
		t.Fatal(err)
	}
	if keys := l.experimentsOf(context.Background(), ro); !slices.Equal(keys, []types.NamespacedName{expKey}) {
		t.Errorf("the Rollout wakes %v", keys)
	}
	l.look()
	l.wrote("patch ReplicaSet exp-a")
}

// They stay as long as a route leads to them, too, which the Rollout may not have been able
// to record.
func TestExperimentWaitsForTheRoutesThatAreNotOnRecord(t *testing.T) {
	ro := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "r"}}
	ro.Spec.Strategy.Canary = &v1alpha1.CanaryStrategy{StableService: "web-stable", CanaryService: "web-canary",
		TrafficRouting: &v1alpha1.RolloutTrafficRouting{Istio: &v1alpha1.IstioTrafficRouting{VirtualService: &v1alpha1.IstioVirtualService{Name: "web"}}}}
	to := func(host string, weight int64) any {
		return map[string]any{"destination": map[string]any{"host": host}, "weight": weight}
	}
	vs := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": map[string]any{"namespace": "shop", "name": "web"},
	}}
	route := func(destinations ...any) {
		vs.Object["spec"] = map[string]any{"http": []any{map[string]any{"route": destinations}}}
	}
	route(to("web-stable", 80), to("web-canary", 0), to("web-a", 20))
	e := aStepOf(ro)
	l := newLab(t, e, ro, vs)
	l.look()
	l.serve("exp-a")
	l.look()
	l.now = noon.Add(time.Minute)
	l.look()
	l.writes = nil
	if _, wake := l.look(); !wake.Equal(l.now.Add(10 * time.Second)) {
		t.Errorf("the routes are looked at again at %s", wake)
	}
	l.wrote()

	l.get("web", vs)
	route(to("web-stable", 100), to("web-canary", 0))
	if err := l.Client.Update(context.Background(), vs); err != nil {
		t.Fatal(err)
	}
	l.look()
	l.wrote("patch ReplicaSet exp-a")
}

// What the API server will never have becomes part of the status; what it may have
// the next time is tried again.
func TestExperimentRefused(t *testing.T) {
	group := schema.GroupKind{Group: "apps", Kind: "ReplicaSet"}
	for _, c := range []struct {
		write string
		err   error
		want  string
	}{
		{"create ReplicaSet exp-a", apierrors.NewInvalid(group, "exp-a", field.ErrorList{field.Required(field.NewPath("spec"), "")}),
			`Failed to create ReplicaSet exp-a for template 'a': ReplicaSet.apps "exp-a" is invalid: spec: Required value`},
		{"create Service web-a", apierrors.NewForbidden(schema.GroupResource{Resource: "services"}, "web-a", errors.New("no more Services")),
			`Failed to create Service web-a for template 'a': services "web-a" is forbidden: no more Services`},
	} {
		l := newLab(t, anExperiment(), rateTemplate())
		l.refuse = func(write string) error {
			if write == c.write {
				return c.err
			}
			return nil
		}
		e, _ := l.look()
		if e.Status.Phase != v1alpha1.AnalysisPhaseError || e.Status.Message != c.want {
			t.Errorf("%s: %s: %s", c.write, e.Status.Phase, e.Status.Message)
		}
		if last := l.events[len(l.events)-1]; !strings.HasPrefix(last, "Warning ExperimentError ") {
			t.Errorf("%s: the last event is %q", c.write, last)
		}
	}

	l := newLab(t, anExperiment(), rateTemplate())
	l.refuse = func(string) error { return apierrors.NewInternalError(errors.New("busy")) }
	_, err := l.Reconcile(context.Background(), expKey)
	if err == nil || !strings.HasPrefix(err.Error(), "experiment shop/exp: creating *v1.ReplicaSet exp-a: ") {
		t.Errorf("a passing trouble: %v", err)
	}
}

// A retry empties the status; fields that are gone from it do not come back.
func TestExperimentStatusIsReplaced(t *testing.T) {
	e := anExperiment()
	e.Spec.Analyses = nil
	e.Status = v1alpha1.ExperimentStatus{Phase: v1alpha1.AnalysisPhaseError, Message: "The Experiment is invalid",
		Conditions: []v1alpha1.ExperimentCondition{{Type: v1alpha1.InvalidExperimentSpec, Status: corev1.ConditionTrue}}}
	l := newLab(t, e)
	got, _ := l.look()
	if got.Status.Phase != v1alpha1.AnalysisPhasePending || got.Status.Message != "" || len(got.Status.Conditions) != 3 {
		t.Errorf("the status is %+v", got.Status)
	}
}

// A status that was decided from an old view is refused, not written.
func TestExperimentConflict(t *testing.T) {
	l := newLab(t, anExperiment(), rateTemplate())
	l.refuse = func(write string) error {
		if write != "patch Experiment exp" {
			return nil
		}
		l.refuse = nil
		e := &v1alpha1.Experiment{}
		l.get("exp", e)
		e.Spec.Terminate = true
		return l.Client.Update(context.Background(), e)
	}
	if _, err := l.Reconcile(context.Background(), expKey); !apierrors.IsConflict(err) {
		t.Errorf("got %v, want a conflict", err)
	}
}

// unread is an API server that has an object which cannot be read.
type unread struct{ client.Reader }

func (unread) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return errors.New("cannot unmarshal number 3000000000")
}

// TestExperimentOfUnreadableRollout: a Rollout that the cache lacks may be there, and its
// routes lead to the pods of an Experiment that has ended.
func TestExperimentOfUnreadableRollout(t *testing.T) {
	e := anExperiment()
	e.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(&v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Name: "web", UID: "w"}},
		v1alpha1.SchemeGroupVersion.WithKind(v1alpha1.KindRollout))}
	e.Status.Phase = v1alpha1.AnalysisPhaseSuccessful
	e.Status.TemplateStatuses = []v1alpha1.TemplateStatus{{Name: "a", ServiceName: "web-a"}}
	l := newLab(t, e)
	l.Live = unread{}
	if _, err := l.Reconcile(context.Background(), expKey); err == nil || len(l.writes) > 0 {
		t.Errorf("writes %v, error %v", l.writes, err)
	}
}

func TestExperimentWatches(t *testing.T) {
	other := anExperiment()
	other.Name, other.UID = "other", "o"
	l := newLab(t, anExperiment(), other)
	owner := metav1.NewControllerRef(anExperiment(), v1alpha1.SchemeGroupVersion.WithKind(v1alpha1.KindExperiment))
	rs := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", OwnerReferences: []metav1.OwnerReference{*owner}}}
	if keys := l.experimentOwning(context.Background(), rs); !slices.Equal(keys, []types.NamespacedName{expKey}) {
		t.Errorf("a ReplicaSet wakes %v", keys)
	}
	rs.OwnerReferences[0].Kind = "Rollout"
	if keys := l.experimentOwning(context.Background(), rs); keys != nil {
		t.Errorf("a ReplicaSet of a Rollout wakes %v", keys)
	}
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-a"}}
	if keys := l.experimentsNaming(context.Background(), svc); len(keys) != 2 {
		t.Errorf("a Service that two wait for wakes %v", keys)
	}
	svc.Name = "web"
	if keys := l.experimentsNaming(context.Background(), svc); keys != nil {
		t.Errorf("a Service that none waits for wakes %v", keys)
	}
	if wake, err := l.Reconcile(context.Background(), types.NamespacedName{Namespace: "shop", Name: "gone"}); err != nil || !wake.IsZero() {
		t.Errorf("an Experiment that is gone: %s, %v", wake, err)
	}
}
