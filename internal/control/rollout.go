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
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/apply"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/library"
	"github.com/aviary-rollouts/aviary/internal/rollout"
	"github.com/aviary-rollouts/aviary/internal/traffic"
	"github.com/aviary-rollouts/aviary/internal/traffic/istio"
	"github.com/aviary-rollouts/aviary/internal/validate"
)

// shared reads without a copy what the cache holds, which would cost more than
// the decision does: nobody modifies what was observed.
var shared = client.UnsafeDisableDeepCopy

// rolloutReconciler observes one Rollout, asks rollout.Decide, and applies.
type rolloutReconciler struct {
	Deps
	fresh    *freshness
	echoes   *echoes
	patience *patience
	specs    *rolloutSpecs
}

// Reconcile brings one Rollout a safe step forward.
func (r *rolloutReconciler) Reconcile(ctx context.Context, key types.NamespacedName) (time.Time, error) {
	now := r.Clock.Now()
	s, fresh, err := r.observe(ctx, key, now)
	if err != nil || s == nil {
		return time.Time{}, err
	}
	if !fresh {
		return r.echoes.again(key, now), nil
	}
	wake, err := r.carryOut(ctx, key, s, now)
	if errors.Is(err, apply.ErrNameTaken) {
		return time.Time{}, r.countCollision(ctx, s.Rollout)
	}
	if refused := (*apply.RefusedAction)(nil); errors.As(err, &refused) {
		retry, also := r.tellRefused(ctx, key, s, refused, now)
		if wake.After(now) {
			retry = clock.Earlier(retry, wake)
		}
		return retry, errors.Join(err, also)
	}
	return wake, err
}

// tell records the events of a plan that was carried out.
func (r *rolloutReconciler) tell(ro *v1alpha1.Rollout, plan rollout.Plan) {
	for _, note := range plan.Why {
		if note.Event {
			r.Events.Event(ro, note.EventType(), note.Reason, note.Message)
		}
	}
}

// passesAtMost bounds how much is done in one look. Two or three passes are the rule;
// more would be decisions that undo each other.
const passesAtMost = 8

// carryOut decides, does what has to be done and writes the status. What waits for
// nothing but that status is done at once then, pass by pass. It returns when to look
// again, along with the error where that kept nothing else from being done.
func (r *rolloutReconciler) carryOut(ctx context.Context, key types.NamespacedName, s *sight, now time.Time) (wake time.Time, err error) {
	w := &writes{}
	w.executor = r.executor(key, s, now, w.note)
	ahead := rollout.DecideAhead(s.Observed, now)
	for range passesAtMost {
		var done bool
		if ahead, done, err = r.pass(ctx, key, s, w, ahead, now); err != nil {
			if !done {
				return time.Time{}, err
			}
			return ahead.Wake, err
		}
		if ahead.Next == nil {
			break
		}
		ahead = rollout.Ahead{Plan: *ahead.Next}
	}
	if ahead.Settled {
		r.echoes.expect(key, w.versions)
	}
	return ahead.Wake, nil
}

// writes is what one look at a Rollout writes with, and what it wrote.
type writes struct {
	executor apply.Executor
	objects  []client.Object // of one pass, as the server returned them
	versions []version       // of all
}

func (w *writes) note(obj client.Object) {
	w.objects, w.versions = append(w.objects, obj), append(w.versions, versionOf(obj))
}

// pass does what a plan asks for and writes the status last: the one that is right
// after what was done, as far as that is known from the answers. It returns what was
// decided in the end; without Next where that has to be looked at anew. It is done even
// where pods are refused what they are to wear, which is the error then.
func (r *rolloutReconciler) pass(ctx context.Context, key types.NamespacedName, s *sight, w *writes, ahead rollout.Ahead, now time.Time) (_ rollout.Ahead, done bool, _ error) {
	observed, actions := s.Rollout, ahead.Actions
	w.objects = nil
	ro, refused := w.executor.Act(ctx, observed, actions)
	r.noteEvictions(key, s.Pods, actions, now) // some may have been made before what failed
	if ro == nil {
		return ahead, false, refused
	}
	now = r.Clock.Now() // routers may take their time
	if len(ahead.Actions) > 0 {
		ahead = s.after(ahead.Plan, w.objects, now)
	}
	version := ro.ResourceVersion
	ahead, held := r.hold(key, s, &observed.Status, ahead, now)
	if !held && !rollout.SameStatus(s.recorded, &ahead.Status) {
		var err error
		if version, err = r.report(ctx, key, s, w.executor, ro, ahead.Status); err != nil {
			return ahead, false, err
		}
	}
	r.tell(observed, ahead.Plan)
	if refused != nil {
		return ahead, true, refused
	}
	if slices.ContainsFunc(actions, patchesPod) {
		ahead.Wake = soonest(ahead.Wake, now.Add(lookAgainAtPods))
	}
	if ahead.Next != nil && !s.reported(version, ahead.Status) {
		ahead.Next = nil
	}
	return ahead, true, nil
}

// lookAgainAtPods is when a Rollout is looked at again whose pods were dressed: a running
// pod that changes wakes nobody, and its ReplicaSet may be waiting to be dressed after it.
const lookAgainAtPods = time.Second

func patchesPod(a rollout.Action) bool {
	_, is := a.(rollout.PatchPod)
	return is
}

// soonest is the earlier of two times, of which wake may be zero for never.
func soonest(wake, at time.Time) time.Time {
	if wake.IsZero() {
		return at
	}
	return clock.Earlier(wake, at)
}

// hold leaves a status unwritten that can wait, and says so. It returns what is
// left to do then.
func (r *rolloutReconciler) hold(key types.NamespacedName, s *sight, was *v1alpha1.RolloutStatus, ahead rollout.Ahead, now time.Time) (left rollout.Ahead, held bool) {
	until, held := r.patience.holds(key, s.recorded, was, &ahead.Plan, now)
	if held {
		ahead.Status, ahead.Next = *was, nil
	} else if ahead.Settled && beginsStep(s.recorded, &ahead.Plan) {
		stands := func() bool { return s.standsWithoutStatus(now) }
		until, held = r.patience.holdsStep(key, s.Rollout.Generation, s.recorded, &ahead.Status, stands, now)
	}
	if held {
		ahead.Wake = soonest(ahead.Wake, until)
	}
	return ahead, held
}

// report writes a status, after which nothing of the Rollout waits to be written, and tells
// how an update ended. It returns the version that the server made of it.
func (r *rolloutReconciler) report(ctx context.Context, key types.NamespacedName, s *sight, e apply.Executor, ro *v1alpha1.Rollout, status v1alpha1.RolloutStatus) (version string, err error) {
	start := r.Clock.Now()
	if version, err = e.Report(ctx, ro, status); err != nil {
		return "", err
	}
	r.patience.wrote(key, start, r.Clock.Now())
	r.tellEnded(*s.recorded, status)
	return version, nil
}

// noteEvictions remembers which pods were evicted: a view in which they still serve
// would have others evicted, too.
func (r *rolloutReconciler) noteEvictions(key types.NamespacedName, pods []*corev1.Pod, actions []rollout.Action, now time.Time) {
	for _, a := range actions {
		eviction, ok := a.(rollout.EvictPod)
		if i := slices.IndexFunc(pods, func(p *corev1.Pod) bool { return p.Name == eviction.Pod }); ok && i >= 0 {
			r.fresh.evicted(key, pods[i].UID, now)
		}
	}
}

// tellEnded tells how an update ended once that is on record.
func (r *rolloutReconciler) tellEnded(was, is v1alpha1.RolloutStatus) {
	if e, ok := rollout.Ended(was, is); ok && r.Ended != nil {
		r.Ended(e)
	}
}

// executor writes on behalf of one Rollout and tells of what it wrote.
func (r *rolloutReconciler) executor(key types.NamespacedName, s *sight, now time.Time, wrote func(client.Object)) apply.Executor {
	ro, e := s.Rollout, r.fresh.executor(r.Client, key, now, wrote)
	e.Router = istio.Router{Client: e.Client, Seen: &s.routes, Wrote: e.Wrote}
	e.Routed = func(c traffic.Change) { r.Events.Event(ro, corev1.EventTypeNormal, c.Reason, c.Message) }
	return e
}

// observe reads everything that a decision about key looks at. It returns nil
// if the Rollout is gone, and fresh == false if the view misses our own writes.
func (r *rolloutReconciler) observe(ctx context.Context, key types.NamespacedName, now time.Time) (s *sight, fresh bool, err error) {
	ro := &v1alpha1.Rollout{}
	if err := r.Client.Get(ctx, key, ro, shared); err != nil {
		if apierrors.IsNotFound(err) {
			r.fresh.forget(key)
			r.echoes.forget(key)
			r.specs.forget(key)
			r.patience.forget(key)
			return nil, true, nil
		}
		return nil, false, fmt.Errorf("rollout %s: reading it: %w", key, err)
	}
	recorded := &ro.Status
	if status := r.patience.status(key, ro); status != recorded {
		ro = rollout.WithStatus(ro, *status)
	}
	spec := r.specs.of(key, ro)
	s = &sight{facts: spec, recorded: recorded, Observed: rollout.Observed{Rollout: ro, Template: &ro.Spec.Template, Hashes: spec.hashes,
		Selector: ro.Spec.Selector, Services: map[string]*corev1.Service{}}}
	o := &s.Observed
	s.refs.Services = o.Services
	read := append(make([]client.Object, 0, 16), ro)
	templates := noting{Reader: r.Client}
	var pods labels.Selector
	for _, step := range []func() error{
		func() error { return r.readWorkload(ctx, s, &read) },
		func() error { return r.readServices(ctx, o, spec.services) },
		func() error { pods = spec.selector(o.Selector); return r.readReplicaSets(ctx, o, pods, &read) },
		func() error { return r.readPods(ctx, o, pods) },
		func() (err error) { s.routes, err = istio.Router{Client: r.Client}.Read(ctx, spec.routes); return err },
		func() error { return r.readRuns(ctx, o, &read) },
		func() error { return r.readAnswering(ctx, o) },
		func() (err error) {
			o.Templates, err = library.Read(ctx, &templates, ro.Namespace, spec.templates)
			return err
		},
	} {
		if err := step(); err != nil {
			return nil, false, fmt.Errorf("rollout %s: %w", key, err)
		}
	}
	for _, svc := range o.Services {
		read = append(read, svc)
	}
	read = append(read, s.routes.All()...)
	s.templates = templates.versions
	s.judge()
	if o.Routing != nil && o.Routing.Problem == "" {
		if o.Routing.StablePorts, err = r.readStablePorts(ctx, ro, s.routes); err != nil {
			return nil, false, fmt.Errorf("rollout %s: %w", key, err)
		}
	}
	return s, r.fresh.sees(key, read, now) && r.fresh.seesEvictions(key, o.Pods, now), nil
}

// readWorkload takes the template from the object that spec.workloadRef names.
func (r *rolloutReconciler) readWorkload(ctx context.Context, s *sight, read *[]client.Object) error {
	o, refs := &s.Observed, &s.refs
	ref := o.Rollout.Spec.WorkloadRef
	if ref == nil {
		return nil
	}
	key := types.NamespacedName{Namespace: o.Rollout.Namespace, Name: ref.Name}
	obj := newWorkload(ref.Kind)
	if obj == nil {
		return nil // validation refuses the kind
	}
	err := r.Client.Get(ctx, key, obj, shared)
	if err == nil && ref.Kind != "Deployment" && Foreign(obj) {
		obj = newWorkload(ref.Kind)
		err = r.Live.Get(ctx, key, obj)
	}
	if apierrors.IsNotFound(err) {
		refs.WorkloadNotFound = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading %s %s: %w", ref.Kind, ref.Name, err)
	}
	*read = append(*read, obj)
	s.workload = versionOf(obj)
	template, selector, workload := workloadOf(obj, ref)
	o.Template, o.Workload = template, workload
	if o.Selector == nil {
		o.Selector = selector
	}
	o.Hashes = s.facts.ofWorkload(s.workload, o)
	refs.Template, refs.Selector = template, o.Selector
	return nil
}

// newWorkload is an empty object of a kind that may lend its template; nil for others.
func newWorkload(kind string) client.Object {
	switch kind {
	case "Deployment":
		return &appsv1.Deployment{}
	case "ReplicaSet":
		return &appsv1.ReplicaSet{}
	case "PodTemplate":
		return &corev1.PodTemplate{}
	}
	return nil
}

func workloadOf(obj client.Object, ref *v1alpha1.ObjectRef) (*corev1.PodTemplateSpec, *metav1.LabelSelector, *rollout.Workload) {
	w := &rollout.Workload{Kind: ref.Kind, Name: ref.Name, Generation: obj.GetGeneration(), Scalable: true}
	switch obj := obj.(type) {
	case *appsv1.Deployment:
		w.Replicas = ptr.Deref(obj.Spec.Replicas, 1)
		return &obj.Spec.Template, obj.Spec.Selector, w
	case *appsv1.ReplicaSet:
		w.Replicas = ptr.Deref(obj.Spec.Replicas, 1)
		return &obj.Spec.Template, obj.Spec.Selector, w
	}
	t := obj.(*corev1.PodTemplate)
	w.Scalable = false
	return &t.Template, &metav1.LabelSelector{MatchLabels: t.Template.Labels}, w
}

// readServices reads the Services that the strategy names; those that do not
// exist are left out, which validation reports.
func (r *rolloutReconciler) readServices(ctx context.Context, o *rollout.Observed, named []validate.ServiceRef) error {
	for _, ref := range named {
		name, svc := ref.Name, &corev1.Service{}
		err := r.Client.Get(ctx, types.NamespacedName{Namespace: o.Rollout.Namespace, Name: name}, svc, shared)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading Service %s: %w", name, err)
		}
		o.Services[name] = svc
	}
	return nil
}

// readReplicaSets reads the ReplicaSets that the Rollout controls, and those that
// it is going to.
func (r *rolloutReconciler) readReplicaSets(ctx context.Context, o *rollout.Observed, pods labels.Selector, read *[]client.Object) error {
	list := &appsv1.ReplicaSetList{}
	if err := r.Client.List(ctx, list, client.InNamespace(o.Rollout.Namespace), OwnedBy(o.Rollout.UID), shared); err != nil {
		return fmt.Errorf("listing ReplicaSets: %w", err)
	}
	for i := range list.Items {
		rs := &list.Items[i]
		switch {
		case metav1.IsControlledBy(rs, o.Rollout):
			o.ReplicaSets = append(o.ReplicaSets, rs)
			*read = append(*read, rs)
		case left(rs, pods):
			o.Orphans = append(o.Orphans, rs)
			*read = append(*read, rs)
		}
	}
	return nil
}

// left says whether a ReplicaSet was left behind by a Rollout with the same pods,
// which was deleted with --cascade=orphan: a Rollout made it, and nobody owns it.
func left(rs *appsv1.ReplicaSet, pods labels.Selector) bool {
	if rs.Labels[v1alpha1.DefaultRolloutUniqueLabelKey] == "" || metav1.GetControllerOfNoCopy(rs) != nil || rs.DeletionTimestamp != nil {
		return false
	}
	return pods != nil && !pods.Empty() && pods.Matches(labels.Set(rs.Labels)) && pods.Matches(labels.Set(rs.Spec.Template.Labels))
}

// readPods reads those pods of the ReplicaSets that are looked at.
func (r *rolloutReconciler) readPods(ctx context.Context, o *rollout.Observed, selector labels.Selector) error {
	if selector == nil || len(o.ReplicaSets) == 0 {
		return nil
	}
	reader := client.Reader(r.Client)
	switch rollout.NeedsPods(*o) {
	case rollout.NoPods:
		return nil
	case rollout.EveryPod:
		reader = r.Live
	}
	list := &corev1.PodList{}
	if err := reader.List(ctx, list, client.InNamespace(o.Rollout.Namespace), client.MatchingLabelsSelector{Selector: selector}, shared); err != nil {
		return fmt.Errorf("listing pods: %w", err)
	}
	owners := map[types.UID]bool{}
	for _, rs := range o.ReplicaSets {
		owners[rs.UID] = true
	}
	for i := range list.Items {
		if owner := metav1.GetControllerOfNoCopy(&list.Items[i]); owner != nil && owners[owner.UID] {
			o.Pods = append(o.Pods, &list.Items[i])
		}
	}
	return nil
}

// countCollision makes the next decision hash the template differently.
func (r *rolloutReconciler) countCollision(ctx context.Context, ro *v1alpha1.Rollout) error {
	next := ro.DeepCopy()
	next.Status.CollisionCount = ptr.To(ptr.Deref(ro.Status.CollisionCount, 0) + 1)
	if err := r.Client.Status().Patch(ctx, next, client.MergeFromWithOptions(ro, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("rollout %s/%s: counting a hash collision: %w", ro.Namespace, ro.Name, err)
	}
	return nil
}
