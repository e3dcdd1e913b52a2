package lint

import (
	"fmt"
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// flaw is why a metric cannot be measured, or never be Successful, which shows when it is
// measured: neither the API server nor the controller refuses it.
type flaw struct {
	// field is its path below the metric.
	field, text string
	// here is true if it is only this version that cannot do it.
	here bool
}

// flawsOf lists those of a metric. What waits for an argument is not looked at.
func flawsOf(m *v1alpha1.Metric) []flaw {
	var flaws []flaw
	if m.Interval == "" && isNumber(m.Count, 0) && m.ConsecutiveSuccessLimit != nil && m.ConsecutiveSuccessLimit.IntVal > 1 {
		flaws = append(flaws, flaw{field: "consecutiveSuccessLimit",
			text: fmt.Sprintf("the metric is measured once, and never has %d successes in a row: give it an interval", m.ConsecutiveSuccessLimit.IntVal)})
	}
	p := &m.Provider
	switch {
	case p.Job != nil:
		return append(flaws, jobFlaws(m.Name, p.Job)...)
	case p.Web != nil:
		return append(flaws, webFlaws(p.Web)...)
	case p.Prometheus != nil:
		return append(flaws, prometheusFlaws(p.Prometheus)...)
	case p.SkyWalking != nil:
		flaws = append(flaws, address("provider.skywalking.address", p.SkyWalking.Address)...)
		return append(flaws, duration("provider.skywalking.interval", p.SkyWalking.Interval)...)
	case p.Graphite != nil:
		return append(flaws, address("provider.graphite.address", p.Graphite.Address)...)
	case p.Kayenta != nil:
		flaws = append(flaws, notHere("provider.kayenta"))
	case p.CloudWatch != nil:
		flaws = append(flaws, notHere("provider.cloudWatch"))
	case len(p.Plugin) > 0:
		flaws = append(flaws, notHere("provider.plugin"))
	}
	return flaws
}

// isNumber says whether a number is n; nil is 0.
func isNumber(v *intstr.IntOrString, n int32) bool {
	return v == nil && n == 0 || v != nil && v.Type == intstr.Int && v.IntVal == n
}

func notHere(field string) flaw {
	return flaw{field, "this version of the controller cannot measure it: every measurement is an error", true}
}

func jobFlaws(name string, j *v1alpha1.JobMetric) []flaw {
	var flaws []flaw
	if !open(name) && len(validation.IsDNS1123Subdomain("u."+name+".1")) > 0 {
		flaws = append(flaws, flaw{field: "name", text: fmt.Sprintf("%q cannot be a part of the name of a Job: use lower case letters, digits, '-' and '.'", name)})
	}
	policy := j.Spec.Template.Spec.RestartPolicy
	if policy != corev1.RestartPolicyNever && policy != corev1.RestartPolicyOnFailure && !open(string(policy)) {
		flaws = append(flaws, flaw{field: "provider.job.spec.template.spec.restartPolicy",
			text: fmt.Sprintf("%q is not one that a Job can have: set it to Never or OnFailure", policy)})
	}
	return flaws
}

func webFlaws(w *v1alpha1.WebMetric) []flaw {
	flaws := address("provider.web.url", w.URL)
	if w.URL == "" {
		flaws = append(flaws, flaw{field: "provider.web.url", text: "there is none: set it, as http://server/path"})
	}
	body := w.Body != "" || w.JSONBody != nil
	switch w.Method {
	case v1alpha1.WebMetricMethodPost, v1alpha1.WebMetricMethodPut:
	case "", v1alpha1.WebMetricMethodGet:
		if body {
			flaws = append(flaws, flaw{field: "provider.web.method", text: "a GET request has no body: set method to POST or PUT, or leave out body and jsonBody"})
		}
	default:
		if !open(string(w.Method)) {
			flaws = append(flaws, flaw{field: "provider.web.method", text: fmt.Sprintf("%q cannot be used: set it to GET, POST or PUT", w.Method)})
		}
	}
	if w.Body != "" && w.JSONBody != nil {
		flaws = append(flaws, flaw{field: "provider.web.jsonBody", text: "only one of body and jsonBody can be used: leave one out"})
	}
	if w.TimeoutSeconds < 0 {
		flaws = append(flaws, flaw{field: "provider.web.timeoutSeconds", text: fmt.Sprintf("%d is less than nothing: leave it out for 10 seconds", w.TimeoutSeconds)})
	}
	return append(flaws, authentication("provider.web.authentication", w.Authentication)...)
}

func prometheusFlaws(p *v1alpha1.PrometheusMetric) []flaw {
	flaws := address("provider.prometheus.address", p.Address)
	if p.Timeout != nil && *p.Timeout < 0 {
		flaws = append(flaws, flaw{field: "provider.prometheus.timeout", text: fmt.Sprintf("%d is less than nothing: leave it out for 30 seconds", *p.Timeout)})
	}
	if r := p.RangeQuery; r != nil {
		flaws = append(flaws, duration("provider.prometheus.rangeQuery.step", r.Step)...)
	}
	return append(flaws, authentication("provider.prometheus.authentication", p.Authentication)...)
}

// authentication finds several ways to say who asks, half of one, and the one that this
// version does not have.
func authentication(field string, a v1alpha1.Authentication) []flaw {
	o := a.OAuth2
	ways := 0
	grant := o.TokenURL != "" || o.ClientID != "" || o.ClientSecret != "" || len(o.Scopes) > 0
	sigv4 := a.Sigv4 != (v1alpha1.Sigv4Config{})
	for _, way := range []bool{a.BasicAuth != (v1alpha1.BasicAuth{}), grant, sigv4} {
		if way {
			ways++
		}
	}
	switch {
	case ways > 1:
		return []flaw{{field: field, text: "only one of basicAuth, oauth2 and sigv4 can be used: leave the others out"}}
	case sigv4:
		return []flaw{{field + ".sigv4", "this version of the controller cannot sign requests for AWS: put a signing proxy before the server", true}}
	case grant && (o.TokenURL == "" || o.ClientID == "" || o.ClientSecret == ""):
		return []flaw{{field: field + ".oauth2", text: "tokenUrl, clientId and clientSecret are all needed: set all of them"}}
	}
	return nil
}

// address finds one that is no URL; an empty one may be set elsewhere.
func address(field, written string) []flaw {
	if written == "" || open(written) {
		return nil
	}
	if u, err := url.Parse(written); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return []flaw{{field: field, text: fmt.Sprintf("%q is not a URL with a scheme and a host: write it as http://server:9090", written)}}
	}
	return nil
}

func duration(field string, written v1alpha1.DurationString) []flaw {
	if written == "" || open(string(written)) {
		return nil
	}
	if d, err := written.Duration(); err != nil || d <= 0 {
		return []flaw{{field: field, text: fmt.Sprintf("%q is not a duration of more than nothing: write it as 5m", written)}}
	}
	return nil
}

// open is true for a text that waits for an argument.
func open(s string) bool { return strings.Contains(s, "{{") }
