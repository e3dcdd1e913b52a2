package world

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/utils/dump"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/control"
	"github.com/aviary-rollouts/aviary/internal/equal"
)

const (
	revisionAnnotation = "deployment.kubernetes.io/revision"
	desiredAnnotation  = "deployment.kubernetes.io/desired-replicas"
	maxAnnotation      = "deployment.kubernetes.io/max-replicas"
)

// deployments is the Deployment controller as far as a workload that a Rollout
// refers to, or a plain Deployment next to one, needs it: rolling update within
// surge and unavailability, Recreate, pause, history limit, status. It does
// not spread a scale change over several ReplicaSets in proportion, nor judge
// progress deadlines.
type deployments struct {
	client client.Client
	now    func() time.Time
}

func (d *deployments) row() control.Controller {
	return control.Controller{
		Name: "deployment-controller", For: &appsv1.Deployment{}, Reconcile: d.reconcile,
		Watches: []control.Watch{{Kind: &appsv1.ReplicaSet{}, Keys: ownerKeys("Deployment")}},
	}
}

// family is a Deployment with its ReplicaSets.
type family struct {
	*appsv1.Deployment
	current *appsv1.ReplicaSet // of the present template; nil if not created yet
	old     []*appsv1.ReplicaSet
}

func (d *deployments) reconcile(ctx context.Context, key types.NamespacedName) (time.Time, error) {
	deployment := &appsv1.Deployment{}
	if err := d.client.Get(ctx, key, deployment); err != nil {
		if apierrors.IsNotFound(err) {
			return time.Time{}, nil
		}
		return time.Time{}, fmt.Errorf("read Deployment %s: %w", key, err)
	}
	f, err := d.family(ctx, deployment)
	if err != nil {
		return time.Time{}, err
	}
	if deployment.DeletionTimestamp == nil {
		if err := d.roll(ctx, f); err != nil {
			return time.Time{}, err
		}
	}
	return time.Time{}, d.report(ctx, f)
}

// family reads the ReplicaSets that the Deployment controls.
func (d *deployments) family(ctx context.Context, deployment *appsv1.Deployment) (*family, error) {
	var list appsv1.ReplicaSetList
	if err := d.client.List(ctx, &list, client.InNamespace(deployment.Namespace)); err != nil {
		return nil, fmt.Errorf("list the ReplicaSets of Deployment %s/%s: %w", deployment.Namespace, deployment.Name, err)
	}
	f := &family{Deployment: deployment}
	for i := range list.Items {
		rs := &list.Items[i]
		switch {
		case !metav1.IsControlledBy(rs, deployment):
		case f.current == nil && sameTemplate(&rs.Spec.Template, &deployment.Spec.Template):
			f.current = rs
		default:
			f.old = append(f.old, rs)
		}
	}
	slices.SortFunc(f.old, func(a, b *appsv1.ReplicaSet) int {
		return cmp.Or(cmp.Compare(revision(a), revision(b)), cmp.Compare(a.Name, b.Name))
	})
	return f, nil
}

// sameTemplate compares templates without the label that makes them differ.
func sameTemplate(a, b *corev1.PodTemplateSpec) bool {
	a, b = a.DeepCopy(), b.DeepCopy()
	delete(a.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
	delete(b.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
	return equal.Objects(a, b)
}

func revision(rs *appsv1.ReplicaSet) int64 {
	n, err := strconv.ParseInt(rs.Annotations[revisionAnnotation], 10, 64)
	if err != nil {
		return 0 // not numbered by this controller
	}
	return n
}

// roll makes one step of the update: create, scale up, scale down, clean up.
func (d *deployments) roll(ctx context.Context, f *family) error {
	if f.Spec.Paused {
		return d.scalePaused(ctx, f)
	}
	recreate := f.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType
	if recreate && f.oldPods() > 0 {
		return d.drain(ctx, f, f.oldPods())
	}
	if f.current == nil {
		if err := d.createReplicaSet(ctx, f); err != nil {
			return err
		}
	}
	if err := d.number(ctx, f); err != nil {
		return err
	}
	surge, unavailable := f.limits()
	if err := d.scale(ctx, f, f.current, f.newSize(surge)); err != nil {
		return err
	}
	if err := d.drain(ctx, f, f.surplus(unavailable)); err != nil {
		return err
	}
	return d.cleanUp(ctx, f)
}

// scalePaused follows spec.replicas without rolling, as a paused Deployment
// does: its newest ReplicaSet with pods takes the change.
func (d *deployments) scalePaused(ctx context.Context, f *family) error {
	target := f.current
	if target == nil && len(f.old) > 0 {
		target = f.old[len(f.old)-1]
	}
	if target == nil {
		return nil
	}
	size := f.wanted() - (f.total() - wantedReplicas(target.Spec.Replicas))
	return d.scale(ctx, f, target, max(0, size))
}

func (f *family) wanted() int32 { return wantedReplicas(f.Spec.Replicas) }

// all lists the ReplicaSets, the newest last.
func (f *family) all() []*appsv1.ReplicaSet {
	if f.current == nil {
		return f.old
	}
	return append(slices.Clone(f.old), f.current)
}

// total is the number of pods that all ReplicaSets ask for.
func (f *family) total() (n int32) {
	for _, rs := range f.all() {
		n += wantedReplicas(rs.Spec.Replicas)
	}
	return n
}

func (f *family) oldPods() (n int32) {
	for _, rs := range f.old {
		n += max(rs.Status.Replicas, wantedReplicas(rs.Spec.Replicas))
	}
	return n
}

func (f *family) available() (n int32) {
	for _, rs := range f.all() {
		n += rs.Status.AvailableReplicas
	}
	return n
}

// limits resolves maxSurge (rounded up) and maxUnavailable (rounded down), 25%
// each by default; if both are 0, one pod may be unavailable.
func (f *family) limits() (surge, unavailable int32) {
	if f.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		return 0, f.wanted()
	}
	quarter := intstr.FromString("25%")
	maxSurge, maxUnavailable := &quarter, &quarter
	if r := f.Spec.Strategy.RollingUpdate; r != nil {
		maxSurge, maxUnavailable = cmp.Or(r.MaxSurge, maxSurge), cmp.Or(r.MaxUnavailable, maxUnavailable)
	}
	surge, unavailable = share(maxSurge, f.wanted(), true), share(maxUnavailable, f.wanted(), false)
	if surge == 0 && unavailable == 0 {
		unavailable = 1
	}
	return surge, min(unavailable, f.wanted())
}

// share resolves a limit; one that cannot be read counts as 0, because the API
// server refuses it.
func share(v *intstr.IntOrString, of int32, roundUp bool) int32 {
	n, err := intstr.GetScaledValueFromIntOrPercent(v, int(of), roundUp)
	if err != nil {
		return 0
	}
	return int32(n)
}

// newSize is what the current ReplicaSet may grow to now.
//
//	3 wanted, surge 1, old 3 and new 0: 4 may exist, so 1.
func (f *family) newSize(surge int32) int32 {
	have := wantedReplicas(f.current.Spec.Replicas)
	if have > f.wanted() {
		return f.wanted()
	}
	room := f.wanted() + surge - f.total()
	return have + max(0, min(room, f.wanted()-have))
}

// surplus is how many old pods may go now without falling below the floor:
// what all ask for, less the floor, less the new pods that are not available.
func (f *family) surplus(unavailable int32) int32 {
	floor := f.wanted() - unavailable
	newUnavailable := wantedReplicas(f.current.Spec.Replicas) - f.current.Status.AvailableReplicas
	return f.total() - floor - max(0, newUnavailable)
}

// drain takes up to n pods from the old ReplicaSets: first those that are not
// available, then the others, the oldest ReplicaSet first.
func (d *deployments) drain(ctx context.Context, f *family, n int32) error {
	take := map[types.UID]int32{}
	for _, rs := range f.old {
		idle := max(0, wantedReplicas(rs.Spec.Replicas)-rs.Status.AvailableReplicas)
		take[rs.UID] = max(0, min(idle, n))
		n -= take[rs.UID]
	}
	spare := min(n, f.available()-(f.wanted()-f.unavailable()))
	for _, rs := range f.old {
		left := wantedReplicas(rs.Spec.Replicas) - take[rs.UID]
		more := max(0, min(left, spare))
		spare -= more
		if err := d.scale(ctx, f, rs, left-more); err != nil {
			return err
		}
	}
	return nil
}

func (f *family) unavailable() int32 {
	_, n := f.limits()
	return n
}

// number gives the current ReplicaSet the highest revision and notes it on the
// Deployment.
func (d *deployments) number(ctx context.Context, f *family) error {
	highest := int64(0)
	for _, rs := range f.old {
		highest = max(highest, revision(rs))
	}
	if revision(f.current) <= highest {
		setAnnotation(f.current, revisionAnnotation, strconv.FormatInt(highest+1, 10))
		if err := d.client.Update(ctx, f.current); err != nil {
			return fmt.Errorf("number ReplicaSet %s/%s: %w", f.Namespace, f.current.Name, err)
		}
	}
	number := f.current.Annotations[revisionAnnotation]
	if f.Annotations[revisionAnnotation] == number {
		return nil
	}
	setAnnotation(f.Deployment, revisionAnnotation, number)
	if err := d.client.Update(ctx, f.Deployment); err != nil {
		return fmt.Errorf("number Deployment %s/%s: %w", f.Namespace, f.Name, err)
	}
	return nil
}

func setAnnotation(obj metav1.Object, key, value string) {
	annotations := maps.Clone(obj.GetAnnotations())
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	obj.SetAnnotations(annotations)
}

// createReplicaSet creates the ReplicaSet of the present template, empty.
func (d *deployments) createReplicaSet(ctx context.Context, f *family) error {
	hash := templateHash(&f.Spec.Template)
	zero := int32(0)
	rs := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: f.Namespace, Name: f.Name + "-" + hash, Labels: withHash(f.Spec.Template.Labels, hash),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(f.Deployment, appsv1.SchemeGroupVersion.WithKind("Deployment"))},
		},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: &zero, MinReadySeconds: f.Spec.MinReadySeconds,
			Selector: f.Spec.Selector.DeepCopy(), Template: *f.Spec.Template.DeepCopy(),
		},
	}
	rs.Spec.Selector.MatchLabels = withHash(rs.Spec.Selector.MatchLabels, hash)
	rs.Spec.Template.Labels = withHash(rs.Spec.Template.Labels, hash)
	if err := d.client.Create(ctx, rs); err != nil {
		return fmt.Errorf("create ReplicaSet %s/%s: %w", rs.Namespace, rs.Name, err)
	}
	f.current = rs
	return nil
}

func withHash(labels map[string]string, hash string) map[string]string {
	out := map[string]string{appsv1.DefaultDeploymentUniqueLabelKey: hash}
	for k, v := range labels {
		out[k] = v
	}
	return out
}

// templateHash is the Deployment controller's own hash of a pod template: FNV
// over the Go structure. It is not the hash of Rollouts.
func templateHash(template *corev1.PodTemplateSpec) string {
	h := fnv.New32a()
	fmt.Fprintf(h, "%v", dump.ForHash(*template)) // writing to a hash cannot fail
	return rand.SafeEncodeString(strconv.FormatUint(uint64(h.Sum32()), 10))
}

// scale sets the size of one ReplicaSet and the two annotations that say what
// the Deployment wanted at that time.
func (d *deployments) scale(ctx context.Context, f *family, rs *appsv1.ReplicaSet, size int32) error {
	surge, _ := f.limits()
	desired, most := strconv.Itoa(int(f.wanted())), strconv.Itoa(int(f.wanted()+surge))
	if wantedReplicas(rs.Spec.Replicas) == size && rs.Annotations[desiredAnnotation] == desired && rs.Annotations[maxAnnotation] == most {
		return nil
	}
	rs.Spec.Replicas = &size
	setAnnotation(rs, desiredAnnotation, desired)
	setAnnotation(rs, maxAnnotation, most)
	if err := d.client.Update(ctx, rs); err != nil {
		return fmt.Errorf("scale ReplicaSet %s/%s to %d: %w", rs.Namespace, rs.Name, size, err)
	}
	return nil
}

// cleanUp deletes the oldest empty ReplicaSets beyond revisionHistoryLimit
// (10 by default), once the update is complete.
func (d *deployments) cleanUp(ctx context.Context, f *family) error {
	limit := 10
	if f.Spec.RevisionHistoryLimit != nil {
		limit = int(*f.Spec.RevisionHistoryLimit)
	}
	for _, rs := range f.old[:max(0, len(f.old)-limit)] {
		if rs.Status.Replicas > 0 || wantedReplicas(rs.Spec.Replicas) > 0 || rs.Generation > rs.Status.ObservedGeneration {
			continue
		}
		if err := client.IgnoreNotFound(d.client.Delete(ctx, rs)); err != nil {
			return fmt.Errorf("delete ReplicaSet %s/%s: %w", rs.Namespace, rs.Name, err)
		}
	}
	return nil
}

// report writes the Deployment's status if it is news.
func (d *deployments) report(ctx context.Context, f *family) error {
	status := f.status(d.now())
	if equal.Objects(&status, &f.Status) {
		return nil
	}
	f.Deployment.Status = status
	if err := d.client.Status().Update(ctx, f.Deployment); err != nil {
		return fmt.Errorf("report Deployment %s/%s: %w", f.Namespace, f.Name, err)
	}
	return nil
}

func (f *family) status(now time.Time) appsv1.DeploymentStatus {
	s := appsv1.DeploymentStatus{ObservedGeneration: f.Generation, CollisionCount: f.Status.CollisionCount}
	for _, rs := range f.all() {
		s.Replicas += rs.Status.Replicas
		s.ReadyReplicas += rs.Status.ReadyReplicas
		s.AvailableReplicas += rs.Status.AvailableReplicas
	}
	if f.current != nil {
		s.UpdatedReplicas = f.current.Status.Replicas
	}
	s.UnavailableReplicas = max(0, f.total()-s.AvailableReplicas)
	s.Conditions = f.conditions(s, apiTime(now))
	return s
}

// conditions are Available and Progressing; a condition that says what it said
// before keeps its times.
func (f *family) conditions(s appsv1.DeploymentStatus, now metav1.Time) []appsv1.DeploymentCondition {
	available := appsv1.DeploymentCondition{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionFalse,
		Reason: "MinimumReplicasUnavailable", Message: "Deployment does not have minimum availability."}
	if s.AvailableReplicas >= f.wanted()-f.unavailable() {
		available.Status = corev1.ConditionTrue
		available.Reason, available.Message = "MinimumReplicasAvailable", "Deployment has minimum availability."
	}
	progressing := appsv1.DeploymentCondition{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: "ReplicaSetUpdated"}
	if f.current != nil {
		progressing.Message = fmt.Sprintf("ReplicaSet %q is progressing.", f.current.Name)
		if s.UpdatedReplicas == f.wanted() && s.Replicas == f.wanted() && s.AvailableReplicas == f.wanted() {
			progressing.Reason = "NewReplicaSetAvailable"
			progressing.Message = fmt.Sprintf("ReplicaSet %q has successfully progressed.", f.current.Name)
		}
	}
	out := []appsv1.DeploymentCondition{available, progressing}
	for i := range out {
		out[i].LastTransitionTime, out[i].LastUpdateTime = now, now
		for _, old := range f.Status.Conditions {
			if old.Type == out[i].Type && old.Status == out[i].Status {
				out[i].LastTransitionTime = old.LastTransitionTime
				if old.Reason == out[i].Reason && old.Message == out[i].Message {
					out[i].LastUpdateTime = old.LastUpdateTime
				}
			}
		}
	}
	return out
}
