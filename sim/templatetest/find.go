package templatetest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// suffixes are what the names of test files in a folder end in. A file that is
// named by itself may have any name.
var suffixes = []string{"_test.yaml", "_test.yml"}

// Find lists test files: those that are named, and those of the folders that are
// named and of the folders below them, but for hidden ones. Each is listed once.
// The error names the path that does not exist, or the folder that has none.
func Find(paths ...string) ([]string, error) {
	var found []string
	for _, path := range paths {
		files, err := filesOf(path)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if !slices.Contains(found, file) {
				found = append(found, file)
			}
		}
	}
	return found, nil
}

func filesOf(path string) ([]string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: there is no such file or folder", path)
	case err != nil:
		return nil, err
	case !info.IsDir():
		return []string{filepath.Clean(path)}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != path && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case !d.IsDir() && isTest(d.Name()):
			files = append(files, filepath.Clean(file))
		}
		return nil
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: there is no test in this folder; the names of test files end in %s", path, strings.Join(suffixes, " or "))
	}
	return files, err
}

func isTest(name string) bool {
	return slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) })
}
