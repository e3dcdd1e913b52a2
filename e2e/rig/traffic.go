package rig

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/e2e/dataplane"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/sim/mesh"
)

// Mesh carries requests of clients; [dataplane.Plane] is one.
type Mesh interface {
	// Transport sends as from a source: NAMESPACE/POD or gateway/NAME.
	Transport(source string) http.RoundTripper
}

// patience bounds one request; a mesh answers before.
const patience = 30 * time.Second

// traffic is the requests of one scenario.
type traffic struct {
	mesh  Mesh
	pods  func(ip string) *corev1.Pod
	scene *backend.Live
	gates *gateways
	count *counter
	rules *answers

	mu    sync.Mutex
	loads []*load
}

var _ backend.Traffic = (*traffic)(nil)

// Do sends one request.
func (t *traffic) Do(ctx context.Context, r mesh.Request) (mesh.Response, error) {
	source, err := t.source(ctx, r.Client)
	if err != nil {
		return mesh.Response{}, err
	}
	return t.send(ctx, source, r)
}

// source names the proxy of a client.
func (t *traffic) source(ctx context.Context, from types.NamespacedName) (string, error) {
	if from == (types.NamespacedName{}) {
		return t.gates.source(ctx)
	}
	return t.scene.InCluster(from.Namespace) + "/" + from.Name, nil
}

// send sends a request through a proxy, and counts it.
func (t *traffic) send(ctx context.Context, source string, r mesh.Request) (mesh.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := t.request(ctx, r)
	if err != nil {
		return mesh.Response{}, err
	}
	answer, err := t.mesh.Transport(source).RoundTrip(request)
	if err != nil && t.unheard(ctx, r.Client.Namespace, request.URL) {
		return mesh.Response{}, fmt.Errorf("%w: %w", mesh.ErrNoPort, err)
	}
	if err != nil {
		return mesh.Response{}, t.failed(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return mesh.Response{}, t.failed(err)
	}
	w := wayOf(answer)
	pod := t.pods(w.ip)
	t.count.answered(w, pod, answer.StatusCode)
	response := mesh.Response{Status: answer.StatusCode, Body: strings.TrimRight(string(body), "\n")}
	if w.flags != "" {
		response.Lost = mesh.Reason(w.flags)
	}
	if pod != nil {
		response.Pod, response.Image = pod.Name, pod.Spec.Containers[0].Image
	}
	return response, nil
}

// unheard is true for a port that a Service does not have: who asks there is told so at
// once, and no request is lost.
func (t *traffic) unheard(ctx context.Context, namespace string, url *url.URL) bool {
	key := serviceOf(url.Hostname(), namespace)
	svc := &corev1.Service{}
	if err := t.scene.Client().Get(ctx, key, svc); err != nil {
		return false // no Service, or nobody can tell
	}
	port := cmp.Or(url.Port(), "80")
	return !slices.ContainsFunc(svc.Spec.Ports, func(p corev1.ServicePort) bool { return strconv.Itoa(int(p.Port)) == port })
}

// serviceOf reads the name of a Service, as a client in a namespace may write it: web,
// web.shop, web.shop.svc, web.shop.svc.cluster.local.
func serviceOf(host, namespace string) types.NamespacedName {
	host = strings.TrimSuffix(strings.TrimSuffix(host, ".cluster.local"), ".svc")
	name, of, _ := strings.Cut(host, ".")
	return types.NamespacedName{Namespace: cmp.Or(of, namespace), Name: name}
}

// failed turns an error of the mesh into one that a client of the simulator
// knows, and counts the request as lost unless it never had a destination.
func (t *traffic) failed(err error) error {
	if errors.Is(err, dataplane.ErrNoHost) {
		return fmt.Errorf("%w: %w", mesh.ErrNoHost, err)
	}
	if !errors.Is(err, context.Canceled) {
		t.count.lost(err.Error())
	}
	return fmt.Errorf("%w: %w", mesh.ErrNoPort, err)
}

// request makes the HTTP request. What its URL lacks is as with curl.
func (t *traffic) request(ctx context.Context, r mesh.Request) (*http.Request, error) {
	url := r.URL
	if !strings.Contains(url, "://") {
		url = "http://" + url
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, url, nil)
	if err != nil {
		return nil, fmt.Errorf("read the URL %q: %w", r.URL, err)
	}
	for name, values := range r.Header {
		request.Header[name] = values
	}
	if host := request.Header.Get("Host"); host != "" {
		request.Host = host
		request.Header.Del("Host")
	}
	return request, nil
}

// close ends what the scenario has left running.
func (t *traffic) close() {
	t.mu.Lock()
	loads := t.loads
	t.mu.Unlock()
	for _, l := range loads {
		l.Stop()
	}
	t.rules.close()
}

// Report counts the requests so far.
func (t *traffic) Report(context.Context) (mesh.Report, error) { return t.count.report(), nil }

// SetAnswers says how images answer.
func (t *traffic) SetAnswers(_ context.Context, pattern string, behaviours []mesh.Behaviour) error {
	t.rules.set(pattern, behaviours)
	return nil
}

// way is where a request went.
type way struct {
	ip           string
	host, subset string
	flags        string
}

// wayOf reads it from the headers of an answer.
func wayOf(answer *http.Response) way {
	w := way{flags: answer.Header.Get(dataplane.FlagsHeader)}
	if ip, _, err := net.SplitHostPort(answer.Header.Get(dataplane.UpstreamHeader)); err == nil && w.flags == "" {
		w.ip = ip
	}
	if parts := strings.Split(answer.Header.Get(dataplane.ClusterHeader), "|"); len(parts) == 4 {
		w.subset, w.host = parts[2], parts[3]
	}
	return w
}
