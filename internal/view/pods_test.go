package view

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func waiting(reason string) corev1.ContainerStatus {
	return corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}
}

func terminated(t corev1.ContainerStateTerminated) corev1.ContainerStatus {
	return corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &t}}
}

func running(ready bool) corev1.ContainerStatus {
	return corev1.ContainerStatus{Ready: ready, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
}

func podOf(phase corev1.PodPhase, containers ...corev1.ContainerStatus) corev1.Pod {
	p := corev1.Pod{Status: corev1.PodStatus{Phase: phase, ContainerStatuses: containers}}
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodInitialized, Status: corev1.ConditionTrue}}
	return p
}

func initOf(statuses ...corev1.ContainerStatus) corev1.Pod {
	p := podOf(corev1.PodPending, waiting("PodInitializing"))
	p.Status.Conditions = nil
	p.Spec.InitContainers = make([]corev1.Container, len(statuses))
	p.Status.InitContainerStatuses = statuses
	return p
}

func deleted(p corev1.Pod) corev1.Pod {
	p.DeletionTimestamp = ptr.To(metav1.NewTime(now))
	return p
}

func withReason(p corev1.Pod, reason string) corev1.Pod {
	p.Status.Reason = reason
	return p
}

func withCondition(p corev1.Pod, c corev1.PodCondition) corev1.Pod {
	p.Status.Conditions = append(slices.Clone(p.Status.Conditions), c)
	return p
}

func TestPodStatus(t *testing.T) {
	halfDone := podOf(corev1.PodRunning, terminated(corev1.ContainerStateTerminated{Reason: "Completed"}), running(true))
	halfDoneReady := withCondition(halfDone, corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue})
	gated := withCondition(podOf(corev1.PodPending), corev1.PodCondition{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonSchedulingGated,
	})
	done := terminated(corev1.ContainerStateTerminated{Reason: "Completed"})
	sidecar := initOf(running(false), running(false))
	sidecar.Status.InitContainerStatuses[0].Name = "proxy"
	sidecar.Spec.InitContainers[0] = corev1.Container{Name: "proxy", RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways)}
	sidecar.Status.InitContainerStatuses[0].Started = ptr.To(true)

	for _, c := range []struct {
		name       string
		pod        corev1.Pod
		want, icon string
	}{
		{"no status yet", podOf(corev1.PodPending), "Pending", iconBusy},
		{"containers start", podOf(corev1.PodPending, waiting("ContainerCreating")), "ContainerCreating", iconBusy},
		{"running", podOf(corev1.PodRunning, running(true)), "Running", iconGood},
		{"image", podOf(corev1.PodPending, waiting("ImagePullBackOff")), "ImagePullBackOff", iconWarn},
		{"crash loop", podOf(corev1.PodRunning, waiting("CrashLoopBackOff")), "CrashLoopBackOff", iconBad},
		{"first container speaks", podOf(corev1.PodRunning, waiting("CrashLoopBackOff"), waiting("ContainerCreating")), "CrashLoopBackOff", iconBad},
		{"failed", podOf(corev1.PodRunning, terminated(corev1.ContainerStateTerminated{Reason: "Error"})), "Error", iconBad},
		{"exit code", podOf(corev1.PodRunning, terminated(corev1.ContainerStateTerminated{ExitCode: 3})), "ExitCode:3", iconBad},
		{"signal", podOf(corev1.PodRunning, terminated(corev1.ContainerStateTerminated{Signal: 9})), "Signal:9", iconBad},
		{"one of two completed, not ready", halfDone, "NotReady", iconBusy},
		{"one of two completed, ready", halfDoneReady, "Running", iconGood},
		{"init waits", initOf(waiting("PodInitializing"), waiting("PodInitializing")), "Init:0/2", iconBusy},
		{"init second", initOf(done, running(false)), "Init:1/2", iconBusy},
		{"init crash", initOf(waiting("CrashLoopBackOff")), "Init:CrashLoopBackOff", iconBad},
		{"init image", initOf(waiting("ErrImagePull")), "Init:ErrImagePull", iconWarn},
		{"init failed", initOf(terminated(corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 1})), "Init:Error", iconBad},
		{"started sidecar", sidecar, "Init:1/2", iconBusy},
		{"all init done", initOf(done), "PodInitializing", iconBusy},
		{"deleted", deleted(podOf(corev1.PodRunning, running(true))), "Terminating", iconBusy},
		{"deleted after its end", deleted(podOf(corev1.PodSucceeded, done)), "Completed", iconGood},
		{"node lost", deleted(withReason(podOf(corev1.PodRunning), "NodeLost")), "Unknown", iconUnknown},
		{"evicted", withReason(podOf(corev1.PodFailed), "Evicted"), "Evicted", iconBad},
		{"gated", gated, "SchedulingGated", iconBusy},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := podStatus(&c.pod); got != c.want {
				t.Errorf("status %q, want %q", got, c.want)
			}
			if got := podIcon(c.want); got != c.icon {
				t.Errorf("icon %q, want %q", got, c.icon)
			}
		})
	}
}

func TestPodCounts(t *testing.T) {
	p := podOf(corev1.PodRunning, running(true), running(false))
	p.Spec.Containers = make([]corev1.Container, 2)
	p.Status.ContainerStatuses[1].RestartCount = 3
	p.CreationTimestamp = metav1.NewTime(now.Add(-time.Minute))
	got := pod(&p, now)
	if want := (Pod{Status: "Running", Age: time.Minute, Ready: 1, Total: 2, Restarts: 3}); got != want {
		t.Errorf("pod %+v, want %+v", got, want)
	}
	node := replicaSetNode(ReplicaSet{Pods: []Pod{got}})
	if info := node.children[0].info; info != "ready:1/2,restarts:3" {
		t.Errorf("info %q", info)
	}
}
