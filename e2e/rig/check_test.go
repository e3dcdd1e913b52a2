package rig

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What cannot work is refused before anything is made.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	program, text := filepath.Join(dir, "program"), filepath.Join(dir, "text")
	for path, mode := range map[string]os.FileMode{program: 0o755, text: 0o644} {
		if err := os.WriteFile(path, []byte("#!"), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		options RemoteOptions
		want    string // empty: nothing is wrong
	}{
		{RemoteOptions{Loaded: true}, ""},
		{RemoteOptions{Mesh: "typo"}, `no mesh is called "typo": set E2E_ISTIO to xds, real or none`},
		{RemoteOptions{Mesh: MeshReal, Loaded: true}, "E2E_ISTIO_MANIFESTS"},
		{RemoteOptions{Mesh: MeshReal}, ""},
		{RemoteOptions{Mesh: MeshReal, Istio: text}, ""},
		{RemoteOptions{Mesh: MeshReal, Istio: filepath.Join(dir, "none")}, "E2E_ISTIO_MANIFESTS"},
		{RemoteOptions{Loaded: true, Controller: program}, ""},
		{RemoteOptions{Loaded: true, Controller: "ghcr.io/somebody/controller:1"}, ""},
		{RemoteOptions{Loaded: true, Controller: text}, "no program that can be started"},
		{RemoteOptions{Loaded: true, Controller: filepath.Join(dir, "none")}, "no such file"},
		{RemoteOptions{Loaded: true, Controller: "./none"}, "no such file"},
		{RemoteOptions{Loaded: true, Controller: InstalledController}, "give KUBECONFIG"},
		{RemoteOptions{Controller: InstalledController}, ""},
		{RemoteOptions{Controller: program}, "give an image that they can pull"},
	} {
		err := c.options.Check()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.options, err, c.want)
		}
	}
	if err := (Options{Bare: true, Controller: text}).check(); err == nil || !strings.Contains(err.Error(), "no program") {
		t.Errorf("a local rig with a text for a controller: %v", err)
	}
}

// Archives that differ have another fingerprint.
func TestFingerprint(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "a.docker.tar")
	var prints []string
	for _, content := range []string{"one", "two", "one"} {
		if err := os.WriteFile(archive, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		print, err := fingerprint([]string{archive})
		if err != nil {
			t.Fatal(err)
		}
		prints = append(prints, print)
	}
	if prints[0] != prints[2] || prints[0] == prints[1] {
		t.Errorf("one, two and one are %q", prints)
	}
	if _, err := fingerprint([]string{archive + "x"}); err == nil || !strings.Contains(err.Error(), "make images") {
		t.Errorf("of no archive: %v", err)
	}
}
