package route

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
)

// Changes are what a route does to headers, in order: those of the destination,
// of the route, of the virtual host, of the configuration.
type Changes struct {
	request, response []layer
}

// layer is the changes of one level. It removes before it adds.
type layer struct {
	remove []string
	set    []headerValue
}

type headerValue struct {
	name, value string
	action      corev3.HeaderValueOption_HeaderAppendAction
}

// changing is what all levels of a RouteConfiguration have.
type changing interface {
	GetRequestHeadersToAdd() []*corev3.HeaderValueOption
	GetRequestHeadersToRemove() []string
	GetResponseHeadersToAdd() []*corev3.HeaderValueOption
	GetResponseHeadersToRemove() []string
}

// layersOf reads the changes of one level.
func layersOf(c changing) (Changes, error) {
	var changes Changes
	for _, side := range []struct {
		to     *[]layer
		add    []*corev3.HeaderValueOption
		remove []string
	}{
		{&changes.request, c.GetRequestHeadersToAdd(), c.GetRequestHeadersToRemove()},
		{&changes.response, c.GetResponseHeadersToAdd(), c.GetResponseHeadersToRemove()},
	} {
		l := layer{remove: side.remove}
		for _, o := range side.add {
			value, err := plain(o.GetHeader().GetValue())
			if err != nil {
				return changes, fmt.Errorf("header %q: %w", o.GetHeader().GetKey(), err)
			}
			l.set = append(l.set, headerValue{o.GetHeader().GetKey(), value, o.GetAppendAction()})
		}
		if len(l.remove)+len(l.set) > 0 {
			*side.to = append(*side.to, l)
		}
	}
	return changes, nil
}

// plain undoes the escapes of a format string: %% is a percent sign. Envoy's
// %COMMANDS% are not supported.
func plain(format string) (string, error) {
	rest := strings.ReplaceAll(format, "%%", "")
	if strings.Contains(rest, "%") {
		return "", fmt.Errorf("the value %q has a command between percent signs, which is not supported", format)
	}
	return strings.ReplaceAll(format, "%%", "%"), nil
}

func (c Changes) then(next Changes) Changes {
	return Changes{slices.Concat(c.request, next.request), slices.Concat(c.response, next.response)}
}

func (c Changes) reversed() Changes {
	c = Changes{slices.Clone(c.request), slices.Clone(c.response)}
	slices.Reverse(c.request)
	slices.Reverse(c.response)
	return c
}

// Outgoing is a request as it is sent upstream.
type Outgoing struct {
	Authority, Path, Query string
	Header                 http.Header
}

// Outgoing makes the request that is sent to a destination of the route. The
// header is a copy.
func (r *Route) Outgoing(q *Request, to *Weighted) Outgoing {
	out := Outgoing{Authority: q.Authority, Path: q.Path, Query: q.Query, Header: q.Header.Clone()}
	if out.Header == nil {
		out.Header = http.Header{}
	}
	if r.Forward.path != nil {
		out.Path = r.Forward.path(q.Path)
	}
	for _, host := range []string{r.Forward.host, to.host} {
		if host != "" {
			out.Authority = host
		}
	}
	for _, l := range to.changes.then(r.changes).request {
		if host := l.apply(out.Header); host != "" {
			out.Authority = host
		}
	}
	return out
}

// Answered changes the headers of an answer. The destination is nil for an
// answer that the proxy gave itself.
func (r *Route) Answered(h http.Header, from *Weighted) {
	changes := r.changes
	if from != nil {
		changes = from.changes.then(changes)
	}
	for _, l := range changes.response {
		l.apply(h)
	}
}

// apply changes headers and returns a new value of the Host header, which is
// none of them, if there is one.
func (l layer) apply(h http.Header) (host string) {
	for _, name := range l.remove {
		h.Del(name)
	}
	for _, v := range l.set {
		if name := strings.ToLower(v.name); name == "host" || name == ":authority" {
			host = v.value
			continue
		}
		_, has := h[http.CanonicalHeaderKey(v.name)]
		switch v.action {
		case corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD:
			h.Add(v.name, v.value)
		case corev3.HeaderValueOption_ADD_IF_ABSENT:
			if !has {
				h.Set(v.name, v.value)
			}
		case corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD:
			h.Set(v.name, v.value)
		case corev3.HeaderValueOption_OVERWRITE_IF_EXISTS:
			if has {
				h.Set(v.name, v.value)
			}
		}
	}
	return host
}
