package transcript

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const sample = `# A story.
[sim]

$ kubectl apply -f a.yaml
rollout.argoproj.io/a created
...

# The table has a blank line inside.
[!kind] ! $ kubectl get \
    rollout a
Name: a

NAME
\# not a comment
$ sleep 30s

-- a.yaml --
kind: Rollout
-- b.yaml --
kind: Service
`

func TestParse(t *testing.T) {
	got, err := Parse("x.txtar", []byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	want := &File{
		Name:   "x.txtar",
		Guards: []Guard{{Backend: "sim"}},
		Parts: []Part{
			{Line: 1, Prose: []string{"# A story.", "[sim]", ""}},
			{Line: 4, Command: &Command{Line: 4, Source: []string{"kubectl apply -f a.yaml"},
				Want: []Line{{Text: "rollout.argoproj.io/a created"}, {Any: true}}}},
			{Line: 7, Prose: []string{"", "# The table has a blank line inside."}},
			{Line: 9, Command: &Command{Line: 9, Guards: []Guard{{Backend: "kind", Not: true}}, MustFail: true,
				Source: []string{`kubectl get \`, "    rollout a"},
				Want:   []Line{{Text: "Name: a"}, {}, {Text: "NAME"}, {Text: "# not a comment"}}}},
			{Line: 15, Command: &Command{Line: 15, Source: []string{"sleep 30s"}}},
			{Line: 16, Prose: []string{""}},
		},
		Sections: []Section{
			{Name: "a.yaml", Data: []byte("kind: Rollout\n"), Line: 18},
			{Name: "b.yaml", Data: []byte("kind: Service\n"), Line: 20},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Parse (-want +got):\n%s", d)
	}
	if d := cmp.Diff(sample, string(got.Format())); d != "" {
		t.Errorf("Format (-want +got):\n%s", d)
	}
	if text := got.Parts[3].Command.Text(); text != "kubectl get     rollout a" {
		t.Errorf("joined command: %q", text)
	}
}

func TestParseErrors(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"stray text", "# a\nhello\n", `x:2: "hello" is neither a comment nor output: start it with "# " or "$ "`},
		{"empty command", "$ \n", "x:1: there is no command after the $"},
		{"unfinished", "$ kubectl \\\n", "x:1: the command is not finished: its last line ends in a backslash"},
		{"twice", "$ a\n-- f --\n1\n-- f --\n", `x:4: the file "f" is there twice`},
	} {
		_, err := Parse("x", []byte(test.text))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
}

func TestGuards(t *testing.T) {
	for _, test := range []struct {
		guards  string
		backend string
		want    bool
	}{
		{"", "sim", true}, {"[sim]", "sim", true}, {"[sim]", "kind", false},
		{"[!kind]", "kind", false}, {"[!kind]", "sim", true}, {"[!kind] [!local]", "local", false},
		{"[!killed]", "local killed", false}, {"[local]", "local killed", true},
	} {
		is := func(word string) bool { return slices.Contains(strings.Fields(test.backend), word) }
		if got := Allow(parseGuards(test.guards), is); got != test.want {
			t.Errorf("%q on %s: %v", test.guards, test.backend, got)
		}
	}
}

// FuzzParse checks that whatever is understood is written back so that it is
// understood in the same way.
func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add("$ a\n\\...\n\\\\x\n\\-- x --\n")
	files, _ := filepath.Glob("../*/*.txtar")
	for _, name := range files {
		if data, err := os.ReadFile(name); err == nil {
			f.Add(string(data))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, err := Parse("x", []byte(text))
		if err != nil {
			return
		}
		second, err := Parse("x", first.Format())
		if err != nil {
			t.Fatalf("%q came out as %q: %v", text, first.Format(), err)
		}
		if d := cmp.Diff(first, second, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("%q (-first +second):\n%s", text, d)
		}
	})
}
