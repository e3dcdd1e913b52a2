package manifest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// few is how many names a remedy may list.
const few = 8

// suggest is the remedy for a misspelt name: the nearest of the names that
// there are, or all of them if they are few.
func suggest(name string, names []string) string {
	best := Nearest(name, names)
	switch {
	case best != "":
		return fmt.Sprintf("did you mean %q?", best)
	case len(names) > 0 && len(names) <= few:
		return "remove it, or write one of " + strings.Join(slices.Sorted(slices.Values(names)), ", ")
	default:
		return "remove it, or correct its name or its indentation"
	}
}

// Nearest is the one of names that a misspelt name may mean, empty if none is
// near. Of those that are as near, one that begins with it is preferred.
func Nearest(name string, names []string) string {
	best, distance := "", max(1, len(name)/3)+1
	for _, candidate := range slices.Sorted(slices.Values(names)) {
		d := edits(strings.ToLower(name), strings.ToLower(candidate))
		if d < distance || d == distance && best != "" && strings.HasPrefix(candidate, name) && !strings.HasPrefix(best, name) {
			best, distance = candidate, d
		}
	}
	return best
}

// edits counts the letters to insert, remove, replace, or swap with the next
// one, to turn a into b.
//
//	"setp" to "step": 1, a swap.
//	"maxsurg" to "maxsurge": 1, an insertion.
func edits(a, b string) int {
	older, old, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range old {
		old[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := old[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(old[j]+1, row[j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
		older, old, row = old, row, older
	}
	return old[len(b)]
}

// fieldsOf lists the JSON names of the fields at a path below a type; none if
// the path does not lead to a struct.
func fieldsOf(t reflect.Type, path string) []string {
	for _, name := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' }) {
		name, _, _ = strings.Cut(name, "[")
		t = fieldType(element(t), name)
		if t == nil {
			return nil
		}
	}
	t = element(t)
	if t.Kind() != reflect.Struct {
		return nil
	}
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, inline := jsonName(f)
		if inline {
			names = append(names, fieldsOf(f.Type, "")...)
		} else if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// element follows pointers and lists to what they hold.
func element(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t
}

// fieldType is the type of the field with a JSON name, or of the values of a map;
// nil if there is none.
func fieldType(t reflect.Type, name string) reflect.Type {
	if t.Kind() == reflect.Map {
		return t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		found, inline := jsonName(f)
		if inline {
			if inner := fieldType(element(f.Type), name); inner != nil {
				return inner
			}
		} else if found == name {
			return f.Type
		}
	}
	return nil
}

// jsonName is the name of a field in JSON, or whether it is inlined.
func jsonName(f reflect.StructField) (name string, inline bool) {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	return strings.TrimSuffix(name, "-"), name == "" && (f.Anonymous || strings.Contains(options, "inline"))
}
