package localplane

import (
	"fmt"
	"net"
	"os"
	"strconv"
)

// Ports are taken below those that the kernel gives to outgoing connections (from
// 32768 on, unless somebody moved them): so that no client of a busy test holds
// the apiserver's port at the moment when it is started again.
const (
	firstPort = 20000
	lastPort  = 31999
)

// ports are where the programs of a plane listen, on 127.0.0.1.
type ports struct {
	etcd, etcdPeer     int
	apiserver          int
	istiod, istiodHTTP int // xDS; readiness and debugging
	istiodMonitoring   int
	prometheus         int
}

// choosePorts finds a free port for everything. Planes of different processes
// begin to look at different places.
func choosePorts() (ports, error) {
	var p ports
	next := firstPort + os.Getpid()*97%(lastPort-firstPort)
	for _, port := range []*int{&p.etcd, &p.etcdPeer, &p.apiserver, &p.istiod, &p.istiodHTTP, &p.istiodMonitoring, &p.prometheus} {
		found, err := freePort(next)
		if err != nil {
			return ports{}, err
		}
		*port, next = found, found+1
	}
	return p, nil
}

// freePort finds a port that nobody listens on, from a number on and round.
func freePort(from int) (int, error) {
	const count = lastPort - firstPort + 1
	for i := range count {
		port := firstPort + (from-firstPort+i)%count
		// A listener on all addresses would take a program's port as well.
		listener, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, fmt.Errorf("no free port on 127.0.0.1 between %d and %d: end what listens there (ss -ltnp lists it)", firstPort, lastPort)
}

// local is the address of a port on this machine.
func local(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }
