package experiment

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

// desk is a cluster on paper: it carries plans out at once and lets every pod
// serve at once, so that a test reads as a sequence of decisions. AnalysisRuns
// do nothing by themselves, except that they end when they are asked to.
type desk struct {
	t   testing.TB
	now time.Time
	o   Observed
	// broken images never serve.
	broken map[string]bool
	// lastWords is the phase of a run that is asked to end, if not Successful.
	lastWords map[string]v1alpha1.AnalysisPhase
	events    []string
	seq       int
}

// newDesk has an Experiment with one template per name, of the image web:<name>.
func newDesk(t testing.TB, templates ...string) *desk {
	e := &v1alpha1.Experiment{ObjectMeta: metav1.ObjectMeta{Name: "exp", Namespace: "shop", UID: "u"}}
	for _, name := range templates {
		labels := map[string]string{"app": "web"}
		e.Spec.Templates = append(e.Spec.Templates, v1alpha1.TemplateSpec{
			Name: name, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web:" + name, Ports: []corev1.ContainerPort{{ContainerPort: 8080}}}}},
			},
		})
	}
	d := &desk{t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), broken: map[string]bool{}, lastWords: map[string]v1alpha1.AnalysisPhase{}}
	d.o = Observed{Experiment: e, Templates: analysis.Library{}, Routed: map[string]bool{}}
	return d
}

// spec changes the spec.
func (d *desk) spec(change func(s *v1alpha1.ExperimentSpec)) *desk {
	change(&d.o.Experiment.Spec)
	return d
}

// analyse adds an analysis whose template has one metric and declares args.
func (d *desk) analyse(name string, required bool, args ...v1alpha1.Argument) *desk {
	ref := v1alpha1.AnalysisTemplateRef{TemplateName: "of-" + name}
	t := &v1alpha1.AnalysisTemplateSpec{Metrics: []v1alpha1.Metric{{Name: name + "-rate"}}}
	for _, a := range args {
		t.Args = append(t.Args, v1alpha1.Argument{Name: a.Name})
	}
	d.o.Templates[ref] = t
	d.o.Experiment.Spec.Analyses = append(d.o.Experiment.Spec.Analyses, v1alpha1.ExperimentAnalysisTemplateRef{
		Name: name, TemplateName: ref.TemplateName, RequiredForCompletion: required, Args: args,
	})
	return d
}

func (d *desk) status() *v1alpha1.ExperimentStatus { return &d.o.Experiment.Status }

// settle decides until a decision changes nothing any more.
func (d *desk) settle() *desk {
	d.t.Helper()
	for range 50 {
		before, status := d.picture(), d.status().DeepCopy()
		plan := Decide(d.o, d.now)
		d.carryOut(plan)
		if len(plan.Actions) == 0 && before == d.picture() && equality.Semantic.DeepEqual(*status, *d.status()) {
			return d
		}
	}
	d.t.Fatalf("decisions never settle: %s", d.picture())
	return d
}

// pass lets time go by in steps of a second, deciding at each.
func (d *desk) pass(span time.Duration) *desk {
	d.t.Helper()
	for end := d.now.Add(span); d.now.Before(end); {
		d.now = d.now.Add(time.Second)
		d.settle()
	}
	return d
}

func (d *desk) carryOut(plan Plan) {
	for _, a := range plan.Actions {
		d.act(a)
	}
	d.o.Experiment.Status = plan.Status
	for _, n := range plan.Why {
		if n.Event {
			d.events = append(d.events, n.Reason+": "+n.Message)
		}
	}
}

func (d *desk) act(a Action) {
	switch a := a.(type) {
	case CreateReplicaSet:
		rs := a.ReplicaSet.DeepCopy()
		rs.UID, rs.CreationTimestamp = d.uid(), metav1.NewTime(d.now)
		d.serve(rs)
		d.o.ReplicaSets = append(d.o.ReplicaSets, rs)
	case UpdateReplicaSet:
		rs := d.replicaSet(a.ReplicaSet.Name)
		rs.Spec.Replicas, rs.Spec.MinReadySeconds = ptr.To(a.Replicas), a.MinReadySeconds
		for k, v := range a.Annotations {
			if delete(rs.Annotations, k); v != nil {
				rs.Annotations[k] = *v
			}
		}
		d.serve(rs)
	case DeleteReplicaSet:
		d.o.ReplicaSets = slices.DeleteFunc(d.o.ReplicaSets, func(rs *appsv1.ReplicaSet) bool { return rs.Name == a.ReplicaSet.Name })
	case CreateService:
		d.o.Services = append(d.o.Services, a.Service.DeepCopy())
	case UpdateService:
		svc := d.o.Services[slices.IndexFunc(d.o.Services, func(s *corev1.Service) bool { return s.Name == a.Service.Name })]
		svc.Labels, svc.Spec.Selector, svc.Spec.Ports = a.Labels, a.Selector, a.Ports
	case DeleteService:
		d.o.Services = slices.DeleteFunc(d.o.Services, func(s *corev1.Service) bool { return s.Name == a.Service.Name })
	case StartRun:
		run := a.Run.DeepCopy()
		run.UID, run.Status.Phase = d.uid(), v1alpha1.AnalysisPhaseRunning
		d.o.Runs = append(d.o.Runs, run)
	case StopRun:
		run := d.run(a.Run.Name)
		run.Spec.Terminate, run.Status.Phase = true, v1alpha1.AnalysisPhaseSuccessful
		if phase := d.lastWords[run.Name]; phase != "" {
			run.Status.Phase = phase
		}
	}
}

func (d *desk) uid() types.UID { d.seq++; return types.UID(fmt.Sprint(d.seq)) }

// serve gives a ReplicaSet its pods.
func (d *desk) serve(rs *appsv1.ReplicaSet) {
	n := *rs.Spec.Replicas
	rs.Status.Replicas, rs.Status.ReadyReplicas, rs.Status.AvailableReplicas = n, n, n
	if d.broken[rs.Spec.Template.Spec.Containers[0].Image] {
		rs.Status.ReadyReplicas, rs.Status.AvailableReplicas = 0, 0
	}
}

// repair makes an image serve, or breaks it.
func (d *desk) repair(image string, works bool) *desk {
	d.broken[image] = !works
	for _, rs := range d.o.ReplicaSets {
		d.serve(rs)
	}
	return d
}

func (d *desk) replicaSet(name string) *appsv1.ReplicaSet {
	i := slices.IndexFunc(d.o.ReplicaSets, func(rs *appsv1.ReplicaSet) bool { return rs.Name == name })
	if i < 0 {
		d.t.Fatalf("no ReplicaSet %s in %s", name, d.picture())
	}
	return d.o.ReplicaSets[i]
}

func (d *desk) run(name string) *v1alpha1.AnalysisRun {
	i := slices.IndexFunc(d.o.Runs, func(r *v1alpha1.AnalysisRun) bool { return r.Name == name })
	if i < 0 {
		d.t.Fatalf("no AnalysisRun %s in %s", name, d.picture())
	}
	return d.o.Runs[i]
}

// verdict ends a run.
func (d *desk) verdict(run string, phase v1alpha1.AnalysisPhase, message string) *desk {
	d.t.Helper()
	r := d.run(run)
	r.Status.Phase, r.Status.Message = phase, message
	return d.settle()
}

// picture draws the state: "Running(why) | a:1 b:2 | run exp-x:Running | svc exp-a".
func (d *desk) picture() string {
	s := d.status()
	head := string(s.Phase)
	if s.Message != "" {
		head += "(" + s.Message + ")"
	}
	short := func(name string) string { return strings.TrimPrefix(name, "exp-") }
	lists := [][]string{{}, {}, {}}
	for _, rs := range d.o.ReplicaSets {
		lists[0] = append(lists[0], fmt.Sprintf("%s:%d", short(rs.Name), *rs.Spec.Replicas))
	}
	for _, run := range d.o.Runs {
		lists[1] = append(lists[1], "α"+short(run.Name)+":"+string(run.Status.Phase))
	}
	for _, svc := range d.o.Services {
		lists[2] = append(lists[2], "svc:"+short(svc.Name))
	}
	parts := []string{head}
	for _, list := range lists {
		sort.Strings(list)
		parts = append(parts, list...)
	}
	return strings.Join(parts, " ")
}

func (d *desk) want(picture string) *desk {
	d.t.Helper()
	if got := d.picture(); got != picture {
		d.t.Errorf("got  %s\nwant %s", got, picture)
	}
	return d
}

// told checks that events, given by their whole text, were recorded in order.
func (d *desk) told(want ...string) *desk {
	d.t.Helper()
	rest := d.events
	for _, w := range want {
		i := slices.Index(rest, w)
		if i < 0 {
			d.t.Errorf("no event %q (in this order) in\n%s", w, strings.Join(d.events, "\n"))
			return d
		}
		rest = rest[i+1:]
	}
	return d
}
