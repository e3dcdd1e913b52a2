package rig

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/sim/mesh"
	"github.com/aviary-rollouts/aviary/sim/mesh/istiometric"
)

// counter counts the requests of one scenario, by who answered.
type counter struct {
	scene *backend.Live

	mu           sync.Mutex
	total        mesh.Count
	versions     []mesh.VersionCount
	destinations []mesh.DestinationCount
	losses       map[string]*mesh.Loss // by reason
}

// answered counts a request that was answered, by a pod or by a proxy.
func (c *counter) answered(w way, pod *corev1.Pod, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := mesh.Count{Requests: 1}
	if status >= http.StatusInternalServerError {
		one.Failed = 1
	}
	if w.flags != "" {
		one.Failed, one.Lost = 1, 1
		c.lose(w.flags + " at " + w.host)
	}
	addTo(&c.total, one)
	if w.host != "" {
		addTo(&c.destination(w).Count, one)
	}
	if pod != nil {
		addTo(&c.version(pod).Count, one)
	}
}

// lost counts a request whose client got no answer at all.
func (c *counter) lost(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	addTo(&c.total, mesh.Count{Requests: 1, Failed: 1, Lost: 1})
	c.lose(why)
}

func (c *counter) lose(why string) {
	now := clock.Real{}.Now()
	l := c.losses[why]
	if l == nil {
		l = &mesh.Loss{Reason: mesh.Reason(why), From: now}
		if c.losses == nil {
			c.losses = map[string]*mesh.Loss{}
		}
		c.losses[why] = l
	}
	l.To = now
	l.Requests++
}

func addTo(to *mesh.Count, n mesh.Count) {
	to.Requests += n.Requests
	to.Failed += n.Failed
	to.Lost += n.Lost
}

// destination returns the row of a destination, by the scenario's name.
func (c *counter) destination(w way) *mesh.DestinationCount {
	host := w.host
	if key, ok := istiometric.Service(host); ok {
		key.Namespace = c.scene.Original(key.Namespace)
		host = istiometric.Host(key)
	}
	i := slices.IndexFunc(c.destinations, func(d mesh.DestinationCount) bool { return d.Host == host && d.Subset == w.subset })
	if i < 0 {
		i = len(c.destinations)
		c.destinations = append(c.destinations, mesh.DestinationCount{Host: host, Subset: w.subset})
	}
	return &c.destinations[i]
}

// version returns the row of the pods like this one.
func (c *counter) version(pod *corev1.Pod) *mesh.VersionCount {
	v := mesh.Version{
		Namespace: c.scene.Original(pod.Namespace), Workload: istiometric.Of(pod).Workload,
		Hash: hashOf(pod), Image: pod.Spec.Containers[0].Image,
	}
	i := slices.IndexFunc(c.versions, func(x mesh.VersionCount) bool { return x.Version == v })
	if i < 0 {
		i = len(c.versions)
		c.versions = append(c.versions, mesh.VersionCount{Version: v})
	}
	return &c.versions[i]
}

// hashOf is the hash of the template that a pod was made from, as the simulator
// shows it.
func hashOf(pod *corev1.Pod) string {
	return cmp.Or(pod.Labels[v1alpha1.DefaultRolloutUniqueLabelKey], pod.Labels["pod-template-hash"])
}

// report returns a copy of the counts, sorted by name: which version answers the
// first request is chance.
func (c *counter) report() mesh.Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := mesh.Report{Total: c.total, Versions: slices.Clone(c.versions), Destinations: slices.Clone(c.destinations)}
	slices.SortFunc(r.Versions, func(a, b mesh.VersionCount) int {
		return cmp.Or(strings.Compare(a.Workload, b.Workload), strings.Compare(a.Image, b.Image), strings.Compare(a.Hash, b.Hash))
	})
	slices.SortFunc(r.Destinations, func(a, b mesh.DestinationCount) int {
		return cmp.Or(strings.Compare(a.Host, b.Host), strings.Compare(a.Subset, b.Subset))
	})
	for _, l := range c.losses {
		r.Lost = append(r.Lost, *l)
	}
	slices.SortFunc(r.Lost, func(a, b mesh.Loss) int { return a.From.Compare(b.From) })
	return r
}
