package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	strictjson "sigs.k8s.io/json"
)

// start is the line of the first content of the document.
func (d document) start() int {
	if d.list != nil {
		return d.line
	}
	for i, line := range bytes.Split(d.data, []byte("\n")) {
		if text := bytes.TrimSpace(line); len(text) > 0 && text[0] != '#' {
			return d.line + i
		}
	}
	return d.line
}

// problem makes an error at the line of a field; the document's first line if
// the field is empty or not there.
func (d document) problem(field, text, remedy string) error {
	return &Error{File: d.file, Line: d.lineOf(field), Problem: text, Remedy: remedy}
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// syntaxError explains what the YAML parser did not understand.
func (d document) syntaxError(err error) error {
	text := strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "yaml: ")), " ")
	text = strings.TrimPrefix(text, "unmarshal errors: ")
	at := d.start()
	if m := yamlLine.FindStringSubmatchIndex(text); m != nil {
		if n, err := strconv.Atoi(text[m[2]:m[3]]); err == nil {
			at = d.line + n - 1
		}
		text = text[:m[0]] + text[m[1]:]
	}
	remedy := "check the indentation, the colons and the quotes around this line"
	if strings.Contains(text, "already set in map") {
		remedy = "a field may be written once; merge the two"
	}
	return &Error{File: d.file, Line: at, Problem: "broken YAML: " + text, Remedy: remedy}
}

// strictError explains fields that the type does not have.
func (d document) strictError(errs []error, into any) error {
	var field strictjson.FieldError
	if !errors.As(errs[0], &field) {
		return d.problem("", errs[0].Error(), "")
	}
	text := fmt.Sprintf("unknown field %q", field.FieldPath())
	if !strings.HasPrefix(errs[0].Error(), "unknown") {
		text = errs[0].Error()
	}
	if more := len(errs) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	parent, name := cutLast(field.FieldPath())
	return d.problem(field.FieldPath(), text, suggest(name, fieldsOf(reflect.TypeOf(into), parent)))
}

// typeError explains a value that the type cannot hold; data is the document as
// JSON.
func (d document) typeError(err error, data []byte, into any) error {
	field, target := culprit(data, reflect.TypeOf(into).Elem())
	var mismatch *json.UnmarshalTypeError
	switch isMismatch := errors.As(err, &mismatch); {
	case field == "" && isMismatch:
		names := slices.Sorted(slices.Values(fieldsOf(target, "")))
		return d.problem("", "this document is "+describeValue(mismatch.Value), "write fields: "+strings.Join(names, ", "))
	case field == "":
		return d.problem("", strings.TrimPrefix(err.Error(), "json: "), "check the values of this document")
	case isMismatch:
		return d.problem(field, fmt.Sprintf("field %q is %s", field, describeValue(mismatch.Value)), "write "+describeType(target))
	}
	return d.problem(field, fmt.Sprintf("field %q: %s", field, strings.TrimPrefix(err.Error(), "json: ")), "write "+describeType(target))
}

// describeValue says what a value is, as the decoder calls it: "string", or
// "number 5.5".
func describeValue(value string) string {
	value, _, _ = strings.Cut(value, " ")
	switch value {
	case "array":
		return "a list"
	case "object":
		return "a map of fields"
	case "bool":
		return "true or false"
	default:
		return "a " + value
	}
}

// describeType says what a person has to write for a Go type.
func describeType(t reflect.Type) string {
	if text, known := written[t]; known {
		return text
	}
	switch t.Kind() {
	case reflect.Pointer:
		return describeType(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string; quote it if it looks like something else"
	case reflect.Slice, reflect.Array:
		return "a list, each item after a dash"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "a whole number, without quotes"
	default:
		return "a map of fields, indented below it"
	}
}

// written are the types that decode themselves.
var written = map[reflect.Type]string{
	reflect.TypeFor[metav1.Time]():        "a time such as 2026-01-31T12:00:00Z",
	reflect.TypeFor[metav1.Duration]():    "a duration such as 30s, 5m or 1h",
	reflect.TypeFor[resource.Quantity]():  "a quantity such as 500m, 2 or 128Mi",
	reflect.TypeFor[intstr.IntOrString](): "a whole number or a string",
}

// lineOf is the line of a field such as "spec.steps[1].pause"; if the field is
// not there, that of its nearest parent that is.
func (d document) lineOf(path string) int {
	var root yamlv3.Node
	if d.list != nil && path != "" {
		return d.list.lineOf(join(d.at, path))
	}
	if path == "" || yamlv3.Unmarshal(d.data, &root) != nil || len(root.Content) == 0 {
		return d.start()
	}
	if line := find(root.Content[0], path); line > 0 {
		return d.line + line - 1
	}
	return d.start()
}

// itemLines are the lines on which the items of a List begin; none if they cannot be
// told.
func (d document) itemLines() []int {
	var root yamlv3.Node
	if yamlv3.Unmarshal(d.data, &root) != nil || len(root.Content) == 0 {
		return nil
	}
	_, items, _ := enter(root.Content[0], "items")
	if items == nil {
		return nil
	}
	var lines []int
	for _, item := range items.Content {
		lines = append(lines, d.line+item.Line-1)
	}
	return lines
}

// find is the line, within the document, of the deepest part of a path that is
// there; 0 if there is none.
func find(node *yamlv3.Node, path string) int {
	line := 0
	for path != "" {
		key, value, rest := enter(node, path)
		if value == nil {
			break
		}
		line, node, path = key.Line, value, rest
	}
	return line
}

var index = regexp.MustCompile(`^\[(\d+)\]\.?`)

// enter goes one step down a path; value is nil if there is no such step. Keys
// may contain dots, so the longest key that the path begins with is taken.
func enter(node *yamlv3.Node, path string) (key, value *yamlv3.Node, rest string) {
	if m := index.FindStringSubmatch(path); m != nil && node.Kind == yamlv3.SequenceNode {
		if n, err := strconv.Atoi(m[1]); err == nil && n < len(node.Content) {
			return node.Content[n], node.Content[n], path[len(m[0]):]
		}
	}
	if node.Kind != yamlv3.MappingNode {
		return nil, nil, ""
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		k := node.Content[i]
		after, found := strings.CutPrefix(path, k.Value)
		if found && (after == "" || after[0] == '.' || after[0] == '[') && (key == nil || len(k.Value) > len(key.Value)) {
			key, value, rest = k, node.Content[i+1], strings.TrimPrefix(after, ".")
		}
	}
	return key, value, rest
}

// cutLast splits "a.b[0].c" into "a.b[0]" and "c".
func cutLast(path string) (parent, name string) {
	i := strings.LastIndex(path, ".")
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}
