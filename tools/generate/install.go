package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const (
	configDir = "config"
	// installDir is the kustomization that is rendered into installFile.
	installDir  = "config/cluster"
	installFile = "config/install.yaml"
)

// render returns what `kubectl apply -k config/cluster` would apply, with the
// definitions as they are generated now and not as they are in the tree.
func render(root string, generated map[string][]byte) ([]byte, error) {
	files := filesys.MakeFsInMemory()
	err := filepath.WalkDir(filepath.Join(root, configDir), func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(name) != ".yaml" {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		return files.WriteFile(path.Join("/", filepath.ToSlash(rel)), content)
	})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", configDir, err)
	}
	for name, content := range generated {
		if err := files.WriteFile(path.Join("/", name), content); err != nil {
			return nil, fmt.Errorf("placing %s: %w", name, err)
		}
	}
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, path.Join("/", installDir))
	if err != nil {
		return nil, fmt.Errorf("rendering %s: %w", installDir, err)
	}
	text, err := objects.AsYaml()
	if err != nil {
		return nil, fmt.Errorf("rendering %s: %w", installDir, err)
	}
	return append([]byte("# Generated from "+installDir+" by tools/generate; do not edit.\n"), text...), nil
}
