package world_test

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/sim/world"
)

// TestSidecars injects by the labels of the namespace and of the pod.
func TestSidecars(t *testing.T) {
	const inject = "sidecar.istio.io/inject"
	native := []moment{{0, "1 Init:0/2 0/1"}, {2 * time.Second, "1 Init:1/2 0/1"}, {time.Second, "1 Running 0/1"}, {time.Second, "1 Running 1/1"}}
	second := []moment{{0, "1 Init:0/1 0/2"}, {time.Second, "1 Running 0/2"}, {3 * time.Second, "1 Running 2/2"}}
	none := []moment{{0, "1 ContainerCreating 0/1"}, {4 * time.Second, "1 Running 1/1"}}
	label := func(value string) func(*corev1.PodTemplateSpec) {
		return func(p *corev1.PodTemplateSpec) { p.Labels[inject] = value }
	}
	for name, test := range map[string]struct {
		namespace map[string]string
		change    func(*corev1.PodTemplateSpec)
		want      []moment
	}{
		"nobody asks":                {want: none},
		"the namespace asks":         {namespace: map[string]string{"istio-injection": "enabled"}, want: native},
		"the pod asks":               {change: label("true"), want: native},
		"the pod refuses":            {namespace: map[string]string{"istio-injection": "enabled"}, change: label("false"), want: none},
		"the namespace refuses":      {namespace: map[string]string{"istio-injection": "disabled"}, change: label("true"), want: none},
		"an old revision":            {namespace: map[string]string{"istio.io/rev": "1-11"}, want: second},
		"a patch of an old revision": {namespace: map[string]string{"istio.io/rev": "1-26-8"}, want: second},
		"a new revision":             {namespace: map[string]string{"istio.io/rev": "1-27"}, want: native},
		"a revision with a name":     {namespace: map[string]string{"istio.io/rev": "stable"}, want: native},
		"the node's own network": {
			namespace: map[string]string{"istio-injection": "enabled"},
			change:    func(p *corev1.PodTemplateSpec) { p.Spec.HostNetwork = true }, want: none,
		},
		"a curly yes is no yes": {
			namespace: map[string]string{"istio.io/rev": "1-11"},
			change:    func(p *corev1.PodTemplateSpec) { p.Annotations = map[string]string{inject: "“true”"} }, want: none,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, world.Options{})
			c.labelNamespace(test.namespace)
			rs := replicaSet(1)
			if test.change != nil {
				test.change(&rs.Spec.Template)
			}
			c.create(rs)
			c.follow(test.want)
		})
	}
}

// The template stays what it was: it is what the hash is made of.
func TestSidecarsLeaveTheTemplate(t *testing.T) {
	c := newCluster(t, world.Options{})
	c.labelNamespace(map[string]string{"istio-injection": "enabled"})
	rs := replicaSet(1)
	c.create(rs)
	var after appsv1.ReplicaSet
	c.do(c.Client().Get(t.Context(), web(), &after))
	if n := len(after.Spec.Template.Spec.InitContainers); n != 0 {
		t.Errorf("the template has %d init containers", n)
	}
	if pod := c.pods()[0]; len(pod.Spec.InitContainers) != 2 || pod.Spec.InitContainers[1].Name != "istio-proxy" {
		t.Errorf("the pod has the init containers %v", pod.Spec.InitContainers)
	}
}

// A second container never ends, and neither does a Job that has one; a native
// sidecar ends with the others.
func TestSidecarsOfJobs(t *testing.T) {
	for revision, want := range map[string]int32{"1-11": 0, "1-28": 1} {
		t.Run(revision, func(t *testing.T) {
			c := newCluster(t, world.Options{})
			c.labelNamespace(map[string]string{"istio.io/rev": revision})
			job := newJob("check:1", corev1.RestartPolicyNever, nil)
			c.create(job)
			c.sleep(time.Hour)
			var after batchv1.Job
			c.do(c.Client().Get(t.Context(), client.ObjectKeyFromObject(job), &after))
			if after.Status.Succeeded != want {
				t.Errorf("%d pods succeeded, want %d", after.Status.Succeeded, want)
			}
		})
	}
}

func (c cluster) labelNamespace(labels map[string]string) {
	c.t.Helper()
	ns := &corev1.Namespace{}
	ns.Name = "default"
	c.do(c.Client().Get(c.t.Context(), client.ObjectKeyFromObject(ns), ns))
	ns.Labels = labels
	c.do(c.Client().Update(c.t.Context(), ns))
}
