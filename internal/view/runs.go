package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Experiment is one Experiment, of a Rollout or of its own.
type Experiment struct {
	Name string
	// Status is the phase of the Experiment.
	Status       string
	Age          time.Duration
	ReplicaSets  []ReplicaSet
	AnalysisRuns []AnalysisRun
}

// AnalysisRun is one AnalysisRun of a Rollout or of an Experiment.
type AnalysisRun struct {
	Name string
	// Status is the phase of the AnalysisRun.
	Status string
	Age    time.Duration
	// The number of measurements by result, over all metrics that count.
	Successful, Failed, Inconclusive, Error int32
	// Jobs holds the latest Job of each metric that measures by Jobs.
	Jobs []Job
}

// Job is one Job of an AnalysisRun.
type Job struct {
	Name string
	// Status is Running, Successful or Failed.
	Status string
	Age    time.Duration
}

// experiment looks at one Experiment, its ReplicaSets and its runs.
func (o Objects) experiment(e *v1alpha1.Experiment, now time.Time) Experiment {
	v := Experiment{Name: e.Name, Status: runStatus(string(e.Status.Phase)), Age: age(e, now)}
	owner := ownerOf(v1alpha1.KindExperiment, e)
	sets := owned(owner, o.ReplicaSets)
	// They are made together, and may yet be of two seconds.
	slices.SortStableFunc(sets, func(a, b *appsv1.ReplicaSet) int { return cmp.Compare(a.Name, b.Name) })
	for _, rs := range sets {
		v.ReplicaSets = append(v.ReplicaSets, o.replicaSet(rs, nil, now))
	}
	for _, run := range owned(owner, o.AnalysisRuns) {
		v.AnalysisRuns = append(v.AnalysisRuns, o.analysisRun(run, now))
	}
	return v
}

// analysisRun looks at one AnalysisRun and its Jobs.
func (o Objects) analysisRun(run *v1alpha1.AnalysisRun, now time.Time) AnalysisRun {
	v := AnalysisRun{Name: run.Name, Status: runStatus(string(run.Status.Phase)), Age: age(run, now)}
	for _, m := range run.Status.MetricResults {
		if m.DryRun {
			continue
		}
		v.Successful += m.Successful
		v.Failed += m.Failed
		v.Inconclusive += m.Inconclusive
		v.Error += m.Error
	}
	for _, j := range latestJobs(o.jobsOf(run)) {
		v.Jobs = append(v.Jobs, Job{Name: j.Name, Status: jobStatus(j), Age: age(j, now)})
	}
	return v
}

// jobsOf finds the Jobs of a run by the label that they carry: a Job of another
// namespace has no owner.
func (o Objects) jobsOf(run *v1alpha1.AnalysisRun) []*batchv1.Job {
	var jobs []*batchv1.Job
	for i := range o.Jobs {
		j := &o.Jobs[i]
		if j.Labels[v1alpha1.AnalysisRunUIDLabelKey] == string(run.UID) {
			jobs = append(jobs, j)
		}
	}
	slices.SortStableFunc(jobs, oldestFirst[*batchv1.Job])
	return jobs
}

// runStatus is Pending for a run that its controller has not seen.
func runStatus(phase string) string {
	return cmp.Or(phase, string(v1alpha1.AnalysisPhasePending))
}

// latestJobs keeps the newest Job of each metric. Jobs come oldest first and
// are named <run uid>.<metric>.<measurement>.
func latestJobs(jobs []*batchv1.Job) []*batchv1.Job {
	latest := map[string]*batchv1.Job{}
	for _, j := range jobs {
		metric := j.Name
		if i := strings.LastIndex(metric, "."); i >= 0 {
			metric = metric[:i]
		}
		if old := latest[metric]; old == nil || !sooner(j, old) {
			latest[metric] = j
		}
	}
	return slices.DeleteFunc(jobs, func(j *batchv1.Job) bool {
		for _, kept := range latest {
			if kept == j {
				return false
			}
		}
		return true
	})
}

// sooner orders Jobs of one metric: measurement 9 comes before 10.
func sooner(a, b *batchv1.Job) bool {
	return cmp.Or(
		a.CreationTimestamp.Time.Compare(b.CreationTimestamp.Time),
		cmp.Compare(len(a.Name), len(b.Name)),
		cmp.Compare(a.Name, b.Name),
	) < 0
}

func jobStatus(j *batchv1.Job) string {
	for _, c := range j.Status.Conditions {
		switch {
		case c.Status != corev1.ConditionTrue:
		case c.Type == batchv1.JobComplete:
			return string(v1alpha1.AnalysisPhaseSuccessful)
		case c.Type == batchv1.JobFailed:
			return string(v1alpha1.AnalysisPhaseFailed)
		}
	}
	return string(v1alpha1.AnalysisPhaseRunning)
}

// tally is "✔ 2,✖ 4": the measurements of a run by result, those of none left
// out.
func (r AnalysisRun) tally() string {
	var parts []string
	for _, c := range []struct {
		icon  string
		count int32
	}{{iconGood, r.Successful}, {iconBad, r.Failed}, {iconUnknown, r.Inconclusive}, {iconWarn, r.Error}} {
		if c.count > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", c.icon, c.count))
		}
	}
	return strings.Join(parts, ",")
}
