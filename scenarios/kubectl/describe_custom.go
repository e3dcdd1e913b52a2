package kubectl

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// describeCustom prints an object of a custom resource as kubectl describe does:
// every field by its name in words, in the order of the names.
func (k *Kubectl) describeCustom(ctx context.Context, obj *unstructured.Unstructured) error {
	w := tabwriter.NewWriter(k.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "Name:\t%s\nNamespace:\t%s\n", obj.GetName(), obj.GetNamespace())
	annotations := obj.GetAnnotations()
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	fmt.Fprintf(w, "Labels:\t%s\n", entries(obj.GetLabels(), "="))
	fmt.Fprintf(w, "Annotations:\t%s\n", entries(annotations, ": "))
	content := maps.Clone(obj.Object)
	metadata, _ := content["metadata"].(map[string]any)
	metadata = maps.Clone(metadata)
	for _, field := range []string{"name", "namespace", "labels", "annotations", "managedFields"} {
		delete(metadata, field)
	}
	content["metadata"] = metadata
	describeFields(w, 0, content)
	events, err := k.eventsOf(ctx, obj)
	if err != nil {
		return err
	}
	if len(events) == 0 {
		fmt.Fprintln(w, "Events:\t<none>")
	}
	if err := w.Flush(); err != nil || len(events) == 0 {
		return err
	}
	return k.printEvents(events)
}

// entries writes a map with one entry on a line, all in the second column.
func entries(m map[string]string, separator string) string {
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		lines = append(lines, key+separator+m[key])
	}
	return orNone(strings.Join(lines, "\n\t"))
}

// describeFields prints the fields of an object, two blanks deeper with each
// level. The objects of a list follow one another without a mark.
func describeFields(w io.Writer, level int, fields map[string]any) {
	indent := strings.Repeat("  ", level)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		label := labelOf(name)
		switch value := fields[name].(type) {
		case map[string]any:
			fmt.Fprintf(w, "%s%s:\n", indent, label)
			describeFields(w, level+1, value)
		case []any:
			fmt.Fprintf(w, "%s%s:\n", indent, label)
			for _, item := range value {
				if object, ok := item.(map[string]any); ok {
					describeFields(w, level+1, object)
				} else {
					fmt.Fprintf(w, "%s  %v\n", indent, item)
				}
			}
		default:
			fmt.Fprintf(w, "%s%s:\t%v\n", indent, label, value)
		}
	}
}

// labelOf turns the name of a field into words, as kubectl does.
//
//	apiVersion                    API Version
//	rollouts-pod-template-hash    Rollouts - Pod - Template - Hash
//	topology.istio.io/network     as it is
func labelOf(field string) string {
	if strings.ContainsFunc(field, func(r rune) bool { return !unicode.IsLetter(r) && r != '-' }) {
		return field
	}
	var words []string
	for _, word := range camelWords([]rune(field)) {
		switch upper := strings.ToUpper(word); upper {
		case "API", "URL", "UID", "OSB", "GUID":
			words = append(words, upper)
		default:
			_, first := utf8.DecodeRuneInString(word)
			words = append(words, strings.ToUpper(word[:first])+word[first:])
		}
	}
	return strings.Join(words, " ")
}

// camelWords cuts a name of letters and dashes before each capital that begins
// a word, and around dashes: "podIPs" is "pod", "I", "Ps"; "clusterIP" is
// "cluster", "IP".
func camelWords(name []rune) (words []string) {
	class := func(r rune) int {
		switch {
		case unicode.IsLower(r):
			return 1
		case unicode.IsUpper(r):
			return 2
		}
		return 3
	}
	start := 0
	for i := 1; i <= len(name); i++ {
		cut := i == len(name)
		if !cut {
			before, here := class(name[i-1]), class(name[i])
			last := before == 2 && here == 2 && i+1 < len(name) && class(name[i+1]) == 1
			cut = last || before != here && (before != 2 || here != 1)
		}
		if cut {
			words = append(words, string(name[start:i]))
			start = i
		}
	}
	return words
}

// eventsOf returns what happened to an object.
func (k *Kubectl) eventsOf(ctx context.Context, obj *unstructured.Unstructured) ([]unstructured.Unstructured, error) {
	events, err := resourceNamed("events")
	if err != nil {
		return nil, err
	}
	of := client.MatchingFields{"involvedObject.kind": obj.GetKind(), "involvedObject.name": obj.GetName()}
	return k.list(ctx, events, "", false, of, client.UnsafeDisableDeepCopy)
}

// printEvents prints the table at the end of a description.
func (k *Kubectl) printEvents(events []unstructured.Unstructured) error {
	k.printf("Events:\n")
	w := tabwriter.NewWriter(k.Out, 0, 8, 2, ' ', 0)
	fmt.Fprint(w, "  Type\tReason\tAge\tFrom\tMessage\n  ----\t------\t----\t----\t-------\n")
	for i := range events {
		v := view{&events[i], k.Clock.Now()}
		row := eventRow(v)
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", row[1], row[2], row[0], v.get("source", "component"), row[4])
	}
	return w.Flush()
}
