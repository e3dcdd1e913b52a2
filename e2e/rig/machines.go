package rig

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/e2e/nodeagent"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/sim/world"
)

// machines lets a scenario break its own pods. Nodes belong to all.
type machines struct {
	nodes *nodeagent.Agent
	scene *backend.Live
}

var _ backend.Machines = machines{}

// SetImage says what containers of the scenario do.
func (m machines) SetImage(_ context.Context, pattern string, b world.ImageBehaviour) error {
	for _, namespace := range m.scene.Namespaces() {
		m.nodes.SetImageIn(m.scene.InCluster(namespace), pattern, b)
	}
	return nil
}

// CrashPod makes the containers of a pod exit with an error, once.
func (m machines) CrashPod(_ context.Context, pod types.NamespacedName) error {
	pod.Namespace = m.scene.InCluster(pod.Namespace)
	return m.nodes.CrashPod(pod)
}

// FailNode makes a node fall silent.
func (m machines) FailNode(_ context.Context, name string) error { return m.nodes.FailNode(name) }

// RecoverNode brings a node back.
func (m machines) RecoverNode(_ context.Context, name string) error { return m.nodes.RecoverNode(name) }
