package archtest

import (
	"strconv"
	"strings"
)

// layer is a set of packages that may import the same things. They may always
// import each other.
type layer struct {
	name     string
	packages []string // patterns, relative to the module
	ours     []string // packages of this module that they may import
	foreign  []string // packages of other modules that they may import; nil: any
	notStd   []string // packages of the standard library that they may not import
}

// outside lists what belongs to no cluster and no disk: a policy is a function
// of values.
var outside = []string{"net/...", "os/...", "context", "io/fs", "syscall", "sync/..."}

// client lists what talks to people about a cluster without controlling it. It
// asks the policy where a person must be told the same as the controller: which
// weight is in force, what is wrong with a manifest.
var client = []string{"internal/view/...", "internal/ops/...", "internal/cli/...", "internal/lint/...", "internal/manifest/..."}

// layers is the order of the house, from the ground up. The first layer that a
// package belongs to counts; a package of no layer may import anything.
var layers = []layer{
	{
		name: "api", packages: []string{"api/..."},
		foreign: []string{"k8s.io/api/...", "k8s.io/apimachinery/...", "k8s.io/apiextensions-apiserver/pkg/apis/..."},
		notStd:  outside,
	},
	{ // what it remembers of types, simulations in parallel share
		name: "equal", packages: []string{"internal/equal"},
		foreign: []string{"k8s.io/apimachinery/..."},
	},
	{
		name: "policy",
		packages: []string{
			"internal/rollout/...", "internal/replicas/...", "internal/validate/...", "internal/analysis/...",
			"internal/experiment/...", "internal/podhash/...", "internal/podtemplate/...", "internal/traffic",
		},
		ours:    []string{"api/...", "equal"},
		foreign: []string{"k8s.io/api/...", "k8s.io/apimachinery/...", "k8s.io/utils/...", "github.com/expr-lang/expr/..."},
		notStd:  outside,
	},
	{
		name:     "effects",
		packages: []string{"internal/apply/...", "internal/library/...", "internal/traffic/...", "internal/metric/..."},
		ours:     []string{"api/...", "internal/clock", "equal", "policy"},
	},
	{
		name: "control", packages: []string{"internal/control/..."},
		ours: []string{"api/...", "internal/clock", "equal", "policy", "effects"},
	},
	{
		name: "client", packages: client,
		ours: []string{"api/...", "internal/clock", "equal", "policy", "internal/library", "internal/traffic/istio", "internal/metric/jsonpath"},
	},
	{
		name: "internal", packages: []string{"internal/..."},
		ours: []string{"api/...", "config/...", "fixtures/..."},
	},
	{
		name: "sim", packages: []string{"sim/..."},
		ours: []string{"api/...", "config/...", "internal/..."},
	},
	{
		name: "scenarios", packages: []string{"scenarios/..."},
		ours: []string{"api/...", "config/...", "fixtures/...", "internal/...", "sim/..."},
	},
	{name: "data", packages: []string{"config/...", "fixtures/..."}, ours: []string{"api/..."}},
}

// only lists what a single part of the house may import of other modules. The first
// entry for a package counts.
var only = []struct {
	packages string
	users    []string
}{
	{"github.com/prometheus/prometheus/promql/parser/...", []string{"sim/prom/...", "internal/lint"}},
	{"github.com/prometheus/prometheus/...", []string{"sim/prom/..."}},
}

// above lists what no package of internal may import, not even in its tests:
// they would need the simulator to test what the simulator is built from.
var above = []string{"sim/...", "scenarios/...", "cmd/..."}

// Imports says which packages import what their layer may not.
func (m *Module) Imports() []Violation {
	var found []Violation
	for _, p := range m.Packages {
		l := layerOf(p.Path)
		for _, file := range p.Files {
			for _, spec := range file.Syntax.Imports {
				path, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					continue // the compiler says so better
				}
				if text := m.judge(p.Path, l, path, file.Test); text != "" {
					found = append(found, m.violation(spec, "%s", text))
				}
			}
		}
	}
	return sorted(found)
}

// judge says what is wrong with the import of path by a package, empty if
// nothing is.
func (m *Module) judge(pkg string, l *layer, path string, test bool) string {
	for _, o := range only {
		if !matches(path, []string{o.packages}) {
			continue
		}
		if !matches(pkg, o.users) {
			return "only " + strings.Join(o.users, ", ") + " may import " + path
		}
		break
	}
	rel, ours := strings.CutPrefix(path, m.Path+"/")
	if ours && matches(pkg, []string{"internal/..."}) && matches(rel, above) {
		return "internal may not import " + rel + ", which is built from it"
	}
	if l == nil || test || l.allows(rel, path, ours) {
		return ""
	}
	return "the layer " + l.name + " may not import " + rel + ": move the code up, or hand the value in (see internal/archtest/layers.go)"
}

func (l *layer) allows(rel, path string, ours bool) bool {
	switch {
	case ours:
		return matches(rel, l.packages) || matches(rel, expand(l.ours))
	case isStd(path):
		return !matches(path, l.notStd)
	default:
		return l.foreign == nil || matches(path, l.foreign)
	}
}

// expand replaces the names of layers by their packages.
func expand(patterns []string) []string {
	var all []string
	for _, pattern := range patterns {
		named := false
		for _, l := range layers {
			if l.name == pattern {
				all, named = append(all, l.packages...), true
			}
		}
		if !named {
			all = append(all, pattern)
		}
	}
	return all
}

// layerOf returns the layer of a package, nil if it has none.
func layerOf(pkg string) *layer {
	for i := range layers {
		if matches(pkg, layers[i].packages) {
			return &layers[i]
		}
	}
	return nil
}

// isStd recognises the standard library by the missing dot of a host name.
func isStd(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}
