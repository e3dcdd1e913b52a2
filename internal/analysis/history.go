package analysis

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// defaultHistory is how many runs, or Experiments, of an outcome a Rollout keeps.
const defaultHistory = 5

// Surplus lists the runs of a Rollout, or its Experiments, that are to be deleted, the
// newest first: those whose ReplicaSet is gone, and those that ended and are older than
// the ones to keep, five good and five bad unless limits says otherwise. phase tells how
// one does, current has the names of those that the Rollout looks at, hashes those of
// its ReplicaSets. What has no hash belongs to no ReplicaSet.
func Surplus[T metav1.Object](all []T, phase func(T) v1alpha1.AnalysisPhase, limits *v1alpha1.AnalysisRunStrategy, current, hashes map[string]bool) []T {
	good, bad := int32(defaultHistory), int32(defaultHistory)
	if limits != nil {
		good = ptr.Deref(limits.SuccessfulRunHistoryLimit, good)
		bad = ptr.Deref(limits.UnsuccessfulRunHistoryLimit, bad)
	}
	var surplus []T
	for _, one := range newestFirst(all) {
		if one.GetDeletionTimestamp() != nil || current[one.GetName()] {
			continue
		}
		left := &bad
		if phase(one) == v1alpha1.AnalysisPhaseSuccessful {
			left = &good
		}
		hash := one.GetLabels()[v1alpha1.DefaultRolloutUniqueLabelKey]
		switch {
		case hash != "" && !hashes[hash]:
			surplus = append(surplus, one)
		case !phase(one).Completed():
		case *left > 0:
			*left--
		default:
			surplus = append(surplus, one)
		}
	}
	return surplus
}

// newestFirst sorts by time of creation; what is of one second by name, so that the
// .2 of a name comes before its .1 and .10 before both.
func newestFirst[T metav1.Object](all []T) []T {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b T) int {
		return cmp.Or(
			b.GetCreationTimestamp().Compare(a.GetCreationTimestamp().Time),
			cmp.Compare(len(b.GetName()), len(a.GetName())),
			cmp.Compare(b.GetName(), a.GetName()),
		)
	})
	return sorted
}
