package analysis

import (
	"cmp"
	"slices"

	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// defaultHistory is how many runs of an outcome a Rollout keeps.
const defaultHistory = 5

// Surplus lists the runs of a Rollout that are to be deleted, the newest first:
// those whose ReplicaSet is gone, and those that ended and are older than the
// runs to keep, five good and five bad unless limits says otherwise. current has
// the names of the runs that the Rollout looks at, hashes those of its
// ReplicaSets. A run without a hash belongs to no ReplicaSet.
func Surplus(runs []*v1alpha1.AnalysisRun, limits *v1alpha1.AnalysisRunStrategy, current, hashes map[string]bool) []*v1alpha1.AnalysisRun {
	good, bad := int32(defaultHistory), int32(defaultHistory)
	if limits != nil {
		good = ptr.Deref(limits.SuccessfulRunHistoryLimit, good)
		bad = ptr.Deref(limits.UnsuccessfulRunHistoryLimit, bad)
	}
	var surplus []*v1alpha1.AnalysisRun
	for _, run := range newestFirst(runs) {
		if run.DeletionTimestamp != nil || current[run.Name] {
			continue
		}
		left := &bad
		if run.Status.Phase == v1alpha1.AnalysisPhaseSuccessful {
			left = &good
		}
		hash := run.Labels[v1alpha1.DefaultRolloutUniqueLabelKey]
		switch {
		case hash != "" && !hashes[hash]:
			surplus = append(surplus, run)
		case !run.Status.Phase.Completed():
		case *left > 0:
			*left--
		default:
			surplus = append(surplus, run)
		}
	}
	return surplus
}

// newestFirst sorts by time of creation; runs of one second by name, so that the
// .2 of a name comes before its .1 and .10 before both.
func newestFirst(runs []*v1alpha1.AnalysisRun) []*v1alpha1.AnalysisRun {
	sorted := slices.Clone(runs)
	slices.SortStableFunc(sorted, func(a, b *v1alpha1.AnalysisRun) int {
		return cmp.Or(
			b.CreationTimestamp.Time.Compare(a.CreationTimestamp.Time),
			cmp.Compare(len(b.Name), len(a.Name)),
			cmp.Compare(b.Name, a.Name),
		)
	})
	return sorted
}
