package analysis

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// placeholder is where a metric wants an argument: {{args.name}}, with spaces if
// one likes. Other texts in double braces are left alone: they belong to the
// scripts of Jobs and to query languages.
//
// What JSON writes with a backslash cannot be part of a name.
var placeholder = regexp.MustCompile(`\{\{ *args\.([^\s[:cntrl:]{}"\\\x{2028}\x{2029}\x{FFFD}]+) *\}\}`)

// putArgs puts the values of arguments into metrics. Arguments that come from
// Secrets stay placeholders: see [Secrets]. An argument without a value, and a
// placeholder without an argument, are errors.
func putArgs(metrics []v1alpha1.Metric, args []v1alpha1.Argument) ([]v1alpha1.Metric, error) {
	values, secret := map[string]string{}, map[string]bool{}
	for _, arg := range args {
		switch {
		case arg.Value != nil:
			values[arg.Name] = *arg.Value
		case arg.ValueFrom != nil && arg.ValueFrom.SecretKeyRef != nil:
			secret[arg.Name] = true
		default:
			return nil, fmt.Errorf("argument %q was not supplied", arg.Name)
		}
	}
	filled := make([]v1alpha1.Metric, 0, len(metrics))
	for _, m := range metrics {
		m, err := fill(m, func(name string) (string, bool, error) {
			value, ok := values[name]
			if !ok && !secret[name] {
				return "", false, fmt.Errorf("failed to resolve {{args.%s}}", name)
			}
			return value, ok, nil
		})
		if err != nil {
			return nil, err
		}
		filled = append(filled, m)
	}
	return filled, nil
}

// Blank is a placeholder in a text: text[From:To] asks for the argument Name.
type Blank struct {
	From, To int
	Name     string
}

// Blanks lists the placeholders of a text, in its order.
func Blanks(text string) []Blank {
	var blanks []Blank
	for _, at := range placeholder.FindAllStringSubmatchIndex(text, -1) {
		blanks = append(blanks, Blank{From: at[0], To: at[1], Name: text[at[2]:at[3]]})
	}
	return blanks
}

// Written are the arguments of a Rollout as those of a run, as far as they are known when
// they are read: of what comes from elsewhere, only that it does.
func Written(args []v1alpha1.AnalysisRunArgument) []v1alpha1.Argument {
	var written []v1alpha1.Argument
	for _, arg := range args {
		w := v1alpha1.Argument{Name: arg.Name, Value: &arg.Value}
		if arg.ValueFrom != nil {
			w.Value, w.ValueFrom = nil, &v1alpha1.ValueFrom{}
		}
		written = append(written, w)
	}
	return written
}

// Known are the values of the arguments of templates that are known before there is a
// run: what its user supplies, or else the default. Arguments that come from elsewhere
// are not among them.
func Known(declared, supplied []v1alpha1.Argument) map[string]string {
	known := map[string]string{}
	for _, arg := range declared {
		for _, s := range supplied {
			if s.Name == arg.Name && hasValue(s) {
				arg = s
			}
		}
		if arg.Value != nil {
			known[arg.Name] = *arg.Value
		}
	}
	return known
}

// Secrets lists the arguments of a run that a metric of [Analysis.Due] still
// waits for, in the order of the run: each is to be read from its Secret.
func Secrets(run *v1alpha1.AnalysisRun, m v1alpha1.Metric) ([]v1alpha1.Argument, error) {
	if !hasSecret(run.Spec.Args) {
		return nil, nil
	}
	wanted, err := Placeholders(m)
	if err != nil {
		return nil, err
	}
	var secrets []v1alpha1.Argument
	for _, arg := range run.Spec.Args {
		if arg.Value == nil && slices.Contains(wanted, arg.Name) {
			secrets = append(secrets, arg)
		}
	}
	return secrets, nil
}

// Placeholders lists the arguments that a metric asks for by {{args.name}}, each
// once, in the order of its fields.
func Placeholders(m v1alpha1.Metric) ([]string, error) {
	text, err := encode(m)
	if err != nil {
		return nil, fmt.Errorf("metric %q: %w", m.Name, err)
	}
	var names []string
	for _, match := range placeholder.FindAllSubmatch(text, -1) {
		if name := string(match[1]); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

func hasSecret(args []v1alpha1.Argument) bool {
	for _, arg := range args {
		if arg.ValueFrom != nil && arg.ValueFrom.SecretKeyRef != nil {
			return true
		}
	}
	return false
}

// PutValues puts the values of arguments into a metric, by name: of those that come
// from Secrets, or of those that are known beforehand. The others stay placeholders.
func PutValues(m v1alpha1.Metric, values map[string]string) (v1alpha1.Metric, error) {
	if len(values) == 0 {
		return m, nil
	}
	return fill(m, func(name string) (string, bool, error) {
		value, ok := values[name]
		return value, ok, nil
	})
}

// fill replaces the placeholders of a whole metric: queries, conditions, limits,
// the pods of Jobs. value returns false for a placeholder that is to stay.
func fill(m v1alpha1.Metric, value func(name string) (string, bool, error)) (v1alpha1.Metric, error) {
	if !hasBraces(reflect.ValueOf(m)) { // a look at its texts costs a tenth of its JSON
		return m, nil
	}
	text, err := encode(m)
	if err != nil {
		return m, fmt.Errorf("metric %q: %w", m.Name, err)
	}
	if !placeholder.Match(text) {
		return m, nil
	}
	// In JSON, a placeholder can only be inside a string.
	text = placeholder.ReplaceAllFunc(text, func(tag []byte) []byte {
		name := string(placeholder.FindSubmatch(tag)[1])
		v, ok, fault := value(name)
		if fault != nil && err == nil {
			err = fault
		}
		if !ok {
			return tag
		}
		return quoted(v)
	})
	if err != nil {
		return m, err
	}
	var filled v1alpha1.Metric
	if err := json.Unmarshal(text, &filled); err != nil {
		return m, fmt.Errorf("metric %q, with its arguments put in: %w", m.Name, err)
	}
	return filled, nil
}

// hasBraces reports whether a text with double braces, as every placeholder has, is
// anywhere in a value.
func hasBraces(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		return strings.Contains(v.String(), "{{")
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil() && hasBraces(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if hasBraces(v.Field(i)) {
				return true
			}
		}
	case reflect.Map:
		for i := v.MapRange(); i.Next(); {
			if hasBraces(i.Key()) || hasBraces(i.Value()) {
				return true
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return bytes.Contains(v.Bytes(), []byte("{{"))
		}
		for i := range v.Len() {
			if hasBraces(v.Index(i)) {
				return true
			}
		}
	}
	return false
}

// quoted is s as it stands between the quotes of a JSON string.
func quoted(s string) []byte {
	text, err := encode(s)
	if err != nil { // every string has a JSON form
		return nil
	}
	return text[1 : len(text)-1]
}

// encode writes JSON without escaping what only matters within HTML.
func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
