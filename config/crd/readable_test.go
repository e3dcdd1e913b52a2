package crd_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// odd are values that some Go type does not read, in JSON: numbers beyond int32 and
// int64, fractions, times and quantities that are almost some, and what is of another type.
var odd = []string{
	`-3000000000`, `3000000000`, `99999999999999999999`, `1e30`, `0.5`, `7`,
	`"2026-01-05t10:00:00z"`, `"2026-01-05T10:00:00Zt"`, `"2026-01-05T10:00:00;5Z"`, `"2026-01-05T10:00:00+25:00"`, `"2026-01-05T10:00:00+00:61"`,
	`"512MB"`, `"1e1.5"`, `"1e99999999999999999999"`, `"1e999"`, `"10%"`, `"text"`, `""`,
	`true`, `{}`, `{"a":1}`, `[]`, `[1]`, `null`,
}

// TestAdmittedIsReadable writes odd values into every field of every kind that has no
// fields of its own; of those with one name and one schema, as in all containers, into
// the first. What the definition admits, the Go type must read: a single object that it
// does not read keeps a controller from reading any of the kind.
func TestAdmittedIsReadable(t *testing.T) {
	types := map[string]func() any{
		"Rollout":                 func() any { return &v1alpha1.Rollout{} },
		"AnalysisTemplate":        func() any { return &v1alpha1.AnalysisTemplate{} },
		"ClusterAnalysisTemplate": func() any { return &v1alpha1.ClusterAnalysisTemplate{} },
		"AnalysisRun":             func() any { return &v1alpha1.AnalysisRun{} },
		"Experiment":              func() any { return &v1alpha1.Experiment{} },
	}
	v, seen := validator(t), map[string]bool{}
	for _, def := range all(t) {
		kind, root := def.Spec.Names.Kind, def.Spec.Versions[0].Schema.OpenAPIV3Schema
		for _, part := range []string{"spec", "status"} {
			s := root.Properties[part]
			eachField(&s, part, func(value string) string { return `{"` + part + `":` + value + `}` }, func(path string, f *apiextensionsv1.JSONSchemaProps, write func(string) string) {
				if len(f.Properties) > 0 || f.Items != nil || f.AdditionalProperties != nil {
					return
				}
				key := path[strings.LastIndex(path, ".")+1:] + encode(t, f)
				if seen[key] {
					return
				}
				seen[key] = true
				for _, value := range odd {
					// As an API server stores it.
					object := map[string]any{}
					if err := utiljson.Unmarshal([]byte(write(value)), &object); err != nil {
						t.Fatal(err)
					}
					object["kind"] = kind
					if refused(v.Problems(object)) {
						continue
					}
					if err := utiljson.Unmarshal([]byte(encode(t, object)), types[kind]()); err != nil {
						t.Errorf("%s: %s: %s is admitted, but cannot be read: %v", kind, path, value, err)
					}
				}
			})
		}
	}
	if len(seen) < 300 {
		t.Errorf("only %d fields were looked at", len(seen))
	}
}

// TestOpenFields lists the fields in which the definitions admit anything: of plugins and
// the like, where the Go type does so too, and volumes that few pods have. Those are kept
// as they were written, and one that the Go type does not read would be admitted.
func TestOpenFields(t *testing.T) {
	want := []string{
		"awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "ephemeral", "fc", "flexVolume", "flocker",
		"gcePersistentDisk", "gitRepo", "glusterfs", "image", "iscsi", "photonPersistentDisk", "portworxVolume", "quobyte",
		"rbd", "scaleIO", "storageos", "vsphereVolume",
		"config", "jsonBody", "plugin[key]", "plugins[key]", "status",
	}
	var got []string
	for _, def := range all(t) {
		root := def.Spec.Versions[0].Schema.OpenAPIV3Schema
		eachField(root, "", nil, func(path string, s *apiextensionsv1.JSONSchemaProps, _ func(string) string) {
			name := path[strings.LastIndex(path, ".")+1:]
			if ptr.Deref(s.XPreserveUnknownFields, false) && len(s.Properties) == 0 && s.Pattern == "" && !slices.Contains(got, name) {
				got = append(got, name)
			}
		})
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("open fields (-want +got):\n%s", diff)
	}
}

// refused is true if something is wrong with an object besides that it lacks most fields.
func refused(problems []string) bool {
	return slices.ContainsFunc(problems, func(p string) bool { return !strings.Contains(p, "Required value") })
}

type visitor func(path string, s *apiextensionsv1.JSONSchemaProps, write func(string) string)

// eachField visits the fields of a schema, those that have fields of their own too. write
// makes an object that has nothing but a value there.
func eachField(s *apiextensionsv1.JSONSchemaProps, path string, write func(string) string, visit visitor) {
	visit(path, s, write)
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		property := s.Properties[name]
		eachField(&property, path+"."+name, func(value string) string { return write(`{"` + name + `":` + value + `}`) }, visit)
	}
	if s.Items != nil && s.Items.Schema != nil {
		eachField(s.Items.Schema, path+"[0]", func(value string) string { return write(`[` + value + `]`) }, visit)
	}
	if a := s.AdditionalProperties; a != nil && a.Schema != nil {
		eachField(a.Schema, path+"[key]", func(value string) string { return write(`{"key":` + value + `}`) }, visit)
	}
}
