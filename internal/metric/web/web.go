// Package web measures by an HTTP request.
//
// The answer is a document of JSON, of which a path picks the value for the
// conditions of the metric; without a path it is the whole, and an answer that
// is no JSON is a string. Any status but 2xx is an error.
package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/metric"
	"github.com/aviary-rollouts/aviary/internal/metric/jsonpath"
)

const (
	// Kind is the field of MetricProvider that this provider serves.
	Kind = "web"
	// defaultTimeout of a request.
	defaultTimeout = 10 * time.Second
	// maxBody is how many bytes of an answer are read.
	maxBody = 10 << 20
)

// Provider sends requests.
type Provider struct{ deps metric.Deps }

// New makes a provider.
func New(deps metric.Deps) *Provider { return &Provider{deps} }

// Measure sends one request.
func (p *Provider) Measure(ctx context.Context, q metric.Query, now time.Time) (v1alpha1.Measurement, error) {
	spec := q.Metric.Provider.Web
	timeout, err := metric.Timeout(&spec.TimeoutSeconds, defaultTimeout)
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := request(ctx, spec)
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	body, err := p.send(ctx, spec, req)
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	value, err := read(body, spec.JSONPath)
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	return q.Judged(value, show(value), now), nil
}

// request makes the request that a metric asks for.
func request(ctx context.Context, spec *v1alpha1.WebMetric) (*http.Request, error) {
	method := http.MethodGet
	switch spec.Method {
	case "", v1alpha1.WebMetricMethodGet:
	case v1alpha1.WebMetricMethodPost, v1alpha1.WebMetricMethodPut:
		method = string(spec.Method)
	default:
		return nil, fmt.Errorf("method %q: only GET, POST and PUT can be used", spec.Method)
	}
	body, isJSON, err := bodyOf(spec)
	if err != nil {
		return nil, err
	}
	if method == http.MethodGet && body != nil {
		return nil, errors.New("a GET request has no body: set method to POST or PUT, or leave out body and jsonBody")
	}
	if u, err := url.Parse(spec.URL); err != nil || u.Host == "" {
		return nil, fmt.Errorf("url %q is not a URL with a scheme and a host, as http://server/path", spec.URL)
	}
	req, err := http.NewRequestWithContext(ctx, method, spec.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if isJSON {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

func bodyOf(spec *v1alpha1.WebMetric) (body []byte, isJSON bool, err error) {
	switch {
	case spec.JSONBody != nil && spec.Body != "":
		return nil, false, errors.New("only one of body and jsonBody can be used")
	case spec.JSONBody != nil:
		return spec.JSONBody.Raw, true, nil
	case spec.Body != "":
		return []byte(spec.Body), false, nil
	}
	return nil, false, nil
}

// send sends a request and returns the body of the answer.
func (p *Provider) send(ctx context.Context, spec *v1alpha1.WebMetric, req *http.Request) ([]byte, error) {
	rt, err := p.deps.Transports.For(spec.Insecure, "")
	if err != nil {
		return nil, err
	}
	if rt, err = metric.Authorize(ctx, rt, spec.Authentication); err != nil {
		return nil, err
	}
	body, err := metric.Fetch(metric.WithHeaders(rt, spec.Headers), req, maxBody)
	if errors.Is(err, metric.ErrTooLong) {
		return nil, fmt.Errorf("the answer has more than %d bytes", maxBody)
	}
	return body, err
}

// read turns an answer into a value for the conditions.
func read(body []byte, path string) (any, error) {
	var document any
	if err := json.Unmarshal(body, &document); err != nil {
		if path == "" {
			return string(body), nil
		}
		return nil, fmt.Errorf("the answer is no JSON, of which jsonPath %q could pick a value: %w", path, err)
	}
	if path == "" {
		return document, nil
	}
	value, err := pick(document, path)
	if err != nil {
		return nil, metric.Misread("jsonPath", path, fmt.Errorf("jsonPath %q: %w", path, err))
	}
	return value, nil
}

func pick(document any, path string) (any, error) {
	p, err := jsonpath.Read(path)
	if err != nil {
		return nil, err
	}
	return p.Pick(document)
}

// show is a value as text: a string as it is, anything else as JSON.
func show(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return fmt.Sprint(value)
	}
	return strings.TrimSuffix(text.String(), "\n")
}
