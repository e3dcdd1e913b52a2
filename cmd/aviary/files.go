package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/aviary-rollouts/aviary/internal/manifest"
)

// manifestSuffixes are the files of a folder that are manifests.
var manifestSuffixes = []string{".yaml", ".yml", ".json"}

// readManifests reads the files, the manifests of the folders, and standard
// input for "-", in the order of the names. The errors are usage errors.
func readManifests(names []string, stdin io.Reader) ([]manifest.File, error) {
	if len(names) == 0 {
		return nil, usagef("-f is missing; name a manifest, a folder of manifests, or - for standard input")
	}
	var files []manifest.File
	for _, name := range names {
		found, err := readManifest(name, stdin)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	return files, nil
}

func readManifest(name string, stdin io.Reader) ([]manifest.File, error) {
	if name == "-" {
		data, err := io.ReadAll(stdin)
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		return []manifest.File{{Name: "standard input", Data: data}}, nil
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, usagef("%s: no such file or folder; check the path given by -f", name)
	case err != nil:
		return nil, usagef("-f %s: %w", name, err)
	case info.IsDir():
		return readFolder(name)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, usagef("-f %s: %w", name, err)
	}
	return []manifest.File{{Name: name, Data: data}}, nil
}

// readFolder reads the manifests of a folder, not those of folders below it, as
// kubectl does.
func readFolder(name string) ([]manifest.File, error) {
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, usagef("-f %s: %w", name, err)
	}
	var files []manifest.File
	for _, entry := range entries {
		if entry.IsDir() || !slices.Contains(manifestSuffixes, filepath.Ext(entry.Name())) {
			continue
		}
		path := filepath.Join(name, entry.Name())
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, usagef("-f %s: %w", name, err)
		}
		files = append(files, manifest.File{Name: path, Data: data})
	}
	if len(files) == 0 {
		return nil, usagef("%s: no manifest in this folder; it needs a file that ends in .yaml, .yml or .json", name)
	}
	return files, nil
}
