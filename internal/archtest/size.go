package archtest

import "go/ast"

// screen is how many lines a function may have, with its signature and its
// closing brace.
const screen = 60

// Sizes says which functions of internal and sim do not fit on a screen. Tests,
// whose tables grow, and generated code are left out.
func (m *Module) Sizes() []Violation {
	var found []Violation
	for _, p := range m.Packages {
		if !matches(p.Path, []string{"internal/...", "sim/..."}) {
			continue
		}
		for _, file := range p.Files {
			if file.Test || ast.IsGenerated(file.Syntax) {
				continue
			}
			for _, decl := range file.Syntax.Decls {
				fn, ok := decl.(*ast.FuncDecl)
				if !ok {
					continue
				}
				lines := m.fset.Position(fn.End()).Line - m.fset.Position(fn.Pos()).Line + 1
				if lines > screen {
					found = append(found, m.violation(fn, "%s has %d lines, more than the %d of a screen: split it by the questions it asks", fn.Name.Name, lines, screen))
				}
			}
		}
	}
	return sorted(found)
}
