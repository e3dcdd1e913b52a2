package apply

import (
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/aviary-rollouts/aviary/internal/rollout"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// What passes by itself, or with the Rollout, is nothing to tell people about.
func TestNoting(t *testing.T) {
	sets := schema.GroupResource{Group: "apps", Resource: "replicasets"}
	ending := apierrors.NewForbidden(sets, "web", errors.New("the namespace is being terminated"))
	ending.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{apierrors.NewForbidden(sets, "web", errors.New("no more")), true},
		{apierrors.NewBadRequest("what?"), true},
		{apierrors.NewInvalid(schema.GroupKind{Kind: "ReplicaSet"}, "web", nil), true},
		{&traffic.Failure{Reason: traffic.ReasonNoVirtualService, Err: errors.New("not found")}, true},
		{apierrors.NewConflict(sets, "web", errors.New("changed")), false},
		{apierrors.NewNotFound(sets, "web"), false},
		{apierrors.NewTooManyRequests("slowly", 1), false},
		{apierrors.NewInternalError(errors.New("busy")), false},
		{ending, false},
		{errors.New("connection refused"), false},
	} {
		err := noting(rollout.Route{}, fmt.Errorf("rollout shop/web: %w", c.err))
		refused := (*RefusedAction)(nil)
		if got := errors.As(err, &refused); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%v: refused %t, want %t", c.err, got, c.want)
		}
	}
}
