package main

import (
	"testing"

	"github.com/prometheus/procfs"
)

// TestLetGo gives back pages of this test's program, which goes on.
func TestLetGo(t *testing.T) {
	if !rereadable() {
		t.Skip("go test was told to build a program of another mode than exe")
	}
	before := filePages(t)
	letGo()
	after := filePages(t)
	if after > before-before/4 {
		t.Errorf("%d bytes of files are in memory, and were %d before", after, before)
	}
	if _, got := read([]string{"--nonsense"}, t.Output()); got == nil {
		t.Error("the program does not work any more")
	}
}

// filePages is how many bytes of files are in memory.
func filePages(t *testing.T) uint64 {
	t.Helper()
	self, err := procfs.Self()
	if err != nil {
		t.Fatal(err)
	}
	status, err := self.NewStatus()
	if err != nil {
		t.Fatal(err)
	}
	return status.RssFile
}
