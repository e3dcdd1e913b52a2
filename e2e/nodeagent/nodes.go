package nodeagent

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

const (
	// leaseSeconds and renewal are those of a kubelet.
	leaseSeconds = 40
	renewal      = 10 * time.Second
)

// nodes are the Node objects and their leases.
type nodes struct {
	agent    *Agent
	names    []string
	capacity int

	mu   sync.Mutex
	down map[string]bool
}

func newNodes(a *Agent, o Options) *nodes {
	n := &nodes{agent: a, capacity: o.PodsPerNode, down: map[string]bool{}}
	for i := range o.Nodes {
		n.names = append(n.names, "node-"+strconv.Itoa(i+1))
	}
	return n
}

// create makes the nodes, ready and empty, with their leases.
func (n *nodes) create(ctx context.Context) error {
	for _, name := range n.names {
		if err := n.announce(ctx, name); err != nil {
			return err
		}
		if err := n.renew(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// announce creates a node, or says of one that exists that it is ready.
func (n *nodes) announce(ctx context.Context, name string) error {
	api := n.agent.client.CoreV1().Nodes()
	_, err := api.Create(ctx, n.object(name), metav1.CreateOptions{})
	if err == nil {
		return nil
	}
	if !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create node %s: %w", name, err)
	}
	present, err := api.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read node %s: %w", name, err)
	}
	present = present.DeepCopy()
	present.Status = n.object(name).Status
	if _, err := api.UpdateStatus(ctx, present, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("report node %s: %w", name, err)
	}
	return nil
}

func (n *nodes) object(name string) *corev1.Node {
	now := metav1.NewTime(n.agent.clock.Now())
	room := corev1.ResourceList{
		corev1.ResourcePods:   *resource.NewQuantity(int64(n.capacity), resource.DecimalSI),
		corev1.ResourceCPU:    resource.MustParse("1k"),
		corev1.ResourceMemory: resource.MustParse("4Ti"),
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			corev1.LabelHostname: name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64",
		}},
		Status: corev1.NodeStatus{
			Capacity: room, Allocatable: room,
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: n.address(name)}, {Type: corev1.NodeHostName, Address: name},
			},
			Conditions: []corev1.NodeCondition{{
				Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", LastTransitionTime: now, LastHeartbeatTime: now,
			}},
			NodeInfo: corev1.NodeSystemInfo{KubeletVersion: "v0.0.0-nodeagent", OperatingSystem: "linux"},
		},
	}
}

// address is that of a node: 172.18.0.2 for node-1. Nothing listens there.
func (n *nodes) address(name string) string {
	for i, known := range n.names {
		if known == name {
			return fmt.Sprintf("172.18.%d.%d", (i+1)/250, 2+(i+1)%250-1)
		}
	}
	return ""
}

// plays says whether something happens to the pods of a node.
func (n *nodes) plays(name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.address(name) != "" && !n.down[name]
}

func (n *nodes) setDown(name string, down bool) error {
	if n.address(name) == "" {
		return fmt.Errorf("node %q: there is no such node: the nodes are %v", name, n.names)
	}
	n.mu.Lock()
	n.down[name] = down
	n.mu.Unlock()
	if down {
		return nil
	}
	if err := n.announce(context.Background(), name); err != nil {
		return err
	}
	return n.renew(context.Background(), name)
}

// keep renews the leases until ctx ends.
func (n *nodes) keep(ctx context.Context) {
	for clock.Wait(ctx, renewal) == nil {
		for _, name := range n.names {
			if !n.plays(name) {
				continue
			}
			if err := n.renew(ctx, name); err != nil && ctx.Err() == nil {
				n.agent.options.Log.Warn("node agent: a lease was not renewed", "error", err)
			}
		}
	}
}

func (n *nodes) renew(ctx context.Context, name string) error {
	api := n.agent.client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	now := metav1.NewMicroTime(n.agent.clock.Now())
	lease, err := api.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = api.Create(ctx, &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: corev1.NamespaceNodeLease},
			Spec:       coordinationv1.LeaseSpec{HolderIdentity: &name, LeaseDurationSeconds: ptr.To[int32](leaseSeconds), RenewTime: &now},
		}, metav1.CreateOptions{})
	} else if err == nil {
		lease = lease.DeepCopy()
		lease.Spec.HolderIdentity, lease.Spec.RenewTime = &name, &now
		_, err = api.Update(ctx, lease, metav1.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("renew the lease of node %s: %w", name, err)
	}
	return nil
}
