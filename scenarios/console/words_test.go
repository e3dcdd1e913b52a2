package console

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestSplitWords(t *testing.T) {
	for _, test := range []struct {
		line string
		want []string
	}{
		{"", nil},
		{"  kubectl   get\tpods ", []string{"kubectl", "get", "pods"}},
		{`patch -p '{"spec": {"a": "b c"}}'`, []string{"patch", "-p", `{"spec": {"a": "b c"}}`}},
		{`a"b c"'d e'f`, []string{"ab cd ef"}},
		{`'' ""`, []string{"", ""}},
		{`"a\"b\\c\d" \$x`, []string{`a"b\c\d`, "$x"}},
		{`set image x *=y:1 -o jsonpath={.items[0].spec}`, []string{"set", "image", "x", "*=y:1", "-o", "jsonpath={.items[0].spec}"}},
		{"a#b", []string{"a#b"}},
	} {
		got, err := splitWords(test.line)
		if err != nil {
			t.Errorf("%q: %v", test.line, err)
		}
		if d := cmp.Diff(test.want, got); d != "" {
			t.Errorf("%q (-want +got):\n%s", test.line, d)
		}
	}
}

func TestSplitWordsIsNoShell(t *testing.T) {
	for line, want := range map[string]string{
		"a | b": `"|"`, "a && b": `"&"`, "a; b": `";"`, "a > b": `">"`, "$HOME": `"$"`, `"$HOME"`: `"$"`, "`a`": "\"`\"",
		"a # b": `"#"`, "(a)": `"("`, "'a": "not closed", `"a`: "not closed", `a\`: "ends in a backslash",
	} {
		if _, err := splitWords(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want something with %s", line, err, want)
		}
	}
}

// FuzzSplitWords checks that quoted words come back as they were.
func FuzzSplitWords(f *testing.F) {
	f.Add("kubectl get", "it's \"x\" $y")
	f.Fuzz(func(t *testing.T, a, b string) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) {
			return
		}
		quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
		got, err := splitWords(quote(a) + " " + quote(b))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]string{a, b}, got); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
	})
}
