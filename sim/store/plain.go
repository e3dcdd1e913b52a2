package store

import (
	"strings"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// isPlain reports whether it is plain to see that an API server accepts the labels,
// the annotations and the rest of the metadata of an object, its names excepted. That
// is so of nearly all objects, and the general way, which asks regular expressions
// and puts the paths of fields together, costs a third of what it takes to create
// one. FuzzIsPlain holds it to the general way.
func isPlain(obj client.Object) bool {
	if obj.GetGeneration() < 0 || len(obj.GetFinalizers())+len(obj.GetManagedFields()) > 0 {
		return false
	}
	for key, value := range obj.GetLabels() {
		if !isPlainKey(key) || value != "" && !isPlainName(value) {
			return false
		}
	}
	size := 0
	for key, value := range obj.GetAnnotations() {
		if !isPlainKey(key) {
			return false
		}
		size += len(key) + len(value)
	}
	return size <= apivalidation.TotalAnnotationSizeLimitB
}

// hasPlainNames reports the same of the names and the namespace of a new object.
func hasPlainNames(t *table, obj client.Object) bool {
	rule, prefix, namespace := nameRule(t), obj.GetGenerateName(), obj.GetNamespace()
	if t.facts.clusterScoped != (namespace == "") || strings.Contains(namespace, ".") || namespace != "" && !isPlainSubdomain(namespace) {
		return false
	}
	return obj.GetName() != "" && len(rule(obj.GetName(), false)) == 0 && (prefix == "" || len(rule(prefix, true)) == 0)
}

// isPlainKey reports whether a key is a name, or one with a prefix that is a DNS
// subdomain.
func isPlainKey(key string) bool {
	prefix, name, prefixed := strings.Cut(key, "/")
	if !prefixed {
		return isPlainName(key)
	}
	return isPlainSubdomain(prefix) && isPlainName(name)
}

// isPlainName reports whether a text is letters, digits and, between them, dashes,
// dots and underscores, as the values of labels are.
func isPlainName(s string) bool {
	if s == "" || len(s) > validation.LabelValueMaxLength {
		return false
	}
	for i := range len(s) {
		c := s[i]
		inner := (c == '-' || c == '.' || c == '_') && i > 0 && i < len(s)-1
		if !inner && !isLower(c) && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// isPlainSubdomain reports whether a text is small letters and digits and, between
// them, dashes and single dots.
func isPlainSubdomain(s string) bool {
	if s == "" || len(s) > maxNameLength {
		return false
	}
	for i := range len(s) {
		inner := i > 0 && i < len(s)-1
		switch c := s[i]; {
		case isLower(c):
		case c == '-' && inner:
		case c == '.' && inner && isLower(s[i-1]) && isLower(s[i+1]):
		default:
			return false
		}
	}
	return true
}

// isPlainLabel reports whether a text is a DNS label, as the names of containers are.
func isPlainLabel(s string) bool { return isPlainSubdomain(s) && !strings.Contains(s, ".") }

// isLower reports whether a byte is a small letter or a digit.
func isLower(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
