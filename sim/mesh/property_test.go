package mesh

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever happens to routes, endpoints, pods and images under load, every
// request is accounted for once: by its sender, by the total, by the version that
// answered or as lost, and by the proxies of both ends.
func TestEveryRequestIsAccountedFor(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := canary(t, inPhase(Options{
			Random: rapid.Bool().Draw(rt, "random"), Skew: time.Duration(rapid.IntRange(0, 3).Draw(rt, "skew")) * time.Second,
			Propagation: time.Duration(rapid.IntRange(-1, 1).Draw(rt, "propagation")) * 700 * time.Millisecond,
		}))
		pods := []string{"mock-server-6579c6cc98-0", "mock-server-6579c6cc98-1", "mock-server-6579c6cc98-2", "mock-server-6579c6cc98-3", "mock-server-7c6fcfb847-0", "mock-server-7c6fcfb847-1"}
		var loads []*Load
		steps := map[string]func(){
			"load": func() {
				loads = append(loads, f.load("mock-server-stable:8080", rapid.Float64Range(0.1, 300).Draw(rt, "rate")))
			},
			"stop": func() {
				if len(loads) > 0 {
					loads[rapid.IntRange(0, len(loads)-1).Draw(rt, "which")].Stop()
				}
			},
			"weights": func() {
				f.weights(rapid.IntRange(0, 100).Draw(rt, "stable"), rapid.IntRange(0, 100).Draw(rt, "canary"))
			},
			"endpoints": func() {
				service := rapid.SampledFrom([]string{"mock-server-stable", "mock-server-canary"}).Draw(rt, "service")
				f.endpoints(service, pods[rapid.IntRange(0, len(pods)).Draw(rt, "from"):]...)
			},
			"delete": func() {
				if len(pods) > 0 {
					f.deletePod(pods[0])
					pods = slices.Clone(pods[1:])
				}
			},
			"image": func() {
				f.mesh.SetImage("*:2.0.0", Behaviour{ErrorRate: rapid.Float64Range(0, 1).Draw(rt, "errors"), From: f.k.Now().Add(3 * time.Second)})
			},
			"one": func() {
				if _, err := f.mesh.Do(Request{Client: shell, URL: "mock-server-stable:8080"}); err != nil {
					rt.Fatal(err)
				}
			},
		}
		names := sortedKeys(steps)
		var ones int64
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			name := rapid.SampledFrom(names).Draw(rt, "step")
			if name == "one" {
				ones++
			}
			steps[name]()
			f.sleep(time.Duration(rapid.IntRange(0, 4000).Draw(rt, "ms")) * time.Millisecond)
		}
		for _, l := range loads {
			l.Stop()
		}
		f.sleep(time.Minute)
		f.checkAccounts(rt, loads, ones)
	})
}

func (f *fake) checkAccounts(t *rapid.T, loads []*Load, ones int64) {
	r := f.mesh.Report()
	sent := Count{Requests: ones}
	for _, l := range loads {
		sent.Requests += l.Count().Requests
	}
	if r.Total.Requests != sent.Requests {
		t.Fatalf("%d requests in total, %d sent", r.Total.Requests, sent.Requests)
	}
	var answered, bad, lost, windows int64
	for _, v := range r.Versions {
		answered += v.Requests
		bad += v.Failed
	}
	for _, l := range r.Lost {
		lost += l.Requests
		if l.Requests < 1 || l.To.Before(l.From) {
			t.Fatalf("a strange loss: %v", l)
		}
	}
	for _, w := range r.Timeline {
		windows += w.Lost
		for _, c := range w.Versions {
			windows += c.Requests
		}
	}
	if got := (Count{answered + lost, bad + lost, lost}); got != r.Total {
		t.Fatalf("versions and losses make %+v, the total is %+v", got, r.Total)
	}
	if windows != r.Total.Requests {
		t.Fatalf("the timeline has %d requests, the total is %d", windows, r.Total.Requests)
	}
	if r.Total.Requests == 0 {
		return
	}
	for query, want := range map[string]int64{
		`sum(istio_requests_total{reporter="source"})`:                                                 r.Total.Requests,
		`sum(istio_requests_total{reporter="source",response_flags!="-"}) or vector(0)`:                lost,
		`sum(istio_request_duration_milliseconds_count{reporter="source"})`:                            r.Total.Requests,
		`sum(istio_request_duration_milliseconds_bucket{reporter="source",le="+Inf"})`:                 r.Total.Requests,
		`sum(istio_requests_total{reporter="source",response_code=~"5.*"}) or vector(0)`:               bad + lost - f.notFound(r),
		`count(istio_requests_total{reporter="source",response_code!~"200|500|503|404"}) or vector(0)`: 0,
	} {
		if got := f.value(query); got != float64(want) {
			t.Fatalf("%s is %v, want %d\n%s", query, got, want, fmt.Sprint(r.Lost))
		}
	}
}

// notFound counts the losses that proxies answer with 404 instead of 503.
func (f *fake) notFound(r Report) (n int64) {
	for _, l := range r.Lost {
		if l.Reason == NoRoute {
			n += l.Requests
		}
	}
	return n
}
