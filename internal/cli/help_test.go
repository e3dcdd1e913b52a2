package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestHelpIsTheKnownOne compares usage, aliases, examples and flags.
func TestHelpIsTheKnownOne(t *testing.T) {
	files, err := filepath.Glob("testdata/help/*.txt")
	if err != nil || len(files) != 11 {
		t.Fatalf("%d files, want 11: %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			args := strings.Split(name, "-")
			want := string(text)
			w := newWorld(t)
			if strings.HasPrefix(want, "Usage:") {
				if err := w.run(args...); err == nil {
					t.Error("no error without arguments")
				}
			} else if err := w.run(append(args, "--help")...); err != nil {
				t.Fatal(err)
			}
			got, _, _ := strings.Cut(w.out.String()+w.errOut.String(), "Global Flags:")
			if diff := cmp.Diff(significant(want), significant(got)); diff != "" {
				t.Errorf("help (-known +ours):\n%s", diff)
			}
		})
	}
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
