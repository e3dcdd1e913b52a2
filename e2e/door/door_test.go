package door

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aviary-rollouts/aviary/e2e/dataplane"
)

// sidecar answers what it was asked for, and with what headers Envoy says the way.
func sidecar(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(dataplane.ClusterHeader, "outbound|8080|stable|web.shop.svc.cluster.local;")
	w.Header().Set(dataplane.UpstreamHeader, "10.1.2.3:8080")
	w.Header().Set(dataplane.FlagsHeader, "-")
	fmt.Fprintf(w, "%s %s%s source=%q", r.Method, r.Host, r.URL.Path, r.Header.Get(dataplane.SourceHeader))
}

// clientOf returns a client whose requests go by a door, which sends all to server.
func clientOf(t *testing.T, server *httptest.Server) *http.Client {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, _, _ := net.SplitHostPort(address); host == "nobody.shop.svc.cluster.local" {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
	}
	door := httptest.NewServer(Handler(transport, slog.New(slog.DiscardHandler)))
	t.Cleanup(door.Close)
	proxy, err := url.Parse(door.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy)}}
}

func send(t *testing.T, client *http.Client, target, source string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(dataplane.SourceHeader, source)
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func TestRequestsGoToTheSidecar(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(sidecar))
	defer server.Close()
	client := clientOf(t, server)
	for _, tc := range []struct{ name, target, source, want string }{
		{"a Service of the client's namespace", "http://web:8080/status/200", "shop/shell", `GET web.shop.svc.cluster.local:8080/status/200 source=""`},
		{"without a port", "http://web/", "shop/shell", `GET web.shop.svc.cluster.local/ source=""`},
		{"a Service of another namespace", "http://web.other:8080/", "shop/shell", `GET web.other:8080/ source=""`},
		{"an address", "http://10.1.2.3:8080/-/behaviour", "", `GET 10.1.2.3:8080/-/behaviour source=""`},
		{"no source", "http://web:8080/", "", `GET web:8080/ source=""`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answer, body := send(t, client, tc.target, tc.source)
			if body != tc.want {
				t.Errorf("the sidecar got %s, want %s", body, tc.want)
			}
			if got, want := answer.Header.Get(dataplane.ClusterHeader), "outbound|8080|stable|web.shop.svc.cluster.local"; got != want {
				t.Errorf("%s: %q, want %q", dataplane.ClusterHeader, got, want)
			}
			if got := answer.Header.Values(dataplane.FlagsHeader); len(got) > 0 {
				t.Errorf("%s: %q, want none: an application answered", dataplane.FlagsHeader, got)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(sidecar))
	defer server.Close()
	client := clientOf(t, server)
	for _, tc := range []struct{ name, target, source, want string }{
		{"a host that nobody knows", "http://nobody:80/", "shop/shell", dataplane.NoHost},
		{"from outside", "http://web:80/", "gateway/gate1", "requests from outside the mesh need a gateway"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answer, _ := send(t, client, tc.target, tc.source)
			if got := answer.Header.Get(dataplane.ErrorHeader); !strings.HasPrefix(got, tc.want) || answer.StatusCode != http.StatusBadGateway {
				t.Errorf("%s, %s: %q, want 502 and %q", answer.Status, dataplane.ErrorHeader, got, tc.want)
			}
		})
	}
}

func TestHealthz(t *testing.T) {
	door := httptest.NewServer(Handler(http.DefaultTransport, slog.New(slog.DiscardHandler)))
	defer door.Close()
	answer, err := http.Get(door.URL + "/healthz")
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("GET /healthz: %v, %v", answer, err)
	}
	_ = answer.Body.Close()
}
