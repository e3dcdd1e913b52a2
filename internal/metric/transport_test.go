package metric

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// echo answers with what it knows of who asks.
func echo(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, strings.Join([]string{r.Header.Get("Authorization"), r.Header.Get("X-Scope-Orgid"), r.Host}, "|"))
}

func get(t *testing.T, rt http.RoundTripper, url string) (string, error) {
	t.Helper()
	resp, err := (&http.Client{Transport: rt}).Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// TestCertificates: an unknown authority is refused, unless one says otherwise.
func TestCertificates(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(echo))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // one client refuses the certificate
	server.StartTLS()
	defer server.Close()
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	transports := NewTransports(nil)
	for _, tt := range []struct {
		insecure bool
		caCert   string
		err      string
	}{
		{false, "", "certificate"},
		{true, "", ""},
		{false, authority, ""},
	} {
		rt, err := transports.For(tt.insecure, tt.caCert)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = get(t, rt, server.URL); (err == nil) != (tt.err == "") || (err != nil && !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("insecure %t, caCert %t: %v", tt.insecure, tt.caCert != "", err)
		}
		if again, _ := transports.For(tt.insecure, tt.caCert); again != rt {
			t.Errorf("insecure %t, caCert %t: connections are not used again", tt.insecure, tt.caCert != "")
		}
	}
	if _, err := transports.For(false, "hello"); err == nil || !strings.Contains(err.Error(), "no certificate in PEM") {
		t.Errorf("no certificate: %v", err)
	}
}

// inProcess answers by itself, without a network.
type inProcess struct{ http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Result(), nil
}

func TestInProcess(t *testing.T) {
	base := inProcess{http.HandlerFunc(echo)}
	rt, err := NewTransports(base).For(true, "not even PEM")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := get(t, rt, "https://nowhere.invalid/x"); err != nil || got != "||nowhere.invalid" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAuthorize(t *testing.T) {
	var granted http.Header
	mux := http.NewServeMux()
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		user, password, _ := r.BasicAuth()
		granted = http.Header{"User": {user}, "Password": {password}, "Scope": {r.Form.Get("scope")}, "Grant": {r.Form.Get("grant_type")}}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "t0k", "token_type": "Bearer", "expires_in": 3600})
	})
	mux.HandleFunc("/", echo)
	base := inProcess{mux}
	oauth := v1alpha1.OAuth2Config{TokenURL: "http://auth/token", ClientID: "id", ClientSecret: "secret", Scopes: []string{"a", "b"}}
	tests := []struct {
		name string
		auth v1alpha1.Authentication
		want string
		err  string
	}{
		{name: "nothing", want: "|"},
		{name: "basic", auth: v1alpha1.Authentication{BasicAuth: v1alpha1.BasicAuth{Username: "u", Password: "p"}}, want: "Basic dTpw|"},
		{name: "oauth2", auth: v1alpha1.Authentication{OAuth2: oauth}, want: "Bearer t0k|"},
		{name: "half an oauth2", auth: v1alpha1.Authentication{OAuth2: v1alpha1.OAuth2Config{TokenURL: "u"}}, err: "tokenUrl, clientId and clientSecret are all needed"},
		{name: "two", auth: v1alpha1.Authentication{BasicAuth: v1alpha1.BasicAuth{Username: "u"}, OAuth2: oauth}, err: "only one of basicAuth, oauth2 and sigv4"},
		{name: "sigv4", auth: v1alpha1.Authentication{Sigv4: v1alpha1.Sigv4Config{Region: "r"}}, err: "cannot sign requests for AWS"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rt, err := Authorize(context.Background(), base, tt.auth)
			if err != nil || tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || tt.err == "" {
					t.Errorf("got %v, want %q", err, tt.err)
				}
				return
			}
			if got, err := get(t, rt, "http://server/"); err != nil || !strings.HasPrefix(got, tt.want) {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
	want := http.Header{"User": {"id"}, "Password": {"secret"}, "Scope": {"a b"}, "Grant": {"client_credentials"}}
	for k := range want {
		if granted.Get(k) != want.Get(k) {
			t.Errorf("%s of the grant: %q", k, granted.Get(k))
		}
	}
}

func TestHeaders(t *testing.T) {
	base := inProcess{http.HandlerFunc(echo)}
	rt := WithHeaders(base, []v1alpha1.WebMetricHeader{{Key: "x-scope-orgid", Value: "tenant"}, {Key: "host", Value: "other"}, {Key: "Authorization", Value: "Bearer x"}})
	if got, err := get(t, rt, "http://server/"); err != nil || got != "Bearer x|tenant|other" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := get(t, WithHeaders(base, nil), "http://server/"); err != nil || got != "||server" {
		t.Errorf("without: %q, %v", got, err)
	}
}

func TestTimeout(t *testing.T) {
	for _, tt := range []struct {
		seconds *int64
		want    time.Duration
		err     bool
	}{
		{nil, 30 * time.Second, false},
		{ptr.To(int64(0)), 30 * time.Second, false},
		{ptr.To(int64(40)), 40 * time.Second, false},
		{ptr.To(int64(-1)), 0, true},
	} {
		if got, err := Timeout(tt.seconds, 30*time.Second); got != tt.want || (err != nil) != tt.err {
			t.Errorf("%v: got %s, %v", tt.seconds, got, err)
		}
	}
}
