package history

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/ops"
)

// A Rollout whose pods are older than itself, or than its strategy.

// drawReborn lets the Rollout of some histories be deleted without its pods, and created
// again soon, and that of some become one of the other strategy, mostly to become what it was.
// It draws from a stream of its own, so that a seed keeps the rest of its history.
func drawReborn(rng *rand.Rand, h *History) {
	later := func(from int) int { return min(len(h.Actions), from+1+rng.IntN(3)) }
	if rng.IntN(6) == 0 {
		at := rng.IntN(len(h.Actions) + 1)
		h.insert(at, Action{After: drawSleep(rng), Verb: Orphan})
		h.insert(later(at), Action{After: drawSleep(rng), Verb: CreateAgain})
	}
	if rng.IntN(6) > 0 {
		return
	}
	h.Setup.BothServices = true
	at := rng.IntN(len(h.Actions) + 1)
	h.insert(at, Action{After: drawSleep(rng), Verb: ChangeStrategy, Arg: drawStrategy(rng, h.Setup, h.Setup.Strategy.other())})
	if rng.IntN(3) > 0 {
		h.insert(later(at), Action{After: drawSleep(rng), Verb: ChangeStrategy, Arg: drawStrategy(rng, h.Setup, h.Setup.Strategy)})
	}
}

func (h *History) insert(at int, a Action) { h.Actions = slices.Insert(h.Actions, at, a) }

func (s Strategy) other() Strategy {
	if s == Canary {
		return BlueGreen
	}
	return Canary
}

// drawStrategy is a strategy with its steps, or with "auto" for one that promotes by itself.
func drawStrategy(rng *rand.Rand, s Setup, to Strategy) string {
	detail := strings.Join(drawSteps(rng, s.Routing != ""), ",")
	if to == BlueGreen {
		detail = []string{"", "auto"}[rng.IntN(2)]
	}
	return strings.TrimSpace(string(to) + " " + detail)
}

// changeStrategy gives the Rollout the strategy of a text of drawStrategy; all else of it is
// as the setup says.
func (p *player) changeStrategy(ctx context.Context, text string) error {
	ro, err := ops.Get(ctx, p.sim.Client(), Key)
	if err != nil {
		return err
	}
	strategy, detail, _ := strings.Cut(text, " ")
	s := p.setup
	s.Strategy, s.Steps, s.AutoPromote = Strategy(strategy), strings.Split(detail, ","), detail == "auto"
	ro.Spec.Strategy = s.rollout().Spec.Strategy
	return p.sim.Client().Update(ctx, ro)
}

// orphan deletes the Rollout and leaves its ReplicaSets.
func (p *player) orphan(ctx context.Context) error {
	ro, err := ops.Get(ctx, p.sim.Client(), Key)
	if err != nil {
		return err
	}
	p.deleted = &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: ro.Namespace, Name: ro.Name}, Spec: *ro.Spec.DeepCopy()}
	return p.sim.Client().Delete(ctx, ro, client.PropagationPolicy(metav1.DeletePropagationOrphan))
}

// createAgain creates the Rollout that was deleted, which has no status any more.
func (p *player) createAgain(ctx context.Context) error {
	if p.deleted == nil {
		return errors.New("nothing was deleted")
	}
	ro := p.deleted
	p.deleted = nil
	return p.sim.Client().Create(ctx, ro)
}
