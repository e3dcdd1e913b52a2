package manifest

import (
	"strings"
	"testing"
)

// settings is a file format with lists and maps.
type settings struct {
	Name  string          `json:"name"`
	Items []item          `json:"items"`
	By    map[string]item `json:"by"`
}

type item struct {
	Size int    `json:"size"`
	Text string `json:"text"`
}

func TestDecode(t *testing.T) {
	const text = "# settings\n---\nname: a\nitems:\n- size: 1\n- size: 2\n  text: b\nby:\n  x.y: {size: 3}\n"
	var got settings
	source, err := Decode(File{"a.yaml", []byte(text)}, &got)
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "a" || len(got.Items) != 2 || got.Items[1].Text != "b" || got.By["x.y"].Size != 3 {
		t.Errorf("decoded %+v", got)
	}
	for field, want := range map[string]int{"items[1].text": 7, "items[1].none": 6, "by.x.y.size": 9, "none": 3} {
		if line := source.LineOf(field); line != want {
			t.Errorf("LineOf(%s) = %d, want %d", field, line, want)
		}
	}
	const problem = "a.yaml:6: too big; write 1"
	if err := source.Problem("items[1].size", "too big", "write 1"); err.Error() != problem {
		t.Errorf("got %v, want %s", err, problem)
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "# nothing\n", "a.yaml: there are 0 documents in it; write one"},
		{"two", "name: a\n---\nname: b\n", "a.yaml: there are 2 documents in it; write one"},
		{"broken", "name: [\n", "a.yaml:"},
		{"no map", "- name: a\n", "a.yaml:1: this document is a list; write fields: by, items, name"},
		{"a word", "name\n", "a.yaml:1: this document is a string; write fields: by, items, name"},
		{"unknown", "items:\n- size: 1\n  txt: b\n", `a.yaml:3: unknown field "items[0].txt"; did you mean "text"?`},
		{"unknown in a map", "by:\n  a: {}\n  b:\n    sise: 1\n", `a.yaml:4: unknown field "by.b.sise"; did you mean "size"?`},
		{"twice", "name: a\nname: b\n", "a.yaml:2: broken YAML: "},
		{"type in a list", "items:\n- size: 1\n- text: b\n  size: c\n", `a.yaml:4: field "items[1].size" is a string; write a whole number, without quotes`},
		{"type in a map", "by:\n  a: {size: 1}\n  b:\n    text: [1]\n", `a.yaml:4: field "by.b.text" is a list; write a string`},
		{"type of a later field", "items:\n- {size: 1, text: a}\nname: 5\n", `a.yaml:3: field "name" is a number; write a string`},
	} {
		_, err := Decode(File{"a.yaml", []byte(test.text)}, &settings{})
		if err == nil || !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
}
