package sim_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/sim"
)

const image = "ghcr.io/ssup2/mock-go-server:"

// rollout is the mock server of the source documents at version 1.0.0.
func rollout(n int32, strategy v1alpha1.RolloutStrategy) *v1alpha1.Rollout {
	labels := map[string]string{"app": "mock-server"}
	return &v1alpha1.Rollout{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "mock-server"},
		Spec: v1alpha1.RolloutSpec{
			Replicas: &n,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "mock-server", Image: image + "1.0.0",
					Ports: []corev1.ContainerPort{{ContainerPort: 8080, Protocol: corev1.ProtocolTCP}},
				}}},
			},
			Strategy: strategy,
		},
	}
}

func service(name string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": "mock-server"},
			Ports:    []corev1.ServicePort{{Port: 8080, TargetPort: intstr.FromInt32(8080)}},
		},
	}
}

// blueGreen is case 2.2.1: five replicas, promoted by hand.
func blueGreen() []client.Object {
	no := false
	return []client.Object{
		service("mock-server-active"), service("mock-server-preview"),
		rollout(5, v1alpha1.RolloutStrategy{BlueGreen: &v1alpha1.BlueGreenStrategy{
			ActiveService: "mock-server-active", PreviewService: "mock-server-preview", AutoPromotionEnabled: &no,
		}}),
	}
}

// canary is case 2.2.2: 20 %, a promotion, 40 %, 30 seconds, 100 %.
func canary() []client.Object {
	weight := func(w int32) v1alpha1.CanaryStep { return v1alpha1.CanaryStep{SetWeight: &w} }
	halfMinute := intstr.FromString("30s")
	return []client.Object{
		service("mock-server-stable"), service("mock-server-canary"),
		rollout(5, v1alpha1.RolloutStrategy{Canary: &v1alpha1.CanaryStrategy{
			StableService: "mock-server-stable", CanaryService: "mock-server-canary",
			Steps: []v1alpha1.CanaryStep{
				weight(20), {Pause: &v1alpha1.RolloutPause{}},
				weight(40), {Pause: &v1alpha1.RolloutPause{Duration: &halfMinute}},
				weight(100),
			},
		}}),
	}
}

func start(t testing.TB, o sim.Options) *sim.Sim {
	t.Helper()
	s, err := sim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sleep(t testing.TB, s *sim.Sim, d time.Duration) {
	t.Helper()
	if err := s.Sleep(d); err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, s *sim.Sim) *v1alpha1.Rollout {
	t.Helper()
	ro := &v1alpha1.Rollout{}
	if err := s.Client().Get(t.Context(), mockServer, ro); err != nil {
		t.Fatal(err)
	}
	return ro
}

func phaseOf(s *sim.Sim) v1alpha1.RolloutPhase {
	ro := &v1alpha1.Rollout{}
	if err := s.Client().Get(context.Background(), mockServer, ro); err != nil {
		return ""
	}
	return ro.Status.Phase
}

// podsByVersion counts the pods that are not terminating: ", 5 pods of 1.0.0".
func podsByVersion(s *sim.Sim) (text string) {
	var pods corev1.PodList
	if err := s.Client().List(context.Background(), &pods, client.InNamespace("default")); err != nil {
		return err.Error()
	}
	counts := map[string]int{}
	for _, pod := range pods.Items {
		if pod.DeletionTimestamp == nil {
			_, tag, _ := strings.Cut(pod.Spec.Containers[0].Image, ":")
			counts[tag]++
		}
	}
	for _, tag := range []string{"1.0.0", "2.0.0", "3.0.0"} {
		if counts[tag] > 0 {
			text += fmt.Sprintf(", %d pods of %s", counts[tag], tag)
		}
	}
	return text
}
