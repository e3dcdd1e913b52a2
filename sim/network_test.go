package sim_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/sim"
)

func say200(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
}

func fetch(t *testing.T, n *sim.Network, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Transport: n}).Do(r)
	if err != nil {
		return err.Error()
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(response.StatusCode, " ", strings.TrimSpace(string(body)))
}

func TestNetwork(t *testing.T) {
	n := &sim.Network{}
	n.Handle("*.example.com", say200("all"))
	n.Handle("a.example.com", say200("one"))
	for url, want := range map[string]string{
		"http://a.example.com:9090/x": "200 one",
		"https://b.example.com":       "200 all",
		"http://example.com":          `Get "http://example.com": dial tcp: lookup example.com: no such host`,
	} {
		if got := fetch(t, n, url); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
	n.Handle("*.example.com", say200("again")) // now the last
	if got := fetch(t, n, "http://a.example.com"); got != "200 again" {
		t.Error(got)
	}
	n.Handle("*.example.com", nil)
	if got := fetch(t, n, "http://a.example.com"); got != "200 one" {
		t.Error(got)
	}
}

func TestScript(t *testing.T) {
	now := sim.DefaultStart
	s, err := sim.NewScript(clock.Func(func() time.Time { return now }),
		sim.Answer{Path: "/api/v1/measurement", Body: `{"data":{"ok":true,"successPercent":{value}}}`, Values: "0.95x1 _ NaN 0.5", Step: time.Minute},
		sim.Answer{From: now.Add(time.Hour), Status: 503, ContentType: "text/plain", Body: "down"})
	if err != nil {
		t.Fatal(err)
	}
	n := &sim.Network{}
	n.Handle("my-server.com", s)
	for _, tc := range []struct {
		after      time.Duration
		path, want string
	}{
		{0, "/api/v1/measurement?service=a", `200 {"data":{"ok":true,"successPercent":0.95}}`},
		{119 * time.Second, "/api/v1/measurement", `200 {"data":{"ok":true,"successPercent":0.95}}`},
		{2 * time.Minute, "/api/v1/measurement", `200 {"data":{"ok":true,"successPercent":null}}`},
		{3 * time.Minute, "/api/v1/measurement", `200 {"data":{"ok":true,"successPercent":null}}`},
		{4 * time.Minute, "/api/v1/measurement", `200 {"data":{"ok":true,"successPercent":0.5}}`},
		{59 * time.Minute, "/api/v1/measurement", `200 {"data":{"ok":true,"successPercent":0.5}}`},
		{59 * time.Minute, "/other", "404 404 page not found"},
		{time.Hour, "/other", "503 down"},
	} {
		now = sim.DefaultStart.Add(tc.after)
		if got := fetch(t, n, "http://my-server.com"+tc.path); got != tc.want {
			t.Errorf("%s after %v: %s, want %s", tc.path, tc.after, got, tc.want)
		}
	}
	if _, err := sim.NewScript(clock.Func(func() time.Time { return now }), sim.Answer{Values: "1+"}); err == nil || !strings.Contains(err.Error(), `answer 1: values "1+"`) {
		t.Errorf("%v", err)
	}
}
