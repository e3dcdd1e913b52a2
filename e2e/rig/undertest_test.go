package rig

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"
)

// The Deployment of the installation gets the image under test and its flags.
func TestUnderTest(t *testing.T) {
	documents, err := os.ReadFile(filepath.Join("..", "..", "config", "manager", "deployment.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for image, want := range map[string][2]any{
		"":              {ours + ":latest", []string{"--qps=400", "--burst=800", "--status-delay=0"}},
		"another:1.2.3": {"another:1.2.3", []string{"--qps=400", "--burst=800"}},
	} {
		r := &Remote{options: RemoteOptions{Controller: image}}
		text, err := r.underTest(documents)
		if err != nil {
			t.Fatal(err)
		}
		d := appsv1.Deployment{}
		if err := yaml.UnmarshalStrict(text, &d); err != nil {
			t.Fatalf("%v:\n%s", err, text)
		}
		c := d.Spec.Template.Spec.Containers[0]
		if diff := cmp.Diff(want, [2]any{c.Image, c.Args}); diff != "" {
			t.Errorf("%q: %s", image, diff)
		}
	}
	if _, err := (&Remote{}).underTest([]byte("image: something\n")); err == nil {
		t.Error("an installation without our image is taken")
	}
}
