package label

import (
	"testing"

	"k8s.io/apimachinery/pkg/labels"
)

// TestAll agrees with the selectors of apimachinery, where a value may be empty, too.
func TestAll(t *testing.T) {
	sets := []map[string]string{
		nil, {"app": "web"}, {"app": "api"}, {"app": ""}, {"app": "web", "tier": "front"}, {"tier": ""},
	}
	for _, there := range sets {
		for _, wanted := range sets {
			want := labels.SelectorFromSet(wanted).Matches(labels.Set(there))
			if got := All(there, wanted); got != want {
				t.Errorf("All(%v, %v) = %t, want %t", there, wanted, got, want)
			}
		}
	}
}
