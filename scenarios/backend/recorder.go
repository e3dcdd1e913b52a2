package backend

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

// What a scenario expects may last for a second only. Whoever asks for it again
// and again will miss it on a busy machine, and makes the machine busier. So what
// happens on a live cluster is recorded, once for all scenarios, and each reads in
// its own record.

// recorded are the kinds that scenarios read in their records. Others are read in
// the cluster.
var recorded = []schema.GroupVersionKind{
	{Group: "argoproj.io", Version: "v1alpha1", Kind: "Rollout"},
	{Group: "argoproj.io", Version: "v1alpha1", Kind: "AnalysisTemplate"},
	{Group: "argoproj.io", Version: "v1alpha1", Kind: "AnalysisRun"},
	{Group: "argoproj.io", Version: "v1alpha1", Kind: "Experiment"},
	{Version: "v1", Kind: "Pod"},
	{Version: "v1", Kind: "Service"},
	{Group: "apps", Version: "v1", Kind: "ReplicaSet"},
	{Group: "apps", Version: "v1", Kind: "Deployment"},
	{Group: "batch", Version: "v1", Kind: "Job"},
	{Group: "discovery.k8s.io", Version: "v1", Kind: "EndpointSlice"},
	{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"},
	{Group: "networking.istio.io", Version: "v1", Kind: "DestinationRule"},
}

// recorder watches a cluster for all scenarios.
type recorder struct {
	client client.WithWatch
	clock  clock.Clock
	kinds  map[schema.GroupVersionKind]bool

	mu      sync.Mutex
	records map[int]*record // by the number of the scenario
}

// startRecorder watches until ctx ends. It returns once every kind that the
// cluster has was read.
func startRecorder(ctx context.Context, c client.WithWatch, now clock.Clock) (*recorder, error) {
	r := &recorder{client: c, clock: now, kinds: map[schema.GroupVersionKind]bool{}, records: map[int]*record{}}
	for _, kind := range recorded {
		version, err := r.list(ctx, kind)
		if meta.IsNoMatchError(err) {
			continue // a cluster without Istio
		}
		if err != nil {
			return nil, err
		}
		r.kinds[kind] = true
		go r.follow(ctx, kind, version)
	}
	return r, nil
}

// open begins the record of a scenario, close ends it.
func (r *recorder) open(number int, suffix string) *record {
	r.mu.Lock()
	defer r.mu.Unlock()
	made := newRecord(suffix)
	r.records[number] = made
	return made
}

func (r *recorder) close(number int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.records, number)
}

// again is after what time the recorder asks anew if the cluster does not answer.
const again = 200 * time.Millisecond

// follow watches a kind from a version on.
func (r *recorder) follow(ctx context.Context, kind schema.GroupVersionKind, version string) {
	for ctx.Err() == nil {
		last, err := r.watch(ctx, kind, version)
		if last != "" {
			version = last
		}
		if err == nil {
			continue // watches end after some minutes
		}
		_ = clock.Wait(ctx, again) // the loop sees that it has ended
		if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
			if last, err := r.list(ctx, kind); err == nil {
				version = last
			}
		}
	}
}

// list notes how everything is, and returns the version of that.
func (r *recorder) list(ctx context.Context, kind schema.GroupVersionKind) (string, error) {
	list := listOf(kind)
	if err := r.client.List(ctx, list); err != nil {
		return "", fmt.Errorf("record the %ss: %w", kind.Kind, err)
	}
	for i := range list.Items {
		r.note(watch.Modified, &list.Items[i])
	}
	return list.GetResourceVersion(), nil
}

func listOf(kind schema.GroupVersionKind) *unstructured.UnstructuredList {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	return list
}

// watch notes changes until the watch ends, and returns the last version that it
// saw.
func (r *recorder) watch(ctx context.Context, kind schema.GroupVersionKind, version string) (last string, err error) {
	w, err := r.client.Watch(ctx, listOf(kind), &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: version, AllowWatchBookmarks: true}})
	if err != nil {
		return "", err
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		if event.Type == watch.Error {
			return last, apierrors.FromObject(event.Object)
		}
		object, ok := event.Object.(*unstructured.Unstructured)
		if !ok {
			continue
		}
		last = object.GetResourceVersion()
		if event.Type != watch.Bookmark {
			r.note(event.Type, object)
		}
	}
	return last, nil
}

// note puts a change into the record of the scenario that it belongs to.
func (r *recorder) note(what watch.EventType, object *unstructured.Unstructured) {
	r.mu.Lock()
	of := r.records[NumberOf(object.GetNamespace())]
	r.mu.Unlock()
	if of == nil {
		return
	}
	version, err := strconv.ParseUint(object.GetResourceVersion(), 10, 64)
	if err != nil {
		return // no API server writes such a version
	}
	object.SetManagedFields(nil)
	of.add(change{version: version, seen: r.clock.Now(), object: object, deleted: what == watch.Deleted})
}
