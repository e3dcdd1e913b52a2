// Command generate writes what is generated from api/v1alpha1: the deep copies
// beside the types and the CustomResourceDefinitions in config/crd; and from the
// rest of config one file to install everything with, config/install.yaml.
//
// It runs the two generators of controller-gen in one process and then fits the
// schemas to those of existing clusters (see fit.go). The argument is the root
// of the repository:
//
//	go run -C tools ./generate ..
//	go run -C tools ./generate -check ..
//
// With -check it writes nothing and fails if a generated file in the tree is not
// what it would write.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	check := flag.Bool("check", false, "write nothing, fail if a generated file is stale")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: generate [-check] ROOT")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *check); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// run writes every generated file of the repository at root, or checks it.
func run(root string, check bool) error {
	files, err := generate(root)
	if err != nil {
		return err
	}
	if !check {
		return write(root, files)
	}
	found, err := stale(root, files)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return fmt.Errorf("stale, run make generate and commit: %s", strings.Join(found, ", "))
	}
	return nil
}

// write puts files, given by their path relative to root, into root.
func write(root string, files map[string][]byte) error {
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
