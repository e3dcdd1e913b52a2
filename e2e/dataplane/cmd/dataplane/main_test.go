package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestBadInput(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(broken, []byte("clusters: 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"serve"}, `argument "serve": there are only flags`},
		{[]string{"--nonsense"}, "nonsense"},
		{[]string{"--map", "prometheus:9090"}, "--map prometheus:9090: write HOST:PORT=ADDRESS:PORT"},
		{[]string{"--address", "127.0.0.1:none"}, "listen (--address)"},
		{[]string{"--address", "127.0.0.1:0", "--kubeconfig", broken}, "--kubeconfig"},
	} {
		if err := run(t.Context(), tc.args); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, want %s", tc.args, err, tc.want)
		}
	}
	if err := run(t.Context(), []string{"--help"}); !errors.Is(err, pflag.ErrHelp) {
		t.Errorf("--help: %v", err)
	}
}

// It serves until it is told to end, and then answers what it has begun.
func TestServe(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	begun, ended := make(chan struct{}), make(chan error, 1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		ended <- serve(ctx, listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(begun)
			<-ctx.Done()
			_, _ = io.WriteString(w, "finished")
		}))
	}()
	answers := make(chan string, 1)
	go func() {
		answer, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			answers <- err.Error()
			return
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		answers <- fmt.Sprint(string(text), err)
	}()
	<-begun
	stop()
	if got := <-answers; got != "finished<nil>" {
		t.Error(got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
