package metric

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Transports make what carries HTTP requests: one base for all, with variants for
// servers whose certificates need something else. They are kept, so that
// connections are used again.
type Transports struct {
	base http.RoundTripper
	mu   sync.Mutex
	made map[trust]http.RoundTripper
}

// trust says which certificates are accepted.
type trust struct {
	insecure bool
	caCert   string
}

// maxTransports bounds how many variants are kept.
const maxTransports = 64

// NewTransports makes transports on top of base; nil means the transport of
// net/http. A base that is no *http.Transport answers by itself, as that of a
// simulation does, and has no certificates: it is used for every request.
func NewTransports(base http.RoundTripper) *Transports {
	if base == nil {
		base = http.DefaultTransport
	}
	return &Transports{base: base, made: map[trust]http.RoundTripper{}}
}

// For returns what carries requests to a server. insecure accepts any
// certificate; caCert has authorities in PEM beside those of the system.
func (t *Transports) For(insecure bool, caCert string) (http.RoundTripper, error) {
	base, ok := t.base.(*http.Transport)
	key := trust{insecure, caCert}
	if !ok || key == (trust{}) {
		return t.base, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if made := t.made[key]; made != nil {
		return made, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if base.TLSClientConfig != nil {
		config = base.TLSClientConfig.Clone()
	}
	config.InsecureSkipVerify = insecure
	if caCert != "" {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM([]byte(caCert)) {
			return nil, errors.New("caCert has no certificate in PEM: it begins with -----BEGIN CERTIFICATE-----")
		}
		config.RootCAs = pool
	}
	variant := base.Clone()
	variant.TLSClientConfig = config
	if len(t.made) >= maxTransports {
		t.made = map[trust]http.RoundTripper{}
	}
	t.made[key] = variant
	return variant, nil
}

// Authorize adds what a server wants to know of who asks.
func Authorize(ctx context.Context, rt http.RoundTripper, auth v1alpha1.Authentication) (http.RoundTripper, error) {
	basic := auth.BasicAuth != (v1alpha1.BasicAuth{})
	sigv4 := auth.Sigv4 != (v1alpha1.Sigv4Config{})
	o := auth.OAuth2
	grant := o.TokenURL != "" || o.ClientID != "" || o.ClientSecret != "" || len(o.Scopes) > 0
	switch {
	case basic && grant, basic && sigv4, grant && sigv4:
		return nil, errors.New("authentication: only one of basicAuth, oauth2 and sigv4 can be used")
	case sigv4:
		return nil, errors.New("authentication.sigv4: this version of the controller cannot sign requests for AWS; put a signing proxy before the server")
	case basic:
		return basicAuth{rt, auth.BasicAuth}, nil
	case !grant:
		return rt, nil
	case o.TokenURL == "" || o.ClientID == "" || o.ClientSecret == "":
		return nil, errors.New("authentication.oauth2: tokenUrl, clientId and clientSecret are all needed")
	}
	config := clientcredentials.Config{ClientID: o.ClientID, ClientSecret: o.ClientSecret, TokenURL: o.TokenURL, Scopes: o.Scopes}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: rt})
	return &oauth2.Transport{Source: config.TokenSource(ctx), Base: rt}, nil
}

// basicAuth sends a name and a password with each request.
type basicAuth struct {
	next http.RoundTripper
	auth v1alpha1.BasicAuth
}

// RoundTrip leaves the request that it is given as it is.
func (b basicAuth) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.SetBasicAuth(b.auth.Username, b.auth.Password)
	return b.next.RoundTrip(req)
}

// WithHeaders adds headers to each request.
func WithHeaders(rt http.RoundTripper, headers []v1alpha1.WebMetricHeader) http.RoundTripper {
	if len(headers) == 0 {
		return rt
	}
	return withHeaders{rt, headers}
}

type withHeaders struct {
	next    http.RoundTripper
	headers []v1alpha1.WebMetricHeader
}

// RoundTrip leaves the request that it is given as it is.
func (w withHeaders) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	for _, h := range w.headers {
		if http.CanonicalHeaderKey(h.Key) == "Host" {
			req.Host = h.Value
			continue
		}
		req.Header.Set(h.Key, h.Value)
	}
	return w.next.RoundTrip(req)
}

// Timeout is a number of seconds as a duration; 0 or nothing means fallback.
func Timeout(seconds *int64, fallback time.Duration) (time.Duration, error) {
	switch {
	case seconds == nil || *seconds == 0:
		return fallback, nil
	case *seconds < 0:
		return 0, fmt.Errorf("timeout must be > 0, got %d", *seconds)
	}
	return time.Duration(*seconds) * time.Second, nil
}

// ErrTooLong means that an answer has more bytes than its reader takes.
var ErrTooLong = errors.New("the answer is too long")

// Fetch sends a request and returns the body of the answer. Other statuses than
// 2xx are errors, and so is a body of more than limit bytes: [ErrTooLong].
func Fetch(rt http.RoundTripper, req *http.Request, limit int64) ([]byte, error) {
	resp, err := (&http.Client{Transport: rt}).Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, fmt.Errorf("received non 2xx response code: %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if int64(len(body)) > limit {
		return nil, ErrTooLong
	}
	return body, nil
}
