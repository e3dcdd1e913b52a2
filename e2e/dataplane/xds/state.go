package xds

import (
	"errors"
	"fmt"
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/aviary-rollouts/aviary/e2e/dataplane/route"
	"github.com/aviary-rollouts/aviary/e2e/dataplane/upstream"
)

// kind is a type of resource.
type kind int

// The kinds, in the order in which they are asked for and in which a server
// should send them: a route comes after the clusters that it names.
const (
	clusters kind = iota
	endpoints
	listeners
	routes
	kinds // how many there are
)

const types = "type.googleapis.com/envoy.config."

// typeURLs are the names of the kinds on the wire.
var typeURLs = [kinds]string{
	clusters:  types + "cluster.v3.Cluster",
	endpoints: types + "endpoint.v3.ClusterLoadAssignment",
	listeners: types + "listener.v3.Listener",
	routes:    types + "route.v3.RouteConfiguration",
}

// follows says which kind is named by which: clusters name endpoints.
var follows = [kinds]kind{clusters: endpoints, listeners: routes, endpoints: kinds, routes: kinds}

// resource is one that was read: a Cluster, Pool, Listener or Table.
type resource struct {
	value  any
	wanted []string // what it names of the kind that follows
}

// subscription is what was said about one kind.
type subscription struct {
	version   string // of the last answer that was accepted
	nonce     string // of the last answer on this stream
	asked     bool   // on this stream
	answered  bool   // ever
	names     []string
	resources map[string]resource
}

// state is a conversation with an xDS server. It outlives streams. It is used
// by one goroutine.
type state struct {
	node *corev3.Node
	subs [kinds]subscription
}

func newState(node *corev3.Node) *state {
	s := &state{node: node}
	for k := range s.subs {
		s.subs[k].resources = map[string]resource{}
	}
	return s
}

// open begins a stream: it returns the first requests. Nonces belong to a
// stream; versions and names are said again.
func (s *state) open() []*discoveryv3.DiscoveryRequest {
	var out []*discoveryv3.DiscoveryRequest
	for k := range s.subs {
		sub := &s.subs[k]
		sub.nonce, sub.asked = "", false
		if wildcard(kind(k)) || len(sub.names) > 0 {
			out = append(out, s.request(kind(k)))
		}
	}
	return out
}

// wildcard reports whether all resources of a kind are asked for.
func wildcard(k kind) bool { return k == clusters || k == listeners }

func (s *state) request(k kind) *discoveryv3.DiscoveryRequest {
	sub := &s.subs[k]
	sub.asked = true
	return &discoveryv3.DiscoveryRequest{
		Node: s.node, TypeUrl: typeURLs[k], VersionInfo: sub.version, ResponseNonce: sub.nonce,
		ResourceNames: sub.names,
	}
}

// receive takes an answer of the server and returns what to say to it: that it
// is accepted, or why not, and what is asked for next. The error is the reason
// of a refusal, for the log; the stream goes on.
func (s *state) receive(r *discoveryv3.DiscoveryResponse) ([]*discoveryv3.DiscoveryRequest, error) {
	k := kind(slices.Index(typeURLs[:], r.GetTypeUrl()))
	if k < 0 {
		return nil, fmt.Errorf("an answer of type %q, which nobody asked for", r.GetTypeUrl())
	}
	sub := &s.subs[k]
	sub.nonce = r.GetNonce()
	read, err := s.read(k, r.GetResources())
	if err != nil {
		err = fmt.Errorf("refuse version %q of %s: %w", r.GetVersionInfo(), typeURLs[k], err)
		refusal := s.request(k)
		refusal.ErrorDetail = &status.Status{Code: int32(codes.InvalidArgument), Message: err.Error()}
		return []*discoveryv3.DiscoveryRequest{refusal}, err
	}
	sub.version, sub.answered = r.GetVersionInfo(), true
	if wildcard(k) {
		clear(sub.resources)
	}
	for name, x := range read {
		// Endpoints and routes may come after the names have changed.
		if wildcard(k) || slices.Contains(sub.names, name) {
			sub.resources[name] = x
		}
	}
	out := []*discoveryv3.DiscoveryRequest{s.request(k)}
	if next := follows[k]; next != kinds && s.rename(k, next) {
		out = append(out, s.request(next))
	}
	return out, nil
}

// rename works out the names of a kind anew, from what the kind before it names,
// and forgets what is not named any more. It reports whether there is anything
// to ask for.
func (s *state) rename(from, k kind) bool {
	var names []string
	for _, x := range s.subs[from].resources {
		names = append(names, x.wanted...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	sub := &s.subs[k]
	if slices.Equal(names, sub.names) && (sub.asked || len(names) == 0) {
		return false
	}
	sub.names = names
	for name := range sub.resources {
		if _, found := slices.BinarySearch(names, name); !found {
			delete(sub.resources, name)
		}
	}
	// Without a name the server would send all; it has been told none before.
	return len(names) > 0 || sub.asked
}

// read reads the resources of an answer: all of them or none.
func (s *state) read(k kind, list []*anypb.Any) (map[string]resource, error) {
	read := make(map[string]resource, len(list))
	var bad []error
	for _, x := range list {
		name, value, err := s.readOne(k, x)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		read[name] = value
	}
	return read, errors.Join(bad...)
}

func (s *state) readOne(k kind, x *anypb.Any) (name string, r resource, err error) {
	switch k {
	case clusters:
		var c clusterv3.Cluster
		if err = x.UnmarshalTo(&c); err != nil {
			return "", r, err
		}
		cluster, err := upstream.CompileCluster(&c)
		if err != nil {
			return "", r, err
		}
		r.value = cluster
		if cluster.Discovered != "" {
			r.wanted = []string{cluster.Discovered}
		}
		return c.GetName(), r, nil
	case endpoints:
		var a endpointv3.ClusterLoadAssignment
		if err = x.UnmarshalTo(&a); err != nil {
			return "", r, err
		}
		before, _ := s.subs[k].resources[a.GetClusterName()].value.(*upstream.Pool)
		r.value = upstream.CompilePool(&a, before)
		return a.GetClusterName(), r, nil
	case listeners:
		var l listenerv3.Listener
		if err = x.UnmarshalTo(&l); err != nil {
			return "", r, err
		}
		r.value, r.wanted, err = compileListener(&l)
		r.wanted = slices.DeleteFunc(r.wanted, func(name string) bool { return name == "" })
		return l.GetName(), r, err
	}
	var c routev3.RouteConfiguration
	if err = x.UnmarshalTo(&c); err != nil {
		return "", r, err
	}
	r.value, err = route.Compile(&c)
	return c.GetName(), r, err
}

// complete reports whether everything that was asked for has been answered once.
func (s *state) complete() bool {
	for k := range s.subs {
		sub := &s.subs[k]
		if wildcard(kind(k)) && !sub.answered {
			return false
		}
		for _, name := range sub.names {
			if _, ok := sub.resources[name]; !ok {
				return false
			}
		}
	}
	return true
}

// missing lists what was asked for and has not been answered, for messages.
func (s *state) missing() (names []string) {
	for k := range s.subs {
		sub := &s.subs[k]
		if wildcard(kind(k)) && !sub.answered {
			names = append(names, typeURLs[k])
		}
		for _, name := range sub.names {
			if _, ok := sub.resources[name]; !ok {
				names = append(names, name)
			}
		}
	}
	return names
}

// config is what the proxy has been told so far.
func (s *state) config() *Config {
	return &Config{
		listeners: values[*Listener](s.subs[listeners].resources),
		routes:    values[*route.Table](s.subs[routes].resources),
		clusters:  values[*upstream.Cluster](s.subs[clusters].resources),
		pools:     values[*upstream.Pool](s.subs[endpoints].resources),
	}
}

func values[T any](from map[string]resource) map[string]T {
	out := make(map[string]T, len(from))
	for name, x := range from {
		out[name] = x.value.(T)
	}
	return out
}
