package manager

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/control"
	"github.com/aviary-rollouts/aviary/internal/telemetry"
)

// TestAnalysisAlone keeps the watches of AnalysisRuns and no others.
func TestAnalysisAlone(t *testing.T) {
	all := control.Controllers(control.Deps{})
	if alone := analysisAlone(all); len(alone) != 1 || alone[0].Name != "analysisrun" || len(all) < 3 {
		t.Errorf("got %d of %d controllers", len(alone), len(all))
	}
}

// TestEveryLookIsCounted: the answer of a controller gets to its queue, whatever is counted
// of it, while nothing exists and there is nothing to do.
func TestEveryLookIsCounted(t *testing.T) {
	scheme, err := newScheme()
	if err != nil {
		t.Fatal(err)
	}
	meters := telemetry.New("v1")
	meters.Observe(fake.NewClientBuilder().WithScheme(scheme).Build(), true)
	r := &runner{meters: meters, clock: clock.Real{}}
	for _, c := range control.Controllers(control.Deps{}) {
		answer := clock.Real{}.Now().Add(time.Hour)
		c.Reconcile = func(context.Context, types.NamespacedName) (time.Time, error) { return answer, nil }
		result, err := r.reconciler(c).Reconcile(t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "shop", Name: "web"}})
		if err != nil || result.RequeueAfter <= 0 {
			t.Errorf("%s: again in %s, error %v", c.Name, result.RequeueAfter, err)
		}
	}
}

// What is nobody's fault is no error in the log.
func TestPasses(t *testing.T) {
	resource := schema.GroupResource{Group: "apps", Resource: "replicasets"}
	rollouts := schema.GroupResource{Group: "argoproj.io", Resource: "rollouts"}
	going := apierrors.NewForbidden(resource, "web", errors.New("the namespace is being terminated"))
	going.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("broken"), false},
		{apierrors.NewForbidden(resource, "web", errors.New("no rights")), false},
		{apierrors.NewConflict(resource, "web", errors.New("changed")), true},
		{fmt.Errorf("creating ReplicaSet web: %w", going), true},
		{fmt.Errorf("writing the status: %w", apierrors.NewNotFound(rollouts, "web")), true},
		{apierrors.NewNotFound(rollouts, "another"), false},
		{apierrors.NewNotFound(resource, "web"), false},
	} {
		if got := passes(c.err, "rollout", "web"); got != c.want {
			t.Errorf("%v: %t", c.err, got)
		}
	}
}
