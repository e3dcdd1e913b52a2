package manager

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// TestViewOfOneNamespace: what lies outside, and what belongs to no namespace, does not
// exist to a controller of one namespace, which may not ask for it.
func TestViewOfOneNamespace(t *testing.T) {
	scheme, err := newScheme()
	if err != nil {
		t.Fatal(err)
	}
	at := func(namespace string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: namespace, Name: "web"} }
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(
		&corev1.Service{ObjectMeta: at("shop")}, &corev1.Service{ObjectMeta: at("front")}, &v1alpha1.ClusterAnalysisTemplate{ObjectMeta: at("")},
	).Build()
	for _, tc := range []struct {
		of, namespace string
		obj           client.Object
		want          bool
	}{
		{"", "shop", &corev1.Service{}, true},
		{"", "front", &corev1.Service{}, true},
		{"", "", &v1alpha1.ClusterAnalysisTemplate{}, true},
		{"shop", "shop", &corev1.Service{}, true},
		{"shop", "front", &corev1.Service{}, false},
		{"shop", "", &v1alpha1.ClusterAnalysisTemplate{}, false},
	} {
		view := clusterView{Client: c, namespace: tc.of}
		err := view.Get(t.Context(), client.ObjectKey{Namespace: tc.namespace, Name: "web"}, tc.obj)
		if (err == nil) != tc.want || err != nil && !apierrors.IsNotFound(err) {
			t.Errorf("a controller of %q reads a %T in %q: %v", tc.of, tc.obj, tc.namespace, err)
		}
	}
}

// TestViewOfKinds: the kinds that every cluster has are looked up as ever.
func TestViewOfKinds(t *testing.T) {
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Service"), meta.RESTScopeNamespace)
	view := clusterView{Client: fake.NewClientBuilder().WithRESTMapper(mapper).Build(), kinds: &optionalKinds{}}
	mapping, err := view.RESTMapper().RESTMapping(corev1.SchemeGroupVersion.WithKind("Service").GroupKind(), "v1")
	if err != nil || mapping.Resource.Resource != "services" {
		t.Errorf("%+v, error %v", mapping, err)
	}
}
