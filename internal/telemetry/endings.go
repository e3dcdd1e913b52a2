package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aviary-rollouts/aviary/internal/rollout"
)

// updateBuckets are bounds for the time that an update takes, in seconds: from one of
// a few pods to one that waits for people over a weekend.
var updateBuckets = []float64{10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400, 259200}

// endings are the histograms of updates that have ended, by how they did. They have no
// label for the Rollout, so that their number is bounded.
type endings struct{ took, worked, waited *prometheus.HistogramVec }

func newEndings() endings {
	of := func(name, help string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: updateBuckets}, []string{"status"})
	}
	return endings{
		took:   of("rollout_duration_seconds", "Duration of updates, by how they ended"),
		worked: of("rollout_progression_duration_seconds", "Duration of updates without the time in which they waited for people"),
		waited: of("rollout_manual_pause_duration_seconds", "Time in which updates waited for people"),
	}
}

func (e endings) all() []*prometheus.HistogramVec {
	return []*prometheus.HistogramVec{e.took, e.worked, e.waited}
}

// Ended counts an update that has ended.
func (m *Meters) Ended(e rollout.Ending) {
	for vec, d := range map[*prometheus.HistogramVec]time.Duration{
		m.endings.took: e.Took, m.endings.worked: e.Took - e.Waited, m.endings.waited: e.Waited,
	} {
		vec.WithLabelValues(string(e.Status)).Observe(d.Seconds())
	}
}
