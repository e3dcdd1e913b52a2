package mesh

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/aviary-rollouts/aviary/sim/mesh/istiometric"
)

// inPhase makes all scrapes happen at full quarters of a minute.
func inPhase(o Options) Options {
	o.ScrapePhase = func(string) time.Duration { return 0 }
	return o
}

func TestIstioLabels(t *testing.T) {
	f := canary(t, inPhase(Options{}))
	f.weights(0, 100)
	f.load("mock-server-stable:8080", 1)
	f.sleep(15 * time.Second)
	f.mesh.CatchUp()
	labels := func(query string) string {
		t.Helper()
		values, err := f.mesh.Series().Query(query, f.k.Now())
		if err != nil || len(values) != 1 {
			t.Fatalf("%s: %v, %v", query, values, err)
		}
		return strings.ReplaceAll(strings.Trim(values[0].Labels, "{}"), ", ", "\n")
	}
	common := `connection_security_policy="%s"
destination_app="mock-server"
destination_canonical_revision="latest"
destination_canonical_service="mock-server"
destination_cluster="Kubernetes"
destination_principal="spiffe://cluster.local/ns/default/sa/default"
destination_service="mock-server-canary.default.svc.cluster.local"
destination_service_name="mock-server-canary"
destination_service_namespace="default"
destination_version="unknown"
destination_workload="mock-server"
destination_workload_namespace="default"
instance="%s:15020"
job="kubernetes-pods"
namespace="default"
pod="%s"
reporter="%s"
request_protocol="http"
response_code="200"
response_flags="-"
%ssource_app="shell"
source_canonical_revision="latest"
source_canonical_service="shell"
source_cluster="Kubernetes"
source_principal="spiffe://cluster.local/ns/default/sa/shell"
source_version="unknown"
source_workload="shell"
source_workload_namespace="default"`
	for _, tc := range []struct{ query, want string }{
		{`sum without (__name__, app) (istio_requests_total{reporter="source"})`, fmt.Sprintf(common, "unknown", "10.0.0.1", "shell", "source", "")},
		{`sum without (__name__, app) (istio_requests_total{reporter="destination",pod="mock-server-7c6fcfb847-1"})`,
			fmt.Sprintf(common, "mutual_tls", "10.0.0.2", "mock-server-7c6fcfb847-1", "destination", "rollouts_pod_template_hash=\"7c6fcfb847\"\n")},
	} {
		if d := cmp.Diff(tc.want, labels(tc.query)); d != "" {
			t.Error(d)
		}
	}
	// Both reporters count every request, up to the last scrape.
	for _, reporter := range []string{"source", "destination"} {
		if got := f.value(`sum(istio_requests_total{reporter="` + reporter + `"})`); got != 15 {
			t.Errorf("%s: %v", reporter, got)
		}
	}
}

// The document's numbers (I-42): a broken canary at 20 % makes 0.80 of both, one
// with a quarter of errors 0.95.
func TestSuccessRateOfBothVersions(t *testing.T) {
	for errorRate, want := range map[float64]float64{1: 0.80, 0.25: 0.95, 0: 1} {
		f := canary(t, Options{Images: map[string][]Behaviour{"*:2.0.0": {{ErrorRate: errorRate}}}})
		f.load("mock-server-stable:8080", 60)
		f.sleep(3 * time.Minute)
		got := f.value(`scalar(sum(rate(istio_requests_total{destination_workload="mock-server",response_code=~"2.."}[1m])) / sum(rate(istio_requests_total{destination_workload="mock-server"}[1m])))`)
		if math.Abs(got-want) > 0.005 {
			t.Errorf("error rate %v: %v, want %v", errorRate, got, want)
		}
	}
}

func TestNoTrafficIsNaN(t *testing.T) {
	f := canary(t, Options{})
	query := `scalar(sum(rate(istio_requests_total[1m])) / sum(rate(istio_requests_total[1m])))`
	if got := f.value(query); !math.IsNaN(got) {
		t.Errorf("before any request: %v", got)
	}
	l := f.load("mock-server-stable:8080", 10)
	f.sleep(time.Minute)
	if got := f.value(query); got != 1 {
		t.Errorf("under load: %v", got)
	}
	l.Stop()
	f.sleep(2 * time.Minute)
	if got := f.value(query); !math.IsNaN(got) {
		t.Errorf("after the load: %v", got)
	}
}

func TestSeriesOfAPodEndWithIt(t *testing.T) {
	f := canary(t, inPhase(Options{}))
	f.load("mock-server-stable:8080", 10)
	f.sleep(45 * time.Second)
	query := `count(istio_requests_total{reporter="destination",destination_service_name="mock-server-canary"})`
	if got := f.value(query); got != 2 {
		t.Errorf("%v pods report", got)
	}
	f.endpoints("mock-server-canary", "mock-server-7c6fcfb847-1")
	f.deletePod("mock-server-7c6fcfb847-0")
	f.sleep(15 * time.Second)
	if got := f.value(query); got != 1 {
		t.Errorf("%v pods report after one has gone", got)
	}
}

func TestLatency(t *testing.T) {
	f := canary(t, inPhase(Options{}))
	f.weights(50, 50)
	f.mesh.SetImage("*:1.0.0", Behaviour{Latency: Latency{P50: 20 * time.Millisecond, P99: 90 * time.Millisecond}})
	f.mesh.SetImage("*:2.0.0", Behaviour{Latency: Latency{P50: 200 * time.Millisecond}})
	f.load("mock-server-stable:8080", 100)
	f.sleep(10 * time.Minute)
	quantile := func(q float64, workload string) float64 {
		return f.value(fmt.Sprintf(`histogram_quantile(%v, sum by (le) (rate(istio_request_duration_milliseconds_bucket{reporter="source",%s}[5m])))`, q, workload))
	}
	for _, tc := range []struct {
		got, low, high float64
	}{
		{quantile(0.5, `destination_service_name="mock-server-stable"`), 15, 25},
		{quantile(0.99, `destination_service_name="mock-server-stable"`), 50, 100},
		{quantile(0.5, `destination_service_name="mock-server-canary"`), 100, 250},
		{f.value(`sum(rate(istio_request_duration_milliseconds_sum{destination_service_name="mock-server-canary"}[5m])) / sum(rate(istio_request_duration_milliseconds_count{destination_service_name="mock-server-canary"}[5m]))`), 199.9, 200.1},
	} {
		if tc.got < tc.low || tc.got > tc.high {
			t.Errorf("%v ms, want %v to %v", tc.got, tc.low, tc.high)
		}
	}
}

func TestLatencyShape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Latency{
			P50: time.Duration(rapid.Int64Range(0, 1e10).Draw(t, "p50")), P99: time.Duration(rapid.Int64Range(0, 1e10).Draw(t, "p99")),
		}.orDefault()
		s := newShape(l)
		last := 0.0
		for i, below := range s.below {
			if below < last || below > 1 {
				t.Fatalf("%+v: bucket %s has %v after %v", l, istiometric.Buckets[i].Le, below, last)
			}
			last = below
		}
		if last != 1 || math.IsNaN(s.mean) || s.mean <= 0 {
			t.Fatalf("%+v: ends at %v, mean %v", l, last, s.mean)
		}
		if l.P99 > l.P50 && math.Abs(l.below(l.P50)-0.5) > 1e-9 || l.P99 > l.P50 && math.Abs(l.below(l.P99)-0.99) > 1e-9 {
			t.Fatalf("%+v: %v below P50, %v below P99", l, l.below(l.P50), l.below(l.P99))
		}
	})
}

// run is a story with everything that changes: it returns the series as text.
func run(t testing.TB, o Options, look func(f *fake)) string {
	f := canary(t, o)
	f.mesh.SetImage("*:2.0.0", Behaviour{ErrorRate: 0.13, From: start.Add(20 * time.Second)})
	f.load("mock-server-stable:8080", 47)
	f.load("mock-server-canary:8080/status/200", 3)
	steps := []func(){
		func() { f.weights(60, 40) },
		func() { f.endpoints("mock-server-stable", "mock-server-6579c6cc98-1", "mock-server-6579c6cc98-2") },
		func() { f.deletePod("mock-server-6579c6cc98-1") },
		func() { f.weights(100, 0) },
	}
	for i, step := range steps {
		for range 10 {
			look(f)
			f.sleep(time.Duration(1300+i) * time.Millisecond)
		}
		step()
	}
	f.sleep(30 * time.Second)
	f.mesh.CatchUp()
	values, err := f.mesh.Series().Query(`{__name__=~"istio_.*"}`, f.k.Now())
	f.must(err)
	var text strings.Builder
	for _, v := range values {
		fmt.Fprintln(&text, v.Labels, v.Value)
	}
	r := f.mesh.Report()
	fmt.Fprintf(&text, "%+v %+v %+v %+v", r.Total, r.Versions, r.Lost, r.Timeline)
	return text.String()
}

// The same seed gives the same series, and looking changes nothing.
func TestDeterminism(t *testing.T) {
	for name, o := range map[string]Options{"exact": {}, "random": {Random: true}, "skew": {Skew: time.Second, Random: true}} {
		t.Run(name, func(t *testing.T) {
			quiet := run(t, o, func(*fake) {})
			if d := cmp.Diff(quiet, run(t, o, func(*fake) {})); d != "" {
				t.Errorf("two runs differ: %s", d)
			}
			watched := run(t, o, func(f *fake) {
				f.mesh.Report()
				f.value(`count(istio_requests_total) or vector(0)`)
				if err := f.mesh.CheckLost(); err != nil {
					t.Error(err)
				}
			})
			if d := cmp.Diff(quiet, watched); d != "" {
				t.Errorf("looking changed the run: %s", d)
			}
		})
	}
	if run(t, Options{}, func(*fake) {}) == run(t, Options{Random: true}, func(*fake) {}) {
		t.Error("chance decides nothing")
	}
}

// Half of a mixture is below the median of its parts if they are alike; a slow part
// takes the slowest hundredth for itself as soon as it is larger than that.
func TestWithin(t *testing.T) {
	fast, slow := Latency{}, Latency{P50: time.Second}
	for _, tc := range []struct {
		share float64
		all   []Answers
		want  time.Duration
	}{
		{0.99, nil, 0},
		{0.99, []Answers{{slow, 0}}, 0},
		{0.5, []Answers{{fast, 7}}, 5 * time.Millisecond},
		{0.99, []Answers{{fast, 7}}, 25 * time.Millisecond},
		{0.99, []Answers{{fast, 990}, {slow, 1}}, 25 * time.Millisecond},
		{0.99, []Answers{{fast, 900}, {slow, 100}}, time.Second},
		{0.5, []Answers{{fast, 900}, {slow, 100}}, 5600 * time.Microsecond}, // 5/9 of the fast ones
		{0.99, []Answers{{Latency{P50: time.Millisecond, P99: 100 * time.Millisecond}, 1}}, 100 * time.Millisecond},
	} {
		if got := Within(tc.share, tc.all); math.Abs(float64(got-tc.want)) > 0.03*float64(tc.want) {
			t.Errorf("%v of %+v within %s, want %s", tc.share, tc.all, got, tc.want)
		}
	}
}
