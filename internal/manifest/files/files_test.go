package files

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// folder holds a.yaml, b.json, notes.txt, the folder deep with c.yaml, and the
// empty folder none.
func folder(t *testing.T) string {
	root := t.TempDir()
	for _, dir := range []string{"deep", "none"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a.yaml", "b.json", "notes.txt", "deep/c.yml"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte("in "+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestRead(t *testing.T) {
	root := folder(t)
	for _, c := range []struct {
		names []string
		want  []string
	}{
		{[]string{"notes.txt", "a.yaml"}, []string{"notes.txt: in notes.txt", "a.yaml: in a.yaml"}},
		{[]string{""}, []string{"a.yaml: in a.yaml", "b.json: in b.json"}},
		{[]string{"deep", "-"}, []string{"deep/c.yml: in deep/c.yml", "standard input: typed"}},
	} {
		var names []string
		for _, name := range c.names {
			if name != "-" {
				name = filepath.Join(root, name)
			}
			names = append(names, name)
		}
		found, err := Read(names, strings.NewReader("typed"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range found {
			got = append(got, strings.TrimPrefix(f.Name, root+"/")+": "+string(f.Data))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.names, diff)
		}
	}
}

func TestReadErrors(t *testing.T) {
	root := folder(t)
	for _, c := range []struct{ name, want string }{
		{"nope.yaml", "nope.yaml: no such file or folder; check the path given by -f"},
		{"none", "none: no manifest in this folder; it needs a file that ends in .yaml, .yml or .json"},
		{"a.yaml/b", "a.yaml/b: "},
	} {
		_, err := Read([]string{filepath.Join(root, "a.yaml"), filepath.Join(root, c.name)}, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want %s", c.name, err, c.want)
		}
	}
	broken := errors.New("the line is cut")
	if _, err := Read([]string{"-"}, iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("broken input: %v", err)
	}
}
