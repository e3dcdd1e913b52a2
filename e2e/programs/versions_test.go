package programs

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// apart are the modules that cannot have one version in all, and why.
var apart = map[string]string{
	"github.com/KimMachineGun/automemlimit": "Prometheus calls what v1 has no longer, istiod what only v1 has",
}

// A module that several programs need has one version, so that its packages are
// compiled once for all of them.
func TestVersionsAgree(t *testing.T) {
	folders := map[string]string{"ours": filepath.Join("..", "..")}
	for _, p := range All {
		folders[p.Name] = p.Name
	}
	versions := map[string]map[string]string{}
	newest := map[string]string{}
	for name, folder := range folders {
		versions[name] = required(t, folder)
		for module, version := range versions[name] {
			if semver.Compare(version, newest[module]) > 0 {
				newest[module] = version
			}
		}
	}
	differ := map[string]bool{}
	for name, folder := range folders {
		for module, version := range versions[name] {
			differ[module] = differ[module] || version != newest[module]
			if version != newest[module] && apart[module] == "" {
				t.Errorf("%s of %s is %s, that of another program %s, so that it is compiled twice: cd %[5]s && go get %[1]s@%[4]s && go mod tidy",
					module, name, version, newest[module], filepath.Join("e2e", "programs", folder))
			}
		}
	}
	for module, why := range apart {
		if !differ[module] {
			t.Errorf("%s has one version now, and need not be excepted (%s)", module, why)
		}
	}
}

// required returns the versions that a go.mod asks for, after its replacements; the go
// command lists there whatever a build needs.
func required(t *testing.T, folder string) map[string]string {
	t.Helper()
	name := filepath.Join(folder, "go.mod")
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	file, err := modfile.Parse(name, content, nil)
	if err != nil {
		t.Fatal(err)
	}
	versions := map[string]string{}
	for _, r := range file.Require {
		versions[r.Mod.Path] = r.Mod.Version
	}
	for _, r := range file.Replace {
		if _, asked := versions[r.Old.Path]; asked && r.New.Path == r.Old.Path {
			versions[r.Old.Path] = r.New.Version
		}
	}
	return versions
}
