package manager

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

var routes = schema.GroupKind{Group: "networking.istio.io", Kind: "VirtualService"}

// istioServer is what an API server says of VirtualServices, of which it has one, in the
// versions that it serves: the one that it prefers first.
type istioServer struct {
	mu       sync.Mutex
	versions []string
}

func (s *istioServer) serve(versions ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.versions = versions
}

func (s *istioServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	versions := slices.Clone(s.versions)
	s.mu.Unlock()
	path, _ := strings.CutPrefix(r.URL.Path, "/apis/"+routes.Group)
	version, resource, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	gv := routes.Group + "/" + version
	switch served := slices.Contains(versions, version); {
	case path == "" && len(versions) > 0:
		group := metav1.APIGroup{TypeMeta: metav1.TypeMeta{Kind: "APIGroup", APIVersion: "v1"}, Name: routes.Group}
		for _, v := range versions {
			group.Versions = append(group.Versions, metav1.GroupVersionForDiscovery{GroupVersion: routes.Group + "/" + v, Version: v})
		}
		say(w, http.StatusOK, group)
	case !served:
		say(w, http.StatusNotFound, metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonNotFound, Code: http.StatusNotFound})
	case resource == "":
		say(w, http.StatusOK, metav1.APIResourceList{GroupVersion: gv, APIResources: []metav1.APIResource{
			{Name: "virtualservices", Kind: routes.Kind, Namespaced: true, Verbs: metav1.Verbs{"list", "watch"}},
		}})
	case r.URL.Query().Get("sendInitialEvents") != "":
		say(w, http.StatusUnprocessableEntity, metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonInvalid, Code: http.StatusUnprocessableEntity})
	case r.URL.Query().Get("watch") != "":
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	default:
		item := map[string]any{"apiVersion": gv, "kind": routes.Kind, "metadata": map[string]any{"namespace": "shop", "name": version}}
		say(w, http.StatusOK, map[string]any{"apiVersion": gv, "kind": routes.Kind + "List", "metadata": map[string]any{"resourceVersion": "1"}, "items": []any{item}})
	}
}

func say(w http.ResponseWriter, code int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer) // an error means that the client has left
}

// startedQueue is a controller that has been started: what it watches fills its queue.
type startedQueue struct {
	controller.Controller
	ctx   context.Context
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
}

func (q startedQueue) Watch(s source.Source) error { return s.Start(q.ctx, q.queue) }

// woken returns the one object that the queue is woken for.
func (q startedQueue) woken(t *testing.T) string {
	t.Helper()
	req, _ := q.queue.Get()
	q.queue.Done(req)
	return req.String()
}

// optionalOf looks for VirtualServices on a server, and wakes a queue for each.
func optionalOf(t *testing.T, server *istioServer) (*optionalKinds, startedQueue) {
	t.Helper()
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	t.Cleanup(web.CloseClientConnections) // which ends the watches, and comes first
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, v := range []string{"v1", "v1beta1"} {
		mapper.Add(routes.WithVersion(v), meta.RESTScopeNamespace)
	}
	config := &rest.Config{Host: web.URL}
	c, err := cache.New(config, cache.Options{HTTPClient: web.Client(), Scheme: runtime.NewScheme(), Mapper: mapper, ReaderFailOnMissingInformer: true})
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := newOptionalKinds(config, web.Client(), c, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	q := startedQueue{ctx: ctx, queue: workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())}
	t.Cleanup(q.queue.ShutDown)
	if err := kinds.watch(ctx, q, routes, &handler.EnqueueRequestForObject{}); err != nil {
		t.Fatal(err)
	}
	return kinds, q
}

// TestKindsThatComeAndGo: a kind counts as served, in the version that is in use as long
// as there is one, from when it is found until it is gone; its objects wake who waits.
func TestKindsThatComeAndGo(t *testing.T) {
	server := &istioServer{}
	kinds, q := optionalOf(t, server)
	view := clusterView{Client: fake.NewClientBuilder().Build(), kinds: kinds}
	for _, step := range []struct {
		name     string
		versions []string
		want     string // version; empty if the kind is not served
		wakes    bool
	}{
		{"absent", nil, "", false},
		{"installed", []string{"v1beta1"}, "v1beta1", true},
		{"another version is preferred", []string{"v1", "v1beta1"}, "v1beta1", false},
		{"the version in use is served no more", []string{"v1"}, "v1", true},
		{"removed", nil, "", false},
		{"installed again", []string{"v1", "v1beta1"}, "v1", true},
	} {
		server.serve(step.versions...)
		if err := kinds.update(t.Context(), routes); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		got := ""
		switch mapping, err := view.RESTMapper().RESTMapping(routes); {
		case err == nil:
			got = mapping.GroupVersionKind.Version
		case !meta.IsNoMatchError(err):
			t.Errorf("%s: %v", step.name, err)
		}
		if got != step.want {
			t.Fatalf("%s: served as %q, want %q", step.name, got, step.want)
		}
		if step.wakes {
			if got, want := q.woken(t), "shop/"+step.want; got != want {
				t.Errorf("%s: woken for %s, want %s", step.name, got, want)
			}
		}
		for _, v := range []string{"v1", "v1beta1"} {
			err := kinds.cache.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: v}, prototype(routes.WithVersion(v)))
			if read := err == nil; read != (v == step.want) {
				t.Errorf("%s: reading the %s of the cache: %v", step.name, v, err)
			}
		}
	}
}

// TestKindsThatAreThere are watched at once, in the version that the server prefers.
func TestKindsThatAreThere(t *testing.T) {
	kinds, q := optionalOf(t, &istioServer{versions: []string{"v1", "v1beta1"}})
	if got := q.woken(t); got != "shop/v1" {
		t.Errorf("woken for %s", got)
	}
	if got := kinds.get(routes); got == nil || got.Resource != (schema.GroupVersionResource{Group: routes.Group, Version: "v1", Resource: "virtualservices"}) {
		t.Errorf("served as %+v", got)
	}
}

// TestKindsOfASilentServer stay as they were: that it does not answer says nothing of them.
func TestKindsOfASilentServer(t *testing.T) {
	kinds, _ := optionalOf(t, &istioServer{versions: []string{"v1"}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	if err := kinds.update(ctx, routes); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if kinds.get(routes) == nil {
		t.Error("the kind is gone")
	}
}
