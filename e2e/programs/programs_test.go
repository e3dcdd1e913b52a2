package programs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// hello is a program that builds in a moment.
var hello = Program{
	Name: "hello",
	Binaries: []Binary{{
		Name: "hello", Package: ".", Tags: []string{"kindly"}, Stamp: []string{"main.whom=world"}, Links: []string{"bonjour"},
	}},
	Files: []File{{Name: "module", Package: "example.com/hello", Path: "go.mod"}},
}

// builder builds programs of folders below a temporary one.
func builder(t *testing.T, files map[string]string) Builder {
	t.Helper()
	source := t.TempDir()
	for name, content := range files {
		path := filepath.Join(source, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return Builder{Cache: filepath.Join(t.TempDir(), "cache"), Source: source}
}

func helloSource() map[string]string {
	return map[string]string{
		"hello/go.mod":    "module example.com/hello\n\ngo 1.24\n",
		"hello/main.go":   "package main\n\nvar whom string\n\nfunc main() { println(greeting, whom) }\n",
		"hello/kindly.go": "//go:build kindly\n\npackage main\n\nconst greeting = \"good morning\"\n",
	}
}

func TestBuildKeepsWhatItBuilt(t *testing.T) {
	b := builder(t, helloSource())
	var progress strings.Builder
	b.Progress = &progress
	dir, err := b.Build(t.Context(), hello)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"hello", "bonjour", "module"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if !strings.Contains(progress.String(), "hello: building it from source") {
		t.Errorf("progress says only %q", progress.String())
	}
	progress.Reset()
	again, err := b.Build(t.Context(), hello)
	if err != nil || again != dir {
		t.Errorf("the second build gives %s (%v), want %s", again, err, dir)
	}
	if progress.Len() > 0 {
		t.Errorf("the second build says %q", progress.String())
	}
}

// Several programs are built in order, and one that fails is told of.
func TestBuildAll(t *testing.T) {
	files := helloSource()
	for name, content := range helloSource() {
		files[strings.Replace(name, "hello", "hi", 1)] = content
	}
	b := builder(t, files)
	hi := hello
	hi.Name = "hi"
	all := []Program{hello, hi}
	if left, err := b.Missing(all); err != nil || len(left) != 2 {
		t.Errorf("%d are missing before (%v), want both", len(left), err)
	}
	folders, err := b.BuildAll(t.Context(), all)
	if err != nil || len(folders) != 2 {
		t.Fatalf("folders %q, error %v", folders, err)
	}
	if left, err := b.Missing(all); err != nil || len(left) != 0 {
		t.Errorf("%d are missing after (%v), want none", len(left), err)
	}
	for i, p := range all {
		if again, err := b.Build(t.Context(), p); err != nil || again != folders[i] {
			t.Errorf("%s is in %s (%v), want %s", p.Name, folders[i], err, again)
		}
	}
	missing := hello
	missing.Name = "missing"
	if _, err := b.BuildAll(t.Context(), []Program{hello, missing}); err == nil || !strings.Contains(err.Error(), "no module to build missing from") {
		t.Errorf("error %v", err)
	}
}

// What a program is built from is part of its name.
func TestChangesBuildAnew(t *testing.T) {
	b := builder(t, helloSource())
	source := filepath.Join(b.Source, "hello")
	keys := map[string]string{}
	note := func(what string, p Program) {
		t.Helper()
		key, err := p.key(source)
		if err != nil {
			t.Fatal(err)
		}
		if other, same := keys[key]; same {
			t.Errorf("%s has the key of %s", what, other)
		}
		keys[key] = what
	}
	note("the program", hello)
	tagged := hello
	tagged.Binaries = slices.Clone(hello.Binaries)
	tagged.Binaries[0].Tags = nil
	note("another tag", tagged)
	if err := os.WriteFile(filepath.Join(source, "go.sum"), []byte("\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	note("another go.sum", hello)
}

func TestFailedBuildSaysWhatGoSaid(t *testing.T) {
	files := helloSource()
	files["hello/main.go"] = "package main\n\nfunc main() { println(farewell) }\n"
	b := builder(t, files)
	_, err := b.Build(t.Context(), hello)
	if err == nil || !strings.Contains(err.Error(), "undefined: farewell") || !strings.Contains(err.Error(), "building hello") {
		t.Errorf("error %v", err)
	}
	left, globErr := filepath.Glob(filepath.Join(b.Cache, "hello-*"))
	if globErr != nil {
		t.Fatal(globErr)
	}
	for _, path := range left {
		if ext := filepath.Ext(path); ext != ".lock" && ext != ".part" {
			t.Errorf("a failed build left %s, which looks complete", path)
		}
	}
}

func TestBuildErrors(t *testing.T) {
	b := builder(t, nil)
	if _, err := b.Build(t.Context(), hello); err == nil || !strings.Contains(err.Error(), "no module to build hello from") {
		t.Errorf("without a module: error %v", err)
	}
	b.Source = ""
	t.Chdir(t.TempDir())
	if _, err := b.Build(t.Context(), hello); err == nil || !strings.Contains(err.Error(), "run this in a checkout") {
		t.Errorf("outside of a checkout: error %v", err)
	}
	b = builder(t, helloSource())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Build(ctx, hello); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: error %v", err)
	}
}

// While one process builds, another waits, and says so.
func TestLockWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path, func() { t.Error("nobody had it") })
	if err != nil {
		t.Fatal(err)
	}
	waited := 0
	second, err := lock(t.Context(), path, func() { waited++; unlock() })
	if err != nil {
		t.Fatal(err)
	}
	defer second()
	if waited != 1 {
		t.Errorf("said %d times that it waits, want once", waited)
	}
}

// Every program has a module of its own in the checkout that pins what it is
// built from.
func TestModulesPinTheirPrograms(t *testing.T) {
	root, err := Checkout()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range All {
		dir := filepath.Join(root, "e2e", "programs", p.Name)
		content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "go.sum")); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		for _, binary := range p.Binaries {
			if binary.Package != "." && !strings.Contains(string(content), "\ntool "+binary.Package+"\n") {
				t.Errorf("%s: its go.mod does not name the tool %s", p.Name, binary.Package)
			}
		}
	}
}
