package dataplane

import (
	"net"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/e2e/dataplane/upstream"
	"github.com/aviary-rollouts/aviary/sim/mesh/istiometric"
)

// podAt returns the pod of an endpoint, nil if it is none.
func (p *Plane) podAt(e *upstream.Endpoint) *corev1.Pod {
	host, _, err := net.SplitHostPort(e.Address)
	if err != nil {
		return nil
	}
	return p.opts.Directory.PodAt(host)
}

// identityAt names an endpoint: as the pod that it is, or, if that has just gone,
// as istiod described it.
func (p *Plane) identityAt(e *upstream.Endpoint) istiometric.Identity {
	if pod := p.podAt(e); pod != nil {
		return istiometric.Of(pod)
	}
	parts := strings.Split(e.Workload, ";")
	if len(parts) < 4 {
		return istiometric.Identity{}
	}
	return istiometric.Identity{Workload: parts[0], Namespace: parts[1], Service: parts[2], Revision: parts[3]}
}

// reportSource counts the request as the client's proxy does.
func (x *exchange) reportSource(to istiometric.Identity, destination string, status int, flags string) {
	if x.from == nil {
		return
	}
	x.from.reporter.Count(&istiometric.Request{
		Source: true, From: x.from.identity, To: to, Destination: destination, Protocol: istiometric.HTTP, Code: status, Flags: flags,
	}, x.plane.opts.Clock.Now().Sub(x.began))
}

// reportDestination counts the request as the server's proxy does.
func (x *exchange) reportDestination(e *upstream.Endpoint, destination string, status int, began time.Time) {
	pod := x.plane.podAt(e)
	if pod == nil {
		return // its counters have gone with it
	}
	key := types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}
	x.plane.book.Reporter(key, pod.Status.PodIP, pod.Labels).Count(&istiometric.Request{
		From: x.from.identity, To: istiometric.Of(pod), Destination: destination, Protocol: istiometric.HTTP, Code: status,
	}, x.plane.opts.Clock.Now().Sub(began))
}
