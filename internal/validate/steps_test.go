package validate

import (
	"slices"
	"testing"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

func TestRoutesToNobody(t *testing.T) {
	header := func(match ...v1alpha1.HeaderRoutingMatch) v1alpha1.CanaryStep {
		return v1alpha1.CanaryStep{SetHeaderRoute: &v1alpha1.SetHeaderRoute{Name: "testers", Match: match}}
	}
	on, off := header(v1alpha1.HeaderRoutingMatch{HeaderName: "x"}), header()
	scale := func(n int32) v1alpha1.CanaryStep {
		return v1alpha1.CanaryStep{SetCanaryScale: &v1alpha1.SetCanaryScale{Replicas: &n}}
	}
	weight := func(w int32) v1alpha1.CanaryStep { return v1alpha1.CanaryStep{SetWeight: &w} }
	match := v1alpha1.CanaryStep{SetCanaryScale: &v1alpha1.SetCanaryScale{MatchTrafficWeight: true}}
	for _, c := range []struct {
		name  string
		steps []v1alpha1.CanaryStep
		want  []int
	}{
		{"before anything", []v1alpha1.CanaryStep{on, weight(20), on}, []int{0}},
		{"taken back", []v1alpha1.CanaryStep{off}, nil},
		{"behind a scale", []v1alpha1.CanaryStep{scale(1), on}, nil},
		{"behind a scale to nothing", []v1alpha1.CanaryStep{weight(20), scale(0), on, match, on}, []int{2}},
		{"behind a weight of 0", []v1alpha1.CanaryStep{weight(20), weight(0), on}, []int{2}},
	} {
		if got := RoutesToNobody(c.steps); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
