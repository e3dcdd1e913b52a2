package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/aviary-rollouts/aviary/internal/cli"
)

// document is a text for people, in Markdown.
type document struct {
	name, text string
	// code are the lines of its blocks of code, and what it has in backquotes.
	code []string
}

var backquoted = regexp.MustCompile("`([^`]+)`")

// documents reads those of the repository, which the test is in afterwards.
func documents(t *testing.T) []document {
	t.Helper()
	t.Chdir("../..")
	names, err := filepath.Glob("docs/*.md")
	if err != nil || len(names) == 0 {
		t.Fatalf("no documents, error %v", err)
	}
	var all []document
	for _, name := range append(names, "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "scenarios/README.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d, inside := document{name: name, text: string(text)}, false
		var prose strings.Builder
		for _, line := range strings.Split(d.text, "\n") {
			switch {
			case strings.HasPrefix(strings.TrimSpace(line), "```"):
				inside = !inside
			case inside:
				d.code = append(d.code, strings.TrimSpace(line))
			default:
				prose.WriteString(line + "\n")
			}
		}
		for _, m := range backquoted.FindAllStringSubmatch(prose.String(), -1) {
			d.code = append(d.code, strings.Join(strings.Fields(m[1]), " "))
		}
		all = append(all, d)
	}
	return all
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestLinks follows the links of the documents to files and headings.
func TestLinks(t *testing.T) {
	followed := 0
	for _, d := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(d.text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			followed++
			file, anchor, _ := strings.Cut(m[1], "#")
			target := filepath.Join(filepath.Dir(d.name), file)
			if file == "" {
				target = d.name
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: the link %s: %v", d.name, m[1], err)
				continue
			}
			if anchor == "" {
				continue
			}
			text, err := os.ReadFile(target)
			if err != nil {
				t.Error(err)
			}
			if !slices.Contains(anchors(string(text)), anchor) {
				t.Errorf("%s: the link %s: %s has the headings %q", d.name, m[1], target, anchors(string(text)))
			}
		}
	}
	if followed < 20 {
		t.Errorf("only %d links were followed", followed)
	}
}

// anchors are what GitHub makes of the headings of a document.
func anchors(text string) []string {
	var all []string
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		all = append(all, strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return all
}

var inRepository = regexp.MustCompile(`^[\w.-]+(/[\w.*-]+)+/?$`)

// TestNamedFiles looks for the files that the documents name: words of code that begin
// with a folder of the repository.
func TestNamedFiles(t *testing.T) {
	found := 0
	for _, d := range documents(t) {
		for _, line := range d.code {
			for _, word := range strings.Fields(line) {
				word = strings.Trim(word, `'",:;()`)
				first, _, _ := strings.Cut(word, "/")
				if folder, err := os.Stat(first); err != nil || !folder.IsDir() || first == ".." || first == "bin" || !inRepository.MatchString(word) {
					continue
				}
				if files, err := filepath.Glob(strings.TrimSuffix(word, "/")); err != nil || len(files) == 0 {
					t.Errorf("%s names %s, and there is no such file", d.name, word)
				}
				found++
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d files were looked for", found)
	}
}

var (
	makes  = regexp.MustCompile(`(?:^|[ (])make((?: [a-z][a-z0-9-]*)+)`)
	target = regexp.MustCompile(`(?m)^([a-z0-9-]+):`)
)

// TestNamedTargets looks for the targets of make that the documents name.
func TestNamedTargets(t *testing.T) {
	docs := documents(t)
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]bool{}
	for _, m := range target.FindAllStringSubmatch(string(makefile), -1) {
		targets[m[1]] = true
	}
	found := 0
	for _, d := range docs {
		for _, line := range d.code {
			line, _, _ = strings.Cut(line, "#")
			for _, m := range makes.FindAllStringSubmatch(line, -1) {
				for _, name := range strings.Fields(m[1]) {
					if found++; !targets[name] {
						t.Errorf("%s says %q, and the Makefile has no target %s", d.name, strings.TrimSpace(line), name)
					}
				}
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d targets were looked for", found)
	}
}

// TestNamedFlags looks for the commands and flags that the documents write.
func TestNamedFlags(t *testing.T) {
	found := 0
	for _, d := range documents(t) {
		for _, line := range d.code {
			root, words := commandLine(line)
			if root == nil {
				continue
			}
			cmd, _, err := root.Find(words)
			if err != nil || cmd == root && len(words) > 0 && !strings.HasPrefix(words[0], "-") {
				t.Errorf("%s: %s: there is no such command, error %v", d.name, line, err)
				continue
			}
			cmd.InitDefaultHelpFlag()
			for _, word := range words {
				if !strings.HasPrefix(word, "-") || word == "-" {
					continue
				}
				if found++; !hasFlag(cmd, word) {
					t.Errorf("%s: %s: %s has no flag %s", d.name, line, cmd.CommandPath(), word)
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d flags were looked for", found)
	}
}

// commandLine is the tree of commands that a line of code calls, and its words; nil if it
// calls none of ours.
func commandLine(line string) (*cobra.Command, []string) {
	line = strings.TrimPrefix(strings.TrimPrefix(line, "! "), "$ ")
	line, _, _ = strings.Cut(line, " #")
	line, _, _ = strings.Cut(line, " |")
	for start, build := range map[string]func() *cobra.Command{
		"bin/aviary ":            newRootCommand,
		"aviary ":                newRootCommand,
		"kubectl argo rollouts ": func() *cobra.Command { return cli.New(cli.Options{}) },
	} {
		if rest, is := strings.CutPrefix(line, start); is {
			return build(), strings.Fields(rest)
		}
	}
	return nil, nil
}

// hasFlag says whether a command has the flag that a word is, with or without its value.
func hasFlag(cmd *cobra.Command, word string) bool {
	if long, is := strings.CutPrefix(word, "--"); is {
		name, _, _ := strings.Cut(long, "=")
		return cmd.Flag(name) != nil
	}
	return cmd.Flags().ShorthandLookup(word[1:2]) != nil || cmd.InheritedFlags().ShorthandLookup(word[1:2]) != nil
}
