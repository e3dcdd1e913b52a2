package istiometric

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestIdentity(t *testing.T) {
	pod := func(kind, owner string, labels map[string]string) *corev1.Pod {
		yes := true
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "alone", Labels: labels}}
		if owner != "" {
			p.OwnerReferences = []metav1.OwnerReference{{Kind: kind, Name: owner, Controller: &yes}}
		}
		return p
	}
	for _, tc := range []struct {
		pod                                  *corev1.Pod
		workload, service, version, revision string
	}{
		{pod("ReplicaSet", "web-abc", map[string]string{"pod-template-hash": "abc", "app": "web", "version": "v1"}), "web", "web", "v1", "v1"},
		{pod("ReplicaSet", "web-abc", map[string]string{"rollouts-pod-template-hash": "abc"}), "web", "web", "", "latest"},
		{pod("ReplicaSet", "web-abc-2-0-stable", map[string]string{"rollouts-pod-template-hash": "def"}), "web-abc-2-0-stable", "web-abc-2-0-stable", "", "latest"},
		{pod("StatefulSet", "db", map[string]string{"app.kubernetes.io/name": "database", "app.kubernetes.io/version": "9"}), "db", "database", "", "9"},
		{pod("", "", nil), "alone", "alone", "", "latest"},
	} {
		id := Of(tc.pod)
		if got := []string{id.Workload, id.Service, id.Version, id.Revision}; !cmp.Equal(got, []string{tc.workload, tc.service, tc.version, tc.revision}) {
			t.Errorf("%v: %q", tc.pod.OwnerReferences, got)
		}
	}
}
