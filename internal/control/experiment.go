package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/apply"
	"github.com/aviary-rollouts/aviary/internal/experiment"
	"github.com/aviary-rollouts/aviary/internal/library"
	"github.com/aviary-rollouts/aviary/internal/traffic/istio"
)

// experimentReconciler observes one Experiment, asks experiment.Decide, and
// applies.
type experimentReconciler struct {
	Deps
	fresh  *freshness
	echoes *echoes
	specs  *experimentSpecs
}

// Reconcile brings one Experiment a safe step forward.
func (r *experimentReconciler) Reconcile(ctx context.Context, key types.NamespacedName) (time.Time, error) {
	now := r.Clock.Now()
	o, fresh, err := r.observe(ctx, key, now)
	if err != nil || o == nil {
		return time.Time{}, err
	}
	if !fresh {
		return r.echoes.again(key, now), nil
	}
	plan := experiment.Decide(*o, now)
	var written []version
	executor := r.fresh.executor(r.Client, key, now, func(obj client.Object) { written = append(written, versionOf(obj)) })
	err = executor.Experiment(ctx, o.Experiment, plan)
	if refused := (*apply.RefusedError)(nil); errors.As(err, &refused) {
		o.Refused = map[experiment.Object]string{refused.Object: apiReason(refused.Err)}
		plan = experiment.Decide(*o, now)
		err = executor.Experiment(ctx, o.Experiment, plan)
	}
	if err != nil {
		return time.Time{}, err
	}
	for _, note := range plan.Why {
		if note.Event {
			r.Events.Event(o.Experiment, note.EventType(), note.Reason, note.Message)
		}
	}
	if wake, settled := experiment.Settled(*o, plan, now); settled {
		r.echoes.expect(key, written)
		return wake, nil
	}
	return plan.Wake, nil
}

// apiReason is what the API server said, without what we were about to do.
func apiReason(err error) string {
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		return status.Status().Message
	}
	return err.Error()
}

// observe reads everything that a decision about key looks at. It returns nil
// if the Experiment is gone, and fresh == false if the view misses our own writes.
func (r *experimentReconciler) observe(ctx context.Context, key types.NamespacedName, now time.Time) (o *experiment.Observed, fresh bool, err error) {
	e := &v1alpha1.Experiment{}
	if err := r.Client.Get(ctx, key, e, shared); err != nil {
		if apierrors.IsNotFound(err) {
			r.fresh.forget(key)
			r.echoes.forget(key)
			r.specs.forget(key)
			return nil, true, nil
		}
		return nil, false, fmt.Errorf("experiment %s: reading it: %w", key, err)
	}
	facts := r.specs.of(key, e)
	o = &experiment.Observed{Experiment: e, Invalid: facts.invalid, Hashes: facts.hashes}
	read := []client.Object{e}
	for _, step := range []func() error{
		func() error { return r.readReplicaSets(ctx, o, &read) },
		func() error { return r.readServices(ctx, o, &read) },
		func() error { return r.readRuns(ctx, o, &read) },
		func() error { return r.readRouted(ctx, o) },
	} {
		if err := step(); err != nil {
			return nil, false, fmt.Errorf("experiment %s: %w", key, err)
		}
	}
	return o, r.fresh.sees(key, read, now), nil
}

func (r *experimentReconciler) readReplicaSets(ctx context.Context, o *experiment.Observed, read *[]client.Object) error {
	list := &appsv1.ReplicaSetList{}
	if err := r.Client.List(ctx, list, client.InNamespace(o.Experiment.Namespace), shared); err != nil {
		return fmt.Errorf("listing ReplicaSets: %w", err)
	}
	for i := range list.Items {
		o.ReplicaSets = append(o.ReplicaSets, &list.Items[i])
		*read = append(*read, &list.Items[i])
	}
	return nil
}

func (r *experimentReconciler) readServices(ctx context.Context, o *experiment.Observed, read *[]client.Object) error {
	list := &corev1.ServiceList{}
	if err := r.Client.List(ctx, list, client.InNamespace(o.Experiment.Namespace), shared); err != nil {
		return fmt.Errorf("listing Services: %w", err)
	}
	for i := range list.Items {
		o.Services = append(o.Services, &list.Items[i])
		*read = append(*read, &list.Items[i])
	}
	return nil
}

// readRuns reads the AnalysisRuns and the templates that new ones are made from.
func (r *experimentReconciler) readRuns(ctx context.Context, o *experiment.Observed, read *[]client.Object) error {
	list := &v1alpha1.AnalysisRunList{}
	if err := r.Client.List(ctx, list, client.InNamespace(o.Experiment.Namespace), shared); err != nil {
		return fmt.Errorf("listing AnalysisRuns: %w", err)
	}
	for i := range list.Items {
		o.Runs = append(o.Runs, &list.Items[i])
		*read = append(*read, &list.Items[i])
	}
	var err error
	o.Templates, err = library.Read(ctx, r.Client, o.Experiment.Namespace, experiment.References(&o.Experiment.Spec))
	return err
}

// readRouted asks the Rollout that controls the Experiment, if one does, which
// Services get requests. Once the Experiment has ended the routes are asked as well: a
// Rollout whose status cannot be written has shares that are not on record.
func (r *experimentReconciler) readRouted(ctx context.Context, o *experiment.Observed) error {
	owner := metav1.GetControllerOfNoCopy(o.Experiment)
	if owner == nil || owner.Kind != v1alpha1.KindRollout {
		return nil
	}
	ro, key := &v1alpha1.Rollout{}, types.NamespacedName{Namespace: o.Experiment.Namespace, Name: owner.Name}
	err := r.Client.Get(ctx, key, ro, shared)
	if apierrors.IsNotFound(err) && o.Experiment.Status.Phase.Completed() && hasService(o.Experiment) {
		// The cache has no Rollout that cannot be read, but routes may lead here.
		err = r.Live.Get(ctx, key, ro)
	}
	if apierrors.IsNotFound(err) || (err == nil && ro.UID != owner.UID) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading Rollout %s: %w", owner.Name, err)
	}
	o.Routed = map[string]bool{}
	for _, d := range extraShares(ro) {
		o.Routed[d.ServiceName] = d.Weight > 0
	}
	if !o.Experiment.Status.Phase.Completed() || !hasService(o.Experiment) {
		return nil
	}
	if !routedByIstio(ro) {
		return r.readAbandoned(ctx, o, ro.Name)
	}
	routes, err := istio.Router{Client: r.Client}.Read(ctx, istio.References(ro))
	if err != nil {
		return fmt.Errorf("reading the routes of Rollout %s: %w", owner.Name, err)
	}
	for _, d := range istio.Observe(ro, routes).Weights.Additional {
		o.Routed[d.Host] = o.Routed[d.Host] || d.Weight > 0
	}
	return nil
}

// readAbandoned asks the VirtualServices of a Rollout that routes no more, until they are
// let go of.
func (r *experimentReconciler) readAbandoned(ctx context.Context, o *experiment.Observed, rollout string) error {
	list, err := istio.Router{Client: r.Client}.VirtualServices(ctx)
	if err != nil {
		return err
	}
	for i := range list {
		if vs := &list[i]; changedBy(vs) == rollout {
			for _, host := range istio.Hosts(vs) {
				o.Routed[istio.ServiceOf(host, vs.GetNamespace()).Name] = true
			}
		}
	}
	return nil
}

func (r *experimentReconciler) experimentOwning(_ context.Context, obj client.Object) []types.NamespacedName {
	if name := experimentOf(obj); name != "" {
		return []types.NamespacedName{{Namespace: obj.GetNamespace(), Name: name}}
	}
	return nil
}

// experimentOf is the name of the Experiment that controls an object; empty if none does.
func experimentOf(obj client.Object) string {
	owner := metav1.GetControllerOfNoCopy(obj)
	if owner == nil || owner.Kind != v1alpha1.KindExperiment || owner.APIVersion != v1alpha1.SchemeGroupVersion.String() {
		return ""
	}
	return owner.Name
}

// experimentsNaming finds the Experiments that a Service concerns: the one that
// controls it and those that wait for its name.
func (r *experimentReconciler) experimentsNaming(ctx context.Context, obj client.Object) []types.NamespacedName {
	keys := r.experimentOwning(ctx, obj)
	return append(keys, r.experimentsThat(ctx, obj.GetNamespace(), func(e *v1alpha1.Experiment) bool {
		for _, t := range e.Spec.Templates {
			if t.Service != nil && t.Service.Name == obj.GetName() {
				return !e.Status.Phase.Completed()
			}
		}
		return false
	})...)
}

// experimentsOf finds the Experiments whose pods stay as long as a Rollout sends
// requests to them.
func (r *experimentReconciler) experimentsOf(ctx context.Context, obj client.Object) []types.NamespacedName {
	return r.experimentsThat(ctx, obj.GetNamespace(), func(e *v1alpha1.Experiment) bool {
		return e.Status.Phase.Completed() && metav1.IsControlledBy(e, obj) && hasService(e)
	})
}

// sameExtraShares is true for changes of a Rollout that leave the requests of
// Experiments where they are.
func sameExtraShares(was, is client.Object) bool {
	a, ok := was.(*v1alpha1.Rollout)
	b, ok2 := is.(*v1alpha1.Rollout)
	return ok && ok2 && a.UID == b.UID && slices.Equal(extraShares(a), extraShares(b))
}

func extraShares(ro *v1alpha1.Rollout) []v1alpha1.WeightDestination {
	if w := ro.Status.Canary.Weights; w != nil {
		return w.Additional
	}
	return nil
}

func hasService(e *v1alpha1.Experiment) bool {
	for _, t := range e.Status.TemplateStatuses {
		if t.ServiceName != "" {
			return true
		}
	}
	return false
}

// experimentsThat lists the Experiments of a namespace for which matches is true.
func (r *experimentReconciler) experimentsThat(ctx context.Context, namespace string, matches func(*v1alpha1.Experiment) bool) []types.NamespacedName {
	list := &v1alpha1.ExperimentList{}
	if err := r.Client.List(ctx, list, client.InNamespace(namespace), shared); err != nil {
		return nil // the next resync looks at every Experiment
	}
	var keys []types.NamespacedName
	for i := range list.Items {
		if matches(&list.Items[i]) {
			keys = append(keys, client.ObjectKeyFromObject(&list.Items[i]))
		}
	}
	return keys
}
