package behaviour

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestDecide(t *testing.T) {
	ms := Duration(time.Millisecond)
	exception := Behaviour{
		Answers: Answers{Body: "version {version}"},
		And:     []Answers{{Query: "fail=true", ErrorRate: 1, Body: "failed with {status}"}, {Query: "fail=true", After: 1000 * ms, Latency: 7 * ms}},
	}
	gate := Behaviour{And: []Answers{{Path: "/gate/", Status: 409, Body: "wait"}}}
	for _, c := range []struct {
		name string
		b    Behaviour
		r    Request
		want Answer
	}{
		{"nothing said", Behaviour{}, Request{Code: 200}, Answer{Code: 200}},
		{"as asked", Behaviour{}, Request{Code: 404, Delay: time.Second}, Answer{Code: 404, Wait: time.Second}},
		{"all fail", Behaviour{Answers: Answers{ErrorRate: 1}}, Request{Code: 200}, Answer{Code: 500, Injected: true}},
		{"with a code", Behaviour{Answers: Answers{ErrorRate: 1, ErrorCode: 503}}, Request{Code: 200}, Answer{Code: 503, Injected: true}},
		{"latency adds to what is asked", Behaviour{Answers: Answers{Latency: 20 * ms}}, Request{Code: 200, Delay: time.Second}, Answer{Code: 200, Wait: 1020 * time.Millisecond}},
		{"a p99 below the latency does not count", Behaviour{Answers: Answers{Latency: 20 * ms, P99: 5 * ms}}, Request{Code: 200}, Answer{Code: 200, Wait: 20 * time.Millisecond}},
		{"not yet", Behaviour{Answers: Answers{ErrorRate: 1, After: 10 * ms}}, Request{Code: 200, Age: 9 * time.Millisecond}, Answer{Code: 200}},
		{"from then on", Behaviour{Answers: Answers{ErrorRate: 1, After: 10 * ms}}, Request{Code: 200, Age: 10 * time.Millisecond}, Answer{Code: 500, Injected: true}},
		{"another query", exception, Request{Code: 200, Query: "fail=false"}, Answer{Code: 200, Body: "version 2.0.0"}},
		{"a longer name", exception, Request{Code: 200, Query: "nofail=true"}, Answer{Code: 200, Body: "version 2.0.0"}},
		{"a longer value", exception, Request{Code: 200, Query: "fail=trueish"}, Answer{Code: 200, Body: "version 2.0.0"}},
		{"an exception", exception, Request{Code: 200, Query: "a=b&fail=true"}, Answer{Code: 500, Injected: true, Body: "failed with 500"}},
		{"the last exception that applies", exception, Request{Code: 200, Query: "fail=true", Age: time.Minute}, Answer{Code: 200, Wait: 7 * time.Millisecond}},
		{"another path", gate, Request{Code: 403, Path: "/rollback/check"}, Answer{Code: 403}},
		{"a path", gate, Request{Code: 200, Path: "/gate/approve"}, Answer{Code: 409, Body: "wait"}},
		{"a status that was asked for", gate, Request{Code: 404, Asked: true, Path: "/gate/status/404"}, Answer{Code: 404, Body: "wait"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.b.Decide(c.r, "2.0.0", rand.New(rand.NewPCG(1, 2)))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDecideShares counts many answers: errors come at their rate, waits at
// their quantiles.
func TestDecideShares(t *testing.T) {
	const n = 20000
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Float64Range(0, 1).Draw(t, "rate")
		p50 := Duration(rapid.Int64Range(1000, int64(time.Second)).Draw(t, "p50"))
		p99 := p50 * Duration(rapid.Int64Range(2, 50).Draw(t, "p99/p50"))
		chance := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		b := Behaviour{Answers: Answers{ErrorRate: rate, Latency: p50, P99: p99}}
		failed, below50, below99 := 0, 0, 0
		for range n {
			a := b.Decide(Request{Code: 200}, "", chance)
			if a.Injected {
				failed++
			}
			if a.Wait <= time.Duration(p50) {
				below50++
			}
			if a.Wait <= time.Duration(p99) {
				below99++
			}
		}
		within(t, "failed", failed, n, rate)
		within(t, "below the median", below50, n, 0.5)
		within(t, "below the 99th percentile", below99, n, 0.99)
	})
}

// within allows a count of n six standard deviations around its share.
func within(t *rapid.T, what string, count, n int, share float64) {
	if off := math.Abs(float64(count) - share*float64(n)); off > 6*math.Sqrt(float64(n)*share*(1-share))+1 {
		t.Errorf("%s: %d of %d, want about %.0f", what, count, n, share*float64(n))
	}
}

// TestDecideAnyway holds decisions about arbitrary behaviours against what HTTP
// can say and what a server can wait for.
func TestDecideAnyway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBehaviour(t)
		r := Request{
			Code: rapid.IntRange(100, 599).Draw(t, "code"), Query: rapid.SampledFrom([]string{"", "fail=true"}).Draw(t, "query"),
			Age: time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "age")),
		}
		a := b.Decide(r, "1.0.0", rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)))
		if a.Code < 100 || a.Code > 599 {
			t.Errorf("status %d", a.Code)
		}
		if a.Code != r.Code && !a.Injected {
			t.Errorf("status %d where %d was asked for, and nobody injected it", a.Code, r.Code)
		}
		if a.Wait < 0 || a.Wait > 25*time.Hour {
			t.Errorf("wait %s", a.Wait)
		}
	})
}

func drawBehaviour(t *rapid.T) Behaviour {
	b := Behaviour{Answers: drawAnswers(t), And: rapid.SliceOfN(rapid.Custom(drawAnswers), 1, 3).Draw(t, "and")}
	ready := rapid.Bool().Draw(t, "ready")
	crash := drawDuration(t)
	b.Ready, b.Crash = &ready, &crash
	return b
}

func drawAnswers(t *rapid.T) Answers {
	return Answers{
		Query:     rapid.SampledFrom([]string{"", "fail=true", "{version}"}).Draw(t, "query"),
		After:     drawDuration(t),
		ErrorRate: rapid.Float64Range(0, 1).Draw(t, "errorRate"),
		ErrorCode: rapid.SampledFrom([]int{0, 200, 404, 503, 599}).Draw(t, "errorCode"),
		Latency:   drawDuration(t), P99: drawDuration(t),
		Body: rapid.String().Draw(t, "body"),
	}
}

func drawDuration(t *rapid.T) Duration {
	return Duration(rapid.Int64Range(0, int64(24*time.Hour)).Draw(t, "duration"))
}

// TestJSON reads back what it wrote.
func TestJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawBehaviour(t)
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	})
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{``, `EOF`},
		{`{`, `unexpected EOF`},
		{`{} {}`, `something follows the first JSON object`},
		{`{"errRate": 1}`, `unknown field "errRate"`},
		{`{"errorRate": 10}`, `errorRate 10 is no share: give 0 to 1`},
		{`{"errorRate": -0.1}`, `errorRate -0.1 is no share`},
		{`{"errorCode": 99}`, `errorCode 99: give 200 to 599`},
		{`{"errorCode": 600}`, `errorCode 600: give 200 to 599`},
		{`{"status": 99}`, `status 99: give 200 to 599`},
		{`{"and": [{"path": "gate"}]}`, `and[0].path "gate": begin it with /`},
		{`{"latency": "fast"}`, `"fast" is no duration: write it as "200ms"`},
		{`{"latency": 200}`, `200 is no duration: write it as "200ms"`},
		{`{"p99": "-1s"}`, `p99 -1s is negative: give 0s or more`},
		{`{"crash": "-1s"}`, `crash -1s lies in the past`},
		{`{"and": [{}, {"errorCode": 7}]}`, `and[1].errorCode 7: give 200 to 599`},
	} {
		_, err := Parse([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "behaviour: ") {
			t.Errorf("%s: error %v, want one with %q", c.text, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"errorRate": 0.1, "latency": "20ms", "ready": false, "and": [{"query": "fail=true"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := Parse(data)
		if err != nil {
			return
		}
		text, err := json.Marshal(b)
		if err != nil {
			t.Fatalf("%q was read as %+v, which cannot be written: %v", data, b, err)
		}
		if _, err := Parse(text); err != nil {
			t.Fatalf("%q was read and written as %s, which cannot be read: %v", data, text, err)
		}
	})
}

func TestFromEnvironment(t *testing.T) {
	lookup := func(env ...string) func(string) (string, bool) {
		return func(name string) (string, bool) {
			i := slices.IndexFunc(env, func(line string) bool { return strings.HasPrefix(line, name+"=") })
			if i < 0 {
				return "", false
			}
			return env[i][len(name)+1:], true
		}
	}
	ready, crash := false, Duration(10*time.Second)
	want := Behaviour{
		Answers: Answers{
			ErrorRate: 0.25, ErrorCode: 503, Latency: Duration(20 * time.Millisecond), P99: Duration(time.Second),
			After: Duration(time.Minute), Query: "a=b", Body: "x",
		},
		Ready: &ready, Crash: &crash, And: []Answers{{Query: "c=d"}},
	}
	got, err := FromEnvironment(lookup(
		`MOCK_BEHAVIOUR={"errorRate": 1, "and": [{"query": "c=d"}]}`, "MOCK_ERROR_RATE=0.25", "MOCK_ERROR_CODE=503", "MOCK_LATENCY=20ms",
		"MOCK_P99=1s", "MOCK_AFTER=1m", "MOCK_QUERY=a=b", "MOCK_BODY=x", "MOCK_READY=false", "MOCK_CRASH=10s"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("behaviour (-want +got):\n%s", diff)
	}
	if got, err = FromEnvironment(lookup("MOCK_READY=")); err != nil || !got.IsReady() {
		t.Errorf("an empty variable: %+v, %v", got, err)
	}
	for _, bad := range []string{
		"MOCK_BEHAVIOUR={", "MOCK_ERROR_RATE=10%", "MOCK_ERROR_CODE=many", "MOCK_LATENCY=20", "MOCK_READY=perhaps", "MOCK_CRASH=soon",
	} {
		name, _, _ := strings.Cut(bad, "=")
		if _, err := FromEnvironment(lookup(bad)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v, want one that names %s", bad, err, name)
		}
	}
	if _, err := FromEnvironment(lookup("MOCK_ERROR_RATE=2")); err == nil {
		t.Error("MOCK_ERROR_RATE=2 was taken")
	}
}

func TestCloneSharesNothing(t *testing.T) {
	ready, crash := true, Duration(time.Second)
	a := Behaviour{Ready: &ready, Crash: &crash, And: []Answers{{Body: "a"}}}
	b := a.Clone()
	*b.Ready, *b.Crash, b.And[0].Body = false, 0, "b"
	if !*a.Ready || *a.Crash != Duration(time.Second) || a.And[0].Body != "a" {
		t.Errorf("changing a copy changed %+v", a)
	}
}
