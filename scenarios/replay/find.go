package replay

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Extension is what the names of scenario files end in.
const Extension = ".txtar"

// Scenario is a file to play.
type Scenario struct {
	// Name is what reports call it: the path without the extension.
	Name string
	// Data is the content of the file.
	Data []byte
	// Folder is where the file lies on disk; empty for a built-in scenario.
	// Its commands can name the files there.
	Folder string
}

// Path returns the path that the scenario was read from.
func (s Scenario) Path() string { return s.Name + Extension }

// Find reads scenario files, and all of those in folders. The error names the
// path that does not exist or holds none.
func Find(paths ...string) ([]Scenario, error) {
	var found []Scenario
	for _, path := range paths {
		files, err := filesOf(path)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("read scenario: %w", err)
			}
			found = append(found, Scenario{
				Name: strings.TrimSuffix(filepath.ToSlash(file), Extension), Data: data, Folder: filepath.Dir(file),
			})
		}
	}
	return found, nil
}

func filesOf(path string) ([]string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: there is no such file or folder", path)
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		if filepath.Ext(path) != Extension {
			return nil, fmt.Errorf("%s: not a scenario: the name has to end in %s", path, Extension)
		}
		return []string{path}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && d.Name() == "testdata" {
			return filepath.SkipDir
		}
		if err == nil && filepath.Ext(file) == Extension {
			files = append(files, file)
		}
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: the folder holds no %s file", path, Extension)
	}
	return files, err
}

// All reads every scenario of a file system, in the order of their names.
func All(fsys fs.FS) ([]Scenario, error) {
	names, err := fs.Glob(fsys, "*/*"+Extension)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var found []Scenario
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read scenario: %w", err)
		}
		found = append(found, Scenario{Name: strings.TrimSuffix(name, Extension), Data: data})
	}
	return found, nil
}
