package store

import (
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/podtemplate"
)

// setDefaults fills in what the API server fills in, for every writer: only
// with it does a ReplicaSet that is read back have the template whose hash a
// real cluster has. obj must be private to the caller.
func setDefaults(obj client.Object) {
	switch o := obj.(type) {
	case *corev1.Pod:
		defaultPod(o)
	case *corev1.PodTemplate:
		podtemplate.SetDefaults(&o.Template.Spec)
	case *corev1.Service:
		defaultService(&o.Spec)
	case *corev1.Secret:
		defaultSecret(o)
	case *appsv1.ReplicaSet:
		orPointer(&o.Spec.Replicas, 1)
		podtemplate.SetDefaults(&o.Spec.Template.Spec)
	case *appsv1.Deployment:
		defaultDeployment(&o.Spec)
	case *appsv1.StatefulSet:
		defaultStatefulSet(&o.Spec)
	case *appsv1.DaemonSet:
		defaultDaemonSet(&o.Spec)
	case *batchv1.Job:
		defaultJob(&o.Spec)
	case *autoscalingv2.HorizontalPodAutoscaler:
		defaultAutoscaler(&o.Spec)
	}
}

func defaultDeployment(spec *appsv1.DeploymentSpec) {
	orPointer(&spec.Replicas, 1)
	orPointer(&spec.RevisionHistoryLimit, 10)
	orPointer(&spec.ProgressDeadlineSeconds, 600)
	orDefault(&spec.Strategy.Type, appsv1.RollingUpdateDeploymentStrategyType)
	if spec.Strategy.Type == appsv1.RollingUpdateDeploymentStrategyType {
		orPointer(&spec.Strategy.RollingUpdate, appsv1.RollingUpdateDeployment{})
		orPointer(&spec.Strategy.RollingUpdate.MaxUnavailable, intstr.FromString("25%"))
		orPointer(&spec.Strategy.RollingUpdate.MaxSurge, intstr.FromString("25%"))
	}
	podtemplate.SetDefaults(&spec.Template.Spec)
}

func defaultStatefulSet(spec *appsv1.StatefulSetSpec) {
	orPointer(&spec.Replicas, 1)
	orPointer(&spec.RevisionHistoryLimit, 10)
	orDefault(&spec.PodManagementPolicy, appsv1.OrderedReadyPodManagement)
	orDefault(&spec.UpdateStrategy.Type, appsv1.RollingUpdateStatefulSetStrategyType)
	if spec.UpdateStrategy.Type == appsv1.RollingUpdateStatefulSetStrategyType {
		orPointer(&spec.UpdateStrategy.RollingUpdate, appsv1.RollingUpdateStatefulSetStrategy{})
		orPointer(&spec.UpdateStrategy.RollingUpdate.Partition, 0)
	}
	orPointer(&spec.PersistentVolumeClaimRetentionPolicy, appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{})
	orDefault(&spec.PersistentVolumeClaimRetentionPolicy.WhenDeleted, appsv1.RetainPersistentVolumeClaimRetentionPolicyType)
	orDefault(&spec.PersistentVolumeClaimRetentionPolicy.WhenScaled, appsv1.RetainPersistentVolumeClaimRetentionPolicyType)
	podtemplate.SetDefaults(&spec.Template.Spec)
}

func defaultDaemonSet(spec *appsv1.DaemonSetSpec) {
	orPointer(&spec.RevisionHistoryLimit, 10)
	orDefault(&spec.UpdateStrategy.Type, appsv1.RollingUpdateDaemonSetStrategyType)
	if spec.UpdateStrategy.Type == appsv1.RollingUpdateDaemonSetStrategyType {
		orPointer(&spec.UpdateStrategy.RollingUpdate, appsv1.RollingUpdateDaemonSet{})
		orPointer(&spec.UpdateStrategy.RollingUpdate.MaxUnavailable, intstr.FromInt32(1))
		orPointer(&spec.UpdateStrategy.RollingUpdate.MaxSurge, intstr.FromInt32(0))
	}
	podtemplate.SetDefaults(&spec.Template.Spec)
}

func defaultJob(spec *batchv1.JobSpec) {
	if spec.Completions == nil && spec.Parallelism == nil {
		orPointer(&spec.Completions, 1)
	}
	orPointer(&spec.Parallelism, 1)
	orPointer(&spec.BackoffLimit, 6)
	orPointer(&spec.CompletionMode, batchv1.NonIndexedCompletion)
	orPointer(&spec.Suspend, false)
	orPointer(&spec.ManualSelector, false)
	replacement := batchv1.TerminatingOrFailed
	if spec.PodFailurePolicy != nil {
		replacement = batchv1.Failed
	}
	orPointer(&spec.PodReplacementPolicy, replacement)
	podtemplate.SetDefaults(&spec.Template.Spec)
}

func defaultAutoscaler(spec *autoscalingv2.HorizontalPodAutoscalerSpec) {
	orPointer(&spec.MinReplicas, 1)
	if len(spec.Metrics) == 0 {
		target := int32(80)
		spec.Metrics = []autoscalingv2.MetricSpec{{
			Type: autoscalingv2.ResourceMetricSourceType,
			Resource: &autoscalingv2.ResourceMetricSource{
				Name:   corev1.ResourceCPU,
				Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &target},
			},
		}}
	}
}

// defaultSecret sets the type and moves stringData, which is for writing only,
// into data.
func defaultSecret(s *corev1.Secret) {
	orDefault(&s.Type, corev1.SecretTypeOpaque)
	for k, v := range s.StringData {
		if s.Data == nil {
			s.Data = map[string][]byte{}
		}
		s.Data[k] = []byte(v)
	}
	s.StringData = nil
}
