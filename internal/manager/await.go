package manager

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

const (
	firstTry = 500 * time.Millisecond
	lastTry  = 15 * time.Second
	// answerTimeout is how long a server that has accepted a connection may take to answer.
	answerTimeout = 10 * time.Second
)

// awaitServer waits until the API server answers. A controller may start before
// it, or while it is restarted: ending then would only add to the restarts (the
// startupProbe of config/manager gives it five minutes). The error is that of ctx, or says what waiting does not mend.
func awaitServer(ctx context.Context, config *rest.Config, log logr.Logger) error {
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return fmt.Errorf("connect to the API server: %w", err)
	}
	for delay := firstTry; ; delay = min(2*delay, lastTry) {
		err := ask(ctx, client)
		if err == nil {
			return nil
		}
		if !passing(err) {
			return fmt.Errorf("ask the API server at %s for its version: %w", config.Host, err)
		}
		log.Info("The API server does not answer; it will be asked again", "host", config.Host, "after", delay.String(), "error", err.Error())
		if err := clock.Wait(ctx, delay); err != nil {
			return fmt.Errorf("the API server at %s has not answered: %w", config.Host, err)
		}
	}
}

// ask asks a server for its version, and gives up after a while.
func ask(ctx context.Context, client discovery.ServerVersionInterfaceWithContext) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	_, err := client.ServerVersionWithContext(ctx)
	return err
}

// passing is true for errors of a server that is not there yet, or has too much
// to do.
func passing(err error) bool {
	if utilnet.IsConnectionRefused(err) || utilnet.IsConnectionReset(err) || utilnet.IsTimeout(err) || utilnet.IsProbableEOF(err) {
		return true
	}
	status, ok := err.(apierrors.APIStatus)
	return ok && (status.Status().Code >= http.StatusInternalServerError || status.Status().Code == http.StatusTooManyRequests)
}
