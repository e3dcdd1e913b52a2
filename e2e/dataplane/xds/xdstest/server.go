// Package xdstest is an xDS server for tests: it says what a test tells it to,
// right or wrong, and keeps what clients said.
package xdstest

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// Server is an aggregated discovery server.
type Server struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer

	grpc    *grpc.Server
	address string

	mu       sync.Mutex
	changed  *sync.Cond
	closed   bool
	version  int
	kinds    map[string]kind // by type URL
	requests []*discoveryv3.DiscoveryRequest
	streams  int
}

// kind is what the server has of one type.
type kind struct {
	version   int
	resources map[string]proto.Message
}

// Start serves on an address, "127.0.0.1:0" for any port. Stop it.
func Start(address string) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("start an xDS server for tests: %w", err)
	}
	s := &Server{grpc: grpc.NewServer(), address: listener.Addr().String(), kinds: map[string]kind{}}
	s.changed = sync.NewCond(&s.mu)
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(s.grpc, s)
	go func() { _ = s.grpc.Serve(listener) }() // it ends with Stop
	return s, nil
}

// Address is host:port.
func (s *Server) Address() string { return s.address }

// Stop ends all streams and the server.
func (s *Server) Stop() {
	s.mu.Lock()
	s.closed = true
	s.changed.Broadcast()
	s.mu.Unlock()
	s.grpc.Stop()
}

// Set makes these the resources of a type, by name, and tells all clients.
func (s *Server) Set(typeURL string, resources map[string]proto.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	s.kinds[typeURL] = kind{s.version, resources}
	s.changed.Broadcast()
}

// Requests returns what clients have said so far about a type.
func (s *Server) Requests(typeURL string) (list []*discoveryv3.DiscoveryRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if r.GetTypeUrl() == typeURL {
			list = append(list, r)
		}
	}
	return list
}

// Streams is how many streams have been opened so far.
func (s *Server) Streams() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams
}

// subscription is what one stream has asked for of a type.
type subscription struct {
	names []string
	sent  int  // version
	due   bool // the names have changed
}

// StreamAggregatedResources implements the service.
func (s *Server) StreamAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	subs := map[string]*subscription{}
	s.mu.Lock()
	s.streams++
	s.mu.Unlock()
	ended := make(chan error, 1)
	go func() { ended <- s.listen(stream, subs) }()
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		for _, typeURL := range slices.Sorted(maps.Keys(subs)) { // clusters come before routes in the alphabet, too
			sub := subs[typeURL]
			have, ok := s.kinds[typeURL]
			if !ok || !sub.due && sub.sent == have.version {
				continue
			}
			sub.sent, sub.due = have.version, false
			answer, err := have.answer(typeURL, sub.names)
			if err != nil {
				return err
			}
			if err := stream.Send(answer); err != nil {
				return err
			}
		}
		select {
		case err := <-ended:
			return err
		default:
		}
		if s.closed {
			return nil
		}
		s.changed.Wait()
	}
}

// listen notes what the client says.
func (s *Server) listen(stream discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesServer, subs map[string]*subscription) error {
	defer s.changed.Broadcast()
	for {
		r, err := stream.Recv()
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.requests = append(s.requests, r)
		sub := subs[r.GetTypeUrl()]
		if sub == nil {
			sub = &subscription{due: true}
			subs[r.GetTypeUrl()] = sub
		}
		if !slices.Equal(sub.names, r.GetResourceNames()) {
			sub.names, sub.due = r.GetResourceNames(), true
		}
		s.changed.Broadcast()
		s.mu.Unlock()
	}
}

func (k kind) answer(typeURL string, names []string) (*discoveryv3.DiscoveryResponse, error) {
	out := &discoveryv3.DiscoveryResponse{
		TypeUrl: typeURL, VersionInfo: fmt.Sprint(k.version), Nonce: fmt.Sprintf("%s/%d/%d", typeURL, k.version, len(names)),
	}
	for name, m := range k.resources {
		if len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		x, err := anypb.New(m)
		if err != nil {
			return nil, fmt.Errorf("pack %s %q: %w", typeURL, name, err)
		}
		out.Resources = append(out.Resources, x)
	}
	return out, nil
}
