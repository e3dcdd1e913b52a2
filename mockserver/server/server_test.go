package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/mockserver/behaviour"
)

// machine is a server whose time passes only while it waits.
type machine struct {
	*Server
	mu      sync.Mutex
	now     time.Time
	waited  []time.Duration
	crashed chan struct{}
}

func newMachine(b behaviour.Behaviour) *machine {
	m := &machine{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), crashed: make(chan struct{}, 10)}
	m.Server = New(Options{
		Service: "mock-server", Version: "2.0.0", Pod: "mock-server-1", Behaviour: b,
		Clock: clock.Func(m.time), Wait: m.wait, Chance: rand.New(rand.NewPCG(1, 1)),
		Crash: func() { m.crashed <- struct{}{} },
	})
	return m
}

func (m *machine) time() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *machine) wait(ctx context.Context, d time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
	m.waited = append(m.waited, d)
	return ctx.Err()
}

func (m *machine) do(method, target, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader(body)))
	return w
}

func TestEndpoints(t *testing.T) {
	usual := func(code, text string) string {
		return `{"status_code":` + code + `,"service":"mock-server","version":"2.0.0","pod":"mock-server-1","message":"` + text + `"}`
	}
	for _, c := range []struct {
		method, target string
		code           int
		body           string // "" for none, a prefix if it ends in ...
		waited         time.Duration
	}{
		{"GET", "/status/200", 200, usual("200", "OK"), 0},
		{"GET", "/status/503", 503, usual("503", "Service Unavailable"), 0},
		{"POST", "/status/201", 201, usual("201", "Created"), 0},
		{"GET", "/status/204", 204, "", 0},
		{"GET", "/status/304", 304, "", 0},
		{"GET", "/status/99", 400, usual("400", `status \"99\": give a number from 100 to 599, as in /status/503`), 0},
		{"GET", "/status/600", 400, usual("400", `status \"600\": give a number from 100 to 599, as in /status/503`), 0},
		{"GET", "/status/ok", 400, usual("400", `status \"ok\": give a number from 100 to 599, as in /status/503`), 0},
		{"GET", "/delay/250", 200, usual("200", "answered after 250ms"), 250 * time.Millisecond},
		{"GET", "/delay/0", 200, usual("200", "answered after 0s"), 0},
		{"GET", "/delay/-1", 400, usual("400", `delay \"-1\": give milliseconds, 0 to 3600000, as in /delay/200`), 0},
		{"GET", "/delay/3600001", 400, usual("400", `delay \"3600001\": give milliseconds, 0 to 3600000, as in /delay/200`), 0},
		{"GET", "/version", 200, `{"service":"mock-server","version":"2.0.0"}`, 0},
		{"GET", "/", 200, `{"status_code":200,"service":"mock-server","version":"2.0.0","pod":"mock-server-1","message":"OK","endpoints":["/status/{code}",...`, 0},
		{"GET", "/reviews/0", 200, usual("200", "OK"), 0},
		{"GET", "/rollback/check", 403, usual("403", "Forbidden"), 0},
		{"POST", "/gate/approve", 200, usual("200", "OK"), 0},
		{"GET", "/error", 500, usual("500", "Internal Server Error"), 0},
		{"GET", "/healthz", 200, usual("200", "ok"), 0},
		{"GET", "/-/behaviour", 200, `{}`, 0},
		{"DELETE", "/-/behaviour", 405, "behaviour: use GET to read it and PUT to replace it", 0},
		{"GET", "/wrongprotocol/1", 400, usual("400", "this connection cannot be broken: use HTTP/1.1"), 0},
	} {
		t.Run(c.method+c.target, func(t *testing.T) {
			m := newMachine(behaviour.Behaviour{})
			w := m.do(c.method, c.target, "")
			got := strings.TrimSpace(w.Body.String())
			if prefix, ok := strings.CutSuffix(c.body, "..."); ok && strings.HasPrefix(got, prefix) {
				got = c.body
			}
			if w.Code != c.code || got != c.body {
				t.Errorf("%d %s, want %d %s", w.Code, got, c.code, c.body)
			}
			if v := w.Header().Get("X-Version"); v != "2.0.0" {
				t.Errorf("X-Version %q", v)
			}
			if waited := m.time().Sub(newMachine(behaviour.Behaviour{}).time()); waited != c.waited {
				t.Errorf("waited %s, want %s", waited, c.waited)
			}
		})
	}
}

func TestBehaviourAtRunTime(t *testing.T) {
	m := newMachine(behaviour.Behaviour{})
	if w := m.do("PUT", "/-/behaviour", `{"errorRate": 1, "errorCode": 502, "latency": "20ms", "ready": false}`); w.Code != 200 {
		t.Fatalf("PUT: %d %s", w.Code, w.Body)
	}
	if w := m.do("GET", "/status/200", ""); w.Code != 502 || len(m.waited) != 1 || m.waited[0] != 20*time.Millisecond {
		t.Errorf("a request got %d after %v", w.Code, m.waited)
	}
	for _, target := range []string{"/metrics", "/-/behaviour"} {
		if w := m.do("GET", target, ""); w.Code != 200 {
			t.Errorf("%s got %d: behaviours are not for operators", target, w.Code)
		}
	}
	if w := m.do("GET", "/healthz", ""); w.Code != 503 || !strings.Contains(w.Body.String(), "not ready: its behaviour says so") {
		t.Errorf("/healthz got %d %s", w.Code, w.Body)
	}
	if w := m.do("GET", "/-/behaviour", ""); strings.TrimSpace(w.Body.String()) != `{"errorRate":1,"errorCode":502,"latency":"20ms","ready":false}` {
		t.Errorf("GET: %s", w.Body)
	}
	if w := m.do("PUT", "/-/behaviour", `{"errorRate": 7}`); w.Code != 400 || !strings.Contains(w.Body.String(), "errorRate 7 is no share") {
		t.Errorf("a bad behaviour: %d %s", w.Code, w.Body)
	}
	if w := m.do("PUT", "/-/behaviour", strings.Repeat(" ", largestBehaviour+1)); w.Code != 400 {
		t.Errorf("an endless behaviour: %d", w.Code)
	}
	if w := m.do("GET", "/x", ""); w.Code != 502 {
		t.Errorf("a refused behaviour changed the present one: %d", w.Code)
	}
	m.do("PUT", "/-/behaviour", `{}`)
	if w := m.do("GET", "/x", ""); w.Code != 200 {
		t.Errorf("the empty behaviour does not heal: %d", w.Code)
	}
}

func TestBody(t *testing.T) {
	m := newMachine(behaviour.Behaviour{Answers: behaviour.Answers{Body: `{"data":{"ok":true,"successPercent":0.95}}`}})
	w := m.do("GET", "/reviews/0", "")
	if w.Body.String() != `{"data":{"ok":true,"successPercent":0.95}}` || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("JSON: %s %s", w.Header(), w.Body)
	}
	m.Set(behaviour.Behaviour{Answers: behaviour.Answers{Body: "This is a silly demo version {version}"}})
	w = m.do("GET", "/", "")
	if w.Body.String() != "This is a silly demo version 2.0.0" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("text: %s %s", w.Header(), w.Body)
	}
}

func TestAfterCountsFromWhenItWasSaid(t *testing.T) {
	m := newMachine(behaviour.Behaviour{})
	m.do("GET", "/delay/60000", "")
	m.do("PUT", "/-/behaviour", `{"after": "1m", "errorRate": 1}`)
	if w := m.do("GET", "/x", ""); w.Code != 200 {
		t.Errorf("it fails before its time: %d", w.Code)
	}
	m.do("GET", "/delay/60000", "")
	if w := m.do("GET", "/x", ""); w.Code != 500 {
		t.Errorf("a minute later: %d", w.Code)
	}
}

func TestCrash(t *testing.T) {
	crash := behaviour.Duration(time.Second)
	m := newMachine(behaviour.Behaviour{Crash: &crash})
	<-m.crashed
	m.do("PUT", "/-/behaviour", `{"crash": "0s"}`)
	<-m.crashed
}

// TestCrashTakenBack says that the server is well before its time is up.
func TestCrashTakenBack(t *testing.T) {
	ended := make(chan error)
	s := New(Options{
		Clock: clock.Real{}, Chance: rand.New(rand.NewPCG(1, 1)),
		Wait: func(ctx context.Context, _ time.Duration) error {
			<-ctx.Done()
			ended <- ctx.Err()
			return ctx.Err()
		},
		Crash: func() { t.Error("it crashed") },
	})
	crash := behaviour.Duration(time.Hour)
	s.Set(behaviour.Behaviour{Crash: &crash})
	s.Set(behaviour.Behaviour{})
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the wait ended with %v", err)
	}
}

func TestDrain(t *testing.T) {
	m := newMachine(behaviour.Behaviour{})
	m.Drain()
	if w := m.do("GET", "/healthz", ""); w.Code != 503 || !strings.Contains(w.Body.String(), "draining") {
		t.Errorf("/healthz got %d %s", w.Code, w.Body)
	}
	if w := m.do("GET", "/status/200", ""); w.Code != 200 || w.Header().Get("Connection") != "close" {
		t.Errorf("a request got %d %v", w.Code, w.Header())
	}
}

func TestMetrics(t *testing.T) {
	m := newMachine(behaviour.Behaviour{And: []behaviour.Answers{{Query: "fail=true", ErrorRate: 1}}})
	m.do("GET", "/status/200", "")
	m.do("GET", "/status/200", "")
	m.do("GET", "/status/200?fail=true", "")
	m.do("GET", "/some/other", "")
	got := m.do("GET", "/metrics", "").Body.String()
	for _, want := range []string{
		`mock_server_requests_total{code="200",endpoint="status",service="mock-server",version="2.0.0"} 2`,
		`mock_server_requests_total{code="500",endpoint="status",service="mock-server",version="2.0.0"} 1`,
		`mock_server_requests_total{code="200",endpoint="other",service="mock-server",version="2.0.0"} 1`,
		`mock_server_injected_errors_total{service="mock-server",version="2.0.0"} 1`,
		`mock_server_request_duration_seconds_count{endpoint="status",service="mock-server",version="2.0.0"} 3`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no line %s in\n%s", want, got)
		}
	}
}

// TestBrokenConnections asks a real server, over TCP.
func TestBrokenConnections(t *testing.T) {
	m := newMachine(behaviour.Behaviour{And: []behaviour.Answers{{Query: "fail=true", ErrorRate: 1}, {Query: "quiet=true", Status: 204}}})
	web := httptest.NewServer(m)
	defer web.Close()
	once := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // the connection of the case before is about to break
	usual := `{"status_code":200,"service":"mock-server","version":"2.0.0","pod":"mock-server-1","message":"OK"}` + "\n"
	failed := strings.NewReplacer("200", "500", `"OK"`, `"Internal Server Error"`).Replace(usual)
	for _, c := range []struct {
		path, err string
		code      int
		body      string
	}{
		{path: "/close-before-response/5", err: "EOF"},
		{path: "/close-after-response/5", code: 200, body: usual},
		{path: "/close-after-response/5?fail=true", code: 500, body: failed},
		{path: "/reset-before-response/5", err: "connection reset"},
		{path: "/reset-after-response/5", code: 200, body: usual},
		{path: "/reset-after-response/5?quiet=true", code: 204},
		{path: "/wrongprotocol/5", err: "malformed HTTP"},
	} {
		t.Run(c.path, func(t *testing.T) {
			request, err := http.NewRequest(http.MethodPost, web.URL+c.path, nil) // POST: the client tries it once
			if err != nil {
				t.Fatal(err)
			}
			response, err := once.Do(request)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = response.Body.Close() }()
			if body, err := io.ReadAll(response.Body); err != nil || response.StatusCode != c.code || string(body) != c.body {
				t.Errorf("%d, body %q, %v", response.StatusCode, body, err)
			}
			if v := response.Header.Get("X-Version"); v != "2.0.0" {
				t.Errorf("X-Version %q", v)
			}
		})
	}
	counted := m.do("GET", "/metrics", "").Body.String()
	for _, want := range []string{
		`mock_server_requests_total{code="200",endpoint="close-after-response",service="mock-server",version="2.0.0"} 1`,
		`mock_server_requests_total{code="500",endpoint="close-after-response",service="mock-server",version="2.0.0"} 1`,
		`mock_server_requests_total{code="204",endpoint="reset-after-response",service="mock-server",version="2.0.0"} 1`,
	} {
		if !strings.Contains(counted, want+"\n") {
			t.Errorf("no line %s in\n%s", want, counted)
		}
	}
	if strings.Contains(counted, "before-response") || strings.Contains(counted, "wrongprotocol") {
		t.Errorf("what is not answered is counted:\n%s", counted)
	}
}

// TestTheConnectionBreaks asks once more on a connection that has brought an answer.
func TestTheConnectionBreaks(t *testing.T) {
	web := httptest.NewServer(newMachine(behaviour.Behaviour{}))
	defer web.Close()
	for path, want := range map[string]string{"/close-after-response/0": "EOF", "/reset-after-response/0": "reset"} {
		conn, err := net.Dial("tcp", web.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := conn.Write([]byte("GET " + path + " HTTP/1.1\r\nHost: web\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		reader := bufio.NewReader(conn)
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Fatal(err)
		}
		if _, err := reader.ReadByte(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: after the answer comes %v, want %s", path, err, want)
		}
	}
}

// TestInformational asks for a status that announces another.
func TestInformational(t *testing.T) {
	web := httptest.NewServer(newMachine(behaviour.Behaviour{}))
	defer web.Close()
	response, err := http.Get(web.URL + "/status/103")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var body struct {
		Code int `json:"status_code"`
	}
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil || response.StatusCode != 200 || body.Code != 103 {
		t.Errorf("%d with %+v, %v", response.StatusCode, body, err)
	}
}

// TestClientLeaves ends a request while it waits.
func TestClientLeaves(t *testing.T) {
	m := newMachine(behaviour.Behaviour{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest("GET", "/delay/1000", nil).WithContext(ctx))
	if w.Body.Len() != 0 {
		t.Errorf("it answered nobody with %s", w.Body)
	}
}
