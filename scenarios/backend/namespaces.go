package backend

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Scenarios say "default" or "istio" and mean a cluster of their own. Where many
// share one, each has its own namespaces: what a scenario calls NAME is
// NAME-TAG in the cluster. The names are changed on the way to the API server
// and back, so that neither manifests nor outputs know of it. So are the names of
// hosts that a scenario answers for itself. Queries for the requests of the mesh, which
// most often name no namespace, are told on the same way to look at those of the
// scenario only.

// namespaces translates the names of namespaces for one scenario.
type namespaces struct {
	next http.RoundTripper
	tag  string
	// keep are namespaces that belong to the cluster: their names stay.
	keep []string

	mu    sync.Mutex
	known map[string]*nameRule
	last  uint64           // the highest version that was written
	hosts []*regexp.Regexp // in URLs, those that the scenario answers for
	// prepare makes a namespace of the cluster ready at its first use.
	prepare func(name string) error
}

// nameRule finds the places in JSON where a namespace is named: as the value of
// a field, as a part of the host name of a Service, before the
// name of a gateway, and in a PromQL selector.
type nameRule struct {
	once     sync.Once
	err      error
	field    []byte
	host     *regexp.Regexp
	selector *regexp.Regexp
	gateway  *regexp.Regexp
}

func newNameRule(name string) *nameRule {
	q := regexp.QuoteMeta(name)
	return &nameRule{
		field:    []byte(`"namespace":"` + name + `"`),
		host:     regexp.MustCompile(`([a-z0-9}*-])\.` + q + `(\.svc\b|["\\:/]|$)`),
		gateway:  regexp.MustCompile(`("gateways":\[[^\]]*")` + q + `/`),
		selector: regexp.MustCompile(`(namespace(?:!=|=~|=)\\?["'])` + q + `(\\?["'])`),
	}
}

// inCluster returns what a namespace of the scenario is called in the cluster.
func (n *namespaces) inCluster(name string) string {
	if name == "" || slices.Contains(n.keep, name) {
		return name
	}
	return name + "-" + n.tag
}

// use learns a name, and makes its namespace ready.
func (n *namespaces) use(name string) error {
	if name == "" || slices.Contains(n.keep, name) {
		return nil
	}
	n.mu.Lock()
	rule := n.known[name]
	if rule == nil {
		rule = newNameRule(name)
		n.known[name] = rule
	}
	n.mu.Unlock()
	rule.once.Do(func() { rule.err = n.prepare(n.inCluster(name)) })
	return rule.err
}

// used lists the names that were used, sorted.
func (n *namespaces) used() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Sorted(maps.Keys(n.known))
}

var pathNamespace = regexp.MustCompile(`/namespaces/([^/]+)`)

// RoundTrip translates a request and its answer.
func (n *namespaces) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if m := pathNamespace.FindStringSubmatch(r.URL.Path); m != nil {
		if err := n.use(m[1]); err != nil {
			return nil, fmt.Errorf("prepare the namespace %s: %w", n.inCluster(m[1]), err)
		}
		r.URL.Path = strings.Replace(r.URL.Path, m[0], "/namespaces/"+n.inCluster(m[1]), 1)
	}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		_ = r.Body.Close() // it was read to its end
		body = n.outward(body)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	r.Header.Set("Accept", "application/json") // what can be translated
	resp, err := n.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if r.Method != http.MethodGet {
		if err := n.noteWrite(resp); err != nil {
			return nil, err
		}
	}
	resp.Body = n.inward(resp.Body)
	resp.ContentLength = -1
	resp.Header.Del("Content-Length")
	return resp, nil
}

var resourceVersion = regexp.MustCompile(`"resourceVersion":"([0-9]+)"`)

// noteWrite remembers the version that a write has made.
func (n *namespaces) noteWrite(resp *http.Response) error {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	_ = resp.Body.Close() // it was read to its end
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if m := resourceVersion.FindSubmatch(body); m != nil {
		version, err := strconv.ParseUint(string(m[1]), 10, 64)
		if err != nil {
			return fmt.Errorf("read the version of what was written: %w", err)
		}
		n.mu.Lock()
		n.last = max(n.last, version)
		n.mu.Unlock()
	}
	return nil
}

// wrote returns the highest version that the scenario has written; 0 if none.
func (n *namespaces) wrote() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.last
}

// outward translates JSON of the scenario into that of the cluster.
func (n *namespaces) outward(body []byte) []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, rule := range n.known {
		to := n.inCluster(name)
		body = bytes.ReplaceAll(body, rule.field, []byte(`"namespace":"`+to+`"`))
		body = rule.host.ReplaceAll(body, []byte("${1}."+to+"${2}"))
		body = rule.gateway.ReplaceAll(body, []byte("${1}"+to+"/"))
		body = rule.selector.ReplaceAll(body, []byte("${1}"+to+"${2}"))
	}
	for _, host := range n.hosts {
		body = host.ReplaceAll(body, []byte("${1}-"+n.tag+"${2}"))
	}
	return meshSeries.ReplaceAll(body, []byte("${0}"+ownSeries("-"+n.tag)))
}

// meshSeries finds the selectors of the mesh's series in PromQL.
var meshSeries = regexp.MustCompile(`\bistio_[a-z_]+\s*\{`)

// ownSeries is the matcher in PromQL of what came to a Service in a namespace with this
// suffix. Its quotes are those that JSON leaves alone.
func ownSeries(suffix string) string { return "destination_service_namespace=~'.*" + suffix + "'," }

// withoutOwn drops from a text what was added to it for the cluster.
func withoutOwn(text, suffix string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, ownSeries(suffix), ""), suffix, "")
}

// serve makes a host the scenario's own from now on, in URLs and where it is the
// value of an argument, and returns what it is called
// in the cluster; * in it stands for any text.
func (n *namespaces) serve(host string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	letters := strings.ReplaceAll(regexp.QuoteMeta(host), `\*`, `[a-zA-Z0-9.-]*`)
	own := regexp.MustCompile(`((?://|\\?"value\\?":\\?")` + letters + `)([:/?"\\]|$)`)
	if !slices.ContainsFunc(n.hosts, func(h *regexp.Regexp) bool { return h.String() == own.String() }) {
		n.hosts = append(n.hosts, own)
	}
	return host + "-" + n.tag
}

// inward translates an answer line by line, so that a watch flows.
func (n *namespaces) inward(body io.ReadCloser) io.ReadCloser {
	return &translated{source: body, lines: bufio.NewReaderSize(body, 64<<10), suffix: "-" + n.tag}
}

// translated drops the tag from every name in a stream, and the matchers that are ours.
type translated struct {
	source io.Closer
	lines  *bufio.Reader
	suffix string
	rest   []byte
	err    error
}

func (t *translated) Read(p []byte) (int, error) {
	for len(t.rest) == 0 {
		if t.err != nil {
			return 0, t.err
		}
		var line []byte
		line, t.err = t.lines.ReadBytes('\n')
		t.rest = []byte(withoutOwn(string(line), t.suffix))
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

func (t *translated) Close() error { return t.source.Close() }

var tagged = regexp.MustCompile(`-zq([0-9]+)x$`)

// NumberOf returns the number of the scenario that a namespace of a cluster
// belongs to, 0 if it belongs to none.
func NumberOf(namespace string) int {
	m := tagged.FindStringSubmatch(namespace)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0 // too many digits for one of ours
	}
	return n
}

// tagOf returns the tag of the nth scenario on a cluster: letters that no word
// of a scenario contains, so that it can be taken out again.
func tagOf(n int) string { return "zq" + strconv.Itoa(n) + "x" }
