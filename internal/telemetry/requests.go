package telemetry

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

func newRequests() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "controller_clientset_k8s_request_total",
		Help: "Requests to the API server by resource, verb and answer",
	}, []string{"kind", "verb", "status_code"})
}

// CountRequests counts what goes through a transport of clients of the API
// server. The answer 0 means that there was none.
func (m *Meters) CountRequests(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		code := 0
		if resp != nil {
			code = resp.StatusCode
		}
		resource, named := resourceOf(req.URL.Path)
		m.requests.WithLabelValues(resource, verbOf(req, named), strconv.Itoa(code)).Inc()
		return resp, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// resourceOf reads a path of the API: "rollouts", "rollouts/status", or
// "discovery" for what asks which kinds there are; and whether it names one
// object.
//
//	/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status: rollouts/status, true
//	/api/v1/pods: pods, false
func resourceOf(path string) (resource string, named bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case len(parts) > 2 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		parts = parts[3:]
	default:
		return "discovery", false
	}
	if parts[0] == "namespaces" && len(parts) > 2 {
		parts = parts[2:]
	}
	if len(parts) > 2 {
		return parts[0] + "/" + parts[2], true
	}
	return parts[0], len(parts) == 2
}

// verbOf is what a request means, in the words of RBAC.
func verbOf(req *http.Request, named bool) string {
	switch {
	case req.Method == http.MethodGet && req.URL.Query().Get("watch") != "":
		return "watch"
	case req.Method == http.MethodGet && named:
		return "get"
	case req.Method == http.MethodGet:
		return "list"
	case req.Method == http.MethodPost:
		return "create"
	case req.Method == http.MethodPut:
		return "update"
	case req.Method == http.MethodDelete && !named:
		return "deletecollection"
	}
	return strings.ToLower(req.Method)
}
