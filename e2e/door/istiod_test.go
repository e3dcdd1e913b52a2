//go:build e2e && linux

package door_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	"github.com/aviary-rollouts/aviary/e2e/dataplane"
	"github.com/aviary-rollouts/aviary/e2e/dataplane/xds"
	"github.com/aviary-rollouts/aviary/e2e/localplane"
	"github.com/aviary-rollouts/aviary/internal/clock"
)

const routesType = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"

const web = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{name: http, port: 8080}]}
`

// istiod tells the sidecar of the door to say which way a request took, and that of no
// other pod. What Envoy makes of it is not tested here.
func TestIstiodTellsTheSidecarToSayTheWay(t *testing.T) {
	plane, err := localplane.Start(t.Context(), localplane.Options{Istio: true, Progress: t.Output(), CallerHandlesSignals: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	manifest, err := os.ReadFile("../rig/manifests/door.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := plane.Apply(t.Context(), strings.NewReader(web+"---\n"+string(manifest))); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		dataplane.ClusterHeader:  "%UPSTREAM_CLUSTER%",
		dataplane.UpstreamHeader: "%UPSTREAM_REMOTE_ADDRESS%",
		dataplane.FlagsHeader:    "%RESPONSE_FLAGS%",
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		got := headersToAdd(ctx, t, plane.Istiod(), "aviary-door", "door")
		if len(got) == len(want) {
			for name, value := range want {
				if got[name] != value {
					t.Errorf("header %s: %q, want %q", name, got[name], value)
				}
			}
			break
		}
		if clock.Wait(ctx, 200*time.Millisecond) != nil {
			t.Fatalf("the sidecar of the door is told to add %v, want %v", got, want)
		}
	}
	if got := headersToAdd(ctx, t, plane.Istiod(), "default", "shell"); len(got) > 0 {
		t.Errorf("the sidecar of another pod is told to add %v", got)
	}
}

// headersToAdd asks istiod, as the sidecar of a pod, for the routes of port 8080.
func headersToAdd(ctx context.Context, t *testing.T, istiod, namespace, app string) map[string]string {
	t.Helper()
	connection, err := xds.Dial(istiod)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(connection).StreamAggregatedResources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	node := xds.Sidecar(namespace, app, "10.99.0.1", map[string]string{"app": app})
	if err := stream.Send(&discoveryv3.DiscoveryRequest{Node: node, TypeUrl: routesType, ResourceNames: []string{"8080"}}); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	headers := map[string]string{}
	for _, resource := range answer.GetResources() {
		var routes routev3.RouteConfiguration
		if err := resource.UnmarshalTo(&routes); err != nil {
			t.Fatal(err)
		}
		for _, h := range routes.GetResponseHeadersToAdd() {
			headers[h.GetHeader().GetKey()] = h.GetHeader().GetValue()
		}
	}
	return headers
}
