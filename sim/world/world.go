package world

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/control"
	"github.com/aviary-rollouts/aviary/sim/kernel"
)

// Options describe the cluster. The zero value is a comfortable one.
type Options struct {
	// Nodes is the number of nodes; 0 means 3. They are called node-1, node-2, ...
	Nodes int
	// PodsPerNode is the number of pods that fit on a node; 0 means 110, as for
	// a real kubelet.
	PodsPerNode int
	// Timing says how long things take; fields left 0 have defaults.
	Timing Timing
	// Images says how the containers of an image behave, by pattern; see
	// [World.SetImage].
	Images map[string]ImageBehaviour
}

// Timing says how long things take.
type Timing struct {
	// Start is the time from binding to the first container's start: sandbox,
	// volumes and image. Default 1 s.
	Start time.Duration
	// Ready is the time from binding to ready, Start included. Default 4 s.
	Ready time.Duration
	// Init is how long each init container runs. Default: at once.
	Init time.Duration
	// Job is how long each container of a Job runs. Default: at once.
	Job time.Duration
	// Termination is the time from a pod's deletion to its end. It is cut to
	// the pod's grace period. Default 2 s.
	Termination time.Duration
	// Jitter lengthens or shortens Start and Ready of each pod by up to this
	// share, drawn from the stream "pods/start". 0.25 gives 3 to 5 s for 4 s.
	// Default 0.
	Jitter float64
	// NodeGrace is the time from a node's failure to its pods being marked not
	// ready. Default 40 s.
	NodeGrace time.Duration
	// NodeEviction is the time from there to the deletion of its pods.
	// Default 5 min.
	NodeEviction time.Duration
}

// DefaultTiming returns the values that [Options] uses for fields left 0. A
// pod that becomes ready in four seconds is what the ages in the source
// documents show.
func DefaultTiming() Timing {
	return Timing{
		Start: time.Second, Ready: 4 * time.Second, Termination: 2 * time.Second,
		NodeGrace: 40 * time.Second, NodeEviction: 5 * time.Minute,
	}
}

func (t Timing) orDefault() Timing {
	d := DefaultTiming()
	t.Start = cmp.Or(t.Start, d.Start)
	t.Ready = cmp.Or(t.Ready, d.Ready)
	t.Termination = cmp.Or(t.Termination, d.Termination)
	t.NodeGrace = cmp.Or(t.NodeGrace, d.NodeGrace)
	t.NodeEviction = cmp.Or(t.NodeEviction, d.NodeEviction)
	return t
}

// Requeue makes a controller of the world look at objects again although
// nothing in the API changed. The mount provides it.
type Requeue func(controller string, keys ...types.NamespacedName)

// World is the cluster around the controllers under test. It must be used from
// the kernel's one thread.
type World struct {
	kernel  *kernel.Kernel
	timing  Timing
	images  imageRules
	quotas  map[string]int
	requeue Requeue

	scheduler  *scheduler
	kubelet    *kubelet
	nodes      *nodes
	replicaSet *replicaSets
	deployment *deployments
	job        *jobs
	endpoints  *endpoints
}

// New returns a world whose parts write through the clients that clientFor
// gives them, each under its own name. It creates the namespace default and the
// nodes at once. The error names the option that makes no sense, or what could
// not be created.
func New(k *kernel.Kernel, clientFor func(actor string) client.Client, o Options) (*World, error) {
	if o.Nodes < 0 || o.PodsPerNode < 0 {
		return nil, fmt.Errorf("world: %d nodes of %d pods: neither can be negative", o.Nodes, o.PodsPerNode)
	}
	w := &World{
		kernel: k, timing: o.Timing.orDefault(), quotas: map[string]int{},
		requeue: func(string, ...types.NamespacedName) {},
	}
	for _, pattern := range sortedKeys(o.Images) {
		w.images.set(pattern, o.Images[pattern])
	}
	w.nodes = &nodes{world: w, client: clientFor("node-controller"), down: map[string]time.Time{}}
	w.scheduler = newScheduler(w, clientFor("scheduler"))
	w.kubelet = &kubelet{world: w, client: clientFor("kubelet"), sandboxes: map[types.NamespacedName]*sandbox{}}
	w.replicaSet = &replicaSets{world: w, client: clientFor("replicaset-controller"), selectors: map[types.NamespacedName]podSelector{}, strays: map[types.NamespacedName][]types.NamespacedName{}, reported: map[types.NamespacedName]string{}}
	w.deployment = &deployments{client: clientFor("deployment-controller"), now: k.Now}
	w.job = &jobs{world: w, client: clientFor("job-controller")}
	w.endpoints = &endpoints{client: clientFor("endpointslice-controller"), selectors: map[types.NamespacedName]selectorOf{}}
	home := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: corev1.NamespaceDefault}}
	if err := clientFor("apiserver").Create(background, home); err != nil {
		return nil, fmt.Errorf("create the namespace %s: %w", home.Name, err)
	}
	return w, w.nodes.create(cmp.Or(o.Nodes, 3), cmp.Or(o.PodsPerNode, 110))
}

// Controllers lists the models: the one table of what drives the world.
func (w *World) Controllers() []control.Controller {
	return []control.Controller{
		w.deployment.row(),
		w.replicaSet.row(),
		w.job.row(),
		w.scheduler.row(),
		w.kubelet.row(),
		w.nodes.row(),
		w.endpoints.row(),
	}
}

// SetRequeue tells the world how to wake its own controllers.
func (w *World) SetRequeue(r Requeue) { w.requeue = r }

// SetImage says how containers behave whose image matches the pattern, from
// now on; running containers follow at once. In a pattern, * stands for any
// text: "*:2.0.0" is version 2.0.0 of every image. The pattern that was set
// last wins; setting a pattern again replaces its behaviour, and the zero
// ImageBehaviour makes its images healthy.
func (w *World) SetImage(pattern string, b ImageBehaviour) {
	w.images.set(pattern, b)
	w.requeue(kubeletName, w.kubelet.keys()...)
}

// SetQuota allows a namespace at most this many pods, terminating ones
// included; a negative number lifts the quota. Pods that exist stay.
func (w *World) SetQuota(namespace string, pods int) {
	delete(w.quotas, namespace)
	if pods >= 0 {
		w.quotas[namespace] = pods
	}
}

// CrashPod makes the containers of a running pod exit with an error once, as
// if they had run out of memory. The kubelet restarts them.
func (w *World) CrashPod(key types.NamespacedName) error {
	s := w.kubelet.sandboxes[key]
	if s == nil {
		return fmt.Errorf("crash pod %s: no node runs it", key)
	}
	s.crash()
	w.requeue(kubeletName, key)
	return nil
}

// KillPod deletes a pod as `kubectl delete pod` does.
func (w *World) KillPod(key types.NamespacedName) error {
	pod := &corev1.Pod{}
	pod.Namespace, pod.Name = key.Namespace, key.Name
	if err := w.kubelet.client.Delete(background, pod); err != nil {
		return fmt.Errorf("kill pod %s: %w", key, err)
	}
	return nil
}

// Pods returns the names of the pods that nodes run at present, sorted.
func (w *World) Pods() []types.NamespacedName { return w.kubelet.keys() }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func compareKeys(a, b types.NamespacedName) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
