package history

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/ops"
	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/fault"
	"github.com/aviary-rollouts/aviary/sim/mesh"
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
	"errs":  {},
}

// errorRates are how many requests an image fails while its pods are well.
var errorRates = map[string]float64{"errs": 0.2}

var behaviourNames = []string{"heal", "pull", "crash", "never", "slow", "fail", "errs"}

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
	o.Patience, o.Mesh.Skew = h.Setup.Patience, h.Setup.Skew
	if h.Setup.Crowd {
		o.Crowd = -1
	}
	objects, err := h.Setup.objects()
	if err != nil {
		return Result{}, err
	}
	o.Objects = objects
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
	p := &player{sim: s, setup: h.Setup}
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
	setup    Setup
	restless bool // badImage comes and goes
	metrics  metrics
	started  int               // Experiments beside the Rollout
	deleted  *v1alpha1.Rollout // which will be created again; nil while it is there
}

func (p *player) play(h History) error {
	if err := p.connect(h.Setup.Load); err != nil {
		return err
	}
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
	if err := p.end(); err != nil || !h.losesNothing() {
		return err
	}
	return p.sim.Mesh().CheckLost()
}

// firstReady is when the first version surely serves.
const firstReady = 20 * time.Second

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
	if p.deleted != nil {
		if err := p.createAgain(context.Background()); err != nil {
			return err
		}
	}
	if err := p.sim.Sleep(settleTime); err != nil {
		return err
	}
	if err := p.sim.CheckSettled(); err != nil {
		return err
	}
	if err := p.experimentsEnded(); err != nil {
		return err
	}
	return p.sim.CheckQuiet()
}

// experimentsEnded looks for an Experiment that goes on: each has a duration or
// an analysis that ends it.
func (p *player) experimentsEnded() error {
	var list v1alpha1.ExperimentList
	if err := p.sim.Client().List(context.Background(), &list); err != nil {
		return err
	}
	for i := range list.Items {
		if e := &list.Items[i]; !e.Status.Phase.Completed() {
			return fmt.Errorf("experiment %s is still %q: %q", e.Name, e.Status.Phase, e.Status.Message)
		}
	}
	return nil
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
	case Scale, Autoscale:
		n, err := strconv.ParseInt(a.Arg, 10, 32)
		if err != nil {
			return fmt.Errorf("scale to %q: %w", a.Arg, err)
		}
		if a.Verb == Autoscale {
			return p.autoscale(ctx, int32(n))
		}
		return ops.Scale(ctx, c, Key, int32(n))
	case EditSteps:
		return p.editSteps(ctx, a.Arg)
	case EditWhole:
		return p.editWhole(ctx, a.Arg)
	case EditManaged:
		return p.editManaged(ctx, a.Arg)
	case Orphan:
		return p.orphan(ctx)
	case CreateAgain:
		return p.createAgain(ctx)
	case ChangeStrategy:
		return p.changeStrategy(ctx, a.Arg)
	case Experiment, RetryExperiment, TerminateExperiment, TerminateRun:
		return p.experiment(ctx, a)
	}
	return p.disturb(a)
}

// autoscale wants so many replicas through the scale subresource.
func (p *player) autoscale(ctx context.Context, replicas int32) error {
	ro, err := ops.Get(ctx, p.sim.Client(), Key)
	if err != nil {
		return err
	}
	scale := &autoscalingv1.Scale{}
	if err := p.sim.Client().SubResource("scale").Get(ctx, ro, scale); err != nil {
		return err
	}
	scale.Spec.Replicas = replicas
	return p.sim.Client().SubResource("scale").Update(ctx, ro, client.WithSubResourceBody(scale))
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
	case Metric:
		p.metrics.answer = a.Arg
		return nil
	case Misbehave:
		tag, name, _ := strings.Cut(a.Arg, " ")
		p.sim.Mesh().SetImage("*:"+tag, mesh.Behaviour{ErrorRate: errorRates[name]})
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

// editManaged declares these managed routes, and takes the steps away that set others,
// with which the Rollout would be invalid.
func (p *player) editManaged(ctx context.Context, text string) error {
	ro, err := ops.Get(ctx, p.sim.Client(), Key)
	if err != nil || ro.Spec.Strategy.Canary == nil || ro.Spec.Strategy.Canary.TrafficRouting == nil {
		return err
	}
	names := strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
	c := ro.Spec.Strategy.Canary
	c.TrafficRouting.ManagedRoutes = nil
	for _, name := range names {
		c.TrafficRouting.ManagedRoutes = append(c.TrafficRouting.ManagedRoutes, v1alpha1.ManagedRoute{Name: name})
	}
	c.Steps = slices.DeleteFunc(c.Steps, func(s v1alpha1.CanaryStep) bool {
		return s.SetHeaderRoute != nil && !slices.Contains(names, s.SetHeaderRoute.Name) ||
			s.SetMirrorRoute != nil && !slices.Contains(names, s.SetMirrorRoute.Name)
	})
	return p.sim.Client().Update(ctx, ro)
}

// editWhole sets or removes maxTrafficWeight.
func (p *player) editWhole(ctx context.Context, text string) error {
	ro, err := ops.Get(ctx, p.sim.Client(), Key)
	if err != nil || ro.Spec.Strategy.Canary == nil || ro.Spec.Strategy.Canary.TrafficRouting == nil {
		return err
	}
	whole := &ro.Spec.Strategy.Canary.TrafficRouting.MaxTrafficWeight
	*whole = nil
	if text != "" {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return fmt.Errorf("maxTrafficWeight %q: %w", text, err)
		}
		*whole = ptr.To(int32(n))
	}
	return p.sim.Client().Update(ctx, ro)
}
