package archtest

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Module is the parsed source of one Go module.
type Module struct {
	// Path is the import path of the module.
	Path string
	// Packages are its packages, sorted by path.
	Packages []Package

	fset *token.FileSet
	root string
}

// Package is one package of a module, with its tests.
type Package struct {
	// Path is the folder relative to the module, with slashes: "internal/clock".
	Path string
	// Name is the name in the package clause.
	Name string
	// Files are the files that a build on this machine would take.
	Files []File
}

// File is one parsed file.
type File struct {
	// Test says whether it is a _test.go file.
	Test bool
	// Syntax is its syntax tree, with comments.
	Syntax *ast.File
}

// Violation is one place where a rule is broken.
type Violation struct {
	// File is the path relative to the module; Line counts from 1, 0 for none.
	File string
	Line int
	// Text says which rule is broken and what to do.
	Text string
}

func (v Violation) String() string {
	if v.Line == 0 {
		return v.File + ": " + v.Text
	}
	return fmt.Sprintf("%s:%d: %s", v.File, v.Line, v.Text)
}

// Load parses the module whose go.mod is in root. It leaves out nested modules,
// testdata, and folders whose name begins with a dot or an underscore.
func Load(root string) (*Module, error) {
	m := &Module{fset: token.NewFileSet(), root: root}
	var err error
	if m.Path, err = modulePath(filepath.Join(root, "go.mod")); err != nil {
		return nil, err
	}
	err = filepath.WalkDir(root, func(dir string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if dir != root && skipped(dir) {
			return filepath.SkipDir
		}
		return m.add(dir)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the module %s: %w", m.Path, err)
	}
	return m, nil
}

// modulePath reads the path of a module from its go.mod.
func modulePath(file string) (string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("looking for a module: %w", err)
	}
	for line := range strings.Lines(string(content)) {
		if path, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(path), nil
		}
	}
	return "", fmt.Errorf("%s names no module", file)
}

// skipped says whether a folder is no part of the module that it is in.
func skipped(dir string) bool {
	name := filepath.Base(dir)
	if name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// add parses the package in dir, if there is one.
func (m *Module) add(dir string) error {
	found, err := build.ImportDir(dir, 0)
	if none := new(build.NoGoError); errors.As(err, &none) {
		return nil
	}
	if err != nil {
		return err
	}
	p := Package{Path: m.relative(dir), Name: found.Name}
	tests := append(slices.Clone(found.TestGoFiles), found.XTestGoFiles...)
	for _, name := range append(slices.Clone(found.GoFiles), tests...) {
		syntax, err := parser.ParseFile(m.fset, filepath.Join(dir, name), nil, parser.ParseComments)
		if err != nil {
			return err
		}
		p.Files = append(p.Files, File{Test: slices.Contains(tests, name), Syntax: syntax})
	}
	m.Packages = append(m.Packages, p)
	return nil
}

// relative is the path of a file or folder relative to the module, with slashes.
func (m *Module) relative(path string) string {
	rel, err := filepath.Rel(m.root, path)
	if err != nil {
		return path
	}
	return filepath.ToSlash(rel)
}

// violation places a text at a node.
func (m *Module) violation(node ast.Node, format string, args ...any) Violation {
	pos := m.fset.Position(node.Pos())
	return Violation{File: m.relative(pos.Filename), Line: pos.Line, Text: fmt.Sprintf(format, args...)}
}

// sorted puts violations in the order of the source.
func sorted(found []Violation) []Violation {
	slices.SortStableFunc(found, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return found
}

// matches says whether path is one of patterns; "a/b/..." stands for a/b and
// everything below it.
func matches(path string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		prefix, below := strings.CutSuffix(pattern, "/...")
		return path == prefix || below && strings.HasPrefix(path, prefix+"/")
	})
}
