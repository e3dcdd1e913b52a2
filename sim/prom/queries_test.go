package prom

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The queries of the source documents, as printed but for their arguments.
const (
	canaryRate = `scalar(
  sum(rate(istio_requests_total{destination_service_name="mock-server-canary",response_code=~"2.."}[1m])) 
  / 
  sum(rate(istio_requests_total{destination_service_name="mock-server-canary"}[1m]))
)
`
	bothRate = `scalar(
  sum(rate(istio_requests_total{destination_service_name="mock-server",response_code=~"2.."}[1m])) 
  / 
  sum(rate(istio_requests_total{destination_service_name="mock-server"}[1m]))
)
`
	experimentRate = `scalar(
  sum(rate(istio_requests_total{
    destination_service_name="mock-server-experiment-canary",
    destination_workload="mock-server-7c6fcfb847-2-0-canary",
    response_code=~"2.."
  }[1m])) 
  / 
  sum(rate(istio_requests_total{
    destination_service_name="mock-server-experiment-canary",
    destination_workload="mock-server-7c6fcfb847-2-0-canary"
  }[1m]))
)
`
	missingQuote = `scalar(
  sum(rate(istio_requests_total{
    destination_service_name="mock-server-experiment-stable",
    destination_workload="mock-server-7c6fcfb847-2-0-stable",
    response_code=~"2.."
  }[1m])) 
  / 
  sum(rate(istio_requests_total{
    destination_service_name="mock-server-experiment-stable,
    destination_workload="mock-server-7c6fcfb847-2-0-stable"
  }[1m]))
)
`
	hashRate = `scalar(
  sum(rate(istio_requests_total{
    destination_service_name="mock-server-canary",
    destination_workload=~"mock-server-7c6fcfb847.*",
    response_code=~"2.."
  }[1m])) 
  / 
  sum(rate(istio_requests_total{
    destination_service_name="mock-server-canary",
    destination_workload=~"mock-server-7c6fcfb847.*"
  }[1m]))
)
`
	reviewsRate = `sum(irate(
  istio_requests_total{reporter="source",destination_service=~"reviews.istio.svc.cluster.local",response_code!~"5.*"}[5m]
)) / 
sum(irate(
  istio_requests_total{reporter="source",destination_service=~"reviews.istio.svc.cluster.local"}[5m]
))
`
	sillyTotal = `sum(irate(istio_requests_total{reporter="source",destination_service=~"silly-demo-stable.a-team.svc.cluster.local"}[5m]))`
	sillyGood  = `sum(irate(istio_requests_total{reporter="source",destination_service=~"silly-demo-stable.a-team.svc.cluster.local",response_code!~"5.*"}[5m]))`
	sillyRate  = `sum(irate(
  istio_requests_total{reporter="source",destination_service="silly-demo-stable.a-team.svc.cluster.local",response_code!~"5.*"}[5m]
)) /
sum(irate(
  istio_requests_total{reporter="source",destination_service="silly-demo-stable.a-team.svc.cluster.local"}[5m]
))
`
)

// nothing is the answer of a vector without an element.
const nothing = "nothing"

var (
	canary  = `istio_requests_total{reporter="source",destination_service_name="mock-server-canary",destination_workload="mock-server",response_code="%"} `
	both    = `istio_requests_total{reporter="source",destination_service_name="mock-server",destination_version="%"} `
	reviews = `istio_requests_total{reporter="%",destination_service="reviews.istio.svc.cluster.local",response_code="`
	silly   = `istio_requests_total{reporter="source",destination_service="silly-demo-stable.a-team.svc.cluster.local",response_code="%"} `
	trial   = `istio_requests_total{destination_service_name="mock-server-experiment-canary",destination_workload="mock-server-7c6fcfb847-2-0-%",response_code="200"} `
)

func with(series, value string) string { return strings.ReplaceAll(series, "%", value) }

func TestQueriesOfTheDocuments(t *testing.T) {
	for _, tc := range []struct {
		name   string
		series []string
		query  string
		want   any // float64, nothing, or part of an error
	}{
		{"no series: a scalar of nothing is no number", nil, canaryRate, math.NaN()},
		{"all succeed", []string{with(canary, "200") + "0+30x20"}, canaryRate, 1.0},
		{"one in twenty fails", []string{with(canary, "200") + "0+285x20", with(canary, "500") + "0+15x20"}, canaryRate, 0.95},
		{"all fail: the upper half has no series", []string{with(canary, "500") + "0+15x20"}, canaryRate, math.NaN()},
		{"all fail after successes", []string{with(canary, "200") + "100x20", with(canary, "500") + "0+15x20"}, canaryRate, 0.0},
		{"no traffic any more: 0 / 0", []string{with(canary, "200") + "100x20"}, canaryRate, math.NaN()},
		{"one sample makes no rate", []string{with(canary, "200") + "_x19 30"}, canaryRate, math.NaN()},
		{"two samples do", []string{with(canary, "200") + "_x18 30 60"}, canaryRate, 1.0},
		{"the series ended", []string{with(canary, "200") + "0+30x5 stale"}, canaryRate, math.NaN()},
		{"both versions: a broken canary at 20 %", []string{
			with(both, `1.0.0",response_code="200`) + "0+240x20", with(both, `2.0.0",response_code="500`) + "0+60x20",
		}, bothRate, 0.80},
		{"both versions: a quarter of a canary at 20 % fails", []string{
			with(both, `1.0.0",response_code="200`) + "0+240x20",
			with(both, `2.0.0",response_code="200`) + "0+45x20", with(both, `2.0.0",response_code="500`) + "0+15x20",
		}, bothRate, 0.95},
		{"experiment", []string{with(trial, "canary") + "0+6x20", with(trial, "stable") + "0+6x20"}, experimentRate, 1.0},
		{"experiment, another workload", []string{with(trial, "stable") + "0+6x20"}, experimentRate, math.NaN()},
		{"the workload by the pod template hash", []string{strings.Replace(with(canary, "200"), `="mock-server",`, `="mock-server-7c6fcfb847-2-0-canary",`, 1) + "0+6x20"}, hashRate, 1.0},
		{"the workload by a hash that it does not have", []string{with(canary, "200") + "0+6x20"}, hashRate, math.NaN()},
		{"missing quote", nil, missingQuote, `9:30: parse error: unterminated quoted string`},
		{"vector without data", nil, reviewsRate, nothing},
		{"vector, one reporter of two", []string{
			with(reviews, "source") + `200"} 0+90x20`, with(reviews, "source") + `503"} 0+10x20`,
			with(reviews, "destination") + `200"} 0+90x20`,
		}, reviewsRate, 0.9},
		{"irate takes the last two samples", []string{with(silly, "200") + "0+150x18 2850 3150"}, sillyTotal, 20.0},
		{"redirects and client errors are not 5xx", []string{
			with(silly, "200") + "0+60x20", with(silly, "302") + "0+60x20", with(silly, "404") + "0+30x20", with(silly, "500") + "0+150x20",
		}, sillyGood, 10.0},
		{"fail=true", []string{with(silly, "200") + "0+30x10 300x10", with(silly, "500") + "_x10 0+30x10"}, sillyRate, 0.0},
		{"irate looks back for five minutes, the first instant left out", []string{with(silly, "200") + "_ 0 30"}, sillyRate, 1.0},
		{"and no further", []string{with(silly, "200") + "0 30"}, sillyRate, nothing},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db := pinned(t, tc.series...)
			got, err := db.Query(tc.query, at(5*time.Minute))
			if text, ok := tc.want.(string); ok && text != nothing {
				if err == nil || !strings.Contains(err.Error(), text) {
					t.Errorf("%v, %v; want the error %s", got, err, text)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := []Value{{Value: 0}}
			if tc.want == nothing {
				want = nil
			} else {
				want[0].Value = tc.want.(float64)
			}
			if tc.query != canaryRate && len(got) == 1 && got[0].Labels == "{}" {
				got[0].Labels = "" // a vector with one element without labels
			}
			if d := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, 1e-9)); d != "" {
				t.Error(d)
			}
		})
	}
}
