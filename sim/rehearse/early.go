package rehearse

import (
	"fmt"
	"time"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// tooEarly finds a metric that is measured before its query has seen enough of the new
// version.
func (r *Report) tooEarly(e *evidence, u *use, m *v1alpha1.Metric) {
	window := e.window(m)
	switch u.kind {
	case "background":
		r.mixedWeights(e, u, m, window)
	case "experiment":
		r.earlyInExperiment(u, m, window)
	case "post-promotion":
		r.earlyAfterSwitch(e, u, m, window)
	case "pre-promotion":
		// Users are with the old version, however long one waits: see mixedVersions.
	default:
		r.shortPause(e, u, m, window)
	}
}

// earlyInExperiment finds a metric of an Experiment that is measured when its pods have
// only begun to serve.
func (r *Report) earlyInExperiment(u *use, m *v1alpha1.Metric, window time.Duration) {
	delay, _ := time.ParseDuration(string(m.InitialDelay)) // 0 if there is none
	if delay < window {
		r.warn("window", u.step, "metric %q of %s looks back %s and is measured %s: the first measurement sees %s of the experiment; set initialDelay to %s",
			m.Name, u.place, Duration(window), atOnce(delay), Duration(delay), Duration(window))
	}
}

// earlyAfterSwitch finds a metric of a post-promotion analysis that sees the time before
// the switch.
func (r *Report) earlyAfterSwitch(e *evidence, u *use, m *v1alpha1.Metric, window time.Duration) {
	delay, _ := time.ParseDuration(string(m.InitialDelay)) // 0 if there is none
	served := delay + r.sinceSwitch(e, u.kind)
	if served >= window {
		return
	}
	sees := "the first measurement sees " + Duration(served).String() + " of the new version"
	if least, most, told := r.sharesOfNew(e, u, m); told {
		sees = fmt.Sprintf("of the requests that it counts, %s went to the new version, the rest to the one before", between(least, most))
	}
	r.warn("window", 0, "metric %q of %s looks back %s and is measured %s after the switch: %s; set initialDelay to %s",
		m.Name, u.place, Duration(window), Duration(served), sees, Duration(window-served+delay))
}

// sinceSwitch is how long the new version had had the users when an analysis began; 0 if
// that was not seen.
func (r *Report) sinceSwitch(e *evidence, kind string) time.Duration {
	for _, run := range e.runs {
		if run.kind != kind {
			continue
		}
		for _, row := range r.Timeline {
			if row.Active > r.FirstDeploy.Stable {
				return time.Duration(max(run.began-row.At, 0))
			}
		}
	}
	return 0
}
