package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// build renders a folder as `kubectl apply -k` does.
func build(t *testing.T, folder string) resmap.ResMap {
	t.Helper()
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(root, folder))
	if err != nil {
		t.Fatalf("%s: %v", folder, err)
	}
	return objects
}

// TestFlavours renders what can be installed: definitions alone, a controller for all
// namespaces with them, and one for a single namespace, which may look at no other.
func TestFlavours(t *testing.T) {
	for _, c := range []struct {
		folder string
		kinds  []string // each kind once
	}{
		{"config/crd", []string{"CustomResourceDefinition"}},
		{"config/cluster", []string{
			"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "Deployment", "Namespace", "Role", "RoleBinding", "Service", "ServiceAccount",
		}},
		{"config/namespaced", []string{"Deployment", "Role", "RoleBinding", "Service", "ServiceAccount"}},
	} {
		var kinds []string
		for _, object := range build(t, c.folder).Resources() {
			kinds = append(kinds, object.GetKind())
		}
		slices.Sort(kinds)
		if kinds = slices.Compact(kinds); !slices.Equal(kinds, c.kinds) {
			t.Errorf("%s has %v, want %v", c.folder, kinds, c.kinds)
		}
	}
}

// TestNamespaced wants the flag, and the rights without those that no namespace has.
func TestNamespaced(t *testing.T) {
	text, err := build(t, "config/namespaced").AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"- --namespaced\n", "  - rollouts\n", "kind: Role\n  name: argo-rollouts\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("it lacks %q", want)
		}
	}
	for _, not := range []string{"clusteranalysistemplates", "ClusterRole"} {
		if strings.Contains(string(text), not) {
			t.Errorf("it has %s", not)
		}
	}
}
