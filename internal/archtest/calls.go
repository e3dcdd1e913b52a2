package archtest

import (
	"go/ast"
	"go/types"
	"path"
	"slices"
	"strconv"
	"strings"
)

// clockFuncs are the functions of package time that read the clock of the
// machine or wait for it.
var clockFuncs = []string{"Now", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Since", "Until"}

// seeded are what math/rand has beside the functions on its hidden source: types
// and what makes a source of a seed.
var seeded = []string{
	"New", "NewSource", "NewPCG", "NewChaCha8", "NewZipf", // functions
	"Rand", "Source", "Source64", "PCG", "ChaCha8", "Zipf", // types
}

// forbidden says which names of a package may not be used, and why. Nil names
// mean all names but those of except.
type forbidden struct {
	names  []string
	except []string
	why    string
}

const (
	whyClock = "the time is an argument: take it from a clock.Clock"
	whyRand  = "nobody can repeat this: draw from a seeded source"
)

var forbiddenNames = map[string]forbidden{
	"time":                              {names: clockFuncs, why: whyClock},
	"math/rand":                         {except: seeded, why: whyRand},
	"math/rand/v2":                      {except: seeded, why: whyRand},
	"crypto/rand":                       {why: whyRand},
	"k8s.io/apimachinery/pkg/util/rand": {except: []string{"SafeEncodeString"}, why: whyRand},
	"k8s.io/apimachinery/pkg/util/uuid": {why: whyRand},
	"github.com/google/uuid":            {except: []string{"UUID", "Parse", "MustParse", "NewSHA1", "NewMD5"}, why: whyRand},
	"k8s.io/apimachinery/pkg/util/wait": {why: whyClock},
}

// single lists the packages that run on one thread: what decides, reconciles or
// simulates.
var single = []string{
	"api/...", "internal/rollout/...", "internal/replicas/...", "internal/validate/...", "internal/analysis/...",
	"internal/experiment/...", "internal/apply/...", "internal/control/...", "sim/...",
}

// Calls says which packages ask for the time, wait, use random numbers without a
// seed, or start goroutines where they may not. Main packages and internal/clock
// may, and benchmarks, which measure the machine.
func (m *Module) Calls() []Violation {
	var found []Violation
	for _, p := range m.Packages {
		if p.Name == "main" || p.Path == "internal/clock" {
			continue
		}
		imported := m.identify(p)
		for _, file := range p.Files {
			found = append(found, m.uses(file, imported)...)
			if matches(p.Path, single) && !file.Test {
				found = append(found, m.goroutines(file)...)
			}
		}
	}
	return sorted(found)
}

// uses finds the forbidden names in a file. imported says what the identifiers
// of the file mean that stand for an import.
func (m *Module) uses(file File, imported map[*ast.Ident]types.Object) []Violation {
	var found []Violation
	for _, spec := range file.Syntax.Imports {
		from, err := strconv.Unquote(spec.Path.Value)
		if rule, ok := forbiddenNames[from]; ok && err == nil && spec.Name != nil && spec.Name.Name == "." {
			found = append(found, m.violation(spec, "%s: a dot import hides it; %s", from, rule.why))
		}
	}
	ast.Inspect(file.Syntax, func(node ast.Node) bool {
		if fn, ok := node.(*ast.FuncDecl); ok && file.Test && strings.HasPrefix(fn.Name.Name, "Benchmark") {
			return false
		}
		selector, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := selector.X.(*ast.Ident)
		if !ok {
			return true
		}
		pkg, ok := imported[x].(*types.PkgName)
		if !ok { // a variable
			return true
		}
		from := pkg.Imported().Path()
		if rule, ok := forbiddenNames[from]; ok && rule.has(selector.Sel.Name) {
			found = append(found, m.violation(selector, "%s.%s: %s", from, selector.Sel.Name, rule.why))
		}
		return true
	})
	return found
}

// identify says what the identifiers of a package mean, as far as that follows
// from its own source: enough to tell an import from a variable of its name.
func (m *Module) identify(p Package) map[*ast.Ident]types.Object {
	units := map[string][]*ast.File{} // the package and its external test
	for _, file := range p.Files {
		name := file.Syntax.Name.Name
		units[name] = append(units[name], file.Syntax)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	for _, files := range units {
		config := types.Config{
			Importer: hollow{},
			Error:    func(error) {}, // every imported name is missing
		}
		_, _ = config.Check(p.Path, m.fset, files, info)
	}
	return info.Uses
}

// hollow imports every package as an empty one of the right name.
type hollow struct{}

// Import returns an empty package.
func (hollow) Import(path string) (*types.Package, error) {
	pkg := types.NewPackage(path, baseName(path))
	pkg.MarkComplete()
	return pkg, nil
}

// goroutines finds the go statements in a file.
func (m *Module) goroutines(file File) []Violation {
	var found []Violation
	ast.Inspect(file.Syntax, func(node ast.Node) bool {
		if statement, ok := node.(*ast.GoStmt); ok {
			found = append(found, m.violation(statement, "a goroutine: its order would differ from run to run"))
		}
		return true
	})
	return found
}

func (f forbidden) has(name string) bool {
	if f.names != nil {
		return slices.Contains(f.names, name)
	}
	return !slices.Contains(f.except, name)
}

// baseName guesses the name of a package from its import path, without the
// version at the end: math/rand/v2 is rand.
func baseName(importPath string) string {
	base := path.Base(importPath)
	if number, ok := strings.CutPrefix(base, "v"); ok && number != "" && strings.Trim(number, "0123456789") == "" {
		base = path.Base(path.Dir(importPath))
	}
	return base
}
