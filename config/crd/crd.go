// Package crd holds the CustomResourceDefinitions of the five kinds, for those
// who install them or validate objects without a cluster.
//
// The YAML files are generated from api/v1alpha1 by tools/generate; do not edit
// them. `kubectl apply -k config/crd` installs them.
package crd

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

//go:embed argoproj.io_*.yaml
var files embed.FS

// All returns the definitions, sorted by the name of their file. Each call
// returns new ones, so that a caller may change them.
func All() ([]*apiextensionsv1.CustomResourceDefinition, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("listing the embedded definitions: %w", err)
	}
	var defs []*apiextensionsv1.CustomResourceDefinition
	for _, entry := range entries {
		def, err := read(entry.Name())
		if err != nil {
			return nil, err
		}
		defs = append(defs, def)
	}
	return defs, nil
}

// Of returns the definition of one kind, nil for a kind that is none of the
// five. It decodes no other: each takes about 10 ms.
func Of(kind schema.GroupKind) (*apiextensionsv1.CustomResourceDefinition, error) {
	name := fmt.Sprintf("%s_%ss.yaml", kind.Group, strings.ToLower(kind.Kind))
	def, err := read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return def, err
}

func read(name string) (*apiextensionsv1.CustomResourceDefinition, error) {
	content, err := files.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	def := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(content, def); err != nil {
		return nil, fmt.Errorf("decoding %s: %w", name, err)
	}
	return def, nil
}
