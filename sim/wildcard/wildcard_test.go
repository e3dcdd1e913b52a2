package wildcard

import "testing"

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"web:1", "web:1", true}, {"web:1", "web:10", false}, {"*", "", true}, {"*", "web:1", true},
		{"*:2.0.0", "ghcr.io/ssup2/mock-go-server:2.0.0", true}, {"*:2.0.0", "web:2.0.0-rc1", false},
		{"web:*", "web:1", true}, {"web:*", "other/web:1", false}, {"a*b*c", "a-b-b-c", true}, {"a*b*c", "a-c", false},
		{"ab*ba", "aba", false},
	} {
		if got := Match(test.pattern, test.text); got != test.want {
			t.Errorf("Match(%q, %q) is %t", test.pattern, test.text, got)
		}
	}
}
