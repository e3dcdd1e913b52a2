package trial

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/sim/metricservice"
	"github.com/aviary-rollouts/aviary/sim/prom"
)

// Answer is what a server answers to one request.
type Answer struct {
	// Status is the code of HTTP; 0 means 200.
	Status int
	// Body is what it sends.
	Body string
	// Value is the number that a service of package metricservice answers with, or
	// null, in the form of that service; Body then does not count.
	Value string
	// Error is why there is no answer at all: "connection refused". The other
	// fields then do not count.
	Error string
}

var errRefused = errors.New("connection refused")

// servers answer the requests of providers. One measurement is made at a time, so
// that the metric that asks is known.
type servers struct {
	trial      *trial
	prometheus *prom.Server
	task       analysis.Task
}

func newServers(t *trial) *servers {
	return &servers{trial: t, prometheus: prom.NewServer(t.Series, t.kernel)}
}

// expect says which task the next requests belong to.
func (s *servers) expect(task analysis.Task) { s.task = task }

// RoundTrip answers one request.
func (s *servers) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer func() { _ = r.Body.Close() }()
	}
	m := s.task.Metric
	switch {
	case r.URL.String() == tokenURL(m.Provider):
		return respond(r, Answer{Body: `{"access_token":"trial","token_type":"Bearer","expires_in":3600}`})
	case m.Provider.Prometheus != nil && s.down():
		return nil, errRefused
	case m.Provider.Prometheus != nil:
		return s.prometheus.RoundTrip(r)
	}
	answer, kind := nth(s.trial.Answers[m.Name], s.task.Number-1), "application/json"
	if answer.Value != "" {
		answer.Body, kind = metricservice.In(r).Answer(answer.Value)
	}
	response, err := respond(r, answer)
	if response != nil {
		response.Header.Set("Content-Type", kind)
	}
	return response, err
}

// down says whether Prometheus cannot be reached now.
func (s *servers) down() bool {
	at := s.trial.kernel.Now().Sub(s.trial.Start)
	for _, o := range s.trial.Outages {
		if o.From <= at && at < o.To {
			return true
		}
	}
	return false
}

// tokenURL is where a provider gets a token from before it asks; empty if it
// needs none.
func tokenURL(p v1alpha1.MetricProvider) string {
	switch {
	case p.Prometheus != nil:
		return p.Prometheus.Authentication.OAuth2.TokenURL
	case p.Web != nil:
		return p.Web.Authentication.OAuth2.TokenURL
	}
	return ""
}

// nth is the item of a list that is not empty, or its last one.
func nth[T any](list []T, n int) T { return list[min(max(n, 0), len(list)-1)] }

func respond(r *http.Request, a Answer) (*http.Response, error) {
	if a.Error != "" {
		return nil, errors.New(a.Error)
	}
	status := cmp.Or(a.Status, http.StatusOK)
	return &http.Response{
		Status: strconv.Itoa(status) + " " + http.StatusText(status), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(strings.NewReader(a.Body)),
		ContentLength: int64(len(a.Body)), Request: r,
	}, nil
}
