package rig

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// The Deployment of the installation gets the image under test and its flags. What asks
// ours whether it is well is not asked of another.
func TestUnderTest(t *testing.T) {
	document, err := os.ReadFile(filepath.Join("..", "..", "config", "manager", "deployment.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for image, want := range map[string][]any{
		"":              {"ghcr.io/aviary-rollouts/rollouts-controller:latest", []string{"--qps=400", "--burst=800", "--status-delay=0"}, true, true},
		"another:1.2.3": {"another:1.2.3", []string{"--qps=400", "--burst=800"}, false, false},
	} {
		r := &Remote{options: RemoteOptions{Controller: image}, answers: &answering{address: "172.18.0.1:4000"}}
		text, err := r.underTest(document)
		if err != nil {
			t.Fatal(err)
		}
		d := appsv1.Deployment{}
		if err := yaml.UnmarshalStrict(text, &d); err != nil {
			t.Fatalf("%v:\n%s", err, text)
		}
		c := d.Spec.Template.Spec.Containers[0]
		if diff := cmp.Diff(want, []any{c.Image, c.Args, c.LivenessProbe != nil, c.ReadinessProbe != nil}); diff != "" {
			t.Errorf("%q: %s", image, diff)
		}
		if want := (corev1.EnvVar{Name: "HTTP_PROXY", Value: "http://172.18.0.1:4000"}); len(c.Env) == 0 || c.Env[0] != want {
			t.Errorf("%q: environment %v, want %v first", image, c.Env, want)
		}
	}
	if _, err := (&Remote{}).underTest([]byte("kind: Deployment\n")); err == nil {
		t.Error("an installation without a container is taken")
	}
}
