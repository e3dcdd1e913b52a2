package cli

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mended are the places where the known help is wrong, and what ours says.
var mended = map[string]*strings.Replacer{
	"root": strings.NewReplacer(
		"argo rollouts retry guestbook", "argo rollouts retry rollout guestbook", // there is no such command
		"  dashboard   Start UI dashboard\n", "", // nor is there one here, yet
	),
	"set": strings.NewReplacer("my-rollout argoproj/rollouts-demo:yellow", "my-rollout www=image:v2"), // an image needs a container
	"create-analysisrun": strings.NewReplacer( // a local file is not a name in the cluster
		"--from my-analysis-cluster-template.yaml", "--from-file my-analysis-cluster-template.yaml",
	),
	"list-experiments": strings.NewReplacer( // the example has --watch, the flags had not
		"--all-namespaces   Include all namespaces\n  -h, --help             help for experiments",
		"-A, --all-namespaces   Include all namespaces\n  -h, --help             help for experiments\n  -w, --watch            Watch for changes",
	),
}

// TestHelpIsTheKnownOne compares usage, aliases, examples, commands and flags.
// Where the known help begins with the usage, it was an answer to a command
// without arguments.
func TestHelpIsTheKnownOne(t *testing.T) {
	files, err := filepath.Glob("testdata/help/*.txt")
	if err != nil || len(files) != 25 {
		t.Fatalf("%d files, want 25: %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := string(text)
			if mend := mended[name]; mend != nil {
				if want = mend.Replace(want); want == string(text) {
					t.Error("nothing is to be mended")
				}
			}
			got := help(t, name, !strings.HasPrefix(want, "Usage:"))
			if diff := cmp.Diff(significant(want), significant(got)); diff != "" {
				t.Errorf("help (-known +ours):\n%s", diff)
			}
		})
	}
}

// TestNew checks that the tree has the commands that Run builds one by one, and
// that they bear the names by which it finds them.
func TestNew(t *testing.T) {
	var want, got []string
	for _, c := range commands {
		want = append(want, c.name)
	}
	for _, c := range New(Options{}).Commands() {
		got = append(got, c.Name())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("commands (-run +tree):\n%s", diff)
	}
}

func BenchmarkRun(b *testing.B) {
	for _, word := range []string{"version", "--namespace=default version"} { // one command, and the whole tree
		b.Run(word, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := Run(b.Context(), Options{Out: io.Discard}, strings.Fields(word)...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// help is what a command says when it is asked for help, or called without
// arguments: a command that has others then explains them, another one fails.
func help(t *testing.T, name string, asked bool) string {
	args := strings.Split(name, "-")
	if name == "root" {
		args = nil
	}
	if asked {
		args = append(args, "--help")
	}
	w := newWorld(t)
	err := w.run(args...)
	group := strings.Contains(" root create get list retry set terminate ", " "+name+" ")
	if (err == nil) != (asked || group) {
		t.Errorf("error %v", err)
	}
	got := w.out.String() + w.errOut.String()
	if !asked {
		_, rest, _ := strings.Cut(got, "Usage:")
		got = "Usage:" + rest
	}
	if name == "root" { // the flags are the caller's
		got, _, _ = strings.Cut(got, "\nFlags:")
		got = strings.Replace(got, "  completion  Generate the autocompletion script for the specified shell\n", "", 1)
	}
	got, _, _ = strings.Cut(got, "Global Flags:")
	return got
}

// significant drops indentation and empty lines.
func significant(text string) []string {
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
