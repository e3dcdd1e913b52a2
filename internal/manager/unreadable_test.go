package manager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/clock"
)

// written is a Rollout as an API server tells of it, with a step.
func written(name, version, step string) string {
	return fmt.Sprintf(`{"apiVersion":"argoproj.io/v1alpha1","kind":"Rollout","metadata":{"namespace":"shop","name":%q,"uid":%[1]q,"resourceVersion":%q},`+
		`"spec":{"strategy":{"canary":{"steps":[{"setWeight":5},%s]}}}}`, name, version, step)
}

const (
	good    = `{"pause":{"duration":30}}`
	tooLong = `{"pause":{"duration":3000000000}}`
)

// rolloutServer answers lists and watches of Rollouts alone.
func rolloutServer(t *testing.T, events <-chan string) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		query := req.URL.Query()
		switch {
		case query.Get("sendInitialEvents") != "":
			w.WriteHeader(http.StatusBadRequest) // as an API server that cannot do so
		case query.Get("watch") == "":
			_, _ = fmt.Fprintf(w, `{"apiVersion":"argoproj.io/v1alpha1","kind":"RolloutList","metadata":{"resourceVersion":"10"},"items":[%s,%s]}`,
				written("bad", "3", tooLong), written("web", "4", good))
		default:
			w.(http.Flusher).Flush()
			for {
				select {
				case <-req.Context().Done():
					return
				case event := <-events:
					_, _ = io.WriteString(w, event+"\n")
					w.(http.Flusher).Flush()
				}
			}
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// startCache fills a cache of Rollouts from a server.
func startCache(t *testing.T, server *httptest.Server, log logr.Logger) cache.Cache {
	t.Helper()
	scheme, err := newScheme()
	if err != nil {
		t.Fatal(err)
	}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{v1alpha1.SchemeGroupVersion})
	mapper.Add(v1alpha1.SchemeGroupVersion.WithKind(v1alpha1.KindRollout), meta.RESTScopeNamespace)
	c, err := newUnreadable(scheme, log).newCache(&rest.Config{Host: server.URL}, cache.Options{Scheme: scheme, Mapper: mapper, HTTPClient: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = c.Start(t.Context()) }()
	if _, err := c.GetInformer(t.Context(), &v1alpha1.Rollout{}); err != nil {
		t.Fatal(err)
	}
	return c
}

// awaitNames waits until a cache has the Rollouts of these names.
func awaitNames(t *testing.T, c cache.Cache, want ...string) {
	t.Helper()
	var got []string
	var err error
	for end := (clock.Real{}).Now().Add(20 * time.Second); (clock.Real{}).Now().Before(end) && clock.Wait(t.Context(), 10*time.Millisecond) == nil; {
		list := &v1alpha1.RolloutList{}
		if err = c.List(t.Context(), list); err != nil {
			continue // it has not started yet
		}
		got = nil
		for i := range list.Items {
			got = append(got, list.Items[i].Name)
		}
		slices.Sort(got)
		if slices.Equal(got, want) {
			return
		}
	}
	t.Fatalf("the cache has %v, want %v; error %v", got, want, err)
}

// TestUnreadable has Rollouts in the cluster that cannot be read. The others must be in
// the cache, and they themselves once they are put right.
func TestUnreadable(t *testing.T) {
	lines := make(chan string, 100)
	log := funcr.New(func(_, args string) { lines <- args }, funcr.Options{})
	events := make(chan string)
	c := startCache(t, rolloutServer(t, events), log)
	awaitNames(t, c, "web")
	want := `"kind"="Rollout" "namespace"="shop" "name"="bad" "field"="spec.strategy.canary.steps[1].pause.duration"`
	if line := <-lines; !strings.Contains(line, want) || !strings.Contains(line, "3000000000") {
		t.Errorf("the log says %s, want %s and the value", line, want)
	}
	for _, e := range []struct {
		event string
		want  []string
	}{
		{`{"type":"ADDED","object":` + written("new", "11", tooLong) + `}`, []string{"web"}},
		{`{"type":"ADDED","object":` + written("api", "12", good) + `}`, []string{"api", "web"}},
		{`{"type":"MODIFIED","object":` + written("bad", "13", good) + `}`, []string{"api", "bad", "web"}},
		{`{"type":"MODIFIED","object":` + written("web", "14", tooLong) + `}`, []string{"api", "bad"}},
		{`{"type":"BOOKMARK","object":{"apiVersion":"argoproj.io/v1alpha1","kind":"Rollout","metadata":{"resourceVersion":"15"},"spec":{}}}`, []string{"api", "bad"}},
		{`{"type":"DELETED","object":` + written("web", "16", tooLong) + `}`, []string{"api", "bad"}},
		{`{"type":"DELETED","object":` + written("bad", "17", good) + `}`, []string{"api"}},
	} {
		events <- e.event
		awaitNames(t, c, e.want...)
	}
}

// TestUnreadableIsLookedForOnlyThen: as long as all can be read, nothing is read twice.
func TestUnreadableIsLookedForOnlyThen(t *testing.T) {
	scheme, err := newScheme()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		err  error
		want bool
	}{
		{"an answer", fmt.Errorf("failed to list: %w", apierrors.NewTooManyRequests("later", 1)), false},
		{"no answer", fmt.Errorf("failed to list: %w", &url.Error{Op: "Get", Err: errors.New("refused")}), false},
		{"the end of a watch", io.EOF, false},
		{"a torn answer", fmt.Errorf("failed to list: %w", io.ErrUnexpectedEOF), false},
		{"a number", errors.New("json: cannot unmarshal number 3000000000 into Go value of type int32"), true},
	} {
		u := newUnreadable(scheme, logr.Discard())
		u.failed(context.Background(), &toolscache.Reflector{}, c.err)
		if got := u.met.Load(); got != c.want {
			t.Errorf("%s: looks for what cannot be read: %t, want %t", c.name, got, c.want)
		}
	}
}

// TestFieldOf names the field, or the one that several are in.
func TestFieldOf(t *testing.T) {
	scheme, err := newScheme()
	if err != nil {
		t.Fatal(err)
	}
	u := newUnreadable(scheme, logr.Discard())
	got := map[string]string{}
	want := map[string]string{
		tooLong: "spec.strategy.canary.steps[1].pause.duration",
		`{"setWeight":"a"},{"pause":{"duration":3000000000}}`: "spec.strategy.canary.steps",
	}
	for step := range want {
		got[step] = u.fieldOf([]byte(written("web", "1", step)))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}
