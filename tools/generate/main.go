// Command generate writes what is generated from api/v1alpha1: the deep copies
// beside the types and the CustomResourceDefinitions in config/crd.
//
// It runs the two generators of controller-gen in one process and then fits the
// schemas to those of existing clusters (see fit.go). Run it from the root of
// the repository, as `make generate` does:
//
//	go run -C tools ./generate ..
//
// The argument is the root of the repository. generate_test.go fails when a
// generated file in the tree is not what the program would write now.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate ROOT")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// run writes every generated file of the repository at root.
func run(root string) error {
	files, err := generate(root)
	if err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("making room for %s: %w", name, err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return nil
}
