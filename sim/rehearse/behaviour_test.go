package rehearse

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

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
	for _, text := range []string{"", "fast", "-1", "Inf", "NaN", "10@", "1e12"} {
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

// TestImagesOf resolves words and patterns.
func TestImagesOf(t *testing.T) {
	before := []corev1.Container{{Name: "web", Image: "r/web:1"}, {Name: "proxy", Image: "r/proxy:1"}}
	changes := []ImageChange{{Container: "web", From: "r/web:1", To: "r/web:2"}}
	for word, want := range map[string][]string{
		"new": {"r/web:2"}, "old": {"r/web:1"}, "r/web:2": {"r/web:2"}, "*web*": {"r/web:2", "r/web:1"}, "*:1": {"r/web:1", "r/proxy:1"}, "web": nil,
	} {
		if diff := cmp.Diff(want, imagesOf(word, before, changes)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", word, diff)
		}
	}
}

// TestBehavioursOfOneImage names one image in several ways: a later one wins, for the
// error rate and for the latency each, and a time later than another as well.
func TestBehavioursOfOneImage(t *testing.T) {
	slow := Duration(200 * time.Millisecond)
	for name, tc := range map[string]struct {
		said   []Behaviour
		failed string
	}{
		"a pattern, then the latency of the word": {[]Behaviour{{Image: "*:2.0.0", ErrorRate: rate(0.5)}, {Image: NewImage, P50: slow}}, "50%"},
		"the latency of the word, then a pattern": {[]Behaviour{{Image: NewImage, P50: slow}, {Image: "*:2.0.0", ErrorRate: rate(0.5)}}, "50%"},
		"two error rates":                         {[]Behaviour{{Image: NewImage, ErrorRate: rate(0.5)}, {Image: "*", ErrorRate: rate(0.25)}}, "25%"},
	} {
		r := run(t, Options{Objects: objects(t, "cases/mock-server-canary-success.yaml"), Images: version2, PromoteAfter: time.Minute, Behaviours: tc.said})
		if x := r.Traffic; percent(ratio(x.NewFailed, x.NewRequests)) != tc.failed {
			t.Errorf("%s: %d of %d requests failed, want %s", name, x.NewFailed, x.NewRequests, tc.failed)
		}
	}
}

// TestOldVersionWasAlwaysSo lets the old version fail: the first window of the update that
// a query looks at sees it as well as the last.
func TestOldVersionWasAlwaysSo(t *testing.T) {
	for _, image := range []string{OldImage, "*:1.0.0"} {
		r := run(t, Options{
			Objects: edited(t, "      - pause: {duration: 30s}\n", "", `destination_service_name="mock-server-canary",response_code=~"2.."`, `response_code="500"`,
				`destination_service_name="mock-server-canary"`, ""),
			Images: version2, Behaviours: []Behaviour{{Image: image, ErrorRate: rate(0.5)}},
		})
		if first := r.Measurements[0].Value; first < "0.48" || first > "0.5" {
			t.Errorf("%s: the first measurement is %s, want about half", image, first)
		}
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
