// Package library reads AnalysisTemplates from a cluster.
//
// Templates refer to others, so that it takes more than one round to have all
// that is needed. What a library is good for is in internal/analysis; who fills
// one is the controllers and whoever creates an AnalysisRun by hand.
package library

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

// Read reads templates and those that they refer to; AnalysisTemplates are those
// of the namespace. What does not exist is left out, which flattening reports.
func Read(ctx context.Context, c client.Reader, namespace string, refs []v1alpha1.AnalysisTemplateRef) (analysis.Library, error) {
	l := analysis.Library{}
	return l, Complete(ctx, c, namespace, l, refs)
}

// Complete is [Read] into a library that has some templates already, which are
// not read again.
func Complete(ctx context.Context, c client.Reader, namespace string, l analysis.Library, refs []v1alpha1.AnalysisTemplateRef) error {
	absent := map[v1alpha1.AnalysisTemplateRef]bool{}
	for more := true; more; {
		more = false
		for _, ref := range l.Missing(refs) {
			if absent[ref] {
				continue
			}
			spec, err := read(ctx, c, namespace, ref)
			if err != nil {
				return err
			}
			if absent[ref] = spec == nil; spec != nil {
				l[ref], more = spec, true
			}
		}
	}
	return nil
}

// read reads one template, which nobody modifies; nil if there is none.
func read(ctx context.Context, c client.Reader, namespace string, ref v1alpha1.AnalysisTemplateRef) (*v1alpha1.AnalysisTemplateSpec, error) {
	var err error
	var spec *v1alpha1.AnalysisTemplateSpec
	if ref.ClusterScope {
		t := &v1alpha1.ClusterAnalysisTemplate{}
		err = c.Get(ctx, types.NamespacedName{Name: ref.TemplateName}, t, client.UnsafeDisableDeepCopy)
		spec = &t.Spec
	} else {
		t := &v1alpha1.AnalysisTemplate{}
		err = c.Get(ctx, types.NamespacedName{Namespace: namespace, Name: ref.TemplateName}, t, client.UnsafeDisableDeepCopy)
		spec = &t.Spec
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading analysis template %s: %w", ref.TemplateName, err)
	}
	return spec, nil
}
