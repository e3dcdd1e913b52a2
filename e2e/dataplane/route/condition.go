package route

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
)

// condition is one thing that a request must fulfil to take a route.
type condition func(*Request) bool

// chance is a condition that dice decide: n of every d requests.
type chance struct{ n, d uint64 }

// always is the chance of what always happens.
var always = chance{1, 1}

// happens draws. Draw returns a number from 0 to its argument, exclusive.
func (c chance) happens(draw func(uint64) uint64) bool {
	return c.n >= c.d || c.n > 0 && draw(c.d) < c.n
}

// chanceOf reads a fraction; none means always.
func chanceOf(f *typev3.FractionalPercent) chance {
	if f == nil {
		return always
	}
	d := map[typev3.FractionalPercent_DenominatorType]uint64{
		typev3.FractionalPercent_HUNDRED:      100,
		typev3.FractionalPercent_TEN_THOUSAND: 10_000,
		typev3.FractionalPercent_MILLION:      1_000_000,
	}[f.GetDenominator()]
	if d == 0 {
		d = 100
	}
	return chance{uint64(f.GetNumerator()), d}
}

// compileMatch reads the match of a route. All conditions must hold.
func compileMatch(m *routev3.RouteMatch) ([]condition, error) {
	path, err := compilePath(m)
	if err != nil {
		return nil, err
	}
	all := []condition{path}
	for _, h := range m.GetHeaders() {
		c, err := compileHeader(h)
		if err != nil {
			return nil, fmt.Errorf("header %q: %w", h.GetName(), err)
		}
		all = append(all, c)
	}
	for _, q := range m.GetQueryParameters() {
		c, err := compileParameter(q)
		if err != nil {
			return nil, fmt.Errorf("query parameter %q: %w", q.GetName(), err)
		}
		all = append(all, c)
	}
	switch {
	case m.GetTlsContext() != nil:
		return nil, fmt.Errorf("a match by tls_context is not supported")
	case len(m.GetDynamicMetadata()) > 0:
		return nil, fmt.Errorf("a match by dynamic_metadata is not supported")
	}
	if m.GetGrpc() != nil {
		all = append(all, func(r *Request) bool {
			return strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
		})
	}
	return all, nil
}

func compilePath(m *routev3.RouteMatch) (condition, error) {
	fold := func(s string) string { return s }
	if s := m.GetCaseSensitive(); s != nil && !s.GetValue() {
		fold = strings.ToLower
	}
	switch p := m.GetPathSpecifier().(type) {
	case *routev3.RouteMatch_Prefix:
		want := fold(p.Prefix)
		return func(r *Request) bool { return strings.HasPrefix(fold(r.Path), want) }, nil
	case *routev3.RouteMatch_Path:
		want := fold(p.Path)
		return func(r *Request) bool { return fold(r.Path) == want }, nil
	case *routev3.RouteMatch_PathSeparatedPrefix:
		want := fold(p.PathSeparatedPrefix)
		return func(r *Request) bool {
			rest, ok := strings.CutPrefix(fold(r.Path), want)
			return ok && (rest == "" || rest[0] == '/')
		}, nil
	case *routev3.RouteMatch_SafeRegex:
		expr := p.SafeRegex.GetRegex()
		if fold("A") == "a" {
			expr = "(?i)" + expr
		}
		re, err := whole(expr)
		if err != nil {
			return nil, fmt.Errorf("safe_regex of the path: %w", err)
		}
		return func(r *Request) bool { return re.MatchString(r.Path) }, nil
	case *routev3.RouteMatch_ConnectMatcher_:
		return func(r *Request) bool { return r.Method == "CONNECT" }, nil
	}
	return nil, fmt.Errorf("a match of the path by %T is not supported", m.GetPathSpecifier())
}

// whole compiles an expression that has to match all of a text.
func whole(expr string) (*regexp.Regexp, error) {
	return regexp.Compile("^(?:" + expr + ")$")
}

func compileHeader(h *routev3.HeaderMatcher) (condition, error) {
	name, empty := h.GetName(), h.GetTreatMissingHeaderAsEmpty()
	test, err := headerTest(h)
	if err != nil {
		return nil, err
	}
	if p, ok := h.GetHeaderMatchSpecifier().(*routev3.HeaderMatcher_PresentMatch); ok {
		want := p.PresentMatch != h.GetInvertMatch()
		return func(r *Request) bool { _, has := r.header(name); return has == want }, nil
	}
	return func(r *Request) bool {
		value, has := r.header(name)
		if !has && !empty {
			return false // an inverted match wants another value, not none
		}
		return (test == nil || test(value)) != h.GetInvertMatch()
	}, nil
}

// headerTest returns what the value of a header must fulfil; nil means that it
// must be there.
func headerTest(h *routev3.HeaderMatcher) (func(string) bool, error) {
	switch s := h.GetHeaderMatchSpecifier().(type) {
	case nil, *routev3.HeaderMatcher_PresentMatch:
		return nil, nil
	case *routev3.HeaderMatcher_StringMatch:
		return compileText(s.StringMatch)
	case *routev3.HeaderMatcher_RangeMatch:
		return func(v string) bool {
			n, err := strconv.ParseInt(v, 10, 64)
			return err == nil && n >= s.RangeMatch.GetStart() && n < s.RangeMatch.GetEnd()
		}, nil
	}
	return nil, fmt.Errorf("a match by %T is not supported", h.GetHeaderMatchSpecifier())
}

func compileParameter(q *routev3.QueryParameterMatcher) (condition, error) {
	name := q.GetName()
	switch s := q.GetQueryParameterMatchSpecifier().(type) {
	case nil:
		return func(r *Request) bool { _, has := r.parameter(name); return has }, nil
	case *routev3.QueryParameterMatcher_PresentMatch:
		return func(r *Request) bool { _, has := r.parameter(name); return has == s.PresentMatch }, nil
	case *routev3.QueryParameterMatcher_StringMatch:
		test, err := compileText(s.StringMatch)
		if err != nil {
			return nil, err
		}
		return func(r *Request) bool { value, has := r.parameter(name); return has && test(value) }, nil
	}
	return nil, fmt.Errorf("a match by %T is not supported", q.GetQueryParameterMatchSpecifier())
}

// compileText reads a StringMatcher.
func compileText(m *matcherv3.StringMatcher) (func(string) bool, error) {
	fold := func(s string) string { return s }
	if m.GetIgnoreCase() {
		fold = strings.ToLower
	}
	switch p := m.GetMatchPattern().(type) {
	case *matcherv3.StringMatcher_Exact:
		want := fold(p.Exact)
		return func(s string) bool { return fold(s) == want }, nil
	case *matcherv3.StringMatcher_Prefix:
		want := fold(p.Prefix)
		return func(s string) bool { return strings.HasPrefix(fold(s), want) }, nil
	case *matcherv3.StringMatcher_Suffix:
		want := fold(p.Suffix)
		return func(s string) bool { return strings.HasSuffix(fold(s), want) }, nil
	case *matcherv3.StringMatcher_Contains:
		want := fold(p.Contains)
		return func(s string) bool { return strings.Contains(fold(s), want) }, nil
	case *matcherv3.StringMatcher_SafeRegex:
		re, err := whole(p.SafeRegex.GetRegex())
		if err != nil {
			return nil, fmt.Errorf("safe_regex: %w", err)
		}
		return re.MatchString, nil
	}
	return nil, fmt.Errorf("a match by %T is not supported", m.GetMatchPattern())
}
