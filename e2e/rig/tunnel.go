package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

// tunnel leads from a port of this machine to a port of a pod, as kubectl
// port-forward does. When it breaks, or the pod goes, it leads to the next.
type tunnel struct {
	config    *rest.Config
	client    kubernetes.Interface
	namespace string
	selector  string // of pods
	port      int    // of the pod

	mu    sync.Mutex
	local int           // port of this machine; 0 until the first is open
	first chan struct{} // closed when local is known
}

// openTunnel opens a tunnel that lasts until ctx ends, and waits until it leads
// somewhere.
func openTunnel(ctx context.Context, t *tunnel) error {
	t.first = make(chan struct{})
	failed := make(chan error, 1)
	go t.keep(ctx, failed)
	limit, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var last error
	for {
		select {
		case <-t.first:
			return nil
		case last = <-failed:
		case <-limit.Done():
			return fmt.Errorf("forward a port to the pods %s of %s: %w", t.selector, t.namespace, errors.Join(limit.Err(), last))
		}
	}
}

// keep forwards again and again. What goes wrong is told once nobody else will.
func (t *tunnel) keep(ctx context.Context, failed chan<- error) {
	for ctx.Err() == nil {
		if err := t.forward(ctx); err != nil {
			select {
			case failed <- err:
			default:
			}
		}
		_ = clock.Wait(ctx, 200*time.Millisecond) // the loop sees that it has ended
	}
}

// forward forwards until the connection breaks.
func (t *tunnel) forward(ctx context.Context) error {
	pod, err := t.pod(ctx)
	if err != nil {
		return err
	}
	dialer, err := t.dialer(pod)
	if err != nil {
		return err
	}
	stop, ready := make(chan struct{}), make(chan struct{})
	ports := []string{fmt.Sprintf("%d:%d", t.address(), t.port)}
	forwarder, err := portforward.NewOnAddressesForStreaming(dialer, []string{"127.0.0.1"}, ports, stop, ready, io.Discard, io.Discard)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- forwarder.ForwardPorts() }()
	select {
	case err := <-ended:
		return err
	case <-ready:
	}
	if err := t.open(forwarder); err != nil {
		close(stop)
		return err
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		close(stop)
		return <-ended
	}
}

// dialer reaches a pod by the API server, over a WebSocket: Kubernetes 1.31 or
// newer.
func (t *tunnel) dialer(pod string) (httpstream.Dialer, error) {
	url := t.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(t.namespace).Name(pod).SubResource("portforward").URL()
	return portforward.NewSPDYOverWebsocketDialerForStreaming(url, t.config)
}

// pod finds a ready pod.
func (t *tunnel) pod(ctx context.Context) (string, error) {
	list, err := t.client.CoreV1().Pods(t.namespace).List(ctx, metav1.ListOptions{LabelSelector: t.selector})
	if err != nil {
		return "", err
	}
	for i := range list.Items {
		for _, c := range list.Items[i].Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && list.Items[i].DeletionTimestamp == nil {
				return list.Items[i].Name, nil
			}
		}
	}
	return "", errors.New("no pod is ready")
}

// open remembers the port of this machine, so that the next forwarding has the
// same.
func (t *tunnel) open(f *portforward.PortForwarder) error {
	ports, err := f.GetPorts()
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.local == 0 {
		t.local = int(ports[0].Local)
		close(t.first)
	}
	return nil
}

func (t *tunnel) address() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.local
}

// host returns the address on this machine.
func (t *tunnel) host() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(t.address())) }
