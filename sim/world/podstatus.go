package world

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// status renders the sandbox as the kubelet reports it. old is the status so
// far: conditions keep their transition times while they stay the same.
func (s *sandbox) status(pod *corev1.Pod, hostIP string, now time.Time) corev1.PodStatus {
	started := apiTime(s.bound)
	out := corev1.PodStatus{
		Phase: s.phase(), HostIP: hostIP, StartTime: &started,
		QOSClass: pod.Status.QOSClass,
	}
	if hostIP != "" {
		out.HostIPs = []corev1.HostIP{{IP: hostIP}}
	}
	if s.anyStarted() {
		out.PodIP, out.PodIPs = s.ip, []corev1.PodIP{{IP: s.ip}}
	}
	for _, c := range s.containers {
		if c.init {
			out.InitContainerStatuses = append(out.InitContainerStatuses, c.status("PodInitializing"))
		} else {
			out.ContainerStatuses = append(out.ContainerStatuses, c.status(s.waitingReason()))
		}
	}
	out.Conditions = s.conditions(pod, out.Phase, now)
	return out
}

func (s *sandbox) anyStarted() bool {
	for _, c := range s.containers {
		if c.phase != created {
			return true
		}
	}
	return false
}

// waitingReason is what a container that waits for its turn says.
func (s *sandbox) waitingReason() string {
	if len(s.containers) > 0 && s.containers[0].init && !s.initialized() {
		return "PodInitializing"
	}
	return "ContainerCreating"
}

// status renders one container.
func (c *container) status(waiting string) corev1.ContainerStatus {
	up := c.up
	out := corev1.ContainerStatus{
		Name: c.name, Image: c.image, RestartCount: c.restarts, Ready: c.ready, Started: &up,
		State: c.state(waiting),
	}
	if c.phase != created && c.phase != pullFailed && c.phase != pullBackOff {
		out.ImageID = c.image
	}
	if c.failures > 0 && c.phase != failed {
		out.LastTerminationState.Terminated = c.terminated("Error")
	}
	return out
}

func (c *container) state(waiting string) corev1.ContainerState {
	wait := func(reason, message string) corev1.ContainerState {
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
	}
	switch c.phase {
	case pullFailed:
		return wait("ErrImagePull", fmt.Sprintf("failed to pull and unpack image %q: not found", c.image))
	case pullBackOff:
		return wait("ImagePullBackOff", fmt.Sprintf("Back-off pulling image %q", c.image))
	case crashBackOff:
		return wait("CrashLoopBackOff", fmt.Sprintf("back-off %s restarting failed container=%s", shortDuration(backOff(c.failures-1)), c.name))
	case running:
		return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: apiTime(c.since)}}
	case completed:
		return corev1.ContainerState{Terminated: c.terminated("Completed")}
	case failed:
		return corev1.ContainerState{Terminated: c.terminated("Error")}
	}
	return wait(waiting, "")
}

func (c *container) terminated(reason string) *corev1.ContainerStateTerminated {
	return &corev1.ContainerStateTerminated{
		ExitCode: c.lastExit.code, Reason: reason,
		StartedAt: apiTime(c.lastExit.started), FinishedAt: apiTime(c.lastExit.finished),
	}
}

// conditions are in the order in which a kubelet lists them. Conditions of
// others, such as readiness gates, are kept.
func (s *sandbox) conditions(pod *corev1.Pod, phase corev1.PodPhase, now time.Time) []corev1.PodCondition {
	list := conditionList{old: pod.Status.Conditions, now: apiTime(now)}
	list.add(corev1.PodInitialized, s.initialized(), "ContainersNotInitialized", incomplete("incomplete", s.uninitialized()))
	unready := s.unready()
	ready, reason, message := len(unready) == 0, "ContainersNotReady", incomplete("unready", unready)
	switch phase {
	case corev1.PodFailed:
		ready = false
	case corev1.PodSucceeded:
		ready, reason, message = false, "PodCompleted", ""
	}
	gated := ready && !gatesOpen(pod)
	if gated {
		list.add(corev1.PodReady, false, "ReadinessGatesNotReady", "corresponding condition of pod readiness gate does not exist.")
	} else {
		list.add(corev1.PodReady, ready, reason, message)
	}
	list.add(corev1.ContainersReady, ready, reason, message)
	list.add(corev1.PodScheduled, true, "", "")
	return list.withOthers()
}

// uninitialized lists the init containers that keep the others waiting.
func (s *sandbox) uninitialized() (names []string) {
	for _, c := range s.containers {
		if c.init && !c.passed {
			names = append(names, c.name)
		}
	}
	return names
}

// incomplete is the message of a condition that some containers do not meet.
func incomplete(what string, containers []string) string {
	return "containers with " + what + " status: [" + strings.Join(containers, " ") + "]"
}

// gatesOpen reports whether every readiness gate's condition is True.
func gatesOpen(pod *corev1.Pod) bool {
	for _, gate := range pod.Spec.ReadinessGates {
		if c := podCondition(pod.Status.Conditions, gate.ConditionType); c == nil || c.Status != corev1.ConditionTrue {
			return false
		}
	}
	return true
}

// conditionList builds conditions; a condition whose status did not change
// keeps its transition time.
type conditionList struct {
	old, new []corev1.PodCondition
	now      metav1.Time
}

func (l *conditionList) add(kind corev1.PodConditionType, ok bool, reason, message string) {
	c := corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: l.now}
	if !ok {
		c.Status, c.Reason, c.Message = corev1.ConditionFalse, reason, message
	}
	if before := podCondition(l.old, kind); before != nil && before.Status == c.Status {
		c.LastTransitionTime = before.LastTransitionTime
	}
	l.new = append(l.new, c)
}

func (l *conditionList) withOthers() []corev1.PodCondition {
	for _, c := range l.old {
		if podCondition(l.new, c.Type) == nil {
			l.new = append(l.new, c)
		}
	}
	return l.new
}

func podCondition(list []corev1.PodCondition, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range list {
		if list[i].Type == kind {
			return &list[i]
		}
	}
	return nil
}

// apiTime is t as the API server would store it: whole seconds.
func apiTime(t time.Time) metav1.Time {
	return metav1.NewTime(t.Truncate(time.Second))
}

// shortDuration prints 40s, 1m20s, 5m0s as a kubelet does.
func shortDuration(d time.Duration) string { return d.Truncate(time.Second).String() }
