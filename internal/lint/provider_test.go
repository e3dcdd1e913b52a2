package lint

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFlaws looks at metrics that nobody refuses and that can only fail.
func TestFlaws(t *testing.T) {
	for _, c := range []struct {
		name, metric string
		want         []string // without the place
	}{
		{"a Job", "name: m, provider: {job: {spec: {template: {spec: {restartPolicy: Never}}}}}", nil},
		{"a Job's name", "name: Smoke_Test, provider: {job: {spec: {template: {spec: {restartPolicy: OnFailure}}}}}", []string{
			`name: "Smoke_Test" cannot be a part of the name of a Job: use lower case letters, digits, '-' and '.'`,
		}},
		{"a Job's name that is an argument", "name: 'M-{{args.app}}', provider: {job: {spec: {template: {spec: {restartPolicy: Never}}}}}", nil},
		{"a Job without restartPolicy", "name: m, provider: {job: {spec: {template: {spec: {containers: []}}}}}", []string{
			`provider.job.spec.template.spec.restartPolicy: "" is not one that a Job can have: set it to Never or OnFailure`,
		}},
		{"web", "name: m, provider: {web: {url: http://x, method: PUT, jsonBody: {a: 1}}}", nil},
		{"a URL that is an argument", "name: m, provider: {web: {url: '{{args.app}}'}}", nil},
		{"a URL without scheme", "name: m, provider: {web: {url: x.example.com}}", []string{
			`provider.web.url: "x.example.com" is not a URL with a scheme and a host: write it as http://server:9090`,
		}},
		{"no URL", "name: m, provider: {web: {url: ''}}", []string{"provider.web.url: there is none: set it, as http://server/path"}},
		{"a method", "name: m, provider: {web: {url: http://x, method: DELETE}}", []string{`provider.web.method: "DELETE" cannot be used: set it to GET, POST or PUT`}},
		{"a GET with two bodies", "name: m, provider: {web: {url: http://x, body: a, jsonBody: {a: 1}}}", []string{
			"provider.web.method: a GET request has no body: set method to POST or PUT, or leave out body and jsonBody",
			"provider.web.jsonBody: only one of body and jsonBody can be used: leave one out",
		}},
		{"a timeout", "name: m, provider: {web: {url: http://x, timeoutSeconds: -3}}", []string{
			"provider.web.timeoutSeconds: -3 is less than nothing: leave it out for 10 seconds",
		}},
		{"half a grant", "name: m, provider: {web: {url: http://x, authentication: {oauth2: {clientId: a}}}}", []string{
			"provider.web.authentication.oauth2: tokenUrl, clientId and clientSecret are all needed: set all of them",
		}},
		{"Prometheus", "name: m, provider: {prometheus: {query: x, address: 'prom:9090', timeout: -1, rangeQuery: {start: now(), end: now(), step: 0s}}}", []string{
			`provider.prometheus.address: "prom:9090" is not a URL with a scheme and a host: write it as http://server:9090`,
			"provider.prometheus.timeout: -1 is less than nothing: leave it out for 30 seconds",
			`provider.prometheus.rangeQuery.step: "0s" is not a duration of more than nothing: write it as 5m`,
		}},
		{"two ways to say who asks", "name: m, provider: {prometheus: {query: x, authentication: {basicAuth: {username: a}, sigv4: {region: b}}}}", []string{
			"provider.prometheus.authentication: only one of basicAuth, oauth2 and sigv4 can be used: leave the others out",
		}},
		{"AWS", "name: m, provider: {prometheus: {query: x, authentication: {sigv4: {region: b}}}}", []string{
			"warning: provider.prometheus.authentication.sigv4: this version of the controller cannot sign requests for AWS: put a signing proxy before the server",
		}},
		{"SkyWalking", "name: m, provider: {skywalking: {query: x, address: oap, interval: 5x}}", []string{
			`provider.skywalking.address: "oap" is not a URL with a scheme and a host: write it as http://server:9090`,
			`provider.skywalking.interval: "5x" is not a duration of more than nothing: write it as 5m`,
		}},
		{"a kind that is not here", "name: m, provider: {cloudWatch: {metricDataQueries: [{id: a, expression: b}]}}", []string{
			"warning: provider.cloudWatch: this version of the controller cannot measure it: every measurement is an error",
		}},
		{"successes in a row of one", "name: m, consecutiveSuccessLimit: 3, provider: {prometheus: {query: x}}", []string{
			"consecutiveSuccessLimit: the metric is measured once, and never has 3 successes in a row: give it an interval",
		}},
		{"successes in a row", "name: m, consecutiveSuccessLimit: 3, interval: 1m, provider: {prometheus: {query: x}}", nil},
		{"one success", "name: m, consecutiveSuccessLimit: 1, provider: {prometheus: {query: x}}", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: t}\nspec:\n  args: [{name: app}]\n  metrics:\n  - {" + c.metric + "}\n"
			var got []string
			for _, finding := range check(t, "web.yaml", text) {
				got = append(got, strings.Replace(finding, `web.yaml:7: AnalysisTemplate "t": spec.metrics[0].`, "", 1))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
