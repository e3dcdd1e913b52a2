package world_test

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/aviary-rollouts/aviary/sim/world"
)

// moment is what is seen after a while.
type moment struct {
	after time.Duration
	want  string
}

func (c cluster) follow(moments []moment) {
	c.t.Helper()
	for _, m := range moments {
		c.sleep(m.after)
		c.expect(m.want)
	}
}

func TestPodLives(t *testing.T) {
	always := corev1.ContainerRestartPolicyAlways
	tests := []struct {
		name   string
		images map[string]world.ImageBehaviour
		change func(*appsv1.ReplicaSet)
		want   []moment
	}{
		{name: "healthy", want: []moment{
			{0, "1 ContainerCreating 0/1"}, {time.Second, "1 Running 0/1"},
			{3*time.Second - time.Millisecond, "1 Running 0/1"}, {time.Millisecond, "1 Running 1/1"}, {time.Hour, "1 Running 1/1"},
		}},
		{name: "image that cannot be pulled", images: map[string]world.ImageBehaviour{"web:*": {PullError: true}}, want: []moment{
			{time.Second, "1 ErrImagePull 0/1"}, {time.Second, "1 ImagePullBackOff 0/1"},
			{9 * time.Second, "1 ErrImagePull 0/1"}, {time.Second, "1 ImagePullBackOff 0/1"}, {18 * time.Second, "1 ImagePullBackOff 0/1"},
			{time.Second, "1 ErrImagePull 0/1"}, {time.Hour, "1 ImagePullBackOff 0/1"},
		}},
		{name: "crash loop", images: map[string]world.ImageBehaviour{"*": {CrashLoop: true}}, want: []moment{
			{time.Second, "1 Running 0/1"}, {time.Second, "1 Running 0/1 (1)"}, {time.Second, "1 CrashLoopBackOff 0/1 (1)"},
			{10 * time.Second, "1 Running 0/1 (2)"}, {time.Second, "1 CrashLoopBackOff 0/1 (2)"},
			{19 * time.Second, "1 CrashLoopBackOff 0/1 (2)"}, {time.Second, "1 Running 0/1 (3)"},
		}},
		{name: "never ready", images: map[string]world.ImageBehaviour{"*": {NeverReady: true}}, want: []moment{
			{time.Second, "1 Running 0/1"}, {time.Hour, "1 Running 0/1"},
		}},
		{name: "slow", images: map[string]world.ImageBehaviour{"*": {ReadyAfter: time.Minute}}, want: []moment{
			{59 * time.Second, "1 Running 0/1"}, {time.Second, "1 Running 1/1"},
		}},
		{name: "fails a minute after its start", images: map[string]world.ImageBehaviour{"*": {FailAt: time.Minute}}, want: []moment{
			{60 * time.Second, "1 Running 1/1"}, {time.Second, "1 Running 0/1 (1)"}, {3 * time.Second, "1 Running 1/1 (1)"},
			{57 * time.Second, "1 CrashLoopBackOff 0/1 (1)"},
		}},
		{name: "readiness probe with a delay", change: func(rs *appsv1.ReplicaSet) {
			rs.Spec.Template.Spec.Containers[0].ReadinessProbe = &corev1.Probe{InitialDelaySeconds: 15}
		}, want: []moment{{15 * time.Second, "1 Running 0/1"}, {time.Second, "1 Running 1/1"}}},
		{name: "native sidecar and init container", change: func(rs *appsv1.ReplicaSet) {
			rs.Spec.Template.Spec.InitContainers = []corev1.Container{
				{Name: "mesh", Image: "mesh:1", RestartPolicy: &always}, {Name: "migrate", Image: "migrate:1"},
			}
		}, want: []moment{{0, "1 Init:0/2 0/1"}, {time.Second, "1 Running 0/1"}, {3 * time.Second, "1 Running 1/1"}}},
		{name: "init container that fails", images: map[string]world.ImageBehaviour{"migrate:*": {CrashLoop: true}}, change: func(rs *appsv1.ReplicaSet) {
			rs.Spec.Template.Spec.InitContainers = []corev1.Container{{Name: "migrate", Image: "migrate:1"}}
		}, want: []moment{{time.Hour, "1 Init:0/1 0/1"}}},
		{name: "readiness gate nobody opens", change: func(rs *appsv1.ReplicaSet) {
			rs.Spec.Template.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/gate"}}
		}, want: []moment{{time.Hour, "1 Running 1/1"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newCluster(t, world.Options{Images: test.images})
			rs := replicaSet(1)
			if test.change != nil {
				test.change(rs)
			}
			c.create(rs)
			c.follow(test.want)
		})
	}
}

func TestReadinessGateHoldsThePodBack(t *testing.T) {
	c := newCluster(t, world.Options{})
	c.create(replicaSet(1, func(rs *appsv1.ReplicaSet) {
		rs.Spec.Template.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/gate"}}
	}))
	c.sleep(time.Minute)
	if got := c.counts(); got != "1/0/0" {
		t.Errorf("with a closed gate: %s", got)
	}
	pod := c.pods()[0]
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: "example.com/gate", Status: corev1.ConditionTrue})
	c.do(c.Client().Status().Update(t.Context(), &pod))
	c.do(c.Settle())
	if got := c.counts(); got != "1/1/1" {
		t.Errorf("with an open gate: %s", got)
	}
}

func TestImagesChangeWhilePodsRun(t *testing.T) {
	c := newCluster(t, world.Options{Images: map[string]world.ImageBehaviour{"*": {PullError: true}}})
	c.create(replicaSet(2))
	c.sleep(5 * time.Second)
	c.expect("2 ImagePullBackOff 0/1")
	c.World().SetImage("*", world.ImageBehaviour{})
	c.sleep(6 * time.Second) // the back-off goes on
	c.expect("2 Running 0/1")
	c.sleep(3 * time.Second)
	c.expect("2 Running 1/1")

	c.World().SetImage("web:1", world.ImageBehaviour{NeverReady: true})
	c.do(c.Settle())
	c.expect("2 Running 0/1")
	c.World().SetImage("web:1", world.ImageBehaviour{})
	c.do(c.Settle())
	c.expect("2 Running 1/1")
	c.World().SetImage("w*1", world.ImageBehaviour{CrashLoop: true})
	c.do(c.Settle())
	c.expect("2 Running 0/1 (1)")
}

func TestCrashAndKill(t *testing.T) {
	c := newCluster(t, world.Options{})
	c.create(replicaSet(1))
	c.sleep(5 * time.Second)
	c.do(c.World().CrashPod(c.World().Pods()[0]))
	c.do(c.Settle())
	c.expect("1 Running 0/1 (1)")
	c.sleep(3 * time.Second)
	c.expect("1 Running 1/1 (1)")
	c.do(c.World().KillPod(c.World().Pods()[0]))
	c.do(c.Settle())
	pods := c.pods()
	if len(pods) != 2 {
		t.Fatalf("a killed pod is not replaced at once: %s", c.look())
	}
	if got := c.counts(); got != "1/0/0" {
		t.Errorf("a terminating pod counts: %s", got)
	}
	c.sleep(2 * time.Second)
	if len(c.pods()) != 1 {
		t.Errorf("a killed pod stays: %s", c.look())
	}
	if err := c.World().CrashPod(web()); err == nil {
		t.Error("a pod that is not there can be crashed")
	}
}

func TestTerminationIsCutToTheGracePeriod(t *testing.T) {
	c := newCluster(t, world.Options{Timing: world.Timing{Termination: 10 * time.Second}})
	grace := int64(3)
	c.create(replicaSet(1, func(rs *appsv1.ReplicaSet) { rs.Spec.Template.Spec.TerminationGracePeriodSeconds = &grace }))
	c.sleep(5 * time.Second)
	c.scale(0)
	c.follow([]moment{{2900 * time.Millisecond, "1 Terminating 1/1"}, {100 * time.Millisecond, ""}})
}

func TestJitterIsDrawnFromTheSeed(t *testing.T) {
	readyAt := func(seconds int) string {
		c := newCluster(t, world.Options{Timing: world.Timing{Jitter: 0.5}})
		c.create(replicaSet(8))
		c.sleep(time.Duration(seconds) * time.Second)
		return c.counts()
	}
	if readyAt(2) != "8/0/0" || readyAt(6) != "8/8/8" {
		t.Errorf("after 2 s %s, after 6 s %s; with half of 4 s as jitter", readyAt(2), readyAt(6))
	}
	if half := readyAt(4); half == "8/0/0" || half == "8/8/8" || half != readyAt(4) {
		t.Errorf("after 4 s %s; some, and always the same ones, should be ready", half)
	}
}

func TestNodeFailure(t *testing.T) {
	c := newCluster(t, world.Options{Nodes: 2, PodsPerNode: 4})
	c.create(replicaSet(4))
	c.sleep(5 * time.Second)
	c.do(c.World().FailNode("node-2"))
	c.sleep(39 * time.Second)
	if got := c.counts(); got != "4/4/4" {
		t.Errorf("within the grace of the node: %s", got)
	}
	c.sleep(time.Second)
	if got := c.counts(); got != "4/2/2" {
		t.Errorf("after it: %s", got)
	}
	c.sleep(5*time.Minute + 4*time.Second)
	if got := c.counts(); got != "4/4/4" || len(c.pods()) != 6 {
		t.Errorf("after the eviction %s and %d pods, of which 2 cannot end", got, len(c.pods()))
	}
	c.do(c.World().RecoverNode("node-2"))
	c.sleep(2 * time.Second)
	c.expect("4 Running 1/1")
	if err := c.World().FailNode("node-9"); err == nil {
		t.Error("a node that is not there can fail")
	}
}

func TestNodeReturnsInTime(t *testing.T) {
	c := newCluster(t, world.Options{Nodes: 1})
	c.create(replicaSet(2))
	c.sleep(5 * time.Second)
	c.do(c.World().FailNode("node-1"))
	c.sleep(time.Minute)
	if got := c.counts(); got != "2/0/0" {
		t.Errorf("node down: %s", got)
	}
	c.do(c.World().RecoverNode("node-1"))
	c.do(c.Settle())
	if got := c.counts(); got != "2/2/2" {
		t.Errorf("node back: %s", got)
	}
}
