package console

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/aviary-rollouts/aviary/scenarios/kubectl"
	"github.com/aviary-rollouts/aviary/scenarios/transcript"
)

// SectionFiles opens the files that follow a transcript and, for names that it
// does not have, those of the folders. A name that ends in a slash, or is a
// folder, means every manifest in it.
func SectionFiles(f *transcript.File, folders ...fs.FS) func(name string) ([]kubectl.File, error) {
	return func(name string) ([]kubectl.File, error) {
		name = strings.TrimPrefix(name, "./")
		found := sectionFiles(f, name)
		for _, folder := range folders {
			if len(found) > 0 {
				break
			}
			found = folderFiles(folder, name)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("the path %q does not exist; %s", name, available(f))
		}
		return found, nil
	}
}

func sectionFiles(f *transcript.File, name string) []kubectl.File {
	prefix := strings.TrimSuffix(name, "/") + "/"
	var found []kubectl.File
	for _, s := range f.Sections {
		if s.Name == name || strings.HasPrefix(s.Name, prefix) && isManifest(s.Name) {
			found = append(found, kubectl.File{Name: s.Name, Data: s.Data})
		}
	}
	return found
}

func folderFiles(folder fs.FS, name string) []kubectl.File {
	name = path.Clean(name)
	if data, err := fs.ReadFile(folder, name); err == nil {
		return []kubectl.File{{Name: name, Data: data}}
	}
	entries, _ := fs.ReadDir(folder, name)
	var found []kubectl.File
	for _, e := range entries {
		file := path.Join(name, e.Name())
		if data, err := fs.ReadFile(folder, file); err == nil && isManifest(file) {
			found = append(found, kubectl.File{Name: file, Data: data})
		}
	}
	return found
}

func isManifest(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// available says which manifests the scenario has.
func available(f *transcript.File) string {
	var names []string
	for _, s := range f.Sections {
		if isManifest(s.Name) {
			names = append(names, s.Name)
		}
	}
	if len(names) == 0 {
		return "the scenario has no files: add one below a line \"-- NAME --\""
	}
	return "the scenario has " + strings.Join(names, ", ")
}
