package mesh

import (
	"regexp"
	"slices"
	"strings"

	"github.com/aviary-rollouts/aviary/sim/label"
)

// origin is what routes may ask about the sender of a request.
type origin struct {
	namespace string
	labels    map[string]string
	gateway   bool // it is an ingress gateway, not a sidecar
}

// textMatch is a StringMatch of Istio. One without any field asks only that
// there is a value.
type textMatch struct {
	exact, prefix string
	regex         *regexp.Regexp
	ignoreCase    bool
}

func parseTextMatch(n node) textMatch {
	m := textMatch{exact: n.at("exact").text(), prefix: n.at("prefix").text()}
	if expr := n.at("regex").text(); expr != "" {
		m.regex = whole(expr)
	}
	return m
}

func (m textMatch) matches(text string) bool {
	if m.ignoreCase {
		text, m.exact, m.prefix = strings.ToLower(text), strings.ToLower(m.exact), strings.ToLower(m.prefix)
	}
	switch {
	case m.exact != "":
		return text == m.exact
	case m.prefix != "":
		return strings.HasPrefix(text, m.prefix)
	case m.regex != nil:
		return m.regex.MatchString(text)
	}
	return true
}

// namedMatch is the condition on a header or a query parameter.
type namedMatch struct {
	name string
	textMatch
}

func parseNamed(n node) (found []namedMatch) {
	names, values := n.fields()
	for i, name := range names {
		found = append(found, namedMatch{name, parseTextMatch(values[i])})
	}
	return found
}

// httpMatch is one entry of a route's match: all its conditions must hold.
type httpMatch struct {
	uri, scheme, method, authority *textMatch
	headers, without, params       []namedMatch
	port                           int32
	source                         sourceMatch
}

func parseHTTPMatch(n node) httpMatch {
	optional := func(name string) *textMatch {
		if n.at(name).v == nil {
			return nil
		}
		m := parseTextMatch(n.at(name))
		return &m
	}
	m := httpMatch{
		uri: optional("uri"), scheme: optional("scheme"), method: optional("method"), authority: optional("authority"),
		headers: parseNamed(n.at("headers")), without: parseNamed(n.at("withoutHeaders")), params: parseNamed(n.at("queryParams")),
		port: int32(n.at("port").number()), source: parseSourceMatch(n),
	}
	if m.uri != nil {
		m.uri.ignoreCase = n.at("ignoreUriCase").flag()
	}
	return m
}

func (m *httpMatch) matches(t *target, c *origin) bool {
	ok := func(m *textMatch, text string) bool { return m == nil || m.matches(text) }
	if !ok(m.uri, t.path) || !ok(m.scheme, t.scheme) || !ok(m.method, t.method) || !ok(m.authority, t.authority) {
		return false
	}
	if m.port != 0 && m.port != t.port || !m.source.matches(c) {
		return false
	}
	for _, h := range m.headers {
		if values := t.header.Values(h.name); len(values) == 0 || !h.matches(strings.Join(values, ",")) {
			return false
		}
	}
	for _, h := range m.without {
		if values := t.header.Values(h.name); len(values) > 0 && h.matches(strings.Join(values, ",")) {
			return false
		}
	}
	for _, p := range m.params {
		if values, ok := t.values[p.name]; !ok || !p.matches(strings.Join(values, ",")) {
			return false
		}
	}
	return true
}

// takes reports whether a route is for a request.
func (r *httpRoute) takes(t *target, c *origin) bool {
	return len(r.matches) == 0 || slices.ContainsFunc(r.matches, func(m httpMatch) bool { return m.matches(t, c) })
}

// sourceMatch is the condition on the client.
type sourceMatch struct {
	labels    map[string]string
	namespace string
	gateways  []string
}

func parseSourceMatch(n node) sourceMatch {
	return sourceMatch{n.at("sourceLabels").stringMap(), n.at("sourceNamespace").text(), n.at("gateways").strings()}
}

func (m *sourceMatch) matches(c *origin) bool {
	if m.namespace != "" && m.namespace != c.namespace || !bound(m.gateways, c, true) {
		return false
	}
	return label.All(c.labels, m.labels)
}

// bound reports whether a list of gateways includes the client's own proxy.
// Without a list that is so for sidecars, or for all proxies.
func bound(gateways []string, c *origin, all bool) bool {
	if len(gateways) == 0 {
		return all || !c.gateway
	}
	return slices.ContainsFunc(gateways, func(g string) bool { return (g == meshGateway) != c.gateway })
}

// l4Match is one entry of the match of a tcp or tls route.
type l4Match struct {
	port   int32
	sni    []string
	source sourceMatch
}

func (m *l4Match) matches(t *target, c *origin) bool {
	if m.port != 0 && m.port != t.port || !m.source.matches(c) {
		return false
	}
	return len(m.sni) == 0 || slices.ContainsFunc(m.sni, func(name string) bool { return hostMatches(name, t.host) })
}

// takes reports whether a route is for a connection.
func (r *l4Route) takes(t *target, c *origin) bool {
	return len(r.matches) == 0 || slices.ContainsFunc(r.matches, func(m l4Match) bool { return m.matches(t, c) })
}
