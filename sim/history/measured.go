package history

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/ops"
	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/mesh"
)

// answers of the metric server, by the word in an action.
var answers = map[string]string{
	"good": `{"value": 1}`, "bad": `{"value": 0}`, "unclear": `{"value": 0.5}`, "nothing": `{}`, "error": "",
}

var answerNames = []string{"good", "bad", "unclear", "nothing", "error"}

// metrics is the server that analyses ask.
type metrics struct{ answer string }

func (m *metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if m.answer == "error" {
		http.Error(w, "out of order", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprint(w, answers[m.answer]) // the reader is in memory
}

// connect puts the metric server in place, and the requests of users once the
// first version serves.
func (p *player) connect(load bool) error {
	p.metrics.answer = "good"
	p.sim.Network().Handle("metrics.example.com", &p.metrics)
	if !load {
		return nil
	}
	if err := p.sim.Sleep(firstReady); err != nil {
		return err
	}
	if err := p.sim.RunUntil(p.serves, settleTime); err != nil && !errors.Is(err, sim.ErrNotReached) {
		return err
	}
	_, err := p.sim.Mesh().Start(mesh.Source{
		Request: mesh.Request{Client: types.NamespacedName{Namespace: Key.Namespace, Name: "shell"}, URL: "web:80/"}, Rate: 10,
	})
	return err
}

// serves is true once all pods of the Rollout are available: faults may hold them up.
func (p *player) serves() bool {
	ro, err := ops.Get(context.Background(), p.sim.Client(), Key)
	return err == nil && ro.Status.AvailableReplicas > 0 && ro.Status.Phase == v1alpha1.RolloutPhaseHealthy
}

// experiment does what users do with Experiments and AnalysisRuns. They may also make the
// controller forget one by hand that the command refuses to retry.
func (p *player) experiment(ctx context.Context, a Action) error {
	c := p.sim.Client()
	switch a.Verb {
	case Experiment:
		form, tag, _ := strings.Cut(a.Arg, " ")
		p.started++
		return c.Create(ctx, standalone(fmt.Sprintf("compare-%d", p.started), form, tag))
	case RetryExperiment:
		return p.nth(ctx, ops.Experiments, a.Arg, func(key types.NamespacedName) error { return ops.ForgetExperiment(ctx, c, key) })
	case TerminateExperiment:
		return p.nth(ctx, ops.Experiments, a.Arg, func(key types.NamespacedName) error { return ops.TerminateExperiment(ctx, c, key) })
	case TerminateRun:
		return p.nth(ctx, ops.AnalysisRuns, a.Arg, func(key types.NamespacedName) error { return ops.TerminateAnalysisRun(ctx, c, key) })
	}
	return fmt.Errorf("no such verb: %q", a.Verb)
}

// nth does something with one of the objects of a kind, counted round.
func (p *player) nth(ctx context.Context, kind ops.Kind, arg string, do func(types.NamespacedName) error) error {
	names, err := kind.Names(ctx, p.sim.Client(), Key.Namespace)
	if err != nil || len(names) == 0 {
		return err
	}
	n, err := strconv.Atoi(arg)
	if err != nil {
		return fmt.Errorf("%s %q: %w", kind.Name, arg, err)
	}
	return do(types.NamespacedName{Namespace: Key.Namespace, Name: names[n%len(names)]})
}

// losesNothing is true if nothing happens in a history that takes requests away
// whatever a controller does: then none may be lost.
func (h History) losesNothing() bool {
	runs := map[string]bool{Images[0]: true}
	return h.Setup.Load && !slices.ContainsFunc(h.Actions, func(a Action) bool {
		switch a.Verb {
		case KillPod, CrashPod, FailNode, Quota, Restart:
			return true
		case SetImage:
			runs[a.Arg] = true
		case Scale, Autoscale:
			return a.Arg == "0"
		case Misbehave:
			tag, how, _ := strings.Cut(a.Arg, " ")
			return how == "fail" || how == "crash" || (how == "never" || how == "slow") && runs[tag]
		}
		return false
	})
}
