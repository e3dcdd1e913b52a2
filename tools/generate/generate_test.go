package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

const root = "../.."

// TestFresh fails when a generated file in the tree is stale. The go command
// does not see that the files of the other module changed, so run it with
// -count=1.
func TestFresh(t *testing.T) {
	if err := run(root, true); err != nil {
		t.Error(err)
	}
}

// TestStale spoils generated files in every way that TestFresh must notice.
func TestStale(t *testing.T) {
	files, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	const copies, rollouts, runs = apiDir + "/zz_generated.deepcopy.go", crdDir + "/argoproj.io_rollouts.yaml", crdDir + "/argoproj.io_analysisruns.yaml"
	dir := t.TempDir()
	if err := write(dir, files); err != nil {
		t.Fatal(err)
	}
	if found, err := stale(dir, files); err != nil || len(found) > 0 {
		t.Fatalf("fresh files: %v, %v", found, err)
	}
	spoiled := map[string][]byte{
		rollouts:                       append(slices.Clone(files[rollouts]), '\n'),
		crdDir + "/argoproj.io_x.yaml": []byte("kind: X"),
	}
	if err := write(dir, spoiled); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{copies, runs} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	found, err := stale(dir, files)
	want := []string{copies, runs, rollouts, crdDir + "/argoproj.io_x.yaml"}
	if err != nil || !slices.Equal(found, want) {
		t.Errorf("stale files: %v, %v, want %v", found, err, want)
	}
}

func TestEveryKindIsGenerated(t *testing.T) {
	files, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Sorted(maps.Keys(files))
	want := []string{
		apiDir + "/zz_generated.deepcopy.go",
		crdDir + "/argoproj.io_analysisruns.yaml",
		crdDir + "/argoproj.io_analysistemplates.yaml",
		crdDir + "/argoproj.io_clusteranalysistemplates.yaml",
		crdDir + "/argoproj.io_experiments.yaml",
		crdDir + "/argoproj.io_rollouts.yaml",
		"config/install.yaml",
	}
	if !slices.Equal(got, want) {
		t.Errorf("generated %v, want %v", got, want)
	}
}

func TestFit(t *testing.T) {
	text := apiextensionsv1.JSONSchemaProps{Type: "string"}
	metadata := apiextensionsv1.JSONSchemaProps{Properties: map[string]apiextensionsv1.JSONSchemaProps{
		"labels": text, "annotations": text, "finalizers": text, "name": text, "namespace": text,
	}}
	byName := "map"
	rules := apiextensionsv1.ValidationRules{{Rule: "self == oldSelf"}}
	keyed := apiextensionsv1.JSONSchemaProps{Type: "array", XListType: &byName, XListMapKeys: []string{"name"}}
	volumes := apiextensionsv1.JSONSchemaProps{Type: "array", Items: &apiextensionsv1.JSONSchemaPropsOrArray{
		Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", Required: []string{"name"}, Properties: map[string]apiextensionsv1.JSONSchemaProps{
			"name": text,
			"rbd":  {Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{"image": text}},
			"secret": {Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{
				"defaultMode": {Type: "integer", Default: &apiextensionsv1.JSON{Raw: []byte("420")}},
			}},
		}},
	}}
	spec := apiextensionsv1.JSONSchemaProps{Properties: map[string]apiextensionsv1.JSONSchemaProps{
		"containers": text, "volumes": volumes, "name": text, "env": keyed,
		"service":   {Type: "string", Default: &apiextensionsv1.JSON{Raw: []byte(`""`)}},
		"protocol":  {Type: "string", Default: &apiextensionsv1.JSON{Raw: []byte(`"TCP"`)}},
		"resources": {Properties: map[string]apiextensionsv1.JSONSchemaProps{"limits": text, "requests": text}},
	}, XValidations: rules}
	s := apiextensionsv1.JSONSchemaProps{Properties: map[string]apiextensionsv1.JSONSchemaProps{
		"list": {Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &apiextensionsv1.JSONSchemaProps{
			Properties: map[string]apiextensionsv1.JSONSchemaProps{"metadata": metadata, "spec": spec},
		}}},
	}}
	fit(&s)

	inner := s.Properties["list"].Items.Schema.Properties
	if got := len(inner["metadata"].Properties); got != 2 {
		t.Errorf("embedded metadata has %d properties, want labels and annotations: %v", got, inner["metadata"].Properties)
	}
	volume := inner["spec"].Properties["volumes"].Items.Schema
	if volume.XPreserveUnknownFields == nil || len(volume.Required) != 0 || len(volume.Properties["rbd"].Properties) != 0 {
		t.Errorf("a volume is not kept as written: %+v", volume)
	}
	if mode := volume.Properties["secret"].Properties["defaultMode"]; mode.Type != "integer" || mode.Default != nil {
		t.Errorf("of a volume that most pods have the types must stay, and nothing else: %+v", mode)
	}
	if rules := inner["spec"].XValidations; rules != nil {
		t.Errorf("a rule of a Kubernetes type is kept: %v", rules)
	}
	if inner["spec"].Properties["service"].Default != nil || inner["spec"].Properties["protocol"].Default == nil {
		t.Error("fit must drop empty defaults and keep the others")
	}
	for name, quantities := range inner["spec"].Properties["resources"].Properties {
		if a := quantities.AdditionalProperties; a == nil || a.Schema.XPreserveUnknownFields == nil || a.Schema.Pattern != quantity {
			t.Errorf("%s must be whole numbers, or need be no quantities", name)
		}
	}
	if env := inner["spec"].Properties["env"]; env.XListType != nil || env.XListMapKeys != nil {
		t.Errorf("an environment variable cannot be repeated: %+v", env)
	}
	if _, ok := inner["spec"].Properties["name"]; !ok {
		t.Error("fit dropped a name outside of metadata")
	}
}

// TestReadable refuses what Go cannot read, and leaves other fields alone.
func TestReadable(t *testing.T) {
	for _, c := range []struct {
		name    string
		schema  apiextensionsv1.JSONSchemaProps
		pattern string
		bounded bool
	}{
		{"a number or a text", apiextensionsv1.JSONSchemaProps{XIntOrString: true}, "", true},
		{"a quantity", apiextensionsv1.JSONSchemaProps{XIntOrString: true, Pattern: generatedQuantity}, quantity, false},
		{"a time", apiextensionsv1.JSONSchemaProps{Type: "string", Format: "date-time"}, moment, false},
		{"a text", apiextensionsv1.JSONSchemaProps{Type: "string", Pattern: "^a$"}, "^a$", false},
	} {
		fit(&c.schema)
		if bounded := c.schema.Minimum != nil && c.schema.Maximum != nil; c.schema.Pattern != c.pattern || bounded != c.bounded {
			t.Errorf("%s: pattern %q, bounded %t, want %q, %t", c.name, c.schema.Pattern, bounded, c.pattern, c.bounded)
		}
	}
}

func TestGenerateNeedsTheAPI(t *testing.T) {
	_, err := generate(t.TempDir())
	if err == nil || !strings.Contains(err.Error(), apiDir) {
		t.Errorf("generate in an empty directory: %v, want an error that names %s", err, apiDir)
	}
}
