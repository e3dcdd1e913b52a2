// Command mockserver is the application under rollout: a web server that says
// which version it is and behaves as it is told. The images
// ghcr.io/ssup2/mock-go-server:1.0.0, 2.0.0 and 3.0.0 hold it.
//
//	mockserver --address :8080
//	curl localhost:8080/status/200
//	curl -X PUT localhost:8080/-/behaviour -d '{"errorRate": 0.1, "latency": "200ms"}'
//
// Read mockserver/server for its endpoints and mockserver/behaviour for what it
// can be told. Its environment: ADDRESS or HTTP_PORT, VERSION, SERVICE_NAME, POD_NAME,
// DRAIN, MOCK_BEHAVIOUR (all of a behaviour, as JSON) or MOCK_ERROR_RATE,
// MOCK_ERROR_CODE, MOCK_LATENCY, MOCK_P99, MOCK_AFTER, MOCK_QUERY, MOCK_BODY,
// MOCK_READY and MOCK_CRASH, a field each.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/mockserver/behaviour"
	"github.com/aviary-rollouts/aviary/mockserver/server"
)

// version is set when an image is built: -ldflags "-X main.version=2.0.0".
var version = "dev"

// grace is how long requests that have begun may take when the server stops.
const grace = 25 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := parse(os.Args[1:], os.LookupEnv, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = run(ctx, s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mockserver:", err)
		os.Exit(1)
	}
}

// settings say how the process runs.
type settings struct {
	address, service, version, pod string
	drain                          time.Duration
	behaviour                      behaviour.Behaviour
}

// parse reads flags and the environment; a flag wins over a variable.
func parse(args []string, lookup func(string) (string, bool), out io.Writer) (settings, error) {
	env := func(name, otherwise string) string {
		text, _ := lookup(name)
		return cmp.Or(text, otherwise)
	}
	drain, err := time.ParseDuration(env("DRAIN", "1s"))
	if err != nil || drain < 0 {
		return settings{}, fmt.Errorf("environment variable DRAIN=%s: give a duration such as 5s", env("DRAIN", ""))
	}
	port := env("HTTP_PORT", "8080")
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return settings{}, fmt.Errorf("environment variable HTTP_PORT=%s: give the number of a port, 0 to 65535", port)
	}
	s := settings{}
	flags := flag.NewFlagSet("mockserver", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&s.address, "address", env("ADDRESS", ":"+port), "where to listen: HOST:PORT or :PORT")
	flags.StringVar(&s.version, "version", env("VERSION", version), "the version in every answer")
	flags.StringVar(&s.service, "service", env("SERVICE_NAME", "mock-server"), "the service in every answer")
	flags.StringVar(&s.pod, "pod", env("POD_NAME", ""), "the pod in every answer; empty: none")
	flags.DurationVar(&s.drain, "drain", drain, "how long to answer new requests after being told to stop, so that those who still send some notice")
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	switch {
	case flags.NArg() > 0:
		return settings{}, fmt.Errorf("%q is no flag: see mockserver --help", flags.Arg(0))
	case s.drain < 0:
		return settings{}, fmt.Errorf("--drain %s: give a duration such as 5s, or 0 for none", s.drain)
	case s.version == "":
		return settings{}, errors.New("--version is empty: give the version that every answer is to name, or leave it out")
	}
	s.behaviour, err = behaviour.FromEnvironment(lookup)
	return s, err
}

// run serves until ctx ends, and then stops in good order: it answers new
// requests while it drains, then waits for those that have begun.
func run(ctx context.Context, s settings) error {
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		return fmt.Errorf("listening on %s: %w: choose another --address or ADDRESS", s.address, err)
	}
	app := server.New(server.Options{
		Service: s.service, Version: s.version, Pod: s.pod, Behaviour: s.behaviour,
		Clock: clock.Real{}, Wait: clock.Wait, Chance: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
		Crash: func() {
			fmt.Fprintln(os.Stderr, "mockserver: crashes, because its behaviour says so")
			os.Exit(1)
		},
	})
	web := &http.Server{Handler: app, ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintf(os.Stderr, "mockserver: %s %s listens on %s\n", s.service, s.version, listener.Addr())
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	app.Drain()
	_ = clock.Wait(context.Background(), s.drain)
	stopping, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	return web.Shutdown(stopping)
}
