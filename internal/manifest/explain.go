package manifest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
	strictjson "sigs.k8s.io/json"
)

// start is the line of the first content of the document.
func (d document) start() int {
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

// typeError explains a value of the wrong type; data is the document as JSON.
func (d document) typeError(err error, data []byte) error {
	var mismatch *json.UnmarshalTypeError
	if !errors.As(err, &mismatch) || mismatch.Field == "" {
		return d.problem("", strings.TrimPrefix(err.Error(), "json: "), "check the values of this document")
	}
	value, _, _ := strings.Cut(mismatch.Value, " ")
	field := cmp.Or(pathAt(data, mismatch.Offset), mismatch.Field)
	text := fmt.Sprintf("field %q is %s", field, describeValue(value))
	return d.problem(field, text, "write "+describeType(mismatch.Type))
}

// pathAt is the path of the value at an offset of a JSON document, counted as
// the decoder counts: the end of a scalar, the opening bracket of anything else.
// It is empty if there is no such value.
func pathAt(data []byte, offset int64) string {
	decoder := json.NewDecoder(bytes.NewReader(data))
	var w walk
	for {
		token, err := decoder.Token()
		if err != nil {
			return ""
		}
		if isValue := w.step(token); isValue && decoder.InputOffset() >= offset {
			return w.path()
		}
	}
}

// walk is a place in a JSON document.
type walk struct{ levels []level }

// level is an object or a list that has been entered.
type level struct {
	list  bool
	index int    // of the present item, in a list
	key   string // of the present field, in an object
	value bool   // an object's next token is a value
}

// step takes the next token and says whether it begins a value.
func (w *walk) step(token json.Token) bool {
	delim, isDelim := token.(json.Delim)
	if isDelim && (delim == '}' || delim == ']') {
		w.levels = w.levels[:len(w.levels)-1]
		return false
	}
	if n := len(w.levels); n > 0 {
		l := &w.levels[n-1]
		if key, ok := token.(string); ok && !l.list && !l.value {
			l.key, l.value = key, true
			return false
		}
		l.index, l.value = l.index+1, false
	}
	if isDelim {
		w.levels = append(w.levels, level{list: delim == '[', index: -1})
	}
	return true
}

// path is where the last value began.
func (w *walk) path() string {
	var b strings.Builder
	for _, l := range w.levels {
		switch {
		case l.list && l.index >= 0:
			fmt.Fprintf(&b, "[%d]", l.index)
		case !l.list && l.key != "":
			fmt.Fprintf(&b, ".%s", l.key)
		}
	}
	return strings.TrimPrefix(b.String(), ".")
}

func describeValue(value string) string {
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

// lineOf is the line of a field such as "spec.steps[1].pause"; if the field is
// not there, that of its nearest parent that is.
func (d document) lineOf(path string) int {
	var root yamlv3.Node
	if path == "" || yamlv3.Unmarshal(d.data, &root) != nil || len(root.Content) == 0 {
		return d.start()
	}
	if line := find(root.Content[0], path); line > 0 {
		return d.line + line - 1
	}
	return d.start()
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
