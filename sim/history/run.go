package history

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/ops"
	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/fault"
	"github.com/aviary-rollouts/aviary/sim/world"
)

const repository = "ghcr.io/ssup2/mock-go-server:"

// Key names the Rollout of every history.
var Key = types.NamespacedName{Namespace: "default", Name: "web"}

// behaviours of images, by the word in an action.
var behaviours = map[string]world.ImageBehaviour{
	"heal":  {},
	"pull":  {PullError: true},
	"crash": {CrashLoop: true},
	"never": {NeverReady: true},
	"slow":  {ReadyAfter: 40 * time.Second},
	"fail":  {FailAt: 25 * time.Second},
}

var behaviourNames = []string{"heal", "pull", "crash", "never", "slow", "fail"}

// Result is what came of a history.
type Result struct {
	// Hash is that of the trace.
	Hash string
	// Phase and Message are those of the Rollout at the end.
	Phase   v1alpha1.RolloutPhase
	Message string
	// Sim is the simulation as it was left.
	Sim *sim.Sim
}

// Run plays a history under all checks. After the last action the faults end,
// nodes and images heal (but one, which may stay bad), and time passes; then
// the Rollout must have settled, and looking again at everything must write
// nothing. The error is the first thing that was not as it must be.
func Run(h History, o sim.Options) (Result, error) {
	o.Seed = h.Seed
	o.World.Timing.Jitter = h.Setup.Jitter
	o.Objects = h.Setup.objects()
	for _, text := range h.Faults {
		f, err := fault.Parse(text)
		if err != nil {
			return Result{}, err
		}
		o.Faults = append(o.Faults, f)
	}
	s, err := sim.New(o)
	if err != nil {
		return Result{Sim: s}, err
	}
	p := &player{sim: s}
	err = p.play(h)
	r := Result{Hash: s.Trace().Hash(), Sim: s}
	if ro, getErr := ops.Get(context.Background(), s.Client(), Key); getErr == nil {
		r.Phase, r.Message = ro.Status.Phase, ro.Status.Message
	}
	return r, err
}

// badImage may stay bad for ever, if it is so steadily: an image that becomes
// ready and fails again and again lets nothing settle.
const badImage = "4.0.0"

// player does the actions of a history.
type player struct {
	sim      *sim.Sim
	restless bool // badImage comes and goes
}

func (p *player) play(h History) error {
	for _, a := range h.Actions {
		if err := p.sim.Sleep(a.After); err != nil {
			return err
		}
		p.sim.Trace().Add("history " + string(a.Verb) + " " + a.Arg)
		if err := p.do(a); err != nil {
			// A user who asks for what is not possible is told so; the run goes on.
			p.sim.Trace().Add("history refused: " + err.Error())
		}
		if err := p.sim.Settle(); err != nil {
			return err
		}
	}
	return p.end()
}

// settleTime is longer than all that can still be waited for: the progress
// deadline, back-offs, scale-down delays, timed pauses of six steps.
const settleTime = 40 * time.Minute

func (p *player) end() error {
	p.sim.Faults().Off()
	p.sim.Restart()
	for _, node := range []string{"node-1", "node-2", "node-3"} {
		if err := p.sim.World().RecoverNode(node); err != nil {
			return err
		}
	}
	p.sim.World().SetQuota(Key.Namespace, -1)
	for _, tag := range Images {
		if tag != badImage || p.restless {
			p.sim.World().SetImage("*:"+tag, world.ImageBehaviour{})
		}
	}
	if err := p.sim.Sleep(settleTime); err != nil {
		return err
	}
	if err := p.sim.CheckSettled(); err != nil {
		return err
	}
	return p.sim.CheckQuiet()
}

// do carries out one action.
func (p *player) do(a Action) error {
	ctx, c := context.Background(), p.sim.Client()
	switch a.Verb {
	case SetImage:
		return ops.SetImage(ctx, c, Key, ops.ContainerImage{Container: "web", Image: repository + a.Arg})
	case Promote:
		return ops.Promote(ctx, c, Key, false)
	case PromoteFull:
		return ops.Promote(ctx, c, Key, true)
	case Abort:
		return ops.Abort(ctx, c, Key)
	case Retry:
		return ops.Retry(ctx, c, Key)
	case Undo:
		return ops.Undo(ctx, c, Key, 0)
	case Pause:
		return ops.Pause(ctx, c, Key)
	case Resume:
		return ops.Resume(ctx, c, Key)
	case Restart:
		return ops.Restart(ctx, c, Key, p.sim.Now())
	case Scale:
		n, err := strconv.ParseInt(a.Arg, 10, 32)
		if err != nil {
			return fmt.Errorf("scale to %q: %w", a.Arg, err)
		}
		return ops.Scale(ctx, c, Key, int32(n))
	case EditSteps:
		return p.editSteps(ctx, a.Arg)
	}
	return p.disturb(a)
}

// disturb does what the world does.
func (p *player) disturb(a Action) error {
	w := p.sim.World()
	switch a.Verb {
	case FailNode:
		return w.FailNode(a.Arg)
	case Quota:
		n, err := strconv.Atoi(a.Arg)
		if err != nil {
			return fmt.Errorf("quota of %q: %w", a.Arg, err)
		}
		w.SetQuota(Key.Namespace, n)
		return nil
	case Misbehave:
		tag, name, _ := strings.Cut(a.Arg, " ")
		b, ok := behaviours[name]
		if !ok {
			return fmt.Errorf("no such behaviour: %q", name)
		}
		w.SetImage("*:"+tag, b)
		if tag == badImage {
			p.restless = name == "fail"
		}
		return nil
	case KillPod, CrashPod:
		pods := w.Pods()
		n, err := strconv.Atoi(a.Arg)
		if err != nil || len(pods) == 0 {
			return err
		}
		if a.Verb == KillPod {
			return w.KillPod(pods[n%len(pods)])
		}
		return w.CrashPod(pods[n%len(pods)])
	}
	return fmt.Errorf("no such verb: %q", a.Verb)
}

func (p *player) editSteps(ctx context.Context, text string) error {
	ro, err := ops.Get(ctx, p.sim.Client(), Key)
	if err != nil || ro.Spec.Strategy.Canary == nil {
		return err
	}
	var words []string
	if text != "" {
		words = strings.Split(text, ",")
	}
	ro.Spec.Strategy.Canary.Steps = steps(words)
	return p.sim.Client().Update(ctx, ro)
}

// objects are the Rollout, its Services and, if there is one, its workload.
func (s Setup) objects() []client.Object {
	ro := s.rollout()
	var objects []client.Object
	if s.Workload != "" {
		objects = append(objects, moveTemplate(ro, s.Workload))
	}
	if s.Strategy == BlueGreen {
		return append(objects, service("active"), service("preview"), ro)
	}
	return append(objects, service("stable"), service("canary"), ro)
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
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: repository + Images[0]}}},
			},
		},
	}
	if s.Strategy == BlueGreen {
		ro.Spec.Strategy.BlueGreen = &v1alpha1.BlueGreenStrategy{
			ActiveService: "active", PreviewService: "preview", AutoPromotionEnabled: &s.AutoPromote,
			AutoPromotionSeconds: s.AutoPromoteSeconds, PreviewReplicaCount: s.Preview,
		}
		return ro
	}
	ro.Spec.Strategy.Canary = &v1alpha1.CanaryStrategy{
		StableService: "stable", CanaryService: "canary", Steps: steps(s.Steps),
		MaxSurge: s.MaxSurge, MaxUnavailable: s.MaxUnavailable,
	}
	return ro
}

func service(name string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: Key.Namespace, Name: name},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": "web"},
			Ports:    []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}},
		},
	}
}

// steps turns words into canary steps; see [Setup.Steps].
func steps(words []string) []v1alpha1.CanaryStep {
	var list []v1alpha1.CanaryStep
	for _, word := range words {
		if word == "pause" {
			list = append(list, v1alpha1.CanaryStep{Pause: &v1alpha1.RolloutPause{}})
		} else if d, ok := strings.CutPrefix(word, "pause:"); ok {
			duration := intstr.FromString(d)
			list = append(list, v1alpha1.CanaryStep{Pause: &v1alpha1.RolloutPause{Duration: &duration}})
		} else if w, err := strconv.ParseInt(word, 10, 32); err == nil {
			weight := int32(w)
			list = append(list, v1alpha1.CanaryStep{SetWeight: &weight})
		}
	}
	return list
}
