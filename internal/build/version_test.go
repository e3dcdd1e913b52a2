package build

import (
	"os"
	"testing"
)

// TestCommit: the toolchain notes none in a test, and the builder of images links one in.
func TestCommit(t *testing.T) {
	if got, want := Commit(), os.Getenv("LINKED_COMMIT"); got != want {
		t.Errorf("commit %q, want %q", got, want)
	}
}

// TestVersion: what was linked comes first.
func TestVersion(t *testing.T) {
	if got := Version("v1.2.3"); got != "v1.2.3" {
		t.Errorf("version %q", got)
	}
	if Version("") == "" {
		t.Error("it says nothing of a program that nothing was linked into")
	}
}
