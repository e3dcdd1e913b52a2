package main

import (
	"errors"
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
