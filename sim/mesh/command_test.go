package mesh

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

func TestParseHey(t *testing.T) {
	outside := types.NamespacedName{}
	for _, tc := range []struct {
		line string
		want Source
	}{
		{"-z 60m http://silly-demo.example.com?fail=true", Source{Workers: 50, Duration: time.Hour, Request: Request{URL: "http://silly-demo.example.com?fail=true"}}},
		{"-z 1m -q 5 -c 2 http://reviews:9080/", Source{Workers: 2, WorkerRate: 5, Duration: time.Minute, Request: Request{URL: "http://reviews:9080/"}}},
		{"http://a -n=300 -disable-keepalive -t 5", Source{Workers: 50, Requests: 300, Request: Request{URL: "http://a"}}},
		{"-q 0 -U robot http://a", Source{Workers: 50, Requests: 200, Request: Request{URL: "http://a", Header: http.Header{"User-Agent": {"robot"}}}}},
		{"-m POST -host b -H Cookie:type=insider http://a", Source{Workers: 50, Requests: 200, Request: Request{
			Method: "POST", URL: "http://a", Header: http.Header{"Host": {"b"}, "Cookie": {"type=insider"}},
		}}},
	} {
		if tc.want.Request.Header == nil {
			tc.want.Request.Header = http.Header{}
		}
		got, err := ParseHey(strings.Fields(tc.line), outside)
		if err != nil {
			t.Errorf("%s: %v", tc.line, err)
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s: %s", tc.line, d)
		}
	}
	for line, want := range map[string]string{
		"":                     "hey: no URL",
		"-z":                   "hey: flag -z needs a value",
		"-z 10 http://a":       `hey: -z 10: time: missing unit in duration "10"`,
		"-z -1s http://a":      "hey: -z -1s: it must be above 0",
		"-c 0 http://a":        "hey: -c 0: it must be at least 1",
		"-c two http://a":      "hey: -c two: it must be a whole number",
		"-c 1000001 http://a":  "hey: -c 1000001: it must be at most 1000000",
		"-q inf http://a":      "hey: -q inf: it must be a number",
		"-h2=1 http://a":       "hey: flag -h2 takes no value",
		"-q nan http://a":      "hey: -q nan: it must not be below 0",
		"-q -1 http://a":       "hey: -q -1: it must not be below 0",
		"-n 20 http://a":       "hey: -n 20 cannot be less than -c 50",
		"-H x http://a":        "hey: -H x: a header is written name: value",
		"-frobnicate http://a": "hey: flag -frobnicate is not known here",
		"http://a http://b":    `hey: "http://b" after the URL "http://a": one URL is enough`,
	} {
		if _, err := ParseHey(strings.Fields(line), outside); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}

func TestParseCurl(t *testing.T) {
	got, err := ParseCurl(strings.Fields("-s -m 5 -H x:y -d {} mock-server:8080/status/200 --resolve=a:80:1.2.3.4"), shell)
	want := Request{Client: shell, Method: "POST", URL: "mock-server:8080/status/200", Header: http.Header{"X": {"y"}}}
	if err != nil {
		t.Error(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for line, url := range map[string]string{
		"-G -d a=b -d c=d --url w:80/x": "w:80/x?a=b&c=d", "-Gd a=b w:80/x?y=z": "w:80/x?y=z&a=b", "-G w:80": "w:80",
	} {
		if got, err := ParseCurl(strings.Fields(line), shell); err != nil || got.URL != url || got.Method != "" {
			t.Errorf("%s: %+v, %v, want a GET of %s", line, got, err, url)
		}
	}
	if got, err := ParseCurl(strings.Fields("-sb a=b a"), shell); err != nil || got.Header.Get("Cookie") != "a=b" {
		t.Errorf("%+v, %v, want a cookie", got, err)
	}
	for line, want := range map[string]string{
		"--url a b": `curl: "b" after the URL "a": one URL is enough`, "a --url b": `curl: --url b: there is the URL "a" already: one is enough`,
		"-b jar.txt a": "curl: -b jar.txt: write the cookies themselves: name=value",
	} {
		if _, err := ParseCurl(strings.Fields(line), shell); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
	for line, method := range map[string]string{"-sSfo /dev/null a": "", "-sXPUT a": "PUT", "-sI a": "HEAD", "-sd {} a": "POST"} {
		if got, err := ParseCurl(strings.Fields(line), shell); err != nil || got.URL != "a" || got.Method != method {
			t.Errorf("%s: %+v, %v, want method %q to a", line, got, err, method)
		}
	}
	if got, err := ParseCurl([]string{"-d", "x", "-X", "PUT", "a"}, shell); err != nil || got.Method != "PUT" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := ParseCurl([]string{"-s"}, shell); err == nil {
		t.Error("no URL, no error")
	}
}

// What hey sends: 2 workers at 5 a second for 10 s, 300 requests as fast as 50
// workers can, and a closed loop that slows down with the answers.
func TestHeyLoads(t *testing.T) {
	f := canary(t, Options{})
	f.weights(100, 0)
	start := func(line string) *Load {
		t.Helper()
		s, err := ParseHey(strings.Fields(line+" http://mock-server-stable:8080/delay/95"), shell)
		f.must(err)
		l, err := f.mesh.Start(s)
		f.must(err)
		return l
	}
	f.mesh.SetImage("*", Behaviour{Latency: Latency{P50: 5 * time.Millisecond}}) // with the delay: 100 ms
	limited, many, loop := start("-z 10s -q 5 -c 2"), start("-n 300"), start("-z 10s -c 4")
	f.sleep(9500 * time.Millisecond)
	if limited.Ended() || !many.Ended() || loop.Ended() {
		t.Errorf("after 9.5 s: %v %v %v", limited.Ended(), many.Ended(), loop.Ended())
	}
	f.sleep(time.Minute)
	for _, tc := range []struct {
		name string
		load *Load
		want int64
	}{{"limited", limited, 100}, {"many", many, 300}, {"loop", loop, 400}} {
		if got := tc.load.Count().Requests; got != tc.want || !tc.load.Ended() {
			t.Errorf("%s: %d requests, want %d", tc.name, got, tc.want)
		}
	}
}

// FuzzCommands hands any words to hey and curl: they are understood, or the error
// begins with the command. What was understood can be sent.
func FuzzCommands(f *testing.F) {
	f.Add("-z 60m http://silly-demo.example.com?fail=true")
	f.Add("-z=1m -q 5 -c 2 -H Cookie:type=insider -m POST http://reviews:9080/")
	f.Add("-sSo /dev/null -w %{http_code} -XPOST -HX:y mock-server:8080/status/200")
	f.Add("-n 300 -- -")
	f.Fuzz(func(t *testing.T, line string) {
		words := strings.Fields(line)
		s, err := ParseHey(words, shell)
		switch {
		case err != nil && !strings.HasPrefix(err.Error(), "hey: "):
			t.Fatalf("the error does not say whose it is: %v", err)
		case err == nil && (s.Request.URL == "" || s.Workers < 1 || s.WorkerRate < 0 || (s.Duration > 0) == (s.Requests > 0)):
			t.Fatalf("hey %q was read as %+v", line, s)
		}
		r, err := ParseCurl(words, shell)
		switch {
		case err != nil && !strings.HasPrefix(err.Error(), "curl: "):
			t.Fatalf("the error does not say whose it is: %v", err)
		case err == nil && r.URL == "":
			t.Fatalf("curl %q was read as %+v", line, r)
		}
		if d := cmp.Diff(CurlWords(words), CurlWords(CurlWords(words))); d != "" {
			t.Fatalf("taking %q apart twice differs: %s", line, d)
		}
	})
}
