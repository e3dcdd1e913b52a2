package ops

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Promote moves an update on. Full skips all steps, pauses and analyses that
// are left. Otherwise a pause ends; without a pause a canary skips the step
// that it is at, and blue/green is left alone. A manual pause ends in all
// cases.
func Promote(ctx context.Context, c client.Client, key types.NamespacedName, full bool) error {
	unpause := false
	err := again(func() error {
		ro, err := Get(ctx, c, key)
		if err != nil {
			return err
		}
		unpause = ro.Spec.Paused
		f := promotion(ro)
		if full {
			f = fullPromotion(ro)
		}
		if f == nil {
			return nil
		}
		// A patch that is made for what was read: if the controller takes a
		// step in between, the old index plus one would lead back.
		patch := mergePatch(fields{"metadata": fields{"resourceVersion": ro.ResourceVersion}, "status": f})
		return Rollouts.explain(ctx, c, key, "promote", c.Status().Patch(ctx, Rollouts.named(key), patch))
	})
	if err != nil || !unpause {
		return err
	}
	return Resume(ctx, c, key)
}

// fullPromotion is nil when the newest version is already stable.
func fullPromotion(ro *v1alpha1.Rollout) fields {
	if ro.Status.CurrentPodHash == ro.Status.StableRS {
		return nil
	}
	return fields{"promoteFull": true}
}

// promotion says what moves a Rollout on by one. It never both ends a pause
// and skips a step, but for an inconclusive analysis step, which would only
// run again. status.controllerPause stays set when a pause is ended: by that
// the controller knows that a person did it.
func promotion(ro *v1alpha1.Rollout) fields {
	s := &ro.Status
	canary := ro.Spec.Strategy.Canary
	more := canary != nil && s.CurrentStepIndex != nil && int(*s.CurrentStepIndex) < len(canary.Steps)
	switch {
	case more && inconclusiveStep(ro):
		return fields{"pauseConditions": nil, "controllerPause": false, "currentStepIndex": *s.CurrentStepIndex + 1}
	case len(s.PauseConditions) > 0:
		return fields{"pauseConditions": nil}
	case more:
		return fields{"currentStepIndex": *s.CurrentStepIndex + 1}
	}
	return nil
}

// inconclusiveStep is true while the analysis of the current step waits for a
// person's judgement.
func inconclusiveStep(ro *v1alpha1.Rollout) bool {
	run := ro.Status.Canary.CurrentStepAnalysisRunStatus
	return run != nil && run.Status == v1alpha1.AnalysisPhaseInconclusive &&
		slices.ContainsFunc(ro.Status.PauseConditions, func(p v1alpha1.PauseCondition) bool {
			return p.Reason == v1alpha1.PauseReasonInconclusiveAnalysis
		})
}
