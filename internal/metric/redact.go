package metric

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// hidden stands for the value of a Secret.
const hidden = "*****"

// redactor takes the values of Secrets out of texts. The zero redactor leaves
// texts as they are.
type redactor struct{ replacer *strings.Replacer }

// newRedactor hides values in every form in which they turn up in addresses,
// documents and error messages.
func newRedactor(values map[string]string) redactor {
	forms := map[string]bool{}
	for _, v := range values {
		for _, form := range []string{
			v, url.QueryEscape(v), url.PathEscape(v), inner(strconv.Quote(v)), inner(jsonOf(v)), base64.StdEncoding.EncodeToString([]byte(v)),
		} {
			forms[form] = true
		}
	}
	delete(forms, "")
	if len(forms) == 0 {
		return redactor{}
	}
	// The longest first: one value may be a part of another.
	longest := slices.SortedFunc(maps.Keys(forms), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	var pairs []string
	for _, form := range longest {
		pairs = append(pairs, form, hidden)
	}
	return redactor{strings.NewReplacer(pairs...)}
}

func jsonOf(s string) string {
	text, err := json.Marshal(s)
	if err != nil { // every string has a JSON form
		return ""
	}
	return string(text)
}

// inner is a quoted text without its quotes.
func inner(quoted string) string { return strings.TrimSuffix(strings.TrimPrefix(quoted, `"`), `"`) }

// misreadError says that a text of a metric is not what it should be.
type misreadError struct {
	error
	field, text string
}

func (e misreadError) Unwrap() error { return e.error }

// Misread marks an error about a text of a metric that cannot be read, which may quote any
// part of it. If the text has the value of a Secret in it, people are told no more than the
// field.
func Misread(field, text string, err error) error { return misreadError{err, field, text} }

// fault is what people are told of an error.
func (r redactor) fault(err error) string {
	if wrong := (misreadError{}); errors.As(err, &wrong) && r.text(wrong.text) != wrong.text {
		return wrong.field + " cannot be read with its secret arguments put in: look at the values in the Secret"
	}
	return r.text(err.Error())
}

func (r redactor) text(s string) string {
	if r.replacer == nil {
		return s
	}
	return r.replacer.Replace(s)
}

func (r redactor) measurement(m v1alpha1.Measurement) v1alpha1.Measurement {
	m.Value, m.Message, m.Metadata = r.text(m.Value), r.text(m.Message), r.metadata(m.Metadata)
	return m
}

func (r redactor) metadata(data map[string]string) map[string]string {
	if r.replacer == nil || data == nil {
		return data
	}
	out := make(map[string]string, len(data))
	for k, v := range data {
		out[k] = r.text(v)
	}
	return out
}
