package main

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const mock2 = "ghcr.io/ssup2/mock-go-server:2.0.0"

// TestBuild builds an image twice, reads both archives back and runs what is in
// them.
func TestBuild(t *testing.T) {
	o := options{root: "../..", out: t.TempDir(), only: mock2, tag: "dev", log: io.Discard}
	if err := o.setPlatform(""); err != nil {
		t.Fatal(err)
	}
	r := recipeOf(t, mock2)
	a, err := build(context.Background(), o, r)
	if err != nil {
		t.Fatal(err)
	}
	first := read(t, a)
	if a, err = build(context.Background(), o, r); err != nil {
		t.Fatal(err)
	}
	for file, content := range read(t, a) {
		if content != first[file] {
			t.Errorf("%s differs between two builds of the same source", filepath.Base(file))
		}
	}
	tag, err := name.NewTag(mock2)
	if err != nil {
		t.Fatal(err)
	}
	docker, err := tarball.ImageFromPath(a.docker, &tag)
	if err != nil {
		t.Fatal(err)
	}
	check(t, docker)
	oci := fromOCI(t, a.oci)
	check(t, oci)
	if digest, err := oci.Digest(); err != nil || digest != a.digest {
		t.Errorf("digest %s (%v), reported as %s", digest, err, a.digest)
	}
}

// read returns the bytes of both archives.
func read(t *testing.T, a archives) map[string]string {
	files := map[string]string{}
	for _, file := range []string{a.oci, a.docker} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		files[file] = string(content)
	}
	return files
}

func recipeOf(t *testing.T, name string) recipe {
	for _, r := range catalogue("dev") {
		if r.name == name {
			return r
		}
	}
	t.Fatalf("no recipe for %s", name)
	return recipe{}
}

// check runs an image's program, which has to be the only file.
func check(t *testing.T, image v1.Image) {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "65532:65532" || config.OS != "linux" || config.Architecture != runtime.GOARCH {
		t.Errorf("config %+v", config)
	}
	if _, ok := config.Config.ExposedPorts["8080/tcp"]; !ok || config.Config.Entrypoint[0] != "/mockserver" {
		t.Errorf("config %+v", config.Config)
	}
	files := extract(t, mutate.Extract(image))
	if len(files) != 1 || files["mockserver"] == "" {
		t.Fatalf("files %v, want only mockserver", files)
	}
	command := exec.Command(files["mockserver"], "--help")
	command.Env = []string{}
	text, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(text), `(default "2.0.0")`) {
		t.Errorf("mockserver --help: %v\n%s", err, text)
	}
}

// extract unpacks a tar into a folder and returns where its files are.
func extract(t *testing.T, stream io.Reader) map[string]string {
	t.Helper()
	dir, files := t.TempDir(), map[string]string{}
	reader := tar.NewReader(stream)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(header.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, header.FileInfo().Mode()); err != nil {
			t.Fatal(err)
		}
		files[header.Name] = path
	}
}

// fromOCI reads the one image of an archive, which has to be named in the index.
func fromOCI(t *testing.T, archive string) v1.Image {
	t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	files := extract(t, file)
	if files["oci-layout"] == "" {
		t.Fatalf("no oci-layout among %v", files)
	}
	path, err := layout.FromPath(filepath.Dir(files["oci-layout"]))
	if err != nil {
		t.Fatal(err)
	}
	index, err := path.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 1 || manifest.Manifests[0].Annotations["io.containerd.image.name"] != mock2 {
		t.Fatalf("index %+v", manifest)
	}
	image, err := path.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// TestTheControllerKnowsWhatItIs: its image tells its version, which is its tag unless
// that only says that it is the newest, and its commit.
func TestTheControllerKnowsWhatItIs(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	const linked = " -X github.com/aviary-rollouts/aviary/internal/build.commit=" + commit
	for tag, want := range map[string]string{"v1.2.3": "-s -w -X main.version=v1.2.3" + linked, "latest": "-s -w" + linked} {
		r := catalogue(tag)[0]
		if got := ldflags(r, commit); !strings.Contains(r.name, "rollouts-controller:"+tag) || got != want {
			t.Errorf("%s is linked with %q, want %q", r.name, got, want)
		}
	}
	if got := ldflags(recipeOf(t, mock2), commit); strings.Contains(got, commit) {
		t.Errorf("a mock server is other bytes at each commit: it is linked with %q", got)
	}
	if got := ldflags(catalogue("latest")[0], ""); got != "-s -w" {
		t.Errorf("without git the controller is linked with %q", got)
	}
	if got := commitOf(context.Background(), t.TempDir()); got != "" {
		t.Errorf("commit %q of no checkout", got)
	}
	// A linker says nothing of a variable that it does not find.
	command := exec.Command("go", "test", "-C", "../..", "-ldflags", strings.TrimSpace(linked), "-run", "^TestCommit$", "./internal/build")
	command.Env = append(os.Environ(), "LINKED_COMMIT="+commit)
	if text, err := command.CombinedOutput(); err != nil {
		t.Errorf("the commit is not linked in: %v\n%s", err, text)
	}
}

// TestPack packs images that share a program, which has to be in the archive
// once, and reads one back.
func TestPack(t *testing.T) {
	o := options{root: "../..", out: t.TempDir(), log: io.Discard}
	if err := o.setPlatform(""); err != nil {
		t.Fatal(err)
	}
	var recipes []recipe
	for _, r := range standIns() {
		if strings.HasPrefix(r.name, "docker.io/library/web:") {
			recipes = append(recipes, r)
		}
	}
	file := filepath.Join(o.out, "web.docker.tar")
	if err := pack(context.Background(), o, file, recipes); err != nil {
		t.Fatal(err)
	}
	layers := map[v1.Hash]bool{}
	for _, r := range recipes {
		tag, err := name.NewTag(r.name)
		if err != nil {
			t.Fatal(err)
		}
		image, err := tarball.ImageFromPath(file, &tag)
		if err != nil {
			t.Fatal(err)
		}
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if want := "VERSION=" + tag.TagStr(); config.Config.Env[1] != want || config.Config.Env[0] != "ADDRESS=:8080" {
			t.Errorf("%s: environment %q, want %s", r.name, config.Config.Env, want)
		}
		for _, id := range config.RootFS.DiffIDs {
			layers[id] = true
		}
	}
	if len(recipes) < 3 || len(layers) != 1 {
		t.Errorf("%d images of %d layers, want at least 3 of one", len(recipes), len(layers))
	}
}

// TestScenariosHaveTheirImages: a cluster that can pull nothing has an image for each that
// a scenario gives to pods. A pod without one looks like a pod that is late.
func TestScenariosHaveTheirImages(t *testing.T) {
	there := map[string]bool{}
	for _, r := range append(catalogue("latest"), standIns()...) {
		there[tagOf(t, r.name)] = true
	}
	files, err := filepath.Glob("../../scenarios/*/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`(?m)\bimage: ["']?([^\s"',}]+)|^(?:\[\w+\] )?\$ .* set image .*?=(\S+)`)
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range named.FindAllStringSubmatch(string(text), -1) {
			image := cmp.Or(match[1], match[2])
			if !strings.Contains(image, ":") {
				continue // refused before a pod is made
			}
			if found++; !there[tagOf(t, image)] {
				t.Errorf("%s: no image goes by the name %s; add it to standIns", file, image)
			}
		}
	}
	if found < 100 {
		t.Errorf("%d images are named in %d scenarios: how they are named has changed", found, len(files))
	}
}

// tagOf is an image's name with everything that may be left out of it.
func tagOf(t *testing.T, image string) string {
	t.Helper()
	tag, err := name.NewTag(image)
	if err != nil {
		t.Fatal(err)
	}
	return tag.Name()
}

func TestErrors(t *testing.T) {
	o := options{root: "../..", out: t.TempDir(), only: "no such image", log: io.Discard}
	if err := run(context.Background(), o, false); err == nil || !strings.Contains(err.Error(), "leave out -only") {
		t.Errorf("no image: %v", err)
	}
	if err := o.setPlatform("amd64"); err == nil || !strings.Contains(err.Error(), "write it as linux/amd64") {
		t.Errorf("a platform of one word: %v", err)
	}
}

// TestPackAProgram makes an image of a program that is there, and none of one that needs more.
func TestPackAProgram(t *testing.T) {
	o := options{root: "../..", out: t.TempDir(), log: io.Discard, as: "localhost/under-test:e2e"}
	if err := o.setPlatform(""); err != nil {
		t.Fatal(err)
	}
	program, err := compile(context.Background(), o, recipeOf(t, mock2))
	if err != nil {
		t.Fatal(err)
	}
	o.pack = filepath.Join(t.TempDir(), "controller")
	if err := os.WriteFile(o.pack, program, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := run(context.Background(), o, false); err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(o.as)
	if err != nil {
		t.Fatal(err)
	}
	image, err := tarball.ImageFromPath(filepath.Join(o.out, "under-test_e2e.docker.tar"), &tag)
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil || len(config.Config.Entrypoint) != 1 || config.Config.Entrypoint[0] != "/controller" {
		t.Errorf("it starts %v (%v), want /controller", config.Config.Entrypoint, err)
	}
	if err := os.WriteFile(o.pack, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := run(context.Background(), o, false); err == nil || !strings.Contains(err.Error(), "is no program for Linux") {
		t.Errorf("a script is taken: %v", err)
	}
}
