package apply

import (
	"errors"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/aviary-rollouts/aviary/internal/rollout"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// RefusedAction is returned when the API server will not have what a Rollout needs
// done: a policy or a quota forbids it, it is invalid, or what routes traffic is not
// there. It is tried again, since these are changed by people, who have to be told.
type RefusedAction struct {
	Action rollout.Action
	// Err is what was being done and what the API server said.
	Err error
}

// Error says what was being done and why it was not.
func (e *RefusedAction) Error() string { return e.Err.Error() }

// Unwrap returns what the API server said.
func (e *RefusedAction) Unwrap() error { return e.Err }

// noting makes a refusal of an error that does not pass by itself. A namespace that is
// about to go takes the Rollout with it.
func noting(a rollout.Action, err error) error {
	if errors.As(err, new(*traffic.Failure)) {
		return &RefusedAction{a, err}
	}
	if Refuses(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return &RefusedAction{a, err}
	}
	return err
}

// Refuses is true for the answers of an API server that will be the same the next time.
func Refuses(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err)
}
