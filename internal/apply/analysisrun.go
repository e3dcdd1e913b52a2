package apply

import (
	"context"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

// AnalysisRun carries out the plan of one AnalysisRun, which must be as observed:
// it writes the status if it changed, or deletes the run.
func (e Executor) AnalysisRun(ctx context.Context, observed *v1alpha1.AnalysisRun, plan analysis.Plan) error {
	if plan.Delete {
		return e.delete(ctx, observed)
	}
	if sameStatus(observed.Status, plan.Status) {
		return nil
	}
	patch, err := statusPatch(observed, plan.Status)
	if err != nil {
		return fmt.Errorf("analysisrun %s: encoding the status: %w", client.ObjectKeyFromObject(observed), err)
	}
	run := observed.DeepCopy()
	if err := e.Client.Patch(ctx, run, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("analysisrun %s: writing the status: %w", client.ObjectKeyFromObject(observed), err)
	}
	e.wrote(run)
	return nil
}

// statusPatch replaces the status of a run and nothing else: its status is no
// subresource, and a spec that we do not know all of must survive. The patch is
// refused if somebody changed the run since it was read.
func statusPatch(run *v1alpha1.AnalysisRun, status v1alpha1.AnalysisRunStatus) ([]byte, error) {
	change := struct {
		Metadata map[string]string `json:"metadata"`
		Status   struct {
			v1alpha1.AnalysisRunStatus
			// Message is removed when it is empty: everything else stays once
			// it is there.
			Message *string `json:"message"`
		} `json:"status"`
	}{Metadata: map[string]string{"resourceVersion": run.ResourceVersion}}
	change.Status.AnalysisRunStatus = status
	if status.Message != "" {
		change.Status.Message = &status.Message
	}
	return json.Marshal(change)
}
