package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// vague are names that say of a package only that it is useful.
var vague = []string{"util", "utils", "common", "helper", "helpers", "misc"}

// Names says which packages are named for being useful, by their folder or in
// their package clause.
func (m *Module) Names() []Violation {
	var found []Violation
	for _, p := range m.Packages {
		names := append(strings.Split(p.Path, "/"), strings.TrimSuffix(p.Name, "_test"))
		for _, name := range slices.Compact(names) {
			if slices.Contains(vague, name) {
				found = append(found, Violation{File: p.Path, Text: fmt.Sprintf("a package named %s: put the code beside its only user, or name it for what it is", name)})
				break
			}
		}
	}
	return sorted(found)
}
