package istio

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// condition is Istio's form of a condition on a string.
func condition(m *v1alpha1.StringMatch) node {
	switch {
	case m == nil:
		return node{}
	case m.Prefix != "":
		return node{"prefix": m.Prefix}
	case m.Regex != "":
		return node{"regex": m.Regex}
	}
	return node{"exact": m.Exact}
}

// narrow combines the conditions of a route with those of a step. Both are
// lists of which one is enough, so the result is too; a route without
// conditions takes every request. Pairs that no request can meet are left out.
//
//	route: uri /shop      step: header a, header b  ->  uri /shop and header a; uri /shop and header b
//	route: -              step: header a            ->  header a
//	route: header a = no  step: header a = yes      ->  -
func narrow(own, step []node) []node {
	if len(own) == 0 {
		own = []node{{}}
	}
	var list []node
	for _, a := range own {
		for _, b := range step {
			if both, possible := narrowed(a, b); possible {
				list = append(list, both)
			}
		}
	}
	return list
}

// narrowed is the condition that a and b hold; false if they exclude each
// other. b has only the fields that steps have.
func narrowed(a, b node) (node, bool) {
	out := clone(a).(node)
	for _, key := range []string{"uri", "method"} {
		if value, has := b[key].(node); has {
			if !narrowString(out, key, value) {
				return nil, false
			}
		}
	}
	if wanted, has := b["headers"].(node); has {
		headers, _ := out["headers"].(node)
		if headers == nil {
			headers = node{}
		}
		without, _ := out["withoutHeaders"].(node)
		for name, value := range wanted {
			delete(without, keyOf(without, name)) // a step that names a header means the requests that have it
			if !narrowString(headers, keyOf(headers, name), value.(node)) {
				return nil, false
			}
		}
		if without != nil && len(without) == 0 {
			delete(out, "withoutHeaders")
		}
		out["headers"] = headers
	}
	return out, true
}

// keyOf finds a header in whatever case it was written; name itself if it is
// not there.
func keyOf(headers node, name string) string {
	if _, has := headers[name]; has {
		return name
	}
	for _, key := range slices.Sorted(maps.Keys(headers)) {
		if strings.EqualFold(key, name) {
			return key
		}
	}
	return name
}

// narrowString narrows the string condition under a key; false if nothing can
// meet both.
func narrowString(parent node, key string, by node) bool {
	has, _ := parent[key].(node)
	both, possible := narrower(has, by)
	if possible {
		parent[key] = both
	}
	return possible
}

// narrower is the condition that both string conditions hold. Two expressions
// cannot be joined, nor can an expression and a prefix: then that of the step
// counts.
func narrower(own, step node) (node, bool) {
	if len(own) == 0 {
		return step, true
	}
	switch {
	case step["exact"] != nil:
		return step, accepts(own, text(step, "exact"))
	case own["exact"] != nil:
		return own, accepts(step, text(own, "exact"))
	case own["prefix"] != nil && step["prefix"] != nil:
		a, b := text(own, "prefix"), text(step, "prefix")
		if strings.HasPrefix(a, b) {
			return own, true
		}
		return step, strings.HasPrefix(b, a)
	}
	return step, true
}

// accepts says whether a condition holds for a string. An expression must match
// all of it; one that cannot be read is left for Istio to refuse.
func accepts(c node, s string) bool {
	switch {
	case c["exact"] != nil:
		return text(c, "exact") == s
	case c["prefix"] != nil:
		return strings.HasPrefix(s, text(c, "prefix"))
	case c["regex"] != nil:
		re, err := regexp.Compile("^(?:" + text(c, "regex") + ")$")
		return err != nil || re.MatchString(s)
	}
	return true
}
