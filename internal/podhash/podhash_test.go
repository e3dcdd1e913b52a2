package podhash

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func mockServer(version string, change ...func(*corev1.PodTemplateSpec)) corev1.PodTemplateSpec {
	t := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "mock-server"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name:  "mock-server",
			Image: "ghcr.io/ssup2/mock-go-server:" + version,
			Ports: []corev1.ContainerPort{{ContainerPort: 8080, Protocol: corev1.ProtocolTCP}},
		}}},
	}
	for _, c := range change {
		c(&t)
	}
	return t
}

func scraped(t *corev1.PodTemplateSpec) {
	t.Annotations = map[string]string{
		"prometheus.io/scrape": "true",
		"prometheus.io/port":   "15020",
		"prometheus.io/path":   "/stats/prometheus",
	}
}

// stored adds what the API server adds to the template of a ReplicaSet.
func stored(t *corev1.PodTemplateSpec) {
	c := &t.Spec.Containers[0]
	c.TerminationMessagePath = corev1.TerminationMessagePathDefault
	c.TerminationMessagePolicy = corev1.TerminationMessageReadFile
	c.ImagePullPolicy = corev1.PullIfNotPresent
	t.Spec.RestartPolicy = corev1.RestartPolicyAlways
	t.Spec.TerminationGracePeriodSeconds = ptr.To[int64](30)
	t.Spec.DNSPolicy = corev1.DNSClusterFirst
	t.Spec.SecurityContext = &corev1.PodSecurityContext{}
	t.Spec.SchedulerName = corev1.DefaultSchedulerName
}

// The seven hashes that the source documents print.
func TestOfMatchesExistingClusters(t *testing.T) {
	for _, c := range []struct {
		name, want string
		template   corev1.PodTemplateSpec
	}{
		{"1.0.0", "6579c6cc98", mockServer("1.0.0")},
		{"2.0.0", "7c6fcfb847", mockServer("2.0.0")},
		{"3.0.0", "6fcb56df9b", mockServer("3.0.0")},
		{"1.0.0 with scrape annotations", "5f59cc96", mockServer("1.0.0", scraped)},
		{"2.0.0 with scrape annotations", "789cf554d9", mockServer("2.0.0", scraped)},
		{"experiment from the stored stable template", "68879bfdd8", mockServer("1.0.0", scraped, stored)},
		{"experiment from the stored canary template", "65c7c65dd7", mockServer("2.0.0", scraped, stored)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Of(c.template, nil); got != c.want {
				t.Errorf("Of() = %s, want %s\njson: %s", got, c.want, templateJSON(c.template))
			}
		})
	}
}

func TestCollisionCountChangesTheHash(t *testing.T) {
	seen := map[string]string{}
	for name, count := range map[string]*int32{"none": nil, "zero": ptr.To[int32](0), "one": ptr.To[int32](1)} {
		h := Of(mockServer("1.0.0"), count)
		if other, taken := seen[h]; taken {
			t.Errorf("collision counts %s and %s give the same hash %s", name, other, h)
		}
		seen[h] = name
	}
}

func TestOfLeavesTheTemplateAlone(t *testing.T) {
	tpl := mockServer("1.0.0")
	Of(tpl, nil)
	if !tpl.CreationTimestamp.IsZero() {
		t.Errorf("Of wrote a creation time into the caller's template")
	}
}
