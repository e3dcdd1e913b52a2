package templatetest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/manifest"
)

// library holds the templates of a test file, and where each comes from.
type library struct {
	analysis.Library
	places map[v1alpha1.AnalysisTemplateRef]string
}

// open reads the files that a pattern beside a test file stands for.
type open func(pattern string) ([]manifest.File, error)

// beside opens files of a folder.
func beside(folder string) open {
	return func(pattern string) ([]manifest.File, error) {
		names, err := filepath.Glob(filepath.Join(folder, filepath.FromSlash(pattern)))
		if err != nil {
			return nil, err
		}
		var files []manifest.File
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			files = append(files, manifest.File{Name: name, Data: data})
		}
		return files, nil
	}
}

// readLibrary collects the templates of a test file. Other objects in their
// files, such as the Rollout that uses them, are passed over.
func readLibrary(at place, d *document, open open) (library, error) {
	l := library{analysis.Library{}, map[v1alpha1.AnalysisTemplateRef]string{}}
	for i, pattern := range d.TemplateFiles {
		if err := l.addFiles(at.field("template_files[%d]", i), pattern, open); err != nil {
			return l, err
		}
	}
	for i := range d.Templates {
		if err := l.addInline(at.field("templates[%d]", i), &d.Templates[i]); err != nil {
			return l, err
		}
	}
	if len(l.Library) == 0 {
		return l, at.problem("there is no template to test", "name files under template_files, or write templates under templates")
	}
	return l, nil
}

func (l library) addFiles(at place, pattern string, open open) error {
	files, err := open(pattern)
	if err != nil {
		return at.problem(fmt.Sprintf("cannot read %s: %v", pattern, err), "correct the path, which counts from the folder of the test file")
	}
	if len(files) == 0 {
		return at.problem(fmt.Sprintf("there is no file %s", pattern), "correct the path, which counts from the folder of the test file")
	}
	scheme, err := manifest.Scheme()
	if err != nil {
		return err
	}
	objects, err := manifest.Read(files, scheme)
	if err != nil {
		return err
	}
	before := len(l.Library)
	for _, o := range objects {
		switch t := o.Object.(type) {
		case *v1alpha1.AnalysisTemplate:
			err = l.add(at, v1alpha1.AnalysisTemplateRef{TemplateName: t.Name}, &t.Spec, o.Place())
		case *v1alpha1.ClusterAnalysisTemplate:
			err = l.add(at, v1alpha1.AnalysisTemplateRef{TemplateName: t.Name, ClusterScope: true}, &t.Spec, o.Place())
		}
		if err != nil {
			return err
		}
	}
	if len(l.Library) == before {
		return at.problem(fmt.Sprintf("there is no template in %s", pattern), "name a file with an AnalysisTemplate or a ClusterAnalysisTemplate")
	}
	return nil
}

func (l library) addInline(at place, t *v1alpha1.AnalysisTemplate) error {
	switch {
	case t.APIVersion != v1alpha1.SchemeGroupVersion.String():
		return at.field("apiVersion").problem(fmt.Sprintf("apiVersion is %q", t.APIVersion), "write "+v1alpha1.SchemeGroupVersion.String())
	case t.Kind != v1alpha1.KindAnalysisTemplate && t.Kind != v1alpha1.KindClusterAnalysisTemplate:
		return at.field("kind").problem(fmt.Sprintf("kind is %q", t.Kind), "write AnalysisTemplate or ClusterAnalysisTemplate")
	case t.Name == "":
		return at.field("metadata").problem("this template has no name", "set metadata.name")
	}
	ref := v1alpha1.AnalysisTemplateRef{TemplateName: t.Name, ClusterScope: t.Kind == v1alpha1.KindClusterAnalysisTemplate}
	return l.add(at, ref, &t.Spec, at.String())
}

func (l library) add(at place, ref v1alpha1.AnalysisTemplateRef, spec *v1alpha1.AnalysisTemplateSpec, where string) error {
	if other, taken := l.places[ref]; taken {
		return at.problem(fmt.Sprintf("%s is given twice: at %s and at %s", refText(ref), other, where), "leave one of them out")
	}
	l.Library[ref], l.places[ref] = spec, where
	return nil
}

// choose returns the templates that a test is about: those that it names, or the
// only one that no other template refers to.
func (l library) choose(at place, named []v1alpha1.AnalysisTemplateRef) ([]v1alpha1.AnalysisTemplateRef, error) {
	refs := named
	if len(refs) == 0 {
		refs = l.tops()
	}
	if len(named) == 0 && len(refs) != 1 {
		return nil, at.problem(fmt.Sprintf("there are %d templates to test", len(refs)), "name one or more under templates, as "+l.example())
	}
	for i, ref := range named {
		if l.Library[ref] == nil {
			return nil, at.field("templates[%d]", i).problem(fmt.Sprintf("there is no %s", refText(ref)), "there is "+l.list())
		}
	}
	if missing := l.Missing(refs); len(missing) > 0 {
		return nil, at.problem(fmt.Sprintf("%s is referred to and not there", refText(missing[0])), "add its file to template_files")
	}
	return refs, nil
}

// tops lists the templates that no other refers to.
func (l library) tops() []v1alpha1.AnalysisTemplateRef {
	used := map[v1alpha1.AnalysisTemplateRef]bool{}
	for _, spec := range l.Library {
		for _, ref := range spec.Templates {
			used[ref] = true
		}
	}
	return slices.DeleteFunc(l.refs(), func(ref v1alpha1.AnalysisTemplateRef) bool { return used[ref] })
}

// refs lists all templates by name.
func (l library) refs() []v1alpha1.AnalysisTemplateRef {
	var refs []v1alpha1.AnalysisTemplateRef
	for ref := range l.Library {
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, func(a, b v1alpha1.AnalysisTemplateRef) int { return strings.Compare(refText(a), refText(b)) })
	return refs
}

func (l library) list() string {
	var names []string
	for _, ref := range l.refs() {
		names = append(names, refText(ref))
	}
	return strings.Join(names, ", ")
}

// example shows how a template is named.
func (l library) example() string {
	ref := l.refs()[0]
	if ref.ClusterScope {
		return fmt.Sprintf("{templateName: %s, clusterScope: true}", ref.TemplateName)
	}
	return fmt.Sprintf("{templateName: %s}", ref.TemplateName)
}

func refText(ref v1alpha1.AnalysisTemplateRef) string {
	kind := v1alpha1.KindAnalysisTemplate
	if ref.ClusterScope {
		kind = v1alpha1.KindClusterAnalysisTemplate
	}
	return fmt.Sprintf("%s %q", kind, ref.TemplateName)
}
