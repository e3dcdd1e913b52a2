package transcript

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// lines reads "a b ..." as three lines.
func wantLines(text string) []Line {
	var lines []Line
	for word := range strings.FieldsSeq(text) {
		lines = append(lines, parseLine(word))
	}
	return lines
}

func same(line string) string { return line }

func TestAlign(t *testing.T) {
	for _, test := range []struct {
		want, got string
		equal     bool
		diff      string
		rewritten string
	}{
		{"a b", "a b", true, "", "a b"},
		{"a ...", "a", true, "", "a ..."},
		{"a ...", "a b c", true, "", "a ..."},
		{"... c", "a b c", true, "", "... c"},
		{"a ... c ... e", "a b c d e", true, "", "a ... c ... e"},
		{"...", "", true, "", "..."},
		{"a b c", "a x c", false, "   a\n  -b\n  +x\n   c\n", "a x c"},
		// The changed line is shown with its new value although the wildcard
		// behind it could have covered that.
		{"a b ...", "a x y z", false, "   a\n  -b\n  +x\n   ...\n", "a x ..."},
		{"a b", "a", false, "   a\n  -b\n", "a"},
		{"a", "a b", false, "   a\n  +b\n", "a b"},
		{"a b c d e f g", "a b c d e f x", false, "  @@\n   d\n   e\n   f\n  -g\n  +x\n", "a b c d e f x"},
	} {
		a := Align(wantLines(test.want), strings.Fields(test.got), same)
		if a.Equal() != test.equal {
			t.Errorf("%q and %q: equal is %v", test.want, test.got, a.Equal())
		}
		if d := cmp.Diff(test.diff, a.Diff()); d != "" {
			t.Errorf("%q and %q: diff (-want +got):\n%s", test.want, test.got, d)
		}
		if d := cmp.Diff(wantLines(test.rewritten), Rewrite(a)); d != "" {
			t.Errorf("%q and %q: rewritten (-want +got):\n%s", test.want, test.got, d)
		}
	}
}

// TestRewriteFits checks that what Rewrite returns always matches the output
// that it was made from, and that it changes nothing that already matches.
func TestRewriteFits(t *testing.T) {
	letter := rapid.SampledFrom([]string{"a", "b", "c"})
	rapid.Check(t, func(t *rapid.T) {
		want := wantLines(strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", Wildcard}), 0, 8).Draw(t, "want"), " "))
		got := rapid.SliceOfN(letter, 0, 8).Draw(t, "got")
		a := Align(want, got, same)
		again := Align(Rewrite(a), got, same)
		if !again.Equal() {
			t.Fatalf("rewritten %v does not match %v", Rewrite(a), got)
		}
		if a.Equal() && !cmp.Equal(want, Rewrite(a)) {
			t.Fatalf("%v was rewritten to %v though it matches %v", want, Rewrite(a), got)
		}
		if a.Equal() != globs(want, got) {
			t.Fatalf("%v and %v: equal is %v", want, got, a.Equal())
		}
	})
}

// globs is the meaning of the wildcard in its plainest form.
func globs(want []Line, got []string) bool {
	switch {
	case len(want) == 0:
		return len(got) == 0
	case want[0].Any:
		return globs(want[1:], got) || len(got) > 0 && globs(want, got[1:])
	}
	return len(got) > 0 && want[0].Text == got[0] && globs(want[1:], got[1:])
}
