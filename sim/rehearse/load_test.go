package rehearse

import (
	"strings"
	"testing"

	"github.com/aviary-rollouts/aviary/internal/manifest"
)

func parse(t *testing.T, text string) []manifest.Object {
	t.Helper()
	scheme, err := manifest.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	list, err := manifest.Read([]manifest.File{{Name: "web.yaml", Data: []byte(text)}}, scheme)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

const (
	webRollout = `apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1", ports: [{containerPort: 8080}]}]}
  strategy:
`
	webCanary = webRollout + `    canary: {steps: [{setWeight: 25}, {pause: {duration: 1m}}]}
`
	webApart = webRollout + `    canary: {canaryService: canary, stableService: stable, steps: [{setWeight: 25}, {pause: {duration: 1m}}]}
`
	webBlueGreen = webRollout + `    blueGreen: {activeService: stable, previewService: canary, autoPromotionSeconds: 20}
`
	webRouted = webRollout + `    canary:
      canaryService: canary
      stableService: stable
      trafficRouting: {istio: {virtualService: {name: web}}}
      steps: [{setWeight: 25}, {pause: {duration: 1m}}]
`
	virtualService = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec:
  hosts: [HOST]
  gateways: [GATEWAY]
  http:
  - route:
    - {destination: {host: stable}, weight: 100}
    - {destination: {host: canary}, weight: 0}
`
)

func service(name, app string) string {
	return "---\napiVersion: v1\nkind: Service\nmetadata: {name: " + name + "}\nspec: {selector: {app: " + app + "}, ports: [{port: 80, targetPort: 8080}]}\n"
}

// TestEntry finds where users come in, and checks that they get to the pods.
func TestEntry(t *testing.T) {
	apart := service("stable", "web") + service("canary", "web")
	routed := func(host, gateway string) string {
		return webRouted + apart + strings.NewReplacer("HOST", host, "GATEWAY", gateway).Replace(virtualService)
	}
	for name, tc := range map[string]struct {
		manifest, url string
		added         bool
	}{
		"a Service":                    {webCanary + service("shop", "web"), "shop:80", false},
		"of another application":       {webCanary + service("shop", "shop"), "web-users:8080", true},
		"none":                         {webCanary, "web-users:8080", true},
		"one for each version":         {webApart + apart, "web-users:8080", true},
		"one for each and one for all": {webApart + apart + service("web", "web"), "web:80", false},
		"blue-green":                   {webBlueGreen + apart + service("all", "web"), "stable:80", false},
		"a VirtualService":             {routed("stable", "mesh"), "stable:80", false},
		"by a gateway":                 {routed("web.example.com", "istio-system/public"), "web.example.com", false},
		"any host, by a gateway":       {routed(`"*.example.com"`, "istio-system/public"), "www.example.com", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, Options{Objects: parse(t, tc.manifest), Load: &Load{Rate: 10}})
			if x := r.Traffic; x == nil || x.URL != tc.url || x.ServiceAdded != tc.added || x.RateChosen {
				t.Fatalf("%+v", x)
			}
			if x := r.Traffic; r.Outcome.Verdict != Promoted || x.Lost > 0 || x.Failed > 0 || x.NewRequests == 0 || x.NewRequests == x.Requests {
				t.Errorf("%s, %d requests of which %d new, %d failed, %d lost", r.Outcome.Verdict, x.Requests, x.NewRequests, x.Failed, x.Lost)
			}
		})
	}
}

// TestLost sends where no route leads.
func TestLost(t *testing.T) {
	text := strings.NewReplacer("HOST", "stable", "GATEWAY", "mesh", "  - route:", "  - match: [{uri: {prefix: /api}}]\n    route:").Replace(virtualService)
	list := parse(t, webRouted+service("stable", "web")+service("canary", "web")+text)
	r := run(t, Options{Objects: list, Load: &Load{Rate: 10}})
	if r.Traffic.Lost != r.Traffic.Requests || !warned(r, "lost", "no route matches") {
		t.Errorf("%+v", r.Warnings)
	}
	r = run(t, Options{Objects: list, Load: &Load{Rate: 10, URL: "stable:80/api/x"}})
	if r.Traffic.Lost != 0 {
		t.Errorf("%+v", r.Warnings)
	}
}
