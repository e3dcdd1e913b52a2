package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
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
	if analysis.SameStatus(&observed.Status, &plan.Status) {
		return nil
	}
	// Of the answer only the metadata counts, so only that is asked for.
	run := &metav1.PartialObjectMetadata{ObjectMeta: identity(observed)}
	run.SetGroupVersionKind(v1alpha1.SchemeGroupVersion.WithKind("AnalysisRun"))
	if err := e.Client.Patch(ctx, run, runStatus{observed.ResourceVersion, plan.Status}); err != nil {
		return fmt.Errorf("analysisrun %s: writing the status: %w", client.ObjectKeyFromObject(observed), err)
	}
	e.wrote(run)
	return nil
}

// runStatus is a merge patch that replaces the status of a run and nothing else:
// its status is no subresource, and a spec that we do not know all of must survive.
// The patch is refused if somebody changed the run since it was read.
type runStatus struct {
	resourceVersion string
	status          v1alpha1.AnalysisRunStatus
}

// Type is that of a merge patch.
func (runStatus) Type() types.PatchType { return types.MergePatchType }

// Data returns the patch as JSON.
func (p runStatus) Data(client.Object) ([]byte, error) {
	change := struct {
		Metadata map[string]string `json:"metadata"`
		Status   struct {
			v1alpha1.AnalysisRunStatus
			// Message is removed when it is empty: everything else stays once
			// it is there.
			Message *string `json:"message"`
		} `json:"status"`
	}{Metadata: map[string]string{"resourceVersion": p.resourceVersion}}
	change.Status.AnalysisRunStatus = p.status
	if p.status.Message != "" {
		change.Status.Message = &p.status.Message
	}
	return json.Marshal(change)
}

// PatchGo changes a run as a server changes it that is sent the JSON. It is for
// servers that live in this process, as that of the simulator does, and spares them
// a list of results that grows with each measurement in two directions. It reports
// false where the two ways might differ; the run is then as it was.
func (p runStatus) PatchGo(obj client.Object) bool {
	run, ok := obj.(*v1alpha1.AnalysisRun)
	if !ok || removes(run.Status, p.status) || p.hasFractions() {
		return false
	}
	run.ResourceVersion = p.resourceVersion
	p.status.DeepCopyInto(&run.Status)
	return true
}

// removes reports whether something would be gone from a status that JSON leaves
// out, so that a merge keeps what was there.
func removes(old, status v1alpha1.AnalysisRunStatus) bool {
	was, is := ptr.Deref(old.DryRunSummary, v1alpha1.RunSummary{}), ptr.Deref(status.DryRunSummary, v1alpha1.RunSummary{})
	return len(old.MetricResults) > 0 && len(status.MetricResults) == 0 ||
		old.StartedAt != nil && status.StartedAt == nil ||
		old.CompletedAt != nil && status.CompletedAt == nil ||
		old.DryRunSummary != nil && status.DryRunSummary == nil ||
		falls(old.RunSummary, status.RunSummary) || falls(was, is)
}

// falls reports whether a count returns to zero.
func falls(old, summary v1alpha1.RunSummary) bool {
	return old.Count != 0 && summary.Count == 0 || old.Successful != 0 && summary.Successful == 0 ||
		old.Failed != 0 && summary.Failed == 0 || old.Inconclusive != 0 && summary.Inconclusive == 0 ||
		old.Error != 0 && summary.Error == 0
}

// partsOfSeconds reports whether one of some times, which may be nil, has a part of a
// second.
func partsOfSeconds(times ...*metav1.Time) bool {
	return slices.ContainsFunc(times, func(t *metav1.Time) bool { return t != nil && t.Nanosecond() != 0 })
}

// hasFractions reports whether a time has a part of a second, which JSON drops.
func (p runStatus) hasFractions() bool {
	return partsOfSeconds(p.status.StartedAt, p.status.CompletedAt) || slices.ContainsFunc(p.status.MetricResults, func(r v1alpha1.MetricResult) bool {
		return slices.ContainsFunc(r.Measurements, func(m v1alpha1.Measurement) bool {
			return partsOfSeconds(m.StartedAt, m.FinishedAt, m.ResumeAt)
		})
	})
}
