package library

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

var ctx = context.Background()

func local(name string) v1alpha1.AnalysisTemplateRef {
	return v1alpha1.AnalysisTemplateRef{TemplateName: name}
}

func global(name string) v1alpha1.AnalysisTemplateRef {
	return v1alpha1.AnalysisTemplateRef{TemplateName: name, ClusterScope: true}
}

// reads counts what is read from a cluster in which shop/a names the local b and
// the global c, b names a again, and c names the local d, which is not there.
func cluster(t *testing.T, reads *[]string, fail error) client.Client {
	s := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	template := func(name string, refs ...v1alpha1.AnalysisTemplateRef) *v1alpha1.AnalysisTemplate {
		return &v1alpha1.AnalysisTemplate{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: v1alpha1.AnalysisTemplateSpec{Templates: refs},
		}
	}
	c := &v1alpha1.ClusterAnalysisTemplate{ObjectMeta: metav1.ObjectMeta{Name: "c"}}
	c.Spec.Templates = []v1alpha1.AnalysisTemplateRef{local("d")}
	return fake.NewClientBuilder().WithScheme(s).WithObjects(template("a", local("b"), global("c")), template("b", local("a")), c).
		WithInterceptorFuncs(interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
				*reads = append(*reads, key.String())
				if fail != nil {
					return fail
				}
				return c.Get(ctx, key, obj, opts...)
			},
		}).Build()
}

func names(l analysis.Library) []string {
	var list []string
	for ref := range maps.Keys(l) {
		list = append(list, ref.TemplateName)
	}
	slices.Sort(list)
	return list
}

func TestRead(t *testing.T) {
	var reads []string
	l, err := Read(ctx, cluster(t, &reads, nil), "shop", []v1alpha1.AnalysisTemplateRef{local("a"), local("nope")})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, names(l)); diff != "" {
		t.Errorf("templates (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"shop/a", "shop/nope", "shop/b", "/c", "shop/d"}, reads); diff != "" {
		t.Errorf("reads, each once (-want +got):\n%s", diff)
	}
}

// TestComplete has the first template from elsewhere.
func TestComplete(t *testing.T) {
	var reads []string
	l := analysis.Library{local("mine"): {Templates: []v1alpha1.AnalysisTemplateRef{local("b")}}}
	if err := Complete(ctx, cluster(t, &reads, nil), "shop", l, []v1alpha1.AnalysisTemplateRef{local("mine")}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "mine"}, names(l)); diff != "" {
		t.Errorf("templates (-want +got):\n%s", diff)
	}
	if slices.Contains(reads, "shop/mine") {
		t.Error("what was there was read again")
	}
}

func TestReadFails(t *testing.T) {
	refused := errors.New("refused")
	_, err := Read(ctx, cluster(t, new([]string), refused), "shop", []v1alpha1.AnalysisTemplateRef{local("a")})
	if !errors.Is(err, refused) || !strings.Contains(err.Error(), "analysis template a") {
		t.Errorf("error %v", err)
	}
}
