package templatetest

import (
	"encoding/json"
	"testing"
)

func TestSameValue(t *testing.T) {
	for _, test := range []struct {
		want, got string
		same      bool
	}{
		{`0.97`, "0.97", true},
		{`0.9667`, "0.9666666666666667", true},
		{`0.967`, "0.9666666666666667", false},
		{`0.9`, "0.93", false},
		{`1`, "0.97", false},
		{`12346`, "12345", false},
		{`0.0005`, "0.0004", false},
		{`"NaN"`, "NaN", true},
		{`"NaN"`, "0", false},
		{`"+Inf"`, "+Inf", true},
		{`"[0.97]"`, "[0.97]", true},
		{`[0.97]`, "[0.97]", true},
		{`[0.3333,0.6667]`, "[0.3333333333333333,0.6666666666666666]", true},
		{`[0.3333]`, "[0.3333333333333333,0.6666666666666666]", false},
		{`["NaN"]`, "[NaN]", true},
		{`[]`, "[]", true},
		{`""`, "", true},
		{`"good"`, "good", true},
		{`"good"`, "bad", false},
		{`true`, "true", true},
		{`["a","b"]`, `["a","b"]`, true},
		{`{"ok":true}`, `{"ok":true}`, true},
		{`{"ok":true}`, `{"ok":false}`, false},
		{`[{"ok":true}]`, `[{"ok":true}]`, true},
		{`null`, "null", true},
		{`null`, "", false},
		{`null`, "0", false},
		{`{"b":"\u003ca\u0026b\u003e"}`, `{"b":"<a&b>"}`, true},
		{`{"a":1,"b":[1.50]}`, `{"b":[1.5],"a":1e0}`, true},
		{`["\u003c"]`, `["<"]`, true},
		{`true`, `"true"`, false},
	} {
		if got := sameValue(json.RawMessage(test.want), test.got); got != test.same {
			t.Errorf("%s and %s: same is %v", test.want, test.got, got)
		}
	}
}

func TestSameText(t *testing.T) {
	for _, test := range []struct {
		want, got string
		same      bool
	}{
		{"abc", "abc", true},
		{"abc", "abcd", false},
		{"abc...", "abcd", true},
		{"...cd", "abcd", true},
		{"a...c...e", "abcde", true},
		{"a...e...c", "abcde", false},
		{"a...a", "a", false},
		{"...", "", true},
		{"wait...", "wait...", true},
		{"", "abc", false},
	} {
		if got := sameText(test.want, test.got); got != test.same {
			t.Errorf("%q and %q: same is %v", test.want, test.got, got)
		}
	}
}
