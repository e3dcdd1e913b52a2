package route

import (
	"net/http"
	"net/url"
	"strings"
)

// Request is what routes look at.
type Request struct {
	// Method is upper case: "GET".
	Method string
	// Scheme is "http" or "https".
	Scheme string
	// Authority is the Host header, with its port if it has one.
	Authority string
	// Path starts with a slash and has no query; it is escaped as on the wire.
	Path string
	// Query is what follows the question mark.
	Query string
	// Header holds the other headers, in canonical form.
	Header http.Header
}

// NewRequest takes from a request of a client what routes look at.
func NewRequest(r *http.Request) *Request {
	q := &Request{
		Method: r.Method, Scheme: r.URL.Scheme, Authority: r.Host,
		Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Header: r.Header,
	}
	if q.Method == "" {
		q.Method = http.MethodGet
	}
	if q.Scheme == "" {
		q.Scheme = "http"
	}
	if q.Authority == "" {
		q.Authority = r.URL.Host
	}
	if q.Path == "" {
		q.Path = "/"
	}
	return q
}

// header returns the value of a header or pseudo header, several joined by
// commas as Envoy does.
func (r *Request) header(name string) (value string, ok bool) {
	switch strings.ToLower(name) {
	case ":method":
		return r.Method, true
	case ":scheme":
		return r.Scheme, true
	case ":authority", "host":
		return r.Authority, true
	case ":path":
		return pathWithQuery(r.Path, r.Query), true
	}
	values := r.Header.Values(name)
	return strings.Join(values, ","), len(values) > 0
}

// parameter returns the first value of a query parameter.
func (r *Request) parameter(name string) (value string, ok bool) {
	values, _ := url.ParseQuery(r.Query) // what cannot be read is left out
	list, ok := values[name]
	if !ok {
		return "", false
	}
	return list[0], true
}

func pathWithQuery(path, query string) string {
	if query == "" {
		return path
	}
	return path + "?" + query
}
