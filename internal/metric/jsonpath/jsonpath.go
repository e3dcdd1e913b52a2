// Package jsonpath is the language in which metrics pick a value out of an answer.
//
// It is that of kubectl, and a path may be written without its braces. It is a package
// of its own so that a path can be read where nothing is measured.
package jsonpath

import (
	"errors"
	"strings"

	"k8s.io/client-go/util/jsonpath"
)

// ErrNothing says that a document has nothing at a path.
var ErrNothing = errors.New("the answer has nothing there")

// Path picks a value out of one document.
type Path struct{ parser *jsonpath.JSONPath }

// Read reads a path.
func Read(text string) (Path, error) {
	if !strings.Contains(text, "{") {
		text = "{" + text + "}"
	}
	p := Path{jsonpath.New("jsonPath")}
	return p, p.parser.Parse(text)
}

// Pick finds the value at a path; if the path fits several, it is their list.
func (p Path) Pick(document any) (any, error) {
	found, err := p.parser.FindResults(document)
	if err != nil {
		return nil, err
	}
	var values []any
	for _, list := range found {
		for _, v := range list {
			switch {
			case !v.IsValid(): // null
				values = append(values, nil)
			case v.CanInterface():
				values = append(values, v.Interface())
			}
		}
	}
	switch len(values) {
	case 0:
		return nil, ErrNothing
	case 1:
		return values[0], nil
	}
	return values, nil
}
