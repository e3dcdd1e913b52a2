package console

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/scenarios/kubectl"
	"github.com/aviary-rollouts/aviary/sim"
)

const twoPods = `apiVersion: v1
kind: Pod
metadata: {name: shell}
spec: {containers: [{name: shell, image: nicolaka/netshoot}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: web, image: "example.com/team/web:7"}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 8080}]}
`

// TestTraffic types the words about requests one after the other.
func TestTraffic(t *testing.T) {
	b, err := backend.NewSim(sim.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	c := New(b, func(name string) ([]kubectl.File, error) {
		return []kubectl.File{{Name: name, Data: []byte(twoPods)}}, nil
	})
	const curl = "kubectl exec -it shell -- curl web:8080"
	for _, step := range []struct{ line, want string }{
		{"kubectl apply -f two.yaml", "pod/shell created\npod/web created\nservice/web created\n"},
		{curl, "error: cannot exec into a container in a pod that is not running; current phase is Pending\n"},
		{"sleep 10s", ""},
		{curl, ""},
		{"@answers '*/web:*' 'body=version {version}' and query=fail=true error-rate=100%", ""},
		{"@answers '*' latency=-1s", "@answers: latency=-1s: it must be above 0, as in latency=300ms\n"},
		{"@answers '*' p99=0s", "@answers: p99=0s: it must be above 0, as in p99=2s\n"},
		{"@answers '*' after=-10s", "@answers: after=-10s: it must be above 0, as in after=2m\n"},
		{"@answers '*' healthy and latency=2s p99=1s", "@answers: p99=1s must be longer than latency=2s, which half of the answers take\n"},
		{"@repeat 1000001 " + curl, "@repeat: 1000001 times is too often; write at most 1000000, or @load for requests\n"},
		{curl + " -s", "version 7\n"},
		{curl + " -o /dev/null", ""},
		{curl + "/status/404 -s -o /dev/null -w '%{http_code}\\n'", "404\n"},
		{curl + "/status/404 -f", "curl: (22) The requested URL returned error: 404\ncommand terminated with exit code 22\n"},
		{"kubectl exec shell -- curl -s web:80", "command terminated with exit code 7\n"},
		{"kubectl exec shell -- wget web", "wget: pods know curl and hey here\n"},
		{"kubectl exec shell -x -- curl web", "error: kubectl exec: \"-x\" is not understood; write kubectl exec -it POD -- curl URL\n"},
		{"curl -s http://nowhere", ""},
		{"@repeat 3 every=1s " + curl, "version 7\nversion 7\nversion 7\n"},
		{"@repeat 3 kubectl exec shell -- curl web:80", "curl: (7) send to web:80: connection refused: Service default/web has no port 80\ncommand terminated with exit code 7\n"},
		{"@traffic", "IMAGE  WORKLOAD  POD TEMPLATE  REQUESTS  SHARE   FAILED\nweb:7  web                     8         100.0%  0\n\n" +
			"DESTINATION  REQUESTS  SHARE   FAILED\nweb          8         100.0%  0\n\nlost requests: 0\n"},
		{"@load 5 " + curl + "?fail=true", ""},
		{"kubectl exec shell -- hey -z 5s -q 1 -c 2 http://web:8080/", ""},
		{"sleep 10s", ""},
		{"@load off", ""},
		{"sleep 10s", ""},
		{"@traffic", "IMAGE  WORKLOAD  POD TEMPLATE  REQUESTS  SHARE   FAILED\nweb:7  web                     60        100.0%  50\n\n" +
			"DESTINATION  REQUESTS  SHARE   FAILED\nweb          60        100.0%  50\n\nlost requests: 0\n"},
		{"kubectl delete pod web", "pod \"web\" deleted from default namespace\n"},
		{"sleep 1m", ""},
		{curl, ""},
		{"@traffic", "IMAGE  WORKLOAD  POD TEMPLATE  REQUESTS  SHARE  FAILED\n\n" +
			"DESTINATION  REQUESTS  SHARE   FAILED\nweb          1         100.0%  1\n\nlost requests: 1\n"},
	} {
		got, _ := run(t, c, step.line) // an error is printed
		if d := cmp.Diff(strings.Split(step.want, "\n"), strings.Split(got, "\n")); d != "" {
			t.Errorf("$ %s (-want +got):\n%s", step.line, d)
		}
	}
}

// Some requests come between the writes of a promotion.
func TestAlikeInBetween(t *testing.T) {
	output := func(canary, web, lost string) []string {
		lines := []string{"IMAGE   WORKLOAD  POD TEMPLATE  REQUESTS  SHARE  FAILED", "web:v3  web       6c95c9b5db    2820      100.0%  0", "", "DESTINATION  REQUESTS  SHARE  FAILED"}
		for _, row := range []string{canary, web} {
			if row != "" {
				lines = append(lines, row)
			}
		}
		return append(lines, "", "lost requests: "+lost)
	}
	want := output("", "web  2820  100.0%  0", "0")
	for _, c := range []struct {
		what string
		got  []string
		want bool
	}{
		{"the same", want, true},
		{"a few by the Service of the canary", output("web-canary  8  0.3%  0", "web  2812  99.7%  0", "0"), true},
		{"many of them", output("web-canary  282  10.0%  0", "web  2538  90.0%  0", "0"), false},
		{"nothing by a Service", output("", "", "0"), false},
		{"one that failed", output("web-canary  8  0.3%  1", "web  2812  99.7%  0", "0"), false},
		{"one that was lost", output("web-canary  8  0.3%  0", "web  2812  99.7%  0", "1"), false},
	} {
		if got := alikeInBetween(want, c.got); got != c.want {
			t.Errorf("%s: alike %t, want %t", c.what, got, c.want)
		}
	}
}

func TestAlikeTraffic(t *testing.T) {
	const want = "mock-go-server:2.0.0  mock-server  7c6fcfb847    200       20.0%  0"
	for got, alike := range map[string]bool{
		want: true,
		"mock-go-server:2.0.0  mock-server  7c6fcfb847  212  21.3%  0": true,
		"mock-go-server:2.0.0  mock-server  7c6fcfb847  310  31.0%  0": false,
		"mock-go-server:2.0.0  mock-server  7c6fcfb847  200  20.0%  1": false,
		"mock-go-server:2.0.0  mock-server  6579c6cc98  200  20.0%  0": false,
		"mock-go-server:2.0.0  mock-server  7c6fcfb847  0  0.0%  0":    false,
		"lost requests: 0": false,
	} {
		if alikeTraffic(want, got) != alike {
			t.Errorf("%q: want %t", got, alike)
		}
	}
	if !alikeTraffic("IMAGE   WORKLOAD  SHARE", "IMAGE WORKLOAD    SHARE") || alikeTraffic("lost requests: 0", "lost requests: 1") {
		t.Error("other lines are compared word by word")
	}
}
