// Package crd holds the CustomResourceDefinitions of the five kinds, for those
// who install them or validate objects without a cluster.
//
// The YAML files are generated from api/v1alpha1 by tools/generate; do not edit
// them. `kubectl apply -f config/crd` installs them.
package crd

import (
	"embed"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

//go:embed *.yaml
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
		content, err := files.ReadFile(entry.Name())
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", entry.Name(), err)
		}
		def := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(content, def); err != nil {
			return nil, fmt.Errorf("decoding %s: %w", entry.Name(), err)
		}
		defs = append(defs, def)
	}
	return defs, nil
}
