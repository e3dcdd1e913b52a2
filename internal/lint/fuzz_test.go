package lint

import (
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/aviary-rollouts/aviary/fixtures"
	"github.com/aviary-rollouts/aviary/internal/manifest"
)

// FuzzCheck lints whatever a person feeds in: nothing panics, and every finding
// begins with the place.
func FuzzCheck(f *testing.F) {
	err := fs.WalkDir(fixtures.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".yaml" {
			return err
		}
		text, err := fs.ReadFile(fixtures.FS, name)
		f.Add(string(text))
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(template + compare)
	f.Add(run)
	f.Add(routed + "        istio: {virtualService: {name: web.mesh}}\n" + virtualService + services)
	scheme, err := manifest.Scheme()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		objects, _ := manifest.ReadAll([]manifest.File{{Name: "web.yaml", Data: []byte(text)}}, scheme)
		for _, finding := range Check(objects) {
			if !strings.HasPrefix(finding.String(), "web.yaml:") || finding.Text == "" {
				t.Errorf("finding %q", finding)
			}
		}
	})
}
