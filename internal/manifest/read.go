package manifest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	strictjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// File is something that was read: a file, or standard input.
type File struct {
	// Name is what errors call it.
	Name string
	// Data holds YAML documents, or JSON.
	Data []byte
}

// Object is an object with the place that it comes from.
type Object struct {
	client.Object
	// File is the name of the file.
	File string
	// Line is the line, counted from 1, on which the object begins.
	Line int

	document document
}

// LineOf is the line of a field such as "spec.strategy.canary.steps[1].pause";
// if the field is not there, that of its nearest parent that is.
func (o Object) LineOf(field string) int { return o.document.lineOf(field) }

// Place is "web.yaml:12".
func (o Object) Place() string { return fmt.Sprintf("%s:%d", o.File, o.Line) }

// String is `Rollout "web"`.
func (o Object) String() string {
	return fmt.Sprintf("%s %q", o.GetObjectKind().GroupVersionKind().Kind, cmp.Or(o.GetName(), o.GetGenerateName()))
}

// Problem makes an error about a field of the object, at its line.
func (o Object) Problem(field, problem, remedy string) error {
	return o.document.problem(field, problem, remedy)
}

// An Error says in one line what is wrong with a file.
type Error struct {
	// File is the name of the file and Line the line, counted from 1; 0 if
	// there is none.
	File string
	Line int
	// Problem is what is wrong, Remedy what to do; Remedy may be empty.
	Problem, Remedy string
}

// Error is "web.yaml:12: problem; remedy".
func (e *Error) Error() string {
	text := e.File + ": "
	if e.Line > 0 {
		text = fmt.Sprintf("%s:%d: ", e.File, e.Line)
	}
	text += e.Problem
	if e.Remedy != "" {
		text += "; " + e.Remedy
	}
	return text
}

// Read decodes all objects of all files, in order. Documents without content
// are passed over, Lists are unfolded. The error is an [*Error] about the first
// document that is wrong, or a file without any object. Every object must have a
// name: what is applied again must find what it made.
func Read(files []File, scheme *runtime.Scheme) ([]Object, error) {
	all, errs := ReadAll(files, scheme)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	for _, o := range all {
		if o.GetName() == "" {
			return nil, o.Problem("metadata", fmt.Sprintf("this %s has no name", o.GetObjectKind().GroupVersionKind().Kind), "set metadata.name")
		}
	}
	return all, nil
}

// ReadAll is Read for those who want to know everything that is wrong: the
// objects that could be decoded and an [*Error] for each document that could
// not. An object may leave its name to the API server by metadata.generateName.
func ReadAll(files []File, scheme *runtime.Scheme) ([]Object, []error) {
	var all []Object
	var errs []error
	for _, f := range files {
		before := len(all) + len(errs)
		for _, d := range split(f) {
			objects, err := d.decode(scheme)
			if err != nil {
				errs = append(errs, err)
			}
			all = append(all, objects...)
		}
		if len(all)+len(errs) == before {
			errs = append(errs, &Error{File: f.Name, Problem: "there is no object in it", Remedy: "write a manifest, or leave the file out"})
		}
	}
	return all, append(errs, repeated(all)...)
}

// repeated refuses objects that are given twice: the second would silently win.
func repeated(all []Object) []error {
	var errs []error
	first := map[string]Object{}
	for _, o := range all {
		if o.GetName() == "" {
			continue
		}
		gk := o.GetObjectKind().GroupVersionKind().GroupKind()
		id := fmt.Sprint(gk, o.GetNamespace(), "/", o.GetName())
		if other, taken := first[id]; taken {
			errs = append(errs, &Error{File: o.File, Line: o.Line, Problem: fmt.Sprintf("%s is given a second time", o),
				Remedy: "remove it here or at " + other.Place()})
			continue
		}
		first[id] = o
	}
	return errs
}

// document is one YAML document of a file.
type document struct {
	file string
	// line is the line of the first line of data, counted from 1.
	line int
	data []byte
	// list is the document of the List that holds this one at a path such as
	// items[2]; nil if none does.
	list *document
	at   string
}

var separator = regexp.MustCompile(`^---(\s|$)`)

// split cuts a file at its separator lines.
func split(f File) []document {
	var documents []document
	current := document{file: f.Name, line: 1}
	for i, line := range bytes.SplitAfter(f.Data, []byte("\n")) {
		if separator.Match(line) {
			documents = append(documents, current)
			current = document{file: f.Name, line: i + 2}
			continue
		}
		current.data = append(current.data, line...)
	}
	return append(documents, current)
}

// decode reads the document: nothing, an object, or the objects of a list.
func (d document) decode(scheme *runtime.Scheme) ([]Object, error) {
	data, err := yaml.YAMLToJSONStrict(d.data)
	if err != nil {
		return nil, d.syntaxError(err)
	}
	if string(data) == "null" {
		return nil, nil
	}
	raw := &unstructured.Unstructured{}
	if err := strictjson.UnmarshalCaseSensitivePreserveInts(data, &raw.Object); err != nil {
		return nil, d.problem("", "this document is no object", "begin it with apiVersion and kind")
	}
	gvk, err := d.kind(raw, scheme)
	if err != nil {
		return nil, err
	}
	if raw.IsList() {
		return d.decodeList(raw, scheme)
	}
	if raw.GetName() == "" && raw.GetGenerateName() == "" {
		return nil, d.problem("metadata", fmt.Sprintf("this %s has no name", gvk.Kind), "set metadata.name")
	}
	if !scheme.Recognizes(gvk) {
		return []Object{{raw, d.file, d.start(), d}}, nil
	}
	obj, err := d.decodeTyped(data, gvk, scheme)
	if err != nil {
		return nil, err
	}
	return []Object{{obj, d.file, d.start(), d}}, nil
}

// decodeList decodes the items of a List one by one.
func (d document) decodeList(list *unstructured.Unstructured, scheme *runtime.Scheme) ([]Object, error) {
	var all []Object
	lines, number := d.itemLines(), 0
	err := list.EachListItem(func(item runtime.Object) error {
		data, err := item.(*unstructured.Unstructured).MarshalJSON()
		if err != nil {
			return err
		}
		inner := document{file: d.file, line: d.start(), data: data, list: &d, at: fmt.Sprintf("items[%d]", number)}
		if number < len(lines) {
			inner.line = lines[number]
		}
		number++
		objects, err := inner.decode(scheme)
		all = append(all, objects...)
		return err
	})
	if err != nil && !IsProblem(err) {
		err = d.problem("items", "an item of this list is no object", "give each apiVersion and kind")
	}
	return all, err
}

// kind checks apiVersion and kind. A group that the scheme knows must have the
// kind; foreign groups are left alone.
func (d document) kind(raw *unstructured.Unstructured, scheme *runtime.Scheme) (schema.GroupVersionKind, error) {
	gvk := raw.GroupVersionKind()
	switch {
	case raw.GetAPIVersion() == "":
		return gvk, d.problem("", "this document has no apiVersion", "add one, for example apiVersion: argoproj.io/v1alpha1")
	case gvk.Kind == "":
		return gvk, d.problem("", "this document has no kind", "add one, for example kind: Rollout")
	case scheme.Recognizes(gvk), gvk.Kind == "List" && gvk.Group == "":
		return gvk, nil
	}
	var kinds, versions []string
	for known := range scheme.AllKnownTypes() {
		if known.Kind == gvk.Kind && !slices.Contains(versions, known.GroupVersion().String()) {
			versions = append(versions, known.GroupVersion().String())
		}
		if known.Group == gvk.Group {
			kinds = append(kinds, known.Kind)
		}
	}
	if len(versions) > 0 && (len(kinds) > 0 || !strings.Contains(gvk.Group, ".")) {
		slices.Sort(versions)
		return gvk, d.problem("apiVersion", fmt.Sprintf("there is no %s in apiVersion %q", gvk.Kind, raw.GetAPIVersion()),
			"write "+strings.Join(versions, " or "))
	}
	if len(kinds) == 0 && strings.Contains(gvk.Group, ".") {
		return gvk, nil
	}
	return gvk, d.problem("kind", fmt.Sprintf("there is no kind %q in apiVersion %q", gvk.Kind, raw.GetAPIVersion()), suggest(gvk.Kind, kinds))
}

// decodeTyped decodes an object whose Go type the scheme knows.
func (d document) decodeTyped(data []byte, gvk schema.GroupVersionKind, scheme *runtime.Scheme) (client.Object, error) {
	typed, err := scheme.New(gvk)
	if err != nil {
		return nil, d.problem("kind", err.Error(), "")
	}
	obj, ok := typed.(client.Object)
	if !ok {
		return nil, d.problem("kind", fmt.Sprintf("a %s cannot be applied", gvk.Kind), "remove it")
	}
	strict, err := strictjson.UnmarshalStrict(data, obj)
	if err != nil {
		return nil, d.typeError(err, data, obj)
	}
	if len(strict) > 0 {
		return nil, d.strictError(strict, obj)
	}
	obj.GetObjectKind().SetGroupVersionKind(gvk)
	return obj, nil
}

// IsProblem tells whether an error is about the content of a file.
func IsProblem(err error) bool { return errors.As(err, new(*Error)) }
