package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// To decode what differs gives what decoding all of it does, and the content that a
// conversion makes of that; the object before is left as it was.
func TestGraft(t *testing.T) {
	f := newFixture(t, Options{})
	rs := replicaSet("web", 2)
	main := &rs.Spec.Template.Spec.Containers[0]
	main.Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m")}
	main.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(80)}}}
	rs.Spec.Template.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: new(int64)}
	f.must(f.Create(ctx, rs))
	_, tb, err := f.store.kindOf(rs)
	f.must(err)
	cur := get(f, rs)
	for _, patch := range []string{
		`{"spec":{"replicas":5}}`,
		`{"spec":{"replicas":null}}`,
		`{"spec":{"replicas":2,"minReadySeconds":3,"unknown":{"x":1}}}`,
		`{"spec":{"template":{"metadata":{"annotations":{"a":"b"}}}}}`,
		`{"spec":{"template":{"metadata":{"labels":{"app":null,"c":"d"}}}}}`,
		`{"spec":{"template":{"metadata":null}}}`,
		`{"spec":{"template":{"spec":{"securityContext":{"runAsUser":7,"fsGroup":null}}}}}`,
		`{"spec":{"template":{"spec":{"securityContext":{"runAsUser":null}}}}}`,
		`{"spec":{"template":{"spec":{"securityContext":null,"affinity":{"nodeAffinity":{}}}}}}`,
		`{"spec":{"template":{"spec":{"containers":[{"name":"other","image":"x","resources":{"limits":{"cpu":"1000m"}}}]}}}}`,
		`{"spec":{"template":null}}`,
		`{"spec":{"selector":{"matchExpressions":[{"key":"a","operator":"Exists"}]}}}`,
		`{"metadata":{"labels":null,"annotations":{"x":"y"}},"spec":null}`,
		`{"status":{"replicas":1}}`,
	} {
		old, err := contentOf(cur)
		f.must(err)
		before := cur.DeepCopy()
		content, ok := mergeContent(old, []byte(patch))
		if !ok {
			t.Fatalf("%s is no patch for the short way", patch)
		}
		want, err := decodeContent(tb, runtime.DeepCopyJSON(content), false)
		f.must(err)
		wantContent, err := contentOf(want)
		f.must(err)
		got, gotContent, err := tb.graft(content, old, cur)
		f.must(err)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-decoded +grafted):\n%s", patch, d)
		}
		if d := cmp.Diff(wantContent, gotContent); d != "" {
			t.Errorf("%s (-converted +grafted):\n%s", patch, d)
		}
		if d := cmp.Diff(before, cur); d != "" {
			t.Errorf("%s changed what was there before:\n%s", patch, d)
		}
	}
}

// A field of the wrong type is an error.
func TestGraftRefuses(t *testing.T) {
	f := newFixture(t, Options{})
	rs := replicaSet("web", 2)
	f.must(f.Create(ctx, rs))
	_, tb, err := f.store.kindOf(rs)
	f.must(err)
	old, err := contentOf(rs)
	f.must(err)
	content, _ := mergeContent(old, []byte(`{"spec":{"replicas":"many"}}`))
	if _, _, err := tb.graft(content, old, rs); err == nil {
		t.Error("a number of replicas that is a text was decoded")
	}
}
