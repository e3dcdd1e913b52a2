package rig

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

// knock is how long a node may take to answer at its port.
const knock = 2 * time.Second

// entrance is a Service at whose port of a node requests enter a mesh, and the pods
// behind it.
type entrance struct {
	namespace, service string
	selector           string // of the pods
	port               int    // of the pods
}

// The entrances to the meshes.
var (
	planeEntrance = entrance{namespace: istioNamespace, service: "dataplane-entrance", selector: "app=dataplane", port: 15001}
	doorEntrance  = entrance{namespace: "aviary-door", service: "entrance", selector: "app=door", port: 15099}
)

// open finds the way into a mesh that bears load: the port of the Service at a node. The nodes of kind are containers, whose
// addresses this machine reaches where the container engine runs on it. It returns
// HOST:PORT; an error says that no node answers.
//
// A forwarded port is no substitute: each of its connections is a pair of streams
// through the API server, the kubelet and its container runtime, and under load the
// streams are not made in time.
func (e entrance) open(ctx context.Context, client kubernetes.Interface) (string, error) {
	service, err := client.CoreV1().Services(e.namespace).Get(ctx, e.service, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	hosts := doors(nodes.Items, service.Spec.Ports)
	for range 10 { // kube-proxy may not have written its rules yet
		for _, host := range hosts {
			if err = answers200(ctx, "http://"+host+"/healthz"); err == nil {
				return host, nil
			}
		}
		if err := clock.Wait(ctx, time.Second/2); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("none of %v answers: %w", hosts, err)
}

// doors lists the addresses of nodes with the ports that a Service has there.
func doors(nodes []corev1.Node, ports []corev1.ServicePort) []string {
	var hosts []string
	for i := range nodes {
		for _, a := range nodes[i].Status.Addresses {
			if a.Type != corev1.NodeInternalIP && a.Type != corev1.NodeExternalIP {
				continue
			}
			for _, p := range ports {
				if p.NodePort != 0 {
					hosts = append(hosts, net.JoinHostPort(a.Address, strconv.Itoa(int(p.NodePort))))
				}
			}
		}
	}
	return hosts
}

// answers200 asks for a page, past any proxy of this machine.
func answers200(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, knock)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // nothing more is read
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, answer.Status)
	}
	return nil
}
