package localplane

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFolderIsWipedAndKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "plane")
	first, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.put(map[string][]byte{"logs/etcd.log": []byte("old")}); err != nil {
		t.Fatal(err)
	}
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first.join("logs", "etcd.log")); err != nil {
		t.Errorf("the log is gone with the plane: %v", err)
	}
	second, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer second.close()
	if _, err := os.Stat(second.join("logs")); !os.IsNotExist(err) {
		t.Errorf("the next plane finds the logs of the last: %v", err)
	}
}

func TestTemporaryFolderGoesAway(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	f, err := openFolder("")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.path); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", f.path, err)
	}
}

// A temporary folder whose owner was killed goes with the next one; that of a plane which
// runs, and that of one which failed, stay.
func TestTemporaryFoldersAreSwept(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	open := func() *folder {
		f, err := openFolder("")
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	killed, failed, running := open(), open(), open()
	killed.lock.Close()
	failed.keep()
	if err := failed.close(); err != nil {
		t.Fatal(err)
	}
	defer running.close()
	next := open()
	defer next.close()
	for name, want := range map[*folder]bool{killed: false, failed: true, running: true, next: true} {
		if _, err := os.Stat(name.path); want != (err == nil) {
			t.Errorf("killed, failed, running, next are %s, %s, %s, %s: of %s: %v", killed.path, failed.path, running.path, next.path, name.path, err)
		}
	}
}

func TestFolderRefused(t *testing.T) {
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "thesis.txt"), []byte("years of work"), 0o644); err != nil {
		t.Fatal(err)
	}
	busy := t.TempDir()
	owner, err := openFolder(busy)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.close()
	for dir, want := range map[string]string{
		foreign:                              "name another folder",
		busy:                                 "a local control plane that runs",
		filepath.Join(foreign, "thesis.txt"): "not a directory",
	} {
		f, err := openFolder(dir)
		if err == nil {
			f.close()
			t.Errorf("%s was taken", dir)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %q does not say %q", dir, err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(foreign, "thesis.txt")); err != nil {
		t.Errorf("a foreign file was touched: %v", err)
	}
}
