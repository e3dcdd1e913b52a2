package rig

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
)

// A controller or an Istio that somebody else has installed is not replaced.
func TestRefuseOthers(t *testing.T) {
	deployment := func(namespace, name, manager string) runtime.Object {
		return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: manager, Operation: metav1.ManagedFieldsOperationApply}},
		}}
	}
	const ours, theirs = "aviary-local", "kubectl-client-side-apply"
	for name, c := range map[string]struct {
		there   []runtime.Object
		options RemoteOptions
		want    string // empty: nothing is in the way
	}{
		"nothing":              {nil, RemoteOptions{Mesh: MeshXDS}, ""},
		"ours":                 {[]runtime.Object{deployment("argo-rollouts", "argo-rollouts", ours), deployment("istio-system", "istiod", ours)}, RemoteOptions{Mesh: MeshXDS}, ""},
		"a controller":         {[]runtime.Object{deployment("argo-rollouts", "argo-rollouts", theirs)}, RemoteOptions{Mesh: MeshXDS}, "to judge it as it is, say installed"},
		"a controller, judged": {[]runtime.Object{deployment("argo-rollouts", "argo-rollouts", theirs)}, RemoteOptions{Mesh: MeshXDS, Controller: InstalledController}, ""},
		"none to be judged":    {nil, RemoteOptions{Mesh: MeshNone, Controller: InstalledController}, "no Deployment argo-rollouts in argo-rollouts"},
		"an Istio":             {[]runtime.Object{deployment("istio-system", "istiod", theirs)}, RemoteOptions{Mesh: MeshXDS}, "use it with E2E_ISTIO=real"},
		"an Istio, used":       {[]runtime.Object{deployment("istio-system", "istiod", theirs)}, RemoteOptions{Mesh: MeshReal}, ""},
		"a cluster of ours":    {[]runtime.Object{deployment("argo-rollouts", "argo-rollouts", theirs)}, RemoteOptions{Mesh: MeshXDS, Loaded: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Remote{options: c.options, client: fake.NewClientset(c.there...)}
			err := r.refuseOthers(t.Context())
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	r := &Remote{options: RemoteOptions{Mesh: MeshReal}, client: fake.NewClientset()}
	if err := r.hasIstio(t.Context()); err == nil || !strings.Contains(err.Error(), "istioctl manifest generate") {
		t.Errorf("no Istio, and no manifests of it: %v", err)
	}
}
