package view

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Pod is one pod.
type Pod struct {
	Name string
	// Status is what `kubectl get pods` would say: Running, Init:1/2,
	// ContainerCreating, CrashLoopBackOff, Terminating ...
	Status string
	Age    time.Duration
	// Ready of Total containers are ready. Init containers do not count, not
	// even those that stay as sidecars.
	Ready, Total int
	// Restarts counts the restarts of its containers.
	Restarts int32
}

func pod(p *corev1.Pod, now time.Time) Pod {
	v := Pod{Name: p.Name, Status: podStatus(p), Age: age(p, now), Total: len(p.Spec.Containers)}
	for _, c := range p.Status.ContainerStatuses {
		if c.Ready {
			v.Ready++
		}
		v.Restarts += c.RestartCount
	}
	return v
}

// podStatus sums a pod up in the word that kubectl uses.
func podStatus(p *corev1.Pod) string {
	finished := p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	switch {
	case p.DeletionTimestamp != nil && p.Status.Reason == "NodeLost":
		return "Unknown"
	case p.DeletionTimestamp != nil && !finished:
		return "Terminating"
	}
	if reason := initStatus(p); reason != "" {
		return reason
	}
	return containerStatus(p)
}

// initStatus is empty once the init containers are through.
func initStatus(p *corev1.Pod) string {
	if condition(p, corev1.PodInitialized) {
		return ""
	}
	sidecars := map[string]bool{}
	for _, c := range p.Spec.InitContainers {
		sidecars[c.Name] = c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
	}
	for i, c := range p.Status.InitContainerStatuses {
		terminated, waiting := c.State.Terminated, c.State.Waiting
		switch {
		case terminated != nil && terminated.ExitCode == 0:
			continue
		case sidecars[c.Name] && c.Started != nil && *c.Started:
			continue
		case terminated != nil:
			return "Init:" + endReason(terminated)
		case waiting != nil && waiting.Reason != "" && waiting.Reason != "PodInitializing":
			return "Init:" + waiting.Reason
		}
		return fmt.Sprintf("Init:%d/%d", i, len(p.Spec.InitContainers))
	}
	return ""
}

// containerStatus lets the first container that has something to report speak
// for the pod.
func containerStatus(p *corev1.Pod) string {
	reason := string(p.Status.Phase)
	if p.Status.Reason != "" {
		reason = p.Status.Reason
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Reason == corev1.PodReasonSchedulingGated {
			reason = corev1.PodReasonSchedulingGated
		}
	}
	running := false
	for i := len(p.Status.ContainerStatuses) - 1; i >= 0; i-- {
		c := p.Status.ContainerStatuses[i]
		switch {
		case c.State.Waiting != nil && c.State.Waiting.Reason != "":
			reason = c.State.Waiting.Reason
		case c.State.Terminated != nil:
			reason = endReason(c.State.Terminated)
		case c.Ready && c.State.Running != nil:
			running = true
		}
	}
	if reason == "Completed" && running {
		if condition(p, corev1.PodReady) {
			return "Running"
		}
		return "NotReady"
	}
	return reason
}

// endReason says how a container ended.
func endReason(t *corev1.ContainerStateTerminated) string {
	switch {
	case t.Reason != "":
		return t.Reason
	case t.Signal != 0:
		return fmt.Sprintf("Signal:%d", t.Signal)
	}
	return fmt.Sprintf("ExitCode:%d", t.ExitCode)
}

func condition(p *corev1.Pod, kind corev1.PodConditionType) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == kind {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// podIcon tells at a glance whether a pod's status word is good, on its way,
// wants attention (the image cannot be had) or is bad.
func podIcon(status string) string {
	word := strings.TrimPrefix(status, "Init:")
	switch word {
	case "Running", "Succeeded", "Completed":
		return iconGood
	case "Pending", "ContainerCreating", "PodInitializing", "Terminating", "NotReady", corev1.PodReasonSchedulingGated:
		return iconBusy
	case "ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName", "RegistryUnavailable":
		return iconWarn
	case "Unknown", "":
		return iconUnknown
	}
	if word != status && strings.Contains(word, "/") {
		return iconBusy // Init:1/2
	}
	return iconBad
}
