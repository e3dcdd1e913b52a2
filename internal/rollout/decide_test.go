package rollout

import (
	"errors"
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
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// desk is a cluster on paper: it carries plans out at once and lets every pod
// serve at once, so that a test reads as a sequence of decisions.
type desk struct {
	t   *testing.T
	now time.Time
	o   Observed
	// broken hashes never serve.
	broken map[string]bool
	// serving limits how many pods of an image are available.
	serving map[string]int32
	events  []string
	// notes are the events with all that is told.
	notes []Note
	// split lists the canary weights that the router was asked for, in order.
	split []int32
	// routing is how long it takes to tell the router.
	routing time.Duration
	seq     int
}

func newDesk(t *testing.T, replicas int32, strategy v1alpha1.RolloutStrategy) *desk {
	labels := map[string]string{"app": "web"}
	ro := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", UID: "u", Generation: 1}}
	ro.Spec = v1alpha1.RolloutSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels}, Strategy: strategy}
	d := &desk{t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), broken: map[string]bool{}, serving: map[string]int32{}}
	d.o = Observed{Rollout: ro, Selector: ro.Spec.Selector, Services: map[string]*corev1.Service{}}
	for _, name := range []string{"stable", "canary", "active", "preview"} {
		d.o.Services[name] = &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web"}}}
	}
	return d.image("v1")
}

// image asks for another version.
func (d *desk) image(tag string) *desk {
	d.o.Template = &corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web:" + tag}}},
	}
	return d
}

func (d *desk) status() *v1alpha1.RolloutStatus { return &d.o.Rollout.Status }

// settle decides until a decision changes nothing any more.
func (d *desk) settle() *desk {
	d.t.Helper()
	for i := 0; i < 100; i++ {
		before, status := d.picture(), d.status().DeepCopy()
		d.carryOut(Decide(d.o, d.now))
		if before == d.picture() && equality.Semantic.DeepEqual(*status, *d.status()) {
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

// heard settles and lets the time pass in which every proxy hears of the routes.
func (d *desk) heard() *desk {
	d.t.Helper()
	return d.settle().pass(time.Duration(routeGrace) * time.Second)
}

func (d *desk) carryOut(plan Plan) {
	for _, a := range plan.Actions {
		switch a := a.(type) {
		case CreateReplicaSet:
			d.seq++
			rs := a.ReplicaSet.DeepCopy()
			rs.UID, rs.CreationTimestamp = types.UID(fmt.Sprint(d.seq)), metav1.NewTime(d.now)
			d.run(rs, specReplicas(rs))
			d.o.ReplicaSets = append(d.o.ReplicaSets, rs)
		case UpdateReplicaSet:
			for _, rs := range d.o.ReplicaSets {
				if rs.Name == a.ReplicaSet.Name {
					d.update(rs, a)
				}
			}
		case DeleteReplicaSet:
			kept := d.o.ReplicaSets[:0]
			for _, rs := range d.o.ReplicaSets {
				if rs.Name != a.ReplicaSet.Name {
					kept = append(kept, rs)
				}
			}
			d.o.ReplicaSets = kept
		case SelectPods:
			svc := d.o.Services[a.Service.Name]
			svc.Spec.Selector = with(svc.Spec.Selector, v1alpha1.DefaultRolloutUniqueLabelKey, a.Hash)
			metav1.SetMetaDataAnnotation(&svc.ObjectMeta, v1alpha1.ManagedByRolloutsKey, "web")
		case Route:
			d.route(a.Routing)
			d.now = d.now.Add(d.routing)
		case CreateRun:
			d.o.Runs = append(d.o.Runs, a.Run)
		case StopRun:
			a.Run.Spec.Terminate = true
			a.Run.Status.Phase = v1alpha1.AnalysisPhaseSuccessful
		case AnnotateRollout:
			d.o.Rollout.Annotations = a.Annotations
		case SetReplicas:
			d.o.Rollout.Spec.Replicas = &a.Replicas
		case ScaleWorkload:
			d.o.Workload.Replicas = a.Replicas
		}
	}
	d.o.Rollout.Status = plan.Status
	for _, n := range plan.Why {
		if n.Event {
			d.events, d.notes = append(d.events, n.Reason), append(d.notes, n)
		}
	}
}

// route is a router that obeys at once.
func (d *desk) route(want traffic.Routing) {
	now := d.o.Routing
	now.Weights, now.Synced = want.Split(now.Reserved), true
	if want.MoveSubsets {
		now.StableHash, now.CanaryHash = want.StableHash, want.CanaryHash
	}
	now.Managed = nil
	for _, h := range want.Headers {
		now.Managed = append(now.Managed, h.Name)
	}
	for _, m := range want.Mirrors {
		now.Managed = append(now.Managed, m.Name)
	}
	d.split = append(d.split, now.Weights.Canary)
}

func (d *desk) update(rs *appsv1.ReplicaSet, a UpdateReplicaSet) {
	rs.Spec.Replicas = ptr.To(a.Replicas)
	for k, v := range a.Annotations {
		if v == nil {
			delete(rs.Annotations, k)
		} else {
			metav1.SetMetaDataAnnotation(&rs.ObjectMeta, k, *v)
		}
	}
	d.run(rs, a.Replicas)
}

// run is a cluster that starts and ends pods at once.
func (d *desk) run(rs *appsv1.ReplicaSet, pods int32) {
	rs.Status.Replicas, rs.Status.ReadyReplicas, rs.Status.AvailableReplicas = pods, pods, pods
	image := rs.Spec.Template.Spec.Containers[0].Image
	if d.broken[image] {
		rs.Status.ReadyReplicas, rs.Status.AvailableReplicas = 0, 0
	}
	if most, slow := d.serving[image]; slow {
		rs.Status.AvailableReplicas = min(rs.Status.AvailableReplicas, most)
	}
}

// slow lets no more than so many pods of a version be available, from now on.
func (d *desk) slow(tag string, available int32) {
	d.serving["web:"+tag] = available
	for _, rs := range d.o.ReplicaSets {
		if rs.Spec.Template.Spec.Containers[0].Image == "web:"+tag {
			rs.Status.AvailableReplicas = min(specReplicas(rs), available)
		}
	}
}

// picture draws the state: "Paused(CanaryPauseStep) step 1 v1:4 v2:1".
func (d *desk) picture() string {
	s := d.o.Rollout.Status
	parts := []string{string(s.Phase)}
	if s.Message != "" {
		parts[0] += "(" + s.Message + ")"
	}
	if s.CurrentStepIndex != nil {
		parts = append(parts, fmt.Sprintf("step %d", *s.CurrentStepIndex))
	}
	var pods []string
	for _, rs := range d.o.ReplicaSets {
		pods = append(pods, fmt.Sprintf("%s:%d", strings.TrimPrefix(rs.Spec.Template.Spec.Containers[0].Image, "web:"), specReplicas(rs)))
	}
	sort.Strings(pods)
	return strings.Join(append(parts, pods...), " ")
}

func (d *desk) want(picture string) *desk {
	d.t.Helper()
	if got := d.picture(); got != picture {
		d.t.Errorf("got  %s\nwant %s", got, picture)
	}
	return d
}

// selects names the version behind a Service.
func (d *desk) selects(service, tag string) *desk {
	d.t.Helper()
	hash := d.o.Services[service].Spec.Selector[v1alpha1.DefaultRolloutUniqueLabelKey]
	for _, rs := range d.o.ReplicaSets {
		if hashOf(rs) == hash && rs.Spec.Template.Spec.Containers[0].Image == "web:"+tag {
			return d
		}
	}
	d.t.Errorf("Service %s does not select %s but %q", service, tag, hash)
	return d
}

// promote does what the plugin's promote does to a paused Rollout.
func (d *desk) promote() *desk { d.status().PauseConditions = nil; return d }

func weight(w int32) v1alpha1.CanaryStep { return v1alpha1.CanaryStep{SetWeight: &w} }

func pauseFor(d any) v1alpha1.CanaryStep {
	switch d := d.(type) {
	case int:
		return v1alpha1.CanaryStep{Pause: &v1alpha1.RolloutPause{Duration: ptr.To(intstr.FromInt(d))}}
	case string:
		return v1alpha1.CanaryStep{Pause: &v1alpha1.RolloutPause{Duration: ptr.To(intstr.FromString(d))}}
	}
	return v1alpha1.CanaryStep{Pause: &v1alpha1.RolloutPause{}}
}

func canaryOf(steps ...v1alpha1.CanaryStep) v1alpha1.RolloutStrategy {
	return v1alpha1.RolloutStrategy{Canary: &v1alpha1.CanaryStrategy{StableService: "stable", CanaryService: "canary", Steps: steps}}
}

func blueGreenOf(change func(*v1alpha1.BlueGreenStrategy)) v1alpha1.RolloutStrategy {
	bg := &v1alpha1.BlueGreenStrategy{ActiveService: "active", PreviewService: "preview"}
	change(bg)
	return v1alpha1.RolloutStrategy{BlueGreen: bg}
}

func TestCanaryStepByStep(t *testing.T) {
	d := newDesk(t, 5, canaryOf(weight(20), pauseFor(nil), weight(40), pauseFor("30s"), weight(100)))
	d.settle().want("Healthy step 5 v1:5").selects("stable", "v1").selects("canary", "v1")
	d.image("v2").settle().want("Paused(CanaryPauseStep) step 1 v1:4 v2:1").selects("stable", "v1").selects("canary", "v2")
	d.promote().settle().want("Paused(CanaryPauseStep) step 3 v1:3 v2:2")
	d.pass(29 * time.Second).want("Paused(CanaryPauseStep) step 3 v1:3 v2:2")
	d.pass(time.Second).want("Healthy step 5 v1:0 v2:5").selects("stable", "v2").selects("canary", "v2")
}

func TestAnotherImageInMidUpdate(t *testing.T) {
	d := newDesk(t, 5, canaryOf(weight(20), pauseFor(nil))).settle()
	d.image("v2").settle().want("Paused(CanaryPauseStep) step 1 v1:4 v2:1")
	d.image("v3").settle().want("Paused(CanaryPauseStep) step 1 v1:4 v2:0 v3:1").selects("canary", "v3")
	d.image("v1").settle().want("Healthy step 2 v1:5 v2:0 v3:0").selects("canary", "v1")
}

func TestAbortAndRetry(t *testing.T) {
	d := newDesk(t, 5, canaryOf(weight(20), pauseFor(nil))).settle().image("v2").settle()
	d.status().Abort = true
	d.settle().want("Degraded(RolloutAborted: Rollout aborted update to revision 2) step 0 v1:5 v2:0").selects("canary", "v1")
	if d.status().AbortedAt == nil {
		t.Error("the time of the abort is not recorded")
	}
	d.status().Abort = false
	d.settle().want("Paused(CanaryPauseStep) step 1 v1:4 v2:1").selects("canary", "v2")
	d.status().PromoteFull = true
	d.settle().want("Healthy step 2 v1:0 v2:5")
	d.status().Abort = true // nothing is under way: nothing to give up
	d.settle().want("Healthy step 2 v1:0 v2:5")
}

func TestPausedByAPerson(t *testing.T) {
	d := newDesk(t, 5, canaryOf(weight(20), pauseFor(10)))
	d.o.Rollout.Spec.Paused = true
	d.settle().want("Paused(manually paused) step 2")
	d.o.Rollout.Spec.Paused = false
	d.settle().want("Healthy step 2 v1:5")
	d.image("v2").settle()
	d.o.Rollout.Spec.Paused = true
	d.pass(time.Minute).want("Paused(manually paused) step 1 v1:4 v2:1")
	d.o.Rollout.Spec.Replicas = ptr.To[int32](10) // an autoscaler is followed
	d.settle().want("Paused(manually paused) step 1 v1:8 v2:2")
	d.o.Rollout.Spec.Paused = false
	d.settle().want("Healthy step 2 v1:0 v2:10")
}

func TestProgressDeadline(t *testing.T) {
	for _, abort := range []bool{false, true} {
		t.Run(fmt.Sprintf("abort=%v", abort), func(t *testing.T) {
			d := newDesk(t, 5, canaryOf(weight(20), pauseFor(nil))).settle()
			d.o.Rollout.Spec.ProgressDeadlineSeconds = ptr.To[int32](60)
			d.o.Rollout.Spec.ProgressDeadlineAbort = abort
			d.broken["web:v2"] = true
			d.image("v2").settle().want("Progressing(more replicas need to be updated) step 0 v1:5 v2:1")
			name := d.o.ReplicaSets[1].Name
			d.pass(59 * time.Second).want("Progressing(more replicas need to be updated) step 0 v1:5 v2:1")
			d.pass(time.Second)
			if abort {
				d.want(`Degraded(RolloutAborted: Rollout aborted update to revision 2: ReplicaSet "` + name + `" has timed out progressing.) step 0 v1:5 v2:0`)
			} else {
				d.want(`Degraded(ProgressDeadlineExceeded: ReplicaSet "` + name + `" has timed out progressing.) step 0 v1:5 v2:1`)
			}
		})
	}
}

func TestRollingUpdate(t *testing.T) {
	d := newDesk(t, 5, canaryOf()).settle().want("Healthy v1:5")
	d.image("v2").settle().want("Healthy v1:0 v2:5")
	d.o.Rollout.Spec.Replicas = ptr.To[int32](3)
	d.settle().want("Healthy v1:0 v2:3")
}

func TestEditingStepsStartsOver(t *testing.T) {
	d := newDesk(t, 5, canaryOf(weight(20), pauseFor(nil), weight(40), pauseFor(nil))).settle()
	d.image("v2").settle().promote().settle().want("Paused(CanaryPauseStep) step 3 v1:3 v2:2")
	d.o.Rollout.Spec.Strategy = canaryOf(weight(60), pauseFor(nil))
	d.settle().want("Paused(CanaryPauseStep) step 1 v1:2 v2:3")
	d.promote().settle().want("Healthy step 2 v1:0 v2:5")
	d.o.Rollout.Spec.Strategy = canaryOf(weight(10), pauseFor(nil), weight(20))
	d.settle().want("Healthy step 3 v1:0 v2:5")
}

// Controllers differ in the hash that they have for no steps at all. Who takes over a
// Rollout from another must not start again what was given up, or end a pause. Steps that
// are taken out are a change as any other.
func TestNoStepsAreTheSameNoSteps(t *testing.T) {
	aborted := newDesk(t, 5, canaryOf()).settle().image("v2")
	aborted.broken["web:v2"] = true
	aborted.settle().status().Abort = true
	const given = "Degraded(RolloutAborted: Rollout aborted update to revision 2) v1:5 v2:0"
	aborted.settle().want(given)
	for _, hash := range []string{"5ffbfbbd64", "", "7f9d8c"} {
		aborted.status().CurrentStepHash = hash
		aborted.settle().want(given)
		if got := aborted.status().CurrentStepHash; got != hash {
			t.Errorf("the hash %q on record becomes %q", hash, got)
		}
	}
	aborted.o.Rollout.Spec.Strategy = canaryOf(weight(20), pauseFor(nil))
	aborted.broken = nil
	aborted.settle().want("Paused(CanaryPauseStep) step 1 v1:4 v2:1")
	aborted.o.Rollout.Spec.Strategy = canaryOf()
	aborted.settle().want("Healthy v1:0 v2:5")

	preview := newDesk(t, 2, blueGreenOf(func(b *v1alpha1.BlueGreenStrategy) { b.AutoPromotionEnabled = ptr.To(false) })).settle().image("v2").settle()
	preview.want("Paused(BlueGreenPause) v1:2 v2:2").status().CurrentStepHash = "5ffbfbbd64"
	since := preview.status().PauseConditions[0].StartTime
	if preview.pass(time.Minute).want("Paused(BlueGreenPause) v1:2 v2:2").status().PauseConditions[0].StartTime != since {
		t.Error("the pause began again")
	}
}

func TestBlueGreenByHand(t *testing.T) {
	d := newDesk(t, 5, blueGreenOf(func(bg *v1alpha1.BlueGreenStrategy) { bg.AutoPromotionEnabled = ptr.To(false) }))
	d.settle().want("Healthy v1:5").selects("active", "v1").selects("preview", "v1")
	d.image("v2").settle().want("Paused(BlueGreenPause) v1:5 v2:5").selects("active", "v1").selects("preview", "v2")
	d.image("v3").settle().want("Paused(BlueGreenPause) v1:5 v2:5 v3:5").selects("preview", "v3")
	d.pass(31 * time.Second).want("Paused(BlueGreenPause) v1:5 v2:0 v3:5")
	d.promote().settle().want("Healthy v1:5 v2:0 v3:5").selects("active", "v3")
	d.pass(31 * time.Second).want("Healthy v1:0 v2:0 v3:5")
	d.image("v1").settle().want("Paused(BlueGreenPause) v1:5 v2:0 v3:5").selects("active", "v3")
	d.status().Abort = true
	d.settle().want("Degraded(RolloutAborted: Rollout aborted update to revision 4) v1:5 v2:0 v3:5").selects("active", "v3")
	d.pass(31 * time.Second).want("Degraded(RolloutAborted: Rollout aborted update to revision 4) v1:0 v2:0 v3:5")
	d.status().Abort = false
	d.settle().want("Paused(BlueGreenPause) v1:5 v2:0 v3:5")
}

func TestBlueGreenVariants(t *testing.T) {
	t.Run("promotes by itself", func(t *testing.T) {
		d := newDesk(t, 3, blueGreenOf(func(*v1alpha1.BlueGreenStrategy) {})).settle()
		d.image("v2").settle().want("Healthy v1:3 v2:3").selects("active", "v2")
	})
	t.Run("after autoPromotionSeconds", func(t *testing.T) {
		d := newDesk(t, 3, blueGreenOf(func(bg *v1alpha1.BlueGreenStrategy) { bg.AutoPromotionSeconds = 20 })).settle()
		d.image("v2").settle().pass(19*time.Second).want("Paused(BlueGreenPause) v1:3 v2:3").selects("active", "v1")
		d.pass(time.Second).want("Healthy v1:3 v2:3").selects("active", "v2")
	})
	t.Run("a smaller preview grows before the switch", func(t *testing.T) {
		d := newDesk(t, 5, blueGreenOf(func(bg *v1alpha1.BlueGreenStrategy) {
			bg.PreviewReplicaCount, bg.AutoPromotionEnabled = ptr.To[int32](2), ptr.To(false)
		})).settle()
		d.image("v2").settle().want("Paused(BlueGreenPause) v1:5 v2:2")
		d.promote().settle().want("Healthy v1:5 v2:5").selects("active", "v2")
	})
	t.Run("back within the delay: no pause", func(t *testing.T) {
		d := newDesk(t, 3, blueGreenOf(func(bg *v1alpha1.BlueGreenStrategy) { bg.AutoPromotionEnabled = ptr.To(false) })).settle()
		d.image("v2").settle().promote().settle().want("Healthy v1:3 v2:3")
		d.pass(5*time.Second).image("v1").settle().want("Healthy v1:3 v2:3").selects("active", "v1")
	})
	t.Run("scaleDownDelayRevisionLimit", func(t *testing.T) {
		d := newDesk(t, 3, blueGreenOf(func(bg *v1alpha1.BlueGreenStrategy) { bg.ScaleDownDelayRevisionLimit = ptr.To[int32](1) })).settle()
		d.image("v2").settle().image("v3").settle().want("Healthy v1:0 v2:3 v3:3")
	})
	t.Run("abortScaleDownDelaySeconds 0 keeps the preview", func(t *testing.T) {
		d := newDesk(t, 3, blueGreenOf(func(bg *v1alpha1.BlueGreenStrategy) {
			bg.AutoPromotionEnabled, bg.AbortScaleDownDelaySeconds = ptr.To(false), ptr.To[int32](0)
		})).settle()
		d.image("v2").settle()
		d.status().Abort = true
		d.settle().pass(time.Hour).want("Degraded(RolloutAborted: Rollout aborted update to revision 2) v1:3 v2:3")
	})
}

func TestHistoryIsLimited(t *testing.T) {
	d := newDesk(t, 1, canaryOf())
	d.o.Rollout.Spec.RevisionHistoryLimit = ptr.To[int32](2)
	for i := 1; i <= 6; i++ {
		d.image(fmt.Sprintf("v%d", i)).settle()
	}
	d.want("Healthy v4:0 v5:0 v6:1")
}

func TestWorkloadIsScaledDown(t *testing.T) {
	for mode, left := range map[string]int32{"": 5, "never": 5, "onsuccess": 0, "progressively": 0} {
		d := newDesk(t, 5, canaryOf())
		d.o.Rollout.Spec.WorkloadRef = &v1alpha1.ObjectRef{Kind: "Deployment", Name: "web", ScaleDown: mode}
		d.o.Workload = &Workload{Kind: "Deployment", Name: "web", Replicas: 5, Scalable: true}
		if d.settle(); d.o.Workload.Replicas != left {
			t.Errorf("scaleDown %q leaves %d pods of the workload, want %d", mode, d.o.Workload.Replicas, left)
		}
	}
}

func TestInvalidRolloutsAreLeftAlone(t *testing.T) {
	d := newDesk(t, 5, canaryOf())
	d.o.Invalid = "spec.replicas: too many"
	plan := Decide(d.o, d.now)
	if len(plan.Actions) > 0 || plan.Status.Phase != v1alpha1.RolloutPhaseDegraded || plan.Wake != d.now.Add(20*time.Second) {
		t.Errorf("actions %v, phase %s, wake %s", plan.Actions, plan.Status.Phase, plan.Wake)
	}
	if want := `InvalidSpec: The Rollout "web" is invalid: spec.replicas: too many`; plan.Status.Message != want {
		t.Errorf("message %q, want %q", plan.Status.Message, want)
	}
}

// TestMissingRoutesAreToldOnce: of an invalid spec an Event tells only if routes are what
// is missing, and only when it becomes so.
func TestMissingRoutesAreToldOnce(t *testing.T) {
	d := newDesk(t, 5, canaryOf())
	missing := &traffic.Failure{Reason: traffic.ReasonNoVirtualService, Err: errors.New("VirtualService `web` not found")}
	told := func() (events []string) {
		plan := Decide(d.o, d.now)
		d.o.Rollout = WithStatus(d.o.Rollout, plan.Status)
		for _, note := range plan.Why {
			if note.Event {
				events = append(events, note.EventType()+" "+note.Reason+" "+note.Message)
			}
		}
		return events
	}
	for _, step := range []struct {
		name, invalid string
		routing       *traffic.Observed
		want          []string
	}{
		{"no routing", "spec.replicas: too many", nil, nil},
		{"the routes are missing", "no web", &traffic.Observed{Problem: "no web", Missing: missing}, []string{"Warning VirtualServiceNotFound VirtualService `web` not found"}},
		{"they still are", "no web", &traffic.Observed{Problem: "no web", Missing: missing}, nil},
		{"so they are, and something else comes first", "spec.replicas: too many", &traffic.Observed{Problem: "no web", Missing: missing}, nil},
		{"the routes are wrong", "no route", &traffic.Observed{Problem: "no route"}, nil},
	} {
		d.o.Invalid, d.o.Routing = step.invalid, step.routing
		if got := told(); !slices.Equal(got, step.want) {
			t.Errorf("%s: told %q, want %q", step.name, got, step.want)
		}
	}
}

func TestDecideChangesNothingItIsGiven(t *testing.T) {
	d := newDesk(t, 5, canaryOf(weight(20), pauseFor(nil))).settle().image("v2").settle()
	ro, rs := d.o.Rollout.DeepCopy(), d.o.ReplicaSets[0].DeepCopy()
	d.image("v3")
	Decide(d.o, d.now)
	if !equality.Semantic.DeepEqual(ro, d.o.Rollout) || !equality.Semantic.DeepEqual(rs, d.o.ReplicaSets[0]) {
		t.Error("Decide modified what it observed")
	}
}

func TestWeightAt(t *testing.T) {
	steps := []v1alpha1.CanaryStep{pauseFor(nil), weight(20), pauseFor(nil), weight(0), pauseFor(nil), weight(60)}
	for index, want := range []int32{0, 20, 20, 0, 0, 60, 100} {
		if got := WeightAt(steps, int32(index)); got != want {
			t.Errorf("weight at step %d is %d, want %d", index, got, want)
		}
	}
}

// Products of numbers of pods and percentages are larger than what an int32 counts.
func TestManyPods(t *testing.T) {
	d := newDesk(t, 200000, canaryOf(weight(20), pauseFor(nil))).settle().image("v2").settle()
	d.o.Rollout.Spec.Paused = true
	*d.o.Rollout.Spec.Replicas = 400000
	d.settle().want("Paused(manually paused) step 1 v1:320000 v2:80000")
	half := &v1alpha1.ReplicaProgressThreshold{Type: v1alpha1.ProgressTypePercentage, Value: 50}
	if got := Threshold(2000000000, half); got != 1000000000 {
		t.Errorf("half of 2000000000 pods is %d", got)
	}
}

func TestPauseDuration(t *testing.T) {
	for in, want := range map[intstr.IntOrString]time.Duration{
		intstr.FromInt32(10): 10 * time.Second, intstr.FromString("10"): 10 * time.Second,
		intstr.FromString("30s"): 30 * time.Second, intstr.FromString("5m"): 5 * time.Minute, intstr.FromString("1h"): time.Hour,
	} {
		if got := PauseDuration(in); got != want {
			t.Errorf("pause %s lasts %s, want %s", in.String(), got, want)
		}
	}
}
