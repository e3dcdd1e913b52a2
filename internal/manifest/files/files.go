// Package files opens what people name with -f: files, folders of manifests,
// standard input.
//
// It knows nothing about what is in them: internal/manifest does.
package files

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

// suffixes are the files of a folder that are manifests.
var suffixes = []string{".yaml", ".yml", ".json"}

// Read reads the files, the manifests of the folders, and standard input for
// "-", in the order of the names. The errors name the path and the remedy.
func Read(names []string, stdin io.Reader) ([]manifest.File, error) {
	var found []manifest.File
	for _, name := range names {
		more, err := read(name, stdin)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

func read(name string, stdin io.Reader) ([]manifest.File, error) {
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
		return nil, fmt.Errorf("%s: no such file or folder; check the path given by -f", name)
	case err != nil:
		return nil, fmt.Errorf("-f %s: %w", name, err)
	case info.IsDir():
		return readFolder(name)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("-f %s: %w", name, err)
	}
	return []manifest.File{{Name: name, Data: data}}, nil
}

// readFolder reads the manifests of a folder, not those of folders below it, as
// kubectl does.
func readFolder(name string) ([]manifest.File, error) {
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, fmt.Errorf("-f %s: %w", name, err)
	}
	var found []manifest.File
	for _, entry := range entries {
		if entry.IsDir() || !slices.Contains(suffixes, filepath.Ext(entry.Name())) {
			continue
		}
		path := filepath.Join(name, entry.Name())
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("-f %s: %w", name, err)
		}
		found = append(found, manifest.File{Name: path, Data: data})
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no manifest in this folder; it needs a file that ends in .yaml, .yml or .json", name)
	}
	return found, nil
}
