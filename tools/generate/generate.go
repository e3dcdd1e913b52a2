package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"

	"golang.org/x/tools/go/packages"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-tools/pkg/crd"
	"sigs.k8s.io/controller-tools/pkg/deepcopy"
	"sigs.k8s.io/controller-tools/pkg/genall"
	"sigs.k8s.io/controller-tools/pkg/loader"
	"sigs.k8s.io/controller-tools/pkg/markers"
	"sigs.k8s.io/yaml"
)

const (
	apiDir = "api/v1alpha1"
	crdDir = "config/crd"
)

// generate returns every generated file of the repository at root under its
// path relative to root. It writes nothing.
func generate(root string) (map[string][]byte, error) {
	yes, none := true, 0
	schemas := crd.Generator{GenerateEmbeddedObjectMeta: &yes, MaxDescLen: &none, OmitToolVersion: &yes}
	files := map[string][]byte{}
	if err := collect(root, apiDir, deepcopy.Generator{}, files); err != nil {
		return nil, fmt.Errorf("generating deep copies: %w", err)
	}
	raw := map[string][]byte{}
	if err := collect(root, crdDir, schemas, raw); err != nil {
		return nil, fmt.Errorf("generating schemas: %w", err)
	}
	for name, content := range raw {
		fitted, err := fitFile(content)
		if err != nil {
			return nil, fmt.Errorf("fitting %s: %w", name, err)
		}
		files[name] = fitted
	}
	install, err := render(root, files)
	if err != nil {
		return nil, err
	}
	files[installFile] = install
	return files, nil
}

// collect runs one generator over the API package of root and adds what it
// writes to files, under dir.
func collect(root, dir string, gen genall.Generator, files map[string][]byte) error {
	roots, err := loader.LoadRootsWithConfig(&packages.Config{Dir: root}, "./"+apiDir)
	if err != nil {
		return fmt.Errorf("loading %s: %w", apiDir, err)
	}
	registry := &markers.Registry{}
	if err := gen.RegisterMarkers(registry); err != nil {
		return fmt.Errorf("registering markers: %w", err)
	}
	ctx := &genall.GenerationContext{
		Collector:  &markers.Collector{Registry: registry},
		Roots:      roots,
		Checker:    &loader.TypeChecker{},
		OutputRule: memory{dir: dir, files: files},
		InputRule:  genall.InputFromFileSystem,
	}
	if filter, ok := gen.(genall.NeedsTypeChecking); ok {
		ctx.Checker.NodeFilters = []loader.NodeFilter{filter.CheckFilter()}
	}
	if err := gen.Generate(ctx); err != nil {
		return err
	}
	if loader.PrintErrors(roots, packages.TypeError) {
		return errors.New("the API package has errors; they are printed above")
	}
	return nil
}

// memory is an output rule that keeps files in place of writing them.
type memory struct {
	dir   string
	files map[string][]byte
}

// Open returns a writer whose content appears in the map when it is closed.
func (m memory) Open(_ *loader.Package, name string) (io.WriteCloser, error) {
	return &file{store: func(content []byte) { m.files[path.Join(m.dir, name)] = content }}, nil
}

type file struct {
	bytes.Buffer
	store func([]byte)
}

func (f *file) Close() error {
	f.store(f.Bytes())
	return nil
}

// fitFile fits the schemas of one CustomResourceDefinition, given as YAML.
func fitFile(content []byte) ([]byte, error) {
	var def apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(content, &def); err != nil {
		return nil, err
	}
	for i := range def.Spec.Versions {
		fit(def.Spec.Versions[i].Schema.OpenAPIV3Schema)
	}
	return encode(&def)
}

// encode writes a definition without a status, which belongs to the API server.
func encode(def *apiextensionsv1.CustomResourceDefinition) ([]byte, error) {
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(def)
	if err != nil {
		return nil, err
	}
	delete(object, "status")
	return yaml.Marshal(object)
}
