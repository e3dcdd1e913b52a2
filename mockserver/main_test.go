package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

func lookupIn(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		text, ok := env[name]
		return text, ok
	}
}

func TestParse(t *testing.T) {
	env := map[string]string{"ADDRESS": ":1", "VERSION": "2.0.0", "SERVICE_NAME": "reviews", "POD_NAME": "p", "DRAIN": "2s", "MOCK_ERROR_RATE": "1"}
	s, err := parse([]string{"--version", "3.0.0"}, lookupIn(env), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if s.address != ":1" || s.version != "3.0.0" || s.service != "reviews" || s.pod != "p" || s.drain != 2*time.Second || s.behaviour.ErrorRate != 1 {
		t.Errorf("settings %+v", s)
	}
	s, err = parse(nil, lookupIn(nil), io.Discard)
	if err != nil || s.address != ":8080" || s.version != version || s.service != "mock-server" || s.drain != time.Second {
		t.Errorf("defaults %+v, %v", s, err)
	}
	if s, err = parse(nil, lookupIn(map[string]string{"HTTP_PORT": "9080"}), io.Discard); err != nil || s.address != ":9080" {
		t.Errorf("HTTP_PORT: %+v, %v", s, err)
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		args []string
		env  map[string]string
		want string
	}{
		{[]string{"--port", "1"}, nil, "-port"},
		{[]string{"8080"}, nil, `"8080" is no flag`},
		{[]string{"--drain", "-5s"}, nil, "--drain -5s: give a duration such as 5s, or 0 for none"},
		{[]string{"--version", ""}, nil, "--version is empty: give the version that every answer is to name, or leave it out"},
		{nil, map[string]string{"DRAIN": "long"}, "DRAIN=long: give a duration such as 5s"},
		{nil, map[string]string{"DRAIN": "-1s"}, "DRAIN=-1s: give a duration such as 5s"},
		{nil, map[string]string{"HTTP_PORT": "http"}, "HTTP_PORT=http: give the number of a port, 0 to 65535"},
		{nil, map[string]string{"MOCK_READY": "perhaps"}, "MOCK_READY"},
	} {
		if _, err := parse(c.args, lookupIn(c.env), io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v %v: error %v, want one with %s", c.args, c.env, err, c.want)
		}
	}
}

func TestAddressInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	err = run(context.Background(), settings{address: taken.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "choose another --address") {
		t.Errorf("error %v", err)
	}
}

// TestProcess builds the command as an image does and stops it while it answers:
// the answer still comes, and so do those to requests that come while it drains.
func TestProcess(t *testing.T) {
	binary := program(t)
	address := freeAddress(t)
	var log bytes.Buffer
	process := exec.Command(binary, "--address", address)
	process.Stderr = &log
	process.Env = []string{"DRAIN=300ms"}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = process.Process.Kill() }()
	get(t, address, "/version", `"version":"2.0.0"`)

	late := make(chan error, 1)
	go func() {
		_, err := request(address, "/delay/600")
		late <- err
	}()
	inFlight(t, address)
	if err := process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	get(t, address, "/healthz", "draining")
	get(t, address, "/status/200", `"status_code":200`)
	if err := <-late; err != nil {
		t.Errorf("the request that had begun failed: %v", err)
	}
	if err := process.Wait(); err != nil {
		t.Errorf("the process ended with %v\n%s", err, &log)
	}
}

// BenchmarkReady starts the program until it says that it is ready, which is to take less
// than 100 ms: an update of a Rollout waits for it as often as it has pods.
func BenchmarkReady(b *testing.B) {
	binary := program(b)
	for b.Loop() {
		address := freeAddress(b)
		process := exec.Command(binary, "--address", address)
		if err := process.Start(); err != nil {
			b.Fatal(err)
		}
		for {
			if body, err := request(address, "/healthz"); err == nil && strings.Contains(body, `"message":"ok"`) {
				break
			}
			_ = clock.Wait(b.Context(), time.Millisecond)
		}
		b.StopTimer()
		_ = process.Process.Kill()
		_ = process.Wait() // it was killed, which is its error
		b.StartTimer()
	}
}

// program builds the command as an image does.
func program(t testing.TB) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "mockserver")
	if out, err := exec.Command("go", "build", "-trimpath", "-ldflags", "-X main.version=2.0.0", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

func freeAddress(t testing.TB) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// inFlight gives the late request time to arrive: it answers after a request
// that was sent later.
func inFlight(t *testing.T, address string) {
	get(t, address, "/delay/100", "answered")
}

// get asks until the body contains want.
func get(t *testing.T, address, path, want string) {
	var body string
	var err error
	for range 500 {
		if body, err = request(address, path); err == nil && strings.Contains(body, want) {
			return
		}
		_ = clock.Wait(context.Background(), 10*time.Millisecond)
	}
	t.Fatalf("%s: %q, %v; want %s", path, body, err, want)
}

func request(address, path string) (string, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(fmt.Sprintf("http://%s%s", address, path))
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}
