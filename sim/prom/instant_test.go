package prom

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
)

// What is answered without HTTP is what a client reads from the answer by HTTP.
func TestInstant(t *testing.T) {
	s := server(t, `x{a="1"} 0+15x40`, `x{a="2"} 1x20 NaN`, `y_total 0+3x20`)
	c, err := api.NewClient(api.Config{Address: host, RoundTripper: s})
	if err != nil {
		t.Fatal(err)
	}
	for query, direct := range map[string]bool{
		`scalar(x{a="1"})`: true, `scalar(nothing)`: true, `-1/0`: true, `1e-7`: true, `time()`: true,
		`x`: true, `sum by (a) (x)`: true, `nothing`: true, `rate(y_total[1m])`: true, `0.1+0.2`: true,
		`x[30s]`: false, `"text"`: false, `sum(x{a="1})`: false, `x * on () x`: false,
	} {
		for _, after := range []time.Duration{0, time.Minute, 290 * time.Millisecond, 90*time.Second + 500*time.Microsecond, 7*time.Second + 123456789} {
			got, ok := s.Instant(t.Context(), "prometheus", query, at(after))
			if ok != direct {
				t.Errorf("%s: answered %t", query, ok)
			}
			want, _, err := v1.NewAPI(c).Query(t.Context(), query, at(after))
			if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); ok && (err != nil || diff != "") {
				t.Errorf("%s after %s: by HTTP (-) %v\n%s", query, after, err, diff)
			}
		}
	}
}
