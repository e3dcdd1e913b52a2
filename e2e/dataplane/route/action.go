package route

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

// Direct is an answer that the proxy gives itself.
type Direct struct {
	Status int
	Body   string
}

func compileDirect(a *routev3.DirectResponseAction) (*Direct, error) {
	d := &Direct{Status: int(a.GetStatus())}
	switch {
	case a.GetBody() == nil:
	case a.GetBody().GetInlineString() != "":
		d.Body = a.GetBody().GetInlineString()
	case a.GetBody().GetInlineBytes() != nil:
		d.Body = string(a.GetBody().GetInlineBytes())
	case a.GetBody().GetFilename() != "":
		return nil, fmt.Errorf("direct_response: a body from a file is not supported: give it inline")
	}
	return d, nil
}

// Redirect tells the client to ask elsewhere.
type Redirect struct {
	Status     int
	scheme     string
	host       string
	port       uint32
	path       pathChange
	stripQuery bool
}

// redirectStatus are the status codes of a redirect.
var redirectStatus = map[routev3.RedirectAction_RedirectResponseCode]int{
	routev3.RedirectAction_MOVED_PERMANENTLY:  http.StatusMovedPermanently,
	routev3.RedirectAction_FOUND:              http.StatusFound,
	routev3.RedirectAction_SEE_OTHER:          http.StatusSeeOther,
	routev3.RedirectAction_TEMPORARY_REDIRECT: http.StatusTemporaryRedirect,
	routev3.RedirectAction_PERMANENT_REDIRECT: http.StatusPermanentRedirect,
}

func compileRedirect(a *routev3.RedirectAction, m *routev3.RouteMatch) (*Redirect, error) {
	r := &Redirect{
		Status: redirectStatus[a.GetResponseCode()], scheme: a.GetSchemeRedirect(), host: a.GetHostRedirect(),
		port: a.GetPortRedirect(), stripQuery: a.GetStripQuery(),
	}
	if a.GetHttpsRedirect() {
		r.scheme = "https"
	}
	switch p := a.GetPathRewriteSpecifier().(type) {
	case *routev3.RedirectAction_PathRedirect:
		r.path = func(string) string { return p.PathRedirect }
	case *routev3.RedirectAction_PrefixRewrite:
		r.path = replacePrefix(m, p.PrefixRewrite)
	case *routev3.RedirectAction_RegexRewrite:
		change, err := replacePattern(p.RegexRewrite.GetPattern().GetRegex(), p.RegexRewrite.GetSubstitution())
		if err != nil {
			return nil, fmt.Errorf("redirect: %w", err)
		}
		r.path = change
	}
	return r, nil
}

// Location is where a request is told to go.
func (r *Redirect) Location(q *Request) string {
	scheme, host, path, query := q.Scheme, q.Authority, q.Path, q.Query
	if r.scheme != "" {
		scheme = r.scheme
	}
	if r.host != "" {
		host = r.host
	}
	if name, _, err := net.SplitHostPort(host); err == nil && (r.port != 0 || r.scheme != "" && r.host == "") {
		host = name // a port that belongs to the scheme of before
	}
	if r.port != 0 {
		host = net.JoinHostPort(host, strconv.Itoa(int(r.port)))
	}
	if r.path != nil {
		path = r.path(path)
	}
	if r.stripQuery || strings.Contains(path, "?") {
		query = ""
	}
	return scheme + "://" + host + pathWithQuery(path, query)
}

// Forward sends requests on.
type Forward struct {
	// Timeout bounds a request with all its retries; 0 means no bound.
	Timeout time.Duration
	// Retry says which failures are tried again.
	Retry Retry
	// Mirrors get copies whose answers nobody reads.
	Mirrors []Mirror
	// Missing is the status if the cluster does not exist.
	Missing int

	clusters []Weighted
	total    uint64
	path     pathChange
	host     string
	autoHost bool
}

// Weighted is one destination of a route.
type Weighted struct {
	// Cluster is Envoy's name of it.
	Cluster string
	// Weight is relative to the sum of those of the route.
	Weight uint64

	changes Changes
	host    string
}

// Mirror gets copies of a part of the requests.
type Mirror struct {
	Cluster string
	share   chance
}

// Happens draws whether one request is copied.
func (m Mirror) Happens(draw func(uint64) uint64) bool { return m.share.happens(draw) }

// defaultTimeout is Envoy's for routes that say nothing.
const defaultTimeout = 15 * time.Second

func compileForward(a *routev3.RouteAction, m *routev3.RouteMatch, vh *routev3.VirtualHost) (*Forward, error) {
	f := &Forward{Timeout: defaultTimeout, Missing: http.StatusServiceUnavailable}
	if t := a.GetTimeout(); t != nil {
		f.Timeout = t.AsDuration()
	}
	if a.GetClusterNotFoundResponseCode() == routev3.RouteAction_NOT_FOUND {
		f.Missing = http.StatusNotFound
	}
	policy := a.GetRetryPolicy()
	if policy == nil {
		policy = vh.GetRetryPolicy()
	}
	f.Retry = retryOf(policy)
	if err := f.setClusters(a); err != nil {
		return nil, err
	}
	for _, p := range a.GetRequestMirrorPolicies() {
		if p.GetCluster() == "" {
			return nil, fmt.Errorf("a mirror without a cluster name is not supported")
		}
		mirror := Mirror{Cluster: p.GetCluster(), share: always}
		if fraction := p.GetRuntimeFraction(); fraction != nil {
			mirror.share = chanceOf(fraction.GetDefaultValue())
		}
		f.Mirrors = append(f.Mirrors, mirror)
	}
	return f, f.setRewrites(a, m)
}

func (f *Forward) setClusters(a *routev3.RouteAction) error {
	switch c := a.GetClusterSpecifier().(type) {
	case *routev3.RouteAction_Cluster:
		f.clusters = []Weighted{{Cluster: c.Cluster, Weight: 1}}
	case *routev3.RouteAction_WeightedClusters:
		for _, w := range c.WeightedClusters.GetClusters() {
			changes, err := layersOf(w)
			if err != nil {
				return fmt.Errorf("cluster %q: %w", w.GetName(), err)
			}
			weight := uint64(w.GetWeight().GetValue())
			f.clusters = append(f.clusters, Weighted{w.GetName(), weight, changes, w.GetHostRewriteLiteral()})
		}
	default:
		return fmt.Errorf("a destination of %T is not supported", a.GetClusterSpecifier())
	}
	for _, w := range f.clusters {
		f.total += w.Weight
	}
	if f.total == 0 {
		return fmt.Errorf("the weights of the clusters add up to 0")
	}
	return nil
}

func (f *Forward) setRewrites(a *routev3.RouteAction, m *routev3.RouteMatch) (err error) {
	switch h := a.GetHostRewriteSpecifier().(type) {
	case nil:
	case *routev3.RouteAction_HostRewriteLiteral:
		f.host = h.HostRewriteLiteral
	case *routev3.RouteAction_AutoHostRewrite:
		f.autoHost = h.AutoHostRewrite.GetValue()
	default:
		return fmt.Errorf("a rewrite of the host by %T is not supported", h)
	}
	switch {
	case a.GetPrefixRewrite() != "":
		f.path = replacePrefix(m, a.GetPrefixRewrite())
	case a.GetRegexRewrite() != nil:
		f.path, err = replacePattern(a.GetRegexRewrite().GetPattern().GetRegex(), a.GetRegexRewrite().GetSubstitution())
	}
	return err
}

// Pick draws a destination by the weights. Draw returns a number from 0 to its
// argument, exclusive.
//
//	weights 80, 20: draws of 0 to 79 are the first, 80 to 99 the second
func (f *Forward) Pick(draw func(uint64) uint64) *Weighted {
	if len(f.clusters) == 1 {
		return &f.clusters[0]
	}
	n := draw(f.total)
	for i := range f.clusters {
		if n < f.clusters[i].Weight {
			return &f.clusters[i]
		}
		n -= f.clusters[i].Weight
	}
	panic(fmt.Sprintf("draw of %d is not below %d", n, f.total))
}

// Clusters are the destinations, in the order of the route.
func (f *Forward) Clusters() []Weighted { return f.clusters }

// AutoHost reports whether the Host header becomes the name of the endpoint.
func (f *Forward) AutoHost() bool { return f.autoHost }

// pathChange makes the path that is asked upstream, without the query.
type pathChange func(path string) string

// replacePrefix replaces what the match of a route looks at: a prefix, or a
// whole path.
//
//	match prefix /api/, rewrite /:  /api/status/200 becomes /status/200
//	match path /old, rewrite /new:  /old becomes /new
func replacePrefix(m *routev3.RouteMatch, with string) pathChange {
	var prefix string
	switch p := m.GetPathSpecifier().(type) {
	case *routev3.RouteMatch_Prefix:
		prefix = p.Prefix
	case *routev3.RouteMatch_PathSeparatedPrefix:
		prefix = p.PathSeparatedPrefix
	default:
		return func(string) string { return with }
	}
	return func(path string) string { return with + path[min(len(prefix), len(path)):] }
}

// groupReference is how Envoy's substitutions name a group: \1.
var groupReference = regexp.MustCompile(`\\(\d)`)

// replacePattern replaces what a pattern finds in the path.
func replacePattern(pattern, substitution string) (pathChange, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("regex_rewrite: %w", err)
	}
	with := groupReference.ReplaceAllString(strings.ReplaceAll(substitution, "$", "$$"), "$${${1}}")
	return func(path string) string { return re.ReplaceAllString(path, with) }, nil
}
