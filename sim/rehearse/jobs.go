package rehearse

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/sim/wildcard"
	"github.com/aviary-rollouts/aviary/sim/world"
)

// Job says how the Jobs of metrics end that run an image.
type Job struct {
	// Image is that of a container; * stands for any text.
	Image string
	// After is how long each of its containers runs; 0 means 10 seconds.
	After time.Duration
	// Failed is true if they end with an error. A Job tries again as often as its
	// backoffLimit says.
	Failed bool
}

// jobTime is how long a Job runs of which nothing is said.
const jobTime = 10 * time.Second

// jobImages hands the Jobs to the simulated cluster. The containers of the
// Rollout do not change by it, even if they run the same image.
func (o Options) jobImages() map[string]world.ImageBehaviour {
	images := map[string]world.ImageBehaviour{}
	for _, j := range o.Jobs {
		images[j.Image] = world.ImageBehaviour{RunFor: cmp.Or(j.After, jobTime), JobFails: j.Failed}
	}
	return images
}

// jobNote says how the Job of a metric ends here, since no program is run.
func (e *evidence) jobNote(u *use, m *v1alpha1.Metric) string {
	var said *Job
	for _, c := range m.Provider.Job.Spec.Template.Spec.Containers {
		if i := slices.IndexFunc(e.options.Jobs, func(j Job) bool { return wildcard.Match(j.Image, c.Image) }); i >= 0 {
			said = &e.options.Jobs[i]
		}
	}
	text := fmt.Sprintf("the Job of metric %q of %s runs no program: each of its pods", m.Name, u.place)
	switch {
	case said == nil:
		return fmt.Sprintf("%s succeeds after %s here; write under jobs if it should not, see --with", text, Duration(jobTime))
	case said.Failed:
		return fmt.Sprintf("%s fails after %s here, as jobs says", text, Duration(cmp.Or(said.After, jobTime)))
	}
	return fmt.Sprintf("%s succeeds after %s here, as jobs says", text, Duration(cmp.Or(said.After, jobTime)))
}
