package rig

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/aviary-rollouts/aviary/scenarios/backend"
)

// quotas limit pods with a ResourceQuota.
type quotas struct{ scene *backend.Live }

// SetQuota allows so many pods; a negative number allows any.
func (q quotas) SetQuota(ctx context.Context, namespace string, pods int) error {
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "pods"}}
	if pods < 0 {
		return client.IgnoreNotFound(q.scene.Client().Delete(ctx, quota))
	}
	_, err := controllerutil.CreateOrUpdate(ctx, q.scene.Client(), quota, func() error {
		quota.Spec.Hard = corev1.ResourceList{corev1.ResourcePods: *resource.NewQuantity(int64(pods), resource.DecimalSI)}
		return nil
	})
	if err != nil {
		return fmt.Errorf("set the quota of %s: %w", namespace, err)
	}
	return nil
}
