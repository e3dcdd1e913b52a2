//go:build e2e && linux

package dataplane

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/aviary-rollouts/aviary/e2e/dataplane/directory"
	"github.com/aviary-rollouts/aviary/e2e/localplane"
	"github.com/aviary-rollouts/aviary/e2e/nodeagent"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/sim/world"
)

// real is a data plane on a real control plane, with mock servers as pods.
type real struct {
	*testing.T
	control *localplane.Plane
	plane   *Plane
}

func newReal(t *testing.T, istio bool) *real {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "mockserver")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", binary, "../../mockserver").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	control, err := localplane.Start(t.Context(), localplane.Options{Istio: istio, Progress: t.Output(), CallerHandlesSignals: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := control.Stop(); err != nil {
			t.Error(err)
		}
	})
	config := control.Config()
	config.QPS = -1
	client := kubernetes.NewForConfigOrDie(config)
	agent, err := nodeagent.New(client, nodeagent.Options{Program: binary, Timing: world.Timing{Ready: 200 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- agent.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	pods, err := directory.New(client)
	if err != nil {
		t.Fatal(err)
	}
	if err := pods.Start(ctx); err != nil {
		t.Fatal(err)
	}
	plane, err := New(Options{Istiod: control.Istiod(), Directory: pods, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Close(); err != nil {
			t.Error(err)
		}
	})
	return &real{t, control, plane}
}

func (r *real) apply(documents string) {
	r.Helper()
	if err := r.control.Apply(r.Context(), strings.NewReader(documents)); err != nil {
		r.Fatal(err)
	}
}

// version is a Deployment of three pods of one version, and a Service of its own.
func version(name, tag string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: default}
spec:
  replicas: 3
  selector: {matchLabels: {app: mock-server, role: %[1]s}}
  template:
    metadata: {labels: {app: mock-server, role: %[1]s}}
    spec: {containers: [{name: mock-server, image: "ghcr.io/ssup2/mock-go-server:%[2]s", ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: %[1]s, namespace: default}
spec: {selector: {role: %[1]s}, ports: [{port: 8080}]}
---
`, name, tag)
}

// ask sends a request and returns which version answered; the error says why
// none did.
func (r *real) ask(source, to string, header ...string) (string, error) {
	request := httptest.NewRequest(http.MethodGet, to, nil)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	answer, err := r.plane.Transport(source).RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	for _, tag := range []string{"1.0.0", "2.0.0"} {
		if answer.StatusCode == http.StatusOK && strings.Contains(string(text), tag) {
			return tag, nil
		}
	}
	return "", fmt.Errorf("%d %s", answer.StatusCode, text)
}

// until asks until a version answers.
func (r *real) until(want, source, to string) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Minute)
	defer cancel()
	for {
		got, err := r.ask(source, to)
		if got == want {
			return
		}
		if clock.Wait(ctx, 50*time.Millisecond) != nil {
			r.Fatalf("%s does not answer with %s: %q %v", to, want, got, err)
		}
	}
}

// A name is a Service of the real API, whose endpoints the real controllers keep.
func TestServicesOnPlane(t *testing.T) {
	r := newReal(t, false)
	r.apply(version("mock-server-stable", "1.0.0") + version("mock-server-canary", "2.0.0"))
	r.until("1.0.0", "", "http://mock-server-stable.default:8080/version")
	r.until("2.0.0", "default/shell", "http://mock-server-canary:8080/version")
	if _, err := r.ask("", "http://mock-server-stable.default:80/version"); err == nil || !strings.Contains(err.Error(), "has no port 80") {
		t.Errorf("a port that the Service has not: %v", err)
	}
}

const virtualService = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mock-server, namespace: default}
spec:
  hosts: [mock-server]
  http:
  - match: [{headers: {x-canary: {exact: "yes"}}}]
    route: [{destination: {host: mock-server-canary}}]
  - route:
    - {destination: {host: mock-server-stable}, weight: %d}
    - {destination: {host: mock-server-canary}, weight: %d}
---
apiVersion: v1
kind: Service
metadata: {name: mock-server, namespace: default}
spec: {selector: {app: mock-server}, ports: [{port: 8080}]}
`

// istiod, as it is built for the local plane, is obeyed.
func TestIstiodOnPlane(t *testing.T) {
	r := newReal(t, true)
	r.apply(version("mock-server-stable", "1.0.0") + version("mock-server-canary", "2.0.0") + fmt.Sprintf(virtualService, 80, 20))
	const to = "http://mock-server:8080/version"
	r.until("1.0.0", "default/shell", "http://mock-server-stable:8080/version")
	r.until("2.0.0", "default/shell", "http://mock-server-canary:8080/version")
	const n = 2000
	var canaries int64
	for range n {
		got, err := r.ask("default/shell", to)
		if err != nil {
			t.Fatal(err)
		}
		if got == "2.0.0" {
			canaries++
		}
	}
	within(t, "canary at 20 %", canaries, n, 0.2)
	for range 200 {
		if got, err := r.ask("default/shell", to, "X-Canary", "yes"); got != "2.0.0" {
			t.Fatalf("with the header: %s %v", got, err)
		}
	}
	r.apply(fmt.Sprintf(virtualService, 0, 100))
	alone := 0
	eventually(t, "all requests go to the canary", func() bool {
		got, err := r.ask("default/shell", to)
		if err != nil {
			t.Fatal(err)
		}
		if alone++; got != "2.0.0" {
			alone = 0
		}
		return alone == 50
	})
}
