package store

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestValidateCreate(t *testing.T) {
	rs := func(change func(*appsv1.ReplicaSet)) client.Object {
		out := replicaSet("web", 1)
		change(out)
		return out
	}
	p := func(change func(*corev1.Pod)) client.Object {
		out := pod("web", "")
		change(out)
		return out
	}
	for _, tc := range []struct {
		obj  client.Object
		want string
	}{
		{rs(func(o *appsv1.ReplicaSet) { o.Spec.Selector = nil }), `ReplicaSet.apps "web" is invalid: spec.selector: Required value`},
		{rs(func(o *appsv1.ReplicaSet) { o.Spec.Selector = &metav1.LabelSelector{} }), `ReplicaSet.apps "web" is invalid: spec.selector: Invalid value: {}: empty selector is invalid for replicaset`},
		{rs(func(o *appsv1.ReplicaSet) { o.Spec.Template.Labels = map[string]string{"a": "b"} }),
			"ReplicaSet.apps \"web\" is invalid: spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template `labels`"},
		{rs(func(o *appsv1.ReplicaSet) { o.Spec.Replicas = ptr[int32](-2) }), `ReplicaSet.apps "web" is invalid: spec.replicas: Invalid value: -2: must be greater than or equal to 0`},
		{rs(func(o *appsv1.ReplicaSet) { o.Spec.Template.Spec.Containers = nil }), `ReplicaSet.apps "web" is invalid: spec.template.spec.containers: Required value`},
		{rs(func(o *appsv1.ReplicaSet) { o.Spec.Template.Spec.Containers[0].Image = "" }), `ReplicaSet.apps "web" is invalid: spec.template.spec.containers[0].image: Required value`},
		{rs(func(o *appsv1.ReplicaSet) { o.Labels["app"] = "a b" }), `ReplicaSet.apps "web" is invalid: metadata.labels: Invalid value: "a b": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`},
		{p(func(o *corev1.Pod) { o.Spec.Containers[0].Name = "" }), `Pod "web" is invalid: spec.containers[0].name: Required value`},
		{p(func(o *corev1.Pod) { o.Spec.Containers = append(o.Spec.Containers, o.Spec.Containers[0]) }), `Pod "web" is invalid: spec.containers[1].name: Duplicate value: "main"`},
		{p(func(o *corev1.Pod) { o.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 99999}} }), `Pod "web" is invalid: spec.containers[0].ports[0].containerPort: Invalid value: 99999: must be between 1 and 65535, inclusive`},
		{service("web"), `Service "web" is invalid: spec.ports: Required value`},
		{service("web", corev1.ServicePort{Port: 80}, corev1.ServicePort{Port: 81, Name: "b"}), `Service "web" is invalid: spec.ports[0].name: Required value`},
		{service("web", corev1.ServicePort{Port: 80, Name: "a"}, corev1.ServicePort{Port: 81, Name: "a"}), `Service "web" is invalid: spec.ports[1].name: Duplicate value: "a"`},
		{service("web", corev1.ServicePort{}), `Service "web" is invalid: spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive`},
		{service("1web", corev1.ServicePort{Port: 80}), `Service "1web" is invalid: metadata.name: Invalid value: "1web": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`},
		{rs(func(*appsv1.ReplicaSet) {}), ""},
		{p(func(*corev1.Pod) {}), ""},
		{service("web", corev1.ServicePort{Port: 80}), ""},
	} {
		f := newFixture(t, Options{})
		wantError(t, f.Create(ctx, tc.obj), tc.want)
	}
}

func TestValidateUpdate(t *testing.T) {
	for _, tc := range []struct {
		name   string
		obj    client.Object
		change func(client.Object)
		want   string // part of the error; empty: allowed
	}{
		{"selector of a ReplicaSet", replicaSet("web", 1), func(o client.Object) {
			rs := o.(*appsv1.ReplicaSet)
			rs.Spec.Template.Labels["x"] = "y"
			rs.Spec.Selector.MatchLabels["x"] = "y"
		}, "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"web\",\"x\":\"y\"}}: field is immutable"},
		{"replicas", replicaSet("web", 1), func(o client.Object) { o.(*appsv1.ReplicaSet).Spec.Replicas = ptr[int32](9) }, ""},
		{"image of a pod", pod("web", "node"), func(o client.Object) { o.(*corev1.Pod).Spec.Containers[0].Image = "b:1" }, ""},
		{"binding of a pod", pod("web", ""), func(o client.Object) { o.(*corev1.Pod).Spec.NodeName = "node" }, ""},
		{"moving a pod", pod("web", "node"), func(o client.Object) { o.(*corev1.Pod).Spec.NodeName = "other" }, "pod updates may not change fields other than"},
		{"ports of a pod", pod("web", "node"), func(o client.Object) {
			o.(*corev1.Pod).Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80}}
		}, "pod updates may not change fields other than"},
		{"selector of a Service", service("web", corev1.ServicePort{Port: 80}), func(o client.Object) {
			o.(*corev1.Service).Spec.Selector["rollouts-pod-template-hash"] = "abc"
		}, ""},
		{"address of a Service", service("web", corev1.ServicePort{Port: 80}), func(o client.Object) {
			o.(*corev1.Service).Spec.ClusterIP = "10.96.1.1"
		}, "spec.clusterIPs[0]: Invalid value: [\"10.96.1.1\"]: may not change once set"},
		{"a bad label", configMap("a", nil), func(o client.Object) { o.SetLabels(map[string]string{"-": "x"}) }, "metadata.labels: Invalid value"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t, Options{})
			f.must(f.Create(ctx, tc.obj))
			tc.change(tc.obj)
			err := f.Update(ctx, tc.obj)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
