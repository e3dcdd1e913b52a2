package manifest

import (
	"bytes"
	"fmt"

	strictjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// Source is where a decoded value comes from.
type Source struct{ document document }

// Decode reads a file that is no manifest, such as a list of tests, as strictly
// as [Read] reads manifests: one document of YAML or JSON into a pointer. The
// error is an [*Error]. Types that decode themselves hide what is wrong inside
// of them: a type of a file format had better not have UnmarshalJSON.
func Decode(f File, into any) (Source, error) {
	var content []document
	for _, d := range split(f) {
		if len(bytes.TrimSpace(withoutComments(d.data))) > 0 {
			content = append(content, d)
		}
	}
	if len(content) != 1 {
		return Source{}, &Error{File: f.Name, Problem: fmt.Sprintf("there are %d documents in it", len(content)), Remedy: "write one"}
	}
	d := content[0]
	data, err := yaml.YAMLToJSONStrict(d.data)
	if err != nil {
		return Source{}, d.syntaxError(err)
	}
	strict, err := strictjson.UnmarshalStrict(data, into)
	switch {
	case err != nil:
		return Source{}, d.typeError(err, data, into)
	case len(strict) > 0:
		return Source{}, d.strictError(strict, into)
	}
	return Source{d}, nil
}

// withoutComments drops the lines that are comments.
func withoutComments(data []byte) []byte {
	var kept []byte
	for line := range bytes.Lines(data) {
		if !bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) {
			kept = append(kept, line...)
		}
	}
	return kept
}

// LineOf is the line of a field such as "tests[1].name", counted from 1; if the
// field is not there, that of its nearest parent that is.
func (s Source) LineOf(field string) int { return s.document.lineOf(field) }

// Problem makes an error about a field.
func (s Source) Problem(field, problem, remedy string) error {
	return s.document.problem(field, problem, remedy)
}
