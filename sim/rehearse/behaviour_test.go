package rehearse

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aviary-rollouts/aviary/sim/mesh"
)

func rate(f float64) *float64 { return &f }

func TestParseFail(t *testing.T) {
	for text, want := range map[string]Behaviour{
		"new=10%":                 {Image: "new", ErrorRate: rate(0.1)},
		"old=0.5%":                {Image: "old", ErrorRate: rate(0.005)},
		"new=100%@1m":             {Image: "new", ErrorRate: rate(1), After: Duration(time.Minute)},
		"new=10%@after 90s":       {Image: "new", ErrorRate: rate(0.1), After: Duration(90 * time.Second)},
		"r:5000/web@sha256:ab=0%": {Image: "r:5000/web@sha256:ab", ErrorRate: rate(0)},
		"*:2.0.0=1%@2s":           {Image: "*:2.0.0", ErrorRate: rate(0.01), After: Duration(2 * time.Second)},
	} {
		got, err := ParseFail(text)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s (-want +got, %v):\n%s", text, err, diff)
		}
	}
	for text, want := range map[string]string{
		"10%":          "not IMAGE=VALUE",
		"=10%":         "not IMAGE=VALUE",
		"new=":         "not IMAGE=VALUE",
		"new=10":       "no share of requests",
		"new=101%":     "no share of requests",
		"new=-1%":      "no share of requests",
		"new=NaN%":     "no share of requests",
		"new=1%@":      "no time",
		"new=1%@-1m":   "no time",
		"new=1%@later": "no time",
	} {
		if _, err := ParseFail(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestParseLatency(t *testing.T) {
	for text, want := range map[string]Behaviour{
		"new=200ms":           {Image: "new", P50: Duration(200 * time.Millisecond)},
		"new=200ms,p99=1s@2m": {Image: "new", P50: Duration(200 * time.Millisecond), P99: Duration(time.Second), After: Duration(2 * time.Minute)},
		"web:1=2s@5m":         {Image: "web:1", P50: Duration(2 * time.Second), After: Duration(5 * time.Minute)},
	} {
		got, err := ParseLatency(text)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s (-want +got, %v):\n%s", text, err, diff)
		}
	}
	for _, text := range []string{"new=fast", "new=0s", "new=1s,p95=2s", "new=1s,p99=1s", "new=1s,p99=soon", "200ms"} {
		if got, err := ParseLatency(text); err == nil {
			t.Errorf("%s is read as %+v", text, got)
		}
	}
}

func TestParseLoad(t *testing.T) {
	for text, want := range map[string]Load{
		"50": {50, ""}, "0.5/s": {0.5, ""}, "0": {0, ""}, "20@web:80/a?b=c@d": {20, "web:80/a?b=c@d"},
	} {
		if got, err := ParseLoad(text); got != want || err != nil {
			t.Errorf("%s = %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "fast", "-1", "Inf", "NaN", "10@"} {
		if got, err := ParseLoad(text); err == nil {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}

// TestBehaviourOverTime mixes error rates and latencies, out of order.
func TestBehaviourOverTime(t *testing.T) {
	began := time.Unix(1000, 0)
	got := timeline([]Behaviour{
		{P50: Duration(time.Second), After: Duration(2 * time.Minute)}, {ErrorRate: rate(0.5), After: Duration(time.Minute)}, {ErrorRate: rate(0.1)},
		{ErrorRate: rate(0), After: Duration(3 * time.Minute)},
	}, began)
	slow := mesh.Latency{P50: time.Second}
	want := []mesh.Behaviour{
		{ErrorRate: 0.1}, {ErrorRate: 0.5, From: began.Add(time.Minute)}, {ErrorRate: 0.5, Latency: slow, From: began.Add(2 * time.Minute)},
		{Latency: slow, From: began.Add(3 * time.Minute)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPercent(t *testing.T) {
	for share, want := range map[float64]string{
		0: "0%", 0.1: "10%", 0.005: "0.5%", 0.1234: "12.3%", 0.0123: "1.23%", 1: "100%", 0.00001: "<0.01%", 0.99999: ">99.99%", 0.3333: "33.3%",
	} {
		if got := percent(share); got != want {
			t.Errorf("%g = %s, want %s", share, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d = %s", n, got)
		}
	}
}

func TestShortValue(t *testing.T) {
	for value, want := range map[string]string{
		"0.9015228426395939": "0.9015", "[0.123456 NaN]": "[0.123456 NaN]", "[0.123456,2]": "[0.1235, 2]", "NaN": "NaN", "7500": "7500", "123456.789": "123500",
		"": "", "[]": "[]", "1e-07": "1e-07", strings.Repeat("x", 50): strings.Repeat("x", 37) + "...",
	} {
		if got := (&Measurement{Value: value}).Short(); got != want {
			t.Errorf("%s = %s, want %s", value, got, want)
		}
	}
}
