package nodeagent

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
)

// watch prepares the one informer: pods that have a node, or all pods if we bind
// them.
func (a *Agent) watch() cache.Controller {
	selector := "spec.nodeName!="
	if a.options.Bind {
		selector = ""
	}
	api := a.client.CoreV1().Pods(metav1.NamespaceAll)
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.FieldSelector = selector
			return api.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = selector
			return api.Watch(ctx, o)
		},
	}
	store, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: cache.ToListWatcherWithWatchListSemantics(source, a.client), ObjectType: &corev1.Pod{}, Transform: trim,
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    a.enqueue,
			UpdateFunc: func(_, pod any) { a.enqueue(pod) },
			DeleteFunc: a.enqueue,
		},
	})
	a.pods = store
	return controller
}

// trim drops what is large and never asked for.
func trim(object any) (any, error) {
	if pod, ok := object.(*corev1.Pod); ok {
		pod.ManagedFields = nil
	}
	return object, nil
}

func (a *Agent) enqueue(object any) {
	name, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object)
	if err != nil {
		return
	}
	namespace, name, err := cache.SplitMetaNamespaceKey(name)
	if err == nil {
		a.queue.Add(types.NamespacedName{Namespace: namespace, Name: name})
	}
}

// work looks at one pod after the other until the queue is shut down.
func (a *Agent) work(ctx context.Context) {
	for {
		key, shutdown := a.queue.Get()
		if shutdown {
			return
		}
		wake, err := a.reconcile(ctx, key)
		switch {
		case err != nil:
			if ctx.Err() == nil && !apierrors.IsConflict(err) {
				a.options.Log.Warn("node agent: it will be tried again", "error", err)
			}
			a.queue.AddRateLimited(key)
		default:
			a.queue.Forget(key)
			if !wake.IsZero() {
				a.queue.AddAfter(key, max(0, wake.Sub(a.clock.Now())))
			}
		}
		a.queue.Done(key)
	}
}

// reconcile brings one pod to the present and says when to look at it again;
// zero if only news can change it.
func (a *Agent) reconcile(ctx context.Context, key types.NamespacedName) (wake time.Time, err error) {
	object, exists, err := a.pods.GetByKey(key.String())
	if err != nil {
		return time.Time{}, err
	}
	if !exists {
		return time.Time{}, a.forget(key)
	}
	pod := object.(*corev1.Pod)
	if pod.Spec.NodeName == "" {
		return time.Time{}, a.bind(ctx, pod)
	}
	if !a.nodes.plays(pod.Spec.NodeName) {
		return time.Time{}, nil
	}
	p, err := a.player(key, pod)
	if p == nil || err != nil {
		return time.Time{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := a.clock.Now()
	if pod.DeletionTimestamp != nil {
		return a.terminate(ctx, pod, p, now)
	}
	wake = p.life.Advance(now)
	if p.obey() {
		wake = p.life.Advance(now)
	}
	return wake, a.report(ctx, pod, p, now)
}

// player returns who plays the pod, beginning if this is the first look at it.
// It is nil for a pod that had ended before we came, unless it is to be deleted.
// A pod of the same name with another uid is another pod.
func (a *Agent) player(key types.NamespacedName, pod *corev1.Pod) (*player, error) {
	a.mu.Lock()
	p := a.players[key]
	a.mu.Unlock()
	if p != nil && p.uid == pod.UID {
		return p, nil
	}
	if p != nil {
		if err := a.forget(key); err != nil {
			return nil, err
		}
	}
	if ended(pod) && pod.DeletionTimestamp == nil {
		return nil, nil
	}
	ip, err := a.addresses.take()
	if err != nil {
		return nil, fmt.Errorf("pod %s: %w", key, err)
	}
	p = newPlayer(a, key, pod, ip)
	a.mu.Lock()
	a.players[key] = p
	a.mu.Unlock()
	return p, nil
}

// forget ends what runs for a pod that is gone.
func (a *Agent) forget(key types.NamespacedName) error {
	a.mu.Lock()
	p := a.players[key]
	delete(a.players, key)
	a.mu.Unlock()
	if p == nil {
		return nil
	}
	return p.leave(a.addresses)
}

func ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// terminate tells the pod's processes to stop and removes it from the API when
// its time is up. Whoever holds a finalizer, as the Job controller does, is told
// first how the pod ended.
func (a *Agent) terminate(ctx context.Context, pod *corev1.Pod, p *player, now time.Time) (time.Time, error) {
	stop := p.life.Terminate(now, pod)
	p.stop()
	if now.Before(stop) {
		return stop, nil
	}
	p.kill()
	if len(pod.Finalizers) > 0 && !ended(pod) && !p.killed {
		p.life.Kill(now)
		p.killed = true
	}
	if p.killed {
		if err := a.report(ctx, pod, p, now); err != nil {
			return time.Time{}, err
		}
	}
	if p.removed {
		return time.Time{}, nil
	}
	err := a.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: ptr.To[int64](0), Preconditions: metav1.NewUIDPreconditions(string(pod.UID)),
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return time.Time{}, fmt.Errorf("remove pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	p.removed = true
	return time.Time{}, nil
}

// bind puts a pod on the next node, if we are asked to.
func (a *Agent) bind(ctx context.Context, pod *corev1.Pod) error {
	if !a.options.Bind || pod.DeletionTimestamp != nil {
		return nil
	}
	a.mu.Lock()
	node := a.nodes.names[a.bound%len(a.nodes.names)]
	a.bound++
	a.mu.Unlock()
	err := a.client.CoreV1().Pods(pod.Namespace).Bind(ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: node},
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("bind pod %s/%s to %s: %w", pod.Namespace, pod.Name, node, err)
	}
	return nil
}
