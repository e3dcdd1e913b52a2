package store

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/google/go-cmp/cmp"

	"github.com/aviary-rollouts/aviary/sim/kernel"

	"github.com/aviary-rollouts/aviary/internal/podtemplate"
)

func TestIsCustom(t *testing.T) {
	for group, want := range map[string]bool{
		"": false, "apps": false, "policy": false, "networking.k8s.io": false, "rbac.authorization.k8s.io": false,
		"argoproj.io": true, "networking.istio.io": true, "traefik.io": true, "gateway.networking.k8s.io": true, "appmesh.k8s.aws": true,
	} {
		if got := isCustom(group); got != want {
			t.Errorf("isCustom(%q) = %v", group, got)
		}
	}
}

// A kind is kept in its most stable version, whichever it is written in.
func TestStorageVersion(t *testing.T) {
	f := newFixture(t, Options{})
	for in, want := range map[schema.GroupVersionKind]string{
		{Group: "autoscaling", Version: "v1", Kind: "HorizontalPodAutoscaler"}: "v2",
		{Group: "apps", Version: "v1beta1", Kind: "Deployment"}:                "v1",
		{Group: "batch", Version: "v1beta1", Kind: "CronJob"}:                  "v1",
		{Group: "example.com", Version: "v7", Kind: "Thing"}:                   "v7",
	} {
		if got := f.store.storageVersion(in).Version; got != want {
			t.Errorf("%v is kept in %s, want %s", in, got, want)
		}
	}
}

// A typed object of one version is answered in another by its JSON.
func TestTypedVersions(t *testing.T) {
	f := newFixture(t, Options{})
	target := int32(60)
	v1 := &autoscalingv1.HorizontalPodAutoscaler{Spec: autoscalingv1.HorizontalPodAutoscalerSpec{
		MaxReplicas: 9, TargetCPUUtilizationPercentage: &target,
		ScaleTargetRef: autoscalingv1.CrossVersionObjectReference{Kind: "Rollout", Name: "web"}}}
	v1.Namespace, v1.Name = "default", "web"
	f.must(f.Create(ctx, v1))
	v1.Spec.MaxReplicas = 12
	v1.Spec.TargetCPUUtilizationPercentage = &target
	f.must(f.Update(ctx, v1))
	v2 := unstructuredOf("autoscaling/v2", "HorizontalPodAutoscaler", "web")
	f.must(f.Get(ctx, client.ObjectKeyFromObject(v2), v2))
	spec := v2.Object["spec"].(map[string]any)
	if spec["maxReplicas"] != int64(12) || len(spec["metrics"].([]any)) != 1 {
		t.Errorf("read as v2: %v", spec)
	}
	var list autoscalingv1.HorizontalPodAutoscalerList
	f.must(f.List(ctx, &list))
	if len(list.Items) != 1 || list.Items[0].Spec.MaxReplicas != 12 || list.Items[0].APIVersion != "autoscaling/v1" {
		t.Errorf("listed as v1: %+v", list.Items)
	}
}

// Without the core types in the scheme everything works on unstructured
// objects, but for what needs the fields of a kind.
func TestBareScheme(t *testing.T) {
	k := kernel.New(1, epoch)
	s := New(k, runtime.NewScheme(), Options{})
	c := s.Client("test")
	for name, node := range map[string]string{"a": "x", "b": "y"} {
		p := unstructuredOf("v1", "Pod", name, "spec.nodeName", node, "status.phase", "Running")
		if err := c.Create(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	list := podList()
	if err := c.List(ctx, list, client.MatchingFields{"spec.nodeName": "y"}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"default/b"}, names(list)); d != "" {
		t.Error(d)
	}
	if err := c.List(ctx, podList(), client.MatchingFields{"spec.schedulerName": "y"}); !apierrors.IsBadRequest(err) {
		t.Errorf("got %v", err)
	}
	if err := c.Create(ctx, &corev1.Pod{}); err == nil {
		t.Error("a type that the scheme does not know was accepted")
	}
}

func TestVolumeDefaults(t *testing.T) {
	field := func() []corev1.DownwardAPIVolumeFile {
		return []corev1.DownwardAPIVolumeFile{{Path: "p", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels"}}}
	}
	for _, tc := range []struct {
		in   corev1.VolumeSource
		want string
	}{
		{corev1.VolumeSource{}, `{"emptyDir":{}}`},
		{corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: "Memory"}}, `{"emptyDir":{"medium":"Memory"}}`},
		{corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s"}}, `{"secret":{"secretName":"s","defaultMode":420}}`},
		{corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}, `{"hostPath":{"path":"/","type":""}}`},
		{corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: field()}},
			`{"downwardAPI":{"items":[{"path":"p","fieldRef":{"apiVersion":"v1","fieldPath":"metadata.labels"}}],"defaultMode":420}}`},
		{corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: field()}}, {ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "t"}}}}},
			`{"projected":{"sources":[{"downwardAPI":{"items":[{"path":"p","fieldRef":{"apiVersion":"v1","fieldPath":"metadata.labels"}}]}},{"serviceAccountToken":{"expirationSeconds":3600,"path":"t"}}],"defaultMode":420}}`},
	} {
		spec := corev1.PodSpec{Volumes: []corev1.Volume{{VolumeSource: tc.in}}}
		podtemplate.SetDefaults(&spec)
		tc.in = spec.Volumes[0].VolumeSource
		if d := cmp.Diff(tc.want, string(mustJSON(tc.in))); d != "" {
			t.Error(d)
		}
	}
}

func TestOtherWorkloadDefaults(t *testing.T) {
	f := newFixture(t, Options{})
	rs := replicaSet("web", 1)
	sts := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec: appsv1.StatefulSetSpec{Selector: rs.Spec.Selector, Template: rs.Spec.Template}}
	f.must(f.Create(ctx, sts))
	if *sts.Spec.Replicas != 1 || sts.Spec.PodManagementPolicy != appsv1.OrderedReadyPodManagement || *sts.Spec.UpdateStrategy.RollingUpdate.Partition != 0 {
		t.Errorf("StatefulSet %+v", sts.Spec)
	}
	ds := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec: appsv1.DaemonSetSpec{Selector: rs.Spec.Selector, Template: rs.Spec.Template}}
	f.must(f.Create(ctx, ds))
	if ds.Spec.UpdateStrategy.RollingUpdate.MaxUnavailable.IntValue() != 1 || ds.Spec.Template.Spec.RestartPolicy != corev1.RestartPolicyAlways {
		t.Errorf("DaemonSet %+v", ds.Spec)
	}
}

func TestApplyIsRefused(t *testing.T) {
	f := newFixture(t, Options{})
	obj := client.ApplyConfigurationFromUnstructured(unstructuredOf("v1", "ConfigMap", "a"))
	for _, err := range []error{f.Apply(ctx, obj), f.Status().Apply(ctx, obj)} {
		if !apierrors.IsUnsupportedMediaType(err) {
			t.Errorf("got %v", err)
		}
	}
}

func TestDescribe(t *testing.T) {
	f := newFixture(t, Options{Describe: func(e Event) string { return "(" + string(e.Type) + ")" }})
	cm := configMap("a", nil)
	f.must(f.Create(ctx, cm))
	f.must(f.Delete(ctx, cm))
	want := []string{"test create ConfigMap default/a rv=1 (ADDED)", "test delete ConfigMap default/a rv=2 (DELETED)"}
	if d := cmp.Diff(want, f.texts()); d != "" {
		t.Error(d)
	}
}

func TestMapperNames(t *testing.T) {
	m := newFixture(t, Options{}).RESTMapper()
	gvr, err := m.ResourceFor(schema.GroupVersionResource{Resource: "svc"})
	if err != nil || gvr.Resource != "services" {
		t.Errorf("ResourceFor(svc) = %v, %v", gvr, err)
	}
	list, err := m.ResourcesFor(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployment"})
	if err != nil || len(list) != 1 || list[0].String() != "apps/v1, Resource=deployments" {
		t.Errorf("ResourcesFor(deployment) = %v, %v", list, err)
	}
	singular, err := m.ResourceSingularizer("ingresses")
	if err != nil || singular != "ingress" {
		t.Errorf("ResourceSingularizer = %q, %v", singular, err)
	}
	mappings, err := m.RESTMappings(schema.GroupKind{Group: "autoscaling", Kind: "HorizontalPodAutoscaler"}, "v1")
	if err != nil || len(mappings) != 1 || mappings[0].GroupVersionKind.Version != "v1" {
		t.Errorf("RESTMappings = %v, %v", mappings, err)
	}
	if _, err := m.RESTMapping(schema.GroupKind{Group: "nowhere.io", Kind: "Nothing"}); err == nil {
		t.Error("an unknown kind was mapped without a version")
	}
	if mapping, err := m.RESTMapping(schema.GroupKind{Group: "nowhere.io", Kind: "Nothing"}, "v1"); err != nil || mapping.Resource.Resource != "nothings" {
		t.Errorf("RESTMapping = %v, %v", mapping, err)
	}
}
