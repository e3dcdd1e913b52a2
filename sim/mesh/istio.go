package mesh

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/sim/mesh/istiometric"
)

// The kinds are read as unstructured objects: their versions v1alpha3, v1beta1
// and v1 have the same fields. The version here says only which one the store
// is asked for.
const networking = "networking.istio.io"

var (
	virtualServiceKind  = schema.GroupVersionKind{Group: networking, Version: "v1", Kind: "VirtualService"}
	destinationRuleKind = schema.GroupVersionKind{Group: networking, Version: "v1", Kind: "DestinationRule"}
)

// virtualService is what a proxy takes from a VirtualService.
type virtualService struct {
	key      types.NamespacedName
	created  time.Time
	hosts    []string // qualified
	gateways []string
	http     []httpRoute
	tcp, tls []l4Route
}

// httpRoute is one entry of spec.http.
type httpRoute struct {
	matches      []httpMatch // any; none means all requests
	destinations []weighted
	mirrors      []mirror
	status       int // of a direct response or a redirect; 0 if there is none
}

// l4Route is one entry of spec.tcp or spec.tls.
type l4Route struct {
	matches      []l4Match
	destinations []weighted
}

// weighted is one destination of a route.
type weighted struct {
	destination destination
	weight      int64
}

// destination is where a route leads.
type destination struct {
	host   string // qualified
	subset string
	port   int32 // 0: that of the request
}

// mirror is a copy of some requests, whose answers nobody reads.
type mirror struct {
	destination destination
	share       float64 // from 0 to 1
}

// mesh is the word for the sidecars in a list of gateways.
const meshGateway = "mesh"

func parseVirtualService(u *unstructured.Unstructured) *virtualService {
	spec := node{u.Object}.at("spec")
	ns := u.GetNamespace()
	vs := &virtualService{
		key:      types.NamespacedName{Namespace: ns, Name: u.GetName()},
		created:  u.GetCreationTimestamp().Time,
		gateways: spec.at("gateways").strings(),
	}
	for _, h := range spec.at("hosts").strings() {
		vs.hosts = append(vs.hosts, qualify(h, ns))
	}
	for _, r := range spec.at("http").list() {
		vs.http = append(vs.http, parseHTTPRoute(r, ns))
	}
	for _, r := range spec.at("tcp").list() {
		vs.tcp = append(vs.tcp, parseL4Route(r, ns))
	}
	for _, r := range spec.at("tls").list() {
		vs.tls = append(vs.tls, parseL4Route(r, ns))
	}
	return vs
}

func parseHTTPRoute(r node, ns string) httpRoute {
	route := httpRoute{destinations: parseWeighted(r, ns), status: int(r.at("directResponse", "status").number())}
	for _, m := range r.at("match").list() {
		route.matches = append(route.matches, parseHTTPMatch(m))
	}
	if redirect := r.at("redirect"); redirect.v != nil {
		route.status = cmp.Or(int(redirect.at("redirectCode").number()), 301)
	}
	if m := r.at("mirror"); m.v != nil {
		share := 1.0
		if p := r.at("mirrorPercentage"); p.v != nil {
			share = p.at("value").number() / 100
		} else if p := r.at("mirrorPercent"); p.v != nil {
			share = p.number() / 100
		}
		route.mirrors = append(route.mirrors, mirror{parseDestination(m, ns), share})
	}
	for _, m := range r.at("mirrors").list() {
		share := 1.0
		if p := m.at("percentage"); p.v != nil {
			share = p.at("value").number() / 100
		}
		route.mirrors = append(route.mirrors, mirror{parseDestination(m.at("destination"), ns), share})
	}
	return route
}

func parseL4Route(r node, ns string) l4Route {
	route := l4Route{destinations: parseWeighted(r, ns)}
	for _, m := range r.at("match").list() {
		route.matches = append(route.matches, l4Match{
			port: int32(m.at("port").number()), sni: m.at("sniHosts").strings(),
			source: parseSourceMatch(m),
		})
	}
	return route
}

// heaviest bounds a weight, so that a million times a billion requests is still
// a number.
const heaviest = 1_000_000

// parseWeighted reads the destinations. A single one needs no weight.
func parseWeighted(r node, ns string) (found []weighted) {
	for _, d := range r.at("route").list() {
		weight := min(max(d.at("weight").number(), 0), heaviest)
		found = append(found, weighted{parseDestination(d.at("destination"), ns), int64(weight)})
	}
	if len(found) == 1 {
		found[0].weight = max(found[0].weight, 1)
	}
	return found
}

func parseDestination(d node, ns string) destination {
	return destination{
		host:   qualify(d.at("host").text(), ns),
		subset: d.at("subset").text(),
		port:   int32(d.at("port", "number").number()),
	}
}

// destinationRule is what a proxy takes from a DestinationRule.
type destinationRule struct {
	key     types.NamespacedName
	created time.Time
	host    string // qualified
	subsets map[string]map[string]string
}

func parseDestinationRule(u *unstructured.Unstructured) *destinationRule {
	spec := node{u.Object}.at("spec")
	dr := &destinationRule{
		key:     types.NamespacedName{Namespace: u.GetNamespace(), Name: u.GetName()},
		created: u.GetCreationTimestamp().Time,
		host:    qualify(spec.at("host").text(), u.GetNamespace()),
		subsets: map[string]map[string]string{},
	}
	for _, s := range spec.at("subsets").list() {
		dr.subsets[s.at("name").text()] = s.at("labels").stringMap()
	}
	return dr
}

// qualify makes the full name of a host in an Istio object: a name without a
// dot is a Service of the object's own namespace, anything else is meant as it
// is written.
//
//	reviews in istio             reviews.istio.svc.cluster.local
//	reviews.istio                reviews.istio, which is no Service
func qualify(host, namespace string) string {
	if host == "" || host == "*" || strings.Contains(host, ".") {
		return host
	}
	return host + "." + namespace + istiometric.ClusterDomain
}

// serviceOf splits the full name of a Service.
func serviceOf(host string) (types.NamespacedName, bool) { return istiometric.Service(host) }

// hostOf is the reverse of serviceOf.
func hostOf(key types.NamespacedName) string { return istiometric.Host(key) }

// hostMatches reports whether a host of an Istio object, possibly with a
// wildcard first, stands for a name.
func hostMatches(pattern, name string) bool {
	if rest, ok := strings.CutPrefix(pattern, "*"); ok {
		return strings.HasSuffix(name, rest)
	}
	return pattern == name
}

// node is a value inside an unstructured object. Its methods return zero values
// for what is missing or of another type.
type node struct{ v any }

func (n node) at(path ...string) node {
	for _, name := range path {
		m, _ := n.v.(map[string]any)
		n.v = m[name]
	}
	return n
}

func (n node) text() string { s, _ := n.v.(string); return s }
func (n node) flag() bool   { b, _ := n.v.(bool); return b }

// number returns 0 for what is no number.
func (n node) number() float64 {
	switch v := n.v.(type) {
	case int64:
		return float64(v)
	case int:
		return float64(v)
	case float64:
		if !math.IsNaN(v) {
			return v
		}
	}
	return 0
}

func (n node) list() (nodes []node) {
	all, _ := n.v.([]any)
	for _, v := range all {
		nodes = append(nodes, node{v})
	}
	return nodes
}

func (n node) strings() (texts []string) {
	for _, v := range n.list() {
		texts = append(texts, v.text())
	}
	return texts
}

// fields returns the entries of an object, sorted by name.
func (n node) fields() (names []string, values []node) {
	m, _ := n.v.(map[string]any)
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values = append(values, node{m[name]})
	}
	return names, values
}

func (n node) stringMap() map[string]string {
	out := map[string]string{}
	names, values := n.fields()
	for i, name := range names {
		out[name] = values[i].text()
	}
	return out
}

// whole compiles an expression that has to match all of a text. One that does
// not compile matches nothing, as Istio refuses it.
func whole(expr string) *regexp.Regexp {
	re, err := regexp.Compile("^(?:" + expr + ")$")
	if err != nil {
		return regexp.MustCompile(`[^\s\S]`)
	}
	return re
}
