package kubectl

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// podRow is the row of a pod, as kubectl get pods prints it.
func podRow(v view) []string {
	var pod corev1.Pod
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(v.obj.Object, &pod); err != nil {
		return []string{v.name(), "0/0", "Unknown", "0", v.age(), "<none>", "<none>", "<none>", "<none>"}
	}
	ready, restarts := 0, int32(0)
	var lastRestart time.Time
	for _, c := range pod.Status.ContainerStatuses {
		if c.Ready {
			ready++
		}
		restarts += c.RestartCount
		if t := c.LastTerminationState.Terminated; t != nil && t.FinishedAt.After(lastRestart) {
			lastRestart = t.FinishedAt.Time
		}
	}
	restartText := fmt.Sprint(restarts)
	if restarts > 0 && !lastRestart.IsZero() {
		restartText += fmt.Sprintf(" (%s ago)", since(lastRestart, v.now))
	}
	return []string{v.name(), fmt.Sprintf("%d/%d", ready, len(pod.Spec.Containers)), podStatus(&pod), restartText, v.age(),
		orNone(pod.Status.PodIP), orNone(pod.Spec.NodeName), orNone(pod.Status.NominatedNodeName), "<none>"}
}

// podStatus is the word in the STATUS column: the phase, unless something says
// more: a reason of the pod, of an init container that is not done, of a
// container that waits or has ended, or its deletion.
func podStatus(pod *corev1.Pod) string {
	status := string(pod.Status.Phase)
	if pod.Status.Reason != "" {
		status = pod.Status.Reason
	}
	if init := initStatus(pod); init != "" {
		status = init
	} else {
		for _, c := range pod.Status.ContainerStatuses {
			if s := containerStatus(c.State); s != "" {
				status = s
			}
		}
	}
	if pod.DeletionTimestamp != nil {
		status = "Terminating"
	}
	return status
}

// initStatus returns "Init:1/2" or "Init:<reason>" while init containers are
// not done. A sidecar (one that restarts always) is done when it has started.
func initStatus(pod *corev1.Pod) string {
	sidecar := map[string]bool{}
	for _, c := range pod.Spec.InitContainers {
		sidecar[c.Name] = c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
	}
	for i, c := range pod.Status.InitContainerStatuses {
		done := c.State.Terminated != nil && c.State.Terminated.ExitCode == 0
		if done || sidecar[c.Name] && c.Started != nil && *c.Started {
			continue
		}
		if s := containerStatus(c.State); s != "" && s != "PodInitializing" {
			return "Init:" + s
		}
		return fmt.Sprintf("Init:%d/%d", i, len(pod.Spec.InitContainers))
	}
	return ""
}

func containerStatus(s corev1.ContainerState) string {
	switch {
	case s.Waiting != nil:
		return s.Waiting.Reason
	case s.Terminated != nil && s.Terminated.Reason != "":
		return s.Terminated.Reason
	case s.Terminated != nil && s.Terminated.Signal != 0:
		return fmt.Sprintf("Signal:%d", s.Terminated.Signal)
	case s.Terminated != nil:
		return fmt.Sprintf("ExitCode:%d", s.Terminated.ExitCode)
	}
	return ""
}
