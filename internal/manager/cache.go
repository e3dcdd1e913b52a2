package manager

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/control"
)

// Uncached lists the kinds that are read from the API server each time: rarely
// needed, and no reason to hold everybody's Secrets in memory.
func Uncached() []client.Object { return []client.Object{&corev1.Secret{}} }

// cacheOptions describe what is kept in memory: our own share of the objects
// under control, Jobs that measure, and of everything else what decisions read. Of pods,
// the most numerous, that is those which have not started: one of them may never do so,
// which the status of its owner does not tell.
func cacheOptions(o Options) cache.Options {
	mine := cache.ByObject{Label: share(o.InstanceID), Transform: transform(trimMetadata)}
	if o.Resync > 0 {
		mine.SyncPeriod = ptr.To(o.Resync)
	}
	options := cache.Options{
		// Objects that are only read in order to decide about others are not
		// looked at again; the default would do so every ten hours.
		ReaderFailOnMissingInformer: true,
		DefaultTransform:            transform(trimMetadata),
		ByObject: map[client.Object]cache.ByObject{
			&v1alpha1.Rollout{}:     mine,
			&v1alpha1.AnalysisRun{}: mine,
			&v1alpha1.Experiment{}:  mine,
			&batchv1.Job{}:          {Label: labelled(v1alpha1.AnalysisRunUIDLabelKey), Transform: transform(trimMetadata)},
			&appsv1.ReplicaSet{}:    {Transform: transform(trimReplicaSet)},
			&appsv1.Deployment{}:    {Transform: transform(trimDeployment)},
			&corev1.PodTemplate{}:   {Transform: transform(trimPodTemplate)},
			&corev1.Pod{}:           {Field: fields.OneTermEqualSelector("status.phase", string(corev1.PodPending)), Transform: transform(trimPod)},
		},
	}
	if o.Namespace != "" {
		options.DefaultNamespaces = map[string]cache.Config{o.Namespace: {}}
	}
	return options
}

// share selects the objects of one controller by their instance id.
func share(id string) labels.Selector {
	if id != "" {
		return labels.SelectorFromSet(labels.Set{v1alpha1.LabelKeyControllerInstanceID: id})
	}
	return require(v1alpha1.LabelKeyControllerInstanceID, selection.DoesNotExist)
}

func labelled(key string) labels.Selector { return require(key, selection.Exists) }

// require panics for a key that is no label: it is a constant of ours.
func require(key string, op selection.Operator) labels.Selector {
	r, err := labels.NewRequirement(key, op, nil)
	if err != nil {
		panic(err)
	}
	return labels.NewSelector().Add(*r)
}

// transform adapts a trimmer to the cache, which also passes tombstones.
func transform[T client.Object](trim func(T)) func(any) (any, error) {
	return func(obj any) (any, error) {
		if t, ok := obj.(T); ok {
			trim(t)
		}
		return obj, nil
	}
}

// trimMetadata drops what no decision reads. Objects that are unstructured are
// written back whole, so that their annotations must stay.
func trimMetadata(obj client.Object) {
	obj.SetManagedFields(nil)
	if _, whole := obj.(*unstructured.Unstructured); whole {
		return
	}
	delete(obj.GetAnnotations(), corev1.LastAppliedConfigAnnotation)
}

// trimReplicaSet keeps those of Rollouts and Experiments, and those of nobody,
// which a Rollout may take its template from. Of the others, which are most, it
// keeps what says whose they are.
func trimReplicaSet(rs *appsv1.ReplicaSet) {
	trimMetadata(rs)
	if !control.Foreign(rs) {
		return
	}
	rs.ObjectMeta = identity(rs)
	rs.Spec = appsv1.ReplicaSetSpec{}
	rs.Status = appsv1.ReplicaSetStatus{}
}

// trimDeployment keeps what a Rollout takes from its workload.
func trimDeployment(d *appsv1.Deployment) {
	trimMetadata(d)
	d.Status = appsv1.DeploymentStatus{}
}

// trimPodTemplate keeps those of nobody, which a Rollout may take its template from. Some
// schedulers make one for each job that waits.
func trimPodTemplate(t *corev1.PodTemplate) {
	trimMetadata(t)
	if control.Foreign(t) {
		t.ObjectMeta, t.Template = identity(t), corev1.PodTemplateSpec{}
	}
}

// trimPod keeps whose a pod is, whether it could be scheduled, and which images it
// waits for. Pods that belong to no ReplicaSet and no Job are
// none of our business.
func trimPod(pod *corev1.Pod) {
	trimMetadata(pod)
	pod.Spec = corev1.PodSpec{}
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil || (owner.Kind != "ReplicaSet" && owner.Kind != "Job") {
		pod.ObjectMeta, pod.Status = identity(pod), corev1.PodStatus{}
		return
	}
	pod.Status = corev1.PodStatus{
		Conditions: slices.DeleteFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type != corev1.PodScheduled
		}),
		InitContainerStatuses: waits(pod.Status.InitContainerStatuses),
		ContainerStatuses:     waits(pod.Status.ContainerStatuses),
	}
}

// waits keeps of containers what they wait for.
func waits(statuses []corev1.ContainerStatus) []corev1.ContainerStatus {
	var kept []corev1.ContainerStatus
	for _, s := range statuses {
		if s.State.Waiting != nil {
			kept = append(kept, corev1.ContainerStatus{Name: s.Name, Image: s.Image, State: corev1.ContainerState{Waiting: s.State.Waiting}})
		}
	}
	return kept
}

// identity is what tells an object from others and says whose it is.
func identity(obj client.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: obj.GetName(), Namespace: obj.GetNamespace(), UID: obj.GetUID(),
		ResourceVersion: obj.GetResourceVersion(), OwnerReferences: obj.GetOwnerReferences(),
	}
}
