package scale

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

func nameOf(i int) string { return fmt.Sprintf("web-%d", i) }

// rollout is what every team has: five pods, a canary of 20 % and one of 60 %,
// each looked at for a moment. Its pods have no port, so that they cost the
// machine nothing but their objects.
func rollout(namespace string, i int, image string) *v1alpha1.Rollout {
	pause := v1alpha1.CanaryStep{Pause: &v1alpha1.RolloutPause{Duration: ptr.To(intstr.FromString("5s"))}}
	labels := map[string]string{"app": nameOf(i)}
	return &v1alpha1.Rollout{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: nameOf(i)},
		Spec: v1alpha1.RolloutSpec{
			Replicas: ptr.To[int32](pods),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: image}}},
			},
			Strategy: v1alpha1.RolloutStrategy{Canary: &v1alpha1.CanaryStrategy{Steps: []v1alpha1.CanaryStep{
				{SetWeight: ptr.To[int32](20)}, pause, {SetWeight: ptr.To[int32](60)}, pause,
			}}},
		},
	}
}
