package validate

import (
	"bytes"
	"io/fs"
	"path"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/fixtures"
)

// invalidFixtures are the Rollouts of the source documents that cannot run as
// they are printed, with the message that their readers get.
var invalidFixtures = map[string]string{
	"cases/mock-server-canary-analysis-example.yaml": `The Rollout "mock-server" is invalid: spec.template: Required value: Rollout has missing field '.spec.template'`,
}

// TestFixtures validates every Rollout of the source documents.
func TestFixtures(t *testing.T) {
	seen := 0
	err := fs.WalkDir(fixtures.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".yaml" {
			return err
		}
		content, err := fs.ReadFile(fixtures.FS, name)
		if err != nil {
			return err
		}
		for _, ro := range rolloutsIn(content) {
			seen++
			if got := Message(ro.Name, Spec(ro)); got != invalidFixtures[name] {
				t.Errorf("%s\n got: %q\nwant: %q", name, got, invalidFixtures[name])
			}
		}
		return nil
	})
	if err != nil || seen < 30 {
		t.Errorf("%d Rollouts seen, error %v", seen, err)
	}
}

// rolloutsIn decodes the Rollouts of a manifest; what does not decode is
// another test's subject.
func rolloutsIn(content []byte) []*v1alpha1.Rollout {
	var list []*v1alpha1.Rollout
	for _, document := range bytes.Split(content, []byte("\n---")) {
		ro := &v1alpha1.Rollout{}
		if err := yaml.UnmarshalStrict(document, ro); err == nil && ro.Kind == v1alpha1.KindRollout {
			list = append(list, ro)
		}
	}
	return list
}
