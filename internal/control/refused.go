package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/apply"
	"github.com/aviary-rollouts/aviary/internal/rollout"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// The reasons of events about what the API server refuses.
const (
	updateRefused  = "ReplicaSetUpdateError"
	anotherRefused = "ReconciliationError"
)

// tellRefused tells people what the API server refuses to a Rollout: nobody but them can
// change that. Without its new ReplicaSet an update has not begun, without an AnalysisRun or
// an Experiment it does not move, and its status says why. It returns when to try again.
func (r *rolloutReconciler) tellRefused(ctx context.Context, key types.NamespacedName, s *sight, refused *apply.RefusedAction, now time.Time) (wake time.Time, err error) {
	reason, message := anotherRefused, refused.Error()
	switch a := refused.Action.(type) {
	case rollout.CreateReplicaSet:
		reason, message = v1alpha1.FailedRSCreateReason, fmt.Sprintf("Failed to create new replica set %q: %s", a.ReplicaSet.Name, apiReason(refused.Err))
	case rollout.CreateRun:
		reason, message = v1alpha1.FailedRunCreateReason, fmt.Sprintf("Failed to create AnalysisRun %q: %s", a.Run.Name, apiReason(refused.Err))
	case rollout.CreateExperiment:
		reason, message = v1alpha1.FailedExperimentCreateReason, fmt.Sprintf("Failed to create Experiment %q: %s", a.Experiment.Name, apiReason(refused.Err))
	case rollout.UpdateReplicaSet:
		reason, message = updateRefused, fmt.Sprintf("Failed to update replica set %q: %s", a.ReplicaSet.Name, apiReason(refused.Err))
	case rollout.Route:
		reason, message = routingRefused(refused.Err)
	}
	r.Events.Event(s.Rollout, corev1.EventTypeWarning, reason, message)
	var plan rollout.Plan
	switch a := refused.Action.(type) {
	case rollout.CreateReplicaSet:
		plan = rollout.NotCreated(s.Observed, message, now)
	case rollout.CreateRun:
		plan = rollout.NotStarted(s.Observed, rollout.Refusal{Name: a.Run.Name, Reason: reason, Message: message}, now)
	case rollout.CreateExperiment:
		plan = rollout.NotStarted(s.Observed, rollout.Refusal{Name: a.Experiment.Name, Reason: reason, Message: message}, now)
	default:
		return now.Add(rollout.RefusedRetry), nil
	}
	if rollout.SameStatus(s.recorded, &plan.Status) {
		return plan.Wake, nil
	}
	if _, err := r.report(ctx, key, s, r.executor(key, s, now, func(client.Object) {}), s.Rollout, plan.Status); err != nil {
		return time.Time{}, err
	}
	r.tell(s.Rollout, plan)
	return plan.Wake, nil
}

// routingRefused is the reason and the message of an event about traffic that cannot be
// moved.
func routingRefused(err error) (reason, message string) {
	if missing := (*traffic.Failure)(nil); errors.As(err, &missing) {
		return missing.Reason, missing.Error()
	}
	return traffic.ReasonError, apiReason(err)
}
