package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// failing is a client that can be made to fail when it reads.
type failing struct {
	client.Client
	err error
}

func (f *failing) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	if f.err != nil {
		return f.err
	}
	return f.Client.Get(ctx, key, obj, opts...)
}

// TestWatchOutlivesRestarts stops the API server for a while once it was seen. It says
// so once each time.
func TestWatchOutlivesRestarts(t *testing.T) {
	refused := &url.Error{Op: "Get", URL: "https://cluster", Err: syscall.ECONNREFUSED}
	for _, trouble := range []error{
		refused, &url.Error{Op: "Get", URL: "https://cluster", Err: io.EOF},
		apierrors.NewInternalError(errors.New("etcdserver: leader changed")), apierrors.NewTooManyRequests("slowly", 1),
	} {
		w := newWorld(t, web())
		f := &failing{Client: w.client}
		w.events[2*time.Second], w.events[5*time.Second] = func() { f.err = trouble }, func() { f.err = nil }
		w.client = f
		w.later[7*time.Second] = phase(v1alpha1.RolloutPhaseHealthy, "")
		if err := w.run("status", "web"); err != nil {
			t.Errorf("%v: %v", trouble, err)
		}
		if got, want := w.out.String(), "Paused - CanaryPauseStep\nHealthy\n"; got != want {
			t.Errorf("%v: output %q, want %q", trouble, got, want)
		}
		if got, want := w.errOut.String(), "; trying again\n"; !strings.HasPrefix(got, "Warning: ") || strings.Count(got, want) != 1 {
			t.Errorf("%v: said %q, want a warning once", trouble, got)
		}
	}
}

// TestWatchEnds fails at the first look, for what does not pass, and when time is up.
func TestWatchEnds(t *testing.T) {
	refused := fmt.Errorf("get: %w", &url.Error{Op: "Get", URL: "https://cluster", Err: syscall.ECONNREFUSED})
	gone := apierrors.NewForbidden(v1alpha1.Resource("rollouts"), "web", errors.New("no right"))
	for _, c := range []struct {
		from time.Duration
		err  error
		want string
	}{
		{0, refused, "connection refused"}, {2 * time.Second, gone, "no right"}, {2 * time.Second, refused, timeoutSentence},
	} {
		w := newWorld(t, web())
		f := &failing{Client: w.client}
		w.client = f
		if c.from == 0 {
			f.err = c.err
		}
		w.events[c.from] = func() { f.err = c.err }
		if err := w.run("status", "web", "--timeout", "10s"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v after %s: error %v, want %s", c.err, c.from, err, c.want)
		}
	}
}
