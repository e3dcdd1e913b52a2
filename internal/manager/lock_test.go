package manager

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/validation"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
)

// TestLockOfEveryInstance: whatever a label may be, its controllers have a lease of their
// own, and an id that can be part of a name stays as it is.
func TestLockOfEveryInstance(t *testing.T) {
	longest := strings.Repeat("A_", 31) + "A"
	of := map[string]string{}
	for _, c := range []struct{ id, want string }{
		{"", "argo-rollouts-controller-lock"},
		{"blue", "argo-rollouts-controller-lock-blue"},
		{"team-a.v2", "argo-rollouts-controller-lock-team-a.v2"},
		{"Blue", "argo-rollouts-controller-lock-blue-e9dd1fed"},
		{"BLUE", "argo-rollouts-controller-lock-blue-"},
		{"team_a", "argo-rollouts-controller-lock-team-a-"},
		{"team-A", "argo-rollouts-controller-lock-team-a-"},
		{"a..b", "argo-rollouts-controller-lock-a--b-"},
		{"a-.b", "argo-rollouts-controller-lock-a--b-"},
		{longest, "argo-rollouts-controller-lock-" + strings.Repeat("a-", 31) + "a-"},
	} {
		got := managerOptions(nil, Options{InstanceID: c.id, Election: &Election{}}).LeaderElectionID
		if wrong := utilvalidation.IsValidLabelValue(c.id); len(wrong) > 0 {
			t.Errorf("%q can be no label: %v", c.id, wrong)
		}
		if wrong := validation.NameIsDNSSubdomain(got, false); len(wrong) > 0 {
			t.Errorf("the lease of %q cannot be named %q: %v", c.id, got, wrong)
		}
		if hash, changed := strings.CutPrefix(got, c.want); !changed || hash != "" && (!strings.HasSuffix(c.want, "-") || len(hash) != 8) {
			t.Errorf("the lease of %q is %q, want %q", c.id, got, c.want)
		}
		if other, taken := of[got]; taken {
			t.Errorf("%q and %q share the lease %q", c.id, other, got)
		}
		of[got] = c.id
	}
}
