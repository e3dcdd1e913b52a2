package telemetry

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/rollout"
)

// The time of an update is what it worked and what it waited.
func TestEndings(t *testing.T) {
	m, _ := metersOf(t)
	m.Ended(rollout.Ending{Status: v1alpha1.CompletionStatusPromoted, Took: 10 * time.Minute, Waited: 7 * time.Minute})
	m.Ended(rollout.Ending{Status: v1alpha1.CompletionStatusPromoted, Took: time.Minute})
	m.Ended(rollout.Ending{Status: v1alpha1.CompletionStatusAborted, Took: time.Minute})
	sums := map[string]string{
		"rollout_duration_seconds":              `rollout_duration_seconds_sum{status="Promoted"} 660`,
		"rollout_progression_duration_seconds":  `rollout_progression_duration_seconds_sum{status="Promoted"} 240`,
		"rollout_manual_pause_duration_seconds": `rollout_manual_pause_duration_seconds_sum{status="Promoted"} 420`,
	}
	for name, want := range sums {
		text, err := testutil.CollectAndFormat(m, expfmt.TypeTextPlain, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{want, name + `_count{status="Promoted"} 2`, name + `_count{status="Aborted"} 1`} {
			if !strings.Contains(string(text), line) {
				t.Errorf("%s is not in\n%s", line, text)
			}
		}
	}
}
