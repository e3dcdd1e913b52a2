package metric

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

// maxReadings bounds how many specs of runs are remembered.
const maxReadings = 1024

// readings remembers what follows from the specs of runs: a run is looked at for each
// of its measurements, and its spec changes when it is terminated.
type readings struct {
	mu   sync.Mutex
	made map[types.UID]madeReading
}

type madeReading struct {
	generation int64
	analysis.Reading
}

// of makes a run ready for questions; see [analysis.Read].
func (r *readings) of(run *v1alpha1.AnalysisRun) *analysis.Analysis {
	if run.UID == "" || run.Status.Phase.Completed() {
		return analysis.Read(run)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m, ok := r.made[run.UID]
	if !ok || m.generation != run.Generation {
		if r.made == nil || len(r.made) >= maxReadings {
			r.made = map[types.UID]madeReading{}
		}
		m = madeReading{run.Generation, analysis.ReadSpec(&run.Spec)}
		r.made[run.UID] = m
	}
	return m.Of(run)
}
