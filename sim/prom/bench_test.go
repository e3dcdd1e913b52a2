package prom

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

// mesh returns the series of a mesh of two reporters, ten pods and an hour, as
// many as a rollout of five pods has.
func mesh(b testing.TB) *DB {
	db := NewDB(Options{})
	for pod := range 10 {
		for _, reporter := range []string{"source", "destination"} {
			labels := []Label{
				{"reporter", reporter}, {"destination_service_name", "mock-server-canary"}, {"destination_workload", "mock-server"},
				{"destination_service", "mock-server-canary.default.svc.cluster.local"}, {"destination_workload_namespace", "default"},
				{"source_workload", "shell"}, {"connection_security_policy", "mutual_tls"}, {"request_protocol", "http"}, {"pod", fmt.Sprint(pod)},
				{"response_code", "200"},
			}
			fill(db.Series("istio_requests_total", labels...))
			for _, le := range strings.Fields("0.5 1 5 10 25 50 100 250 500 1000 2500 5000 10000 30000 60000 300000 600000 1.8e6 3.6e6 +Inf") {
				fill(db.Series("istio_request_duration_milliseconds_bucket", append(labels, Label{"le", le})...))
			}
		}
	}
	return db
}

func fill(s *Series) {
	for i := range 240 {
		s.Append(at(time.Duration(i)*15*time.Second), float64(i*i))
	}
}

// BenchmarkQuery is the engine on the query of case 2.2.5, with 420 series of
// which it reads 20.
func BenchmarkQuery(b *testing.B) {
	db := mesh(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := db.Query(canaryRate, at(59*time.Minute)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkServer is the same with HTTP and JSON around it.
func BenchmarkServer(b *testing.B) {
	s := NewServer(mesh(b), clock.Func(func() time.Time { return start }))
	form := url.Values{"query": {canaryRate}, "time": {"1767607140"}}.Encode()
	b.ReportAllocs()
	for b.Loop() {
		r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, host+"/api/v1/query?"+form, nil)
		if err != nil {
			b.Fatal(err)
		}
		response, err := s.RoundTrip(r)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
			b.Fatal(response.Status, err)
		}
	}
}

// BenchmarkAppend is one sample of one series.
func BenchmarkAppend(b *testing.B) {
	db := NewDB(Options{Retention: time.Hour})
	s := db.Series("x", Label{"a", "1"})
	now := start
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(15 * time.Second)
		s.Append(now, 1)
	}
}
