package backend

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/mesh"
	"github.com/aviary-rollouts/aviary/sim/world"
)

// simTools are the tools of the simulator.
type simTools struct{ sim *sim.Sim }

// Do sends one request through the simulated mesh.
func (t simTools) Do(_ context.Context, r mesh.Request) (mesh.Response, error) {
	return t.sim.Mesh().Do(r)
}

// Start starts a simulated load.
func (t simTools) Start(_ context.Context, s mesh.Source) (Load, error) {
	return t.sim.Mesh().Start(s)
}

// SetAnswers says how images answer.
func (t simTools) SetAnswers(_ context.Context, pattern string, behaviours []mesh.Behaviour) error {
	t.sim.Mesh().SetImage(pattern, behaviours...)
	return nil
}

// Report counts what the mesh carried.
func (t simTools) Report(context.Context) (mesh.Report, error) { return t.sim.Mesh().Report(), nil }

// SetImage says what containers do.
func (t simTools) SetImage(_ context.Context, pattern string, b world.ImageBehaviour) error {
	t.sim.World().SetImage(pattern, b)
	return nil
}

// CrashPod makes a pod crash.
func (t simTools) CrashPod(_ context.Context, pod types.NamespacedName) error {
	return t.sim.World().CrashPod(pod)
}

// FailNode makes a node fall silent.
func (t simTools) FailNode(_ context.Context, name string) error { return t.sim.World().FailNode(name) }

// RecoverNode brings a node back.
func (t simTools) RecoverNode(_ context.Context, name string) error {
	return t.sim.World().RecoverNode(name)
}

// SetQuota limits the pods of a namespace.
func (t simTools) SetQuota(_ context.Context, namespace string, pods int) error {
	t.sim.World().SetQuota(namespace, pods)
	return nil
}

// Serve makes a host answer.
func (t simTools) Serve(_ context.Context, host string, answers []sim.Answer) error {
	if len(answers) == 0 {
		t.sim.Network().Handle(host, nil)
		return nil
	}
	script, err := sim.NewScript(t.sim.Clock(), answers...)
	if err != nil {
		return err
	}
	t.sim.Network().Handle(host, script)
	return nil
}

// Kill ends the controllers under test.
func (t simTools) Kill(context.Context) error {
	t.sim.Crash()
	return nil
}

// Revive starts them again.
func (t simTools) Revive(context.Context) error {
	t.sim.Restart()
	return nil
}

// CheckQuiet looks at every object again.
func (t simTools) CheckQuiet(context.Context) error { return t.sim.CheckQuiet() }
