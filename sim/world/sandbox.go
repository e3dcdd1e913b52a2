package world

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// sandbox is a pod as its node sees it: the containers and their clocks. It
// outlives no restart of the pod, but it outlives every read of the API.
type sandbox struct {
	uid        types.UID
	ip         string
	bound      time.Time
	stop       time.Time // when termination ends; zero while nobody asked
	timing     Timing    // of this pod, jitter applied
	containers []*container
	changed    bool   // the API has not seen the present state
	reported   string // the resource version of the pod that the last report made
}

// newSandbox prepares the containers of a pod that was just bound.
func newSandbox(pod *corev1.Pod, now time.Time, t Timing, ip string) *sandbox {
	s := &sandbox{uid: pod.UID, ip: ip, bound: now, timing: t, changed: true}
	never := pod.Spec.RestartPolicy == corev1.RestartPolicyNever
	for i := range pod.Spec.InitContainers {
		c := newContainer(&pod.Spec.InitContainers[i])
		c.init = true
		c.sidecar = restartsAlways(&pod.Spec.InitContainers[i])
		if probe := pod.Spec.InitContainers[i].StartupProbe; probe != nil && c.sidecar {
			c.bootTime = time.Duration(probe.InitialDelaySeconds+probe.PeriodSeconds) * time.Second
		}
		c.noRestart = never && !c.sidecar
		s.containers = append(s.containers, c)
	}
	for i := range pod.Spec.Containers {
		c := newContainer(&pod.Spec.Containers[i])
		c.noRestart = never
		if ofJob(pod) && c.name != proxyName {
			t := taskOf(&pod.Spec.Containers[i])
			c.task = &t
		}
		s.containers = append(s.containers, c)
	}
	return s
}

func newContainer(spec *corev1.Container) *container {
	c := &container{name: spec.Name, image: spec.Image}
	if p := spec.ReadinessProbe; p != nil {
		c.probeDelay = time.Duration(p.InitialDelaySeconds) * time.Second
	}
	return c
}

// ofJob tells the pods that run to their end.
func ofJob(pod *corev1.Pod) bool {
	ref := metav1.GetControllerOfNoCopy(pod)
	return ref != nil && ref.Kind == "Job"
}

// restartsAlways tells a native sidecar from an init container that ends.
func restartsAlways(c *corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// advance brings the containers to the present and returns when something
// changes next by itself; zero if nothing does. Init containers start one
// after the other, the others together when all of them have passed.
func (s *sandbox) advance(now time.Time, behaviour func(*container) ImageBehaviour) (wake time.Time) {
	if begin := s.bound.Add(s.timing.Start); now.Before(begin) {
		return begin
	}
	for _, c := range s.containers {
		b := behaviour(c)
		if c.task != nil {
			b = c.task.apply(b)
		}
		if c.advance(now, b, s.timing) {
			s.changed = true
		}
		if at, ok := c.ends(b, s.timing); ok {
			wake = earliest(wake, at)
		}
		wake = earliest(wake, s.boot(c, now))
		wake = earliest(wake, s.probe(c, now, b))
		if c.init && !c.letsPass() {
			break
		}
	}
	return wake
}

// letsPass reports whether the containers after this init container may start:
// it has run to its end or, being a sidecar, it has started. That stays true
// when a sidecar fails later.
func (c *container) letsPass() bool {
	c.passed = c.passed || c.phase == completed || (c.sidecar && c.up)
	return c.passed
}

// boot updates whether a container is up, which a startup probe delays, and
// returns when it will be; zero if that takes no time.
func (s *sandbox) boot(c *container, now time.Time) (wake time.Time) {
	at := c.since.Add(c.bootTime)
	up := c.phase == running && !now.Before(at)
	if up != c.up {
		c.up, s.changed = up, true
	}
	if c.phase == running && !up {
		return at
	}
	return time.Time{}
}

// probe updates whether a container is ready and returns when that changes by
// itself; zero if it does not.
func (s *sandbox) probe(c *container, now time.Time, b ImageBehaviour) (wake time.Time) {
	at, ok := c.readyAt(s.bound, b, s.timing)
	ready := (c.phase == completed && c.init) || (ok && !now.Before(at))
	if ready != c.ready {
		c.ready, s.changed = ready, true
	}
	if ok && !ready {
		return at
	}
	return time.Time{}
}

// crash makes the running containers exit at the next advance.
func (s *sandbox) crash() {
	for _, c := range s.containers {
		c.doomed = c.phase == running && !c.init
	}
}

// initialized reports whether all init containers have let the others start.
func (s *sandbox) initialized() bool {
	for _, c := range s.containers {
		if c.init && !c.passed {
			return false
		}
	}
	return true
}

// unready lists the containers, sidecars included, that are not ready.
func (s *sandbox) unready() (names []string) {
	for _, c := range s.containers {
		if !c.ready && (!c.init || c.sidecar) {
			names = append(names, c.name)
		}
	}
	return names
}

// phase is the pod's phase: Pending until each container has started once,
// Failed or Succeeded when all have ended for good, else Running.
func (s *sandbox) phase() corev1.PodPhase {
	ended, unhappy := true, false
	for _, c := range s.containers {
		if c.init {
			if c.phase == failed {
				return corev1.PodFailed
			}
			continue
		}
		if c.phase == created || ((c.phase == pullFailed || c.phase == pullBackOff) && c.restarts == 0) {
			return corev1.PodPending
		}
		ended = ended && (c.phase == failed || c.phase == completed)
		unhappy = unhappy || c.phase == failed
	}
	switch {
	case ended && unhappy:
		return corev1.PodFailed
	case ended:
		return corev1.PodSucceeded
	}
	return corev1.PodRunning
}

// terminate notes the deletion of the pod and returns when its containers are
// gone: after Timing.Termination, or sooner if the grace period is shorter.
func (s *sandbox) terminate(now time.Time, pod *corev1.Pod, t Timing) time.Time {
	if s.stop.IsZero() {
		grace := t.Termination
		if g := pod.DeletionGracePeriodSeconds; g != nil {
			grace = min(grace, time.Duration(*g)*time.Second)
		}
		s.stop = now.Add(grace)
	}
	return s.stop
}

// address is the nth pod IP of a cluster.
//
//	0: 10.244.0.2, 250: 10.244.1.2, 64000: 10.245.0.2.
func address(n int) string {
	return fmt.Sprintf("10.%d.%d.%d", 244+n/64000%12, n/250%256, 2+n%250)
}

// jittered returns t with Start and Ready changed by the same factor, which u
// in [0, 1) picks from [1 - Jitter, 1 + Jitter].
func (t Timing) jittered(u float64) Timing {
	factor := 1 + t.Jitter*(2*u-1)
	t.Start = time.Duration(float64(t.Start) * factor).Round(time.Millisecond)
	t.Ready = time.Duration(float64(t.Ready) * factor).Round(time.Millisecond)
	return t
}
