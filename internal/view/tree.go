package view

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Objects is what a tree is built from. The lists may hold objects that belong
// to others: owner references decide.
type Objects struct {
	Rollout      *v1alpha1.Rollout
	ReplicaSets  []appsv1.ReplicaSet
	Pods         []corev1.Pod
	Experiments  []v1alpha1.Experiment
	AnalysisRuns []v1alpha1.AnalysisRun
	Jobs         []batchv1.Job
	// Workload is the object that spec.workloadRef names; nil without one or
	// when it was not found.
	Workload metav1.Object
}

// RolloutInfo is a Rollout as people look at it.
type RolloutInfo struct {
	Summary
	// ActualWeight is the share of traffic that reaches the new version, in
	// the unit of SetWeight. It means something for canaries only.
	ActualWeight int32
	// Images lists the images of all pods, sorted by name.
	Images []Image
	// Age is the time since the Rollout was created; negative if unknown.
	Age time.Duration
	// Revisions holds the children, newest revision first.
	Revisions []Revision
}

// Revision groups what one revision of the pod template brought about.
type Revision struct {
	// Number counts from 1. Objects that carry no revision yet are under 0.
	Number       int64
	ReplicaSets  []ReplicaSet
	Experiments  []Experiment
	AnalysisRuns []AnalysisRun
}

// Rollout builds the tree of one Rollout as of now.
func Rollout(o Objects, now time.Time) RolloutInfo {
	info := RolloutInfo{
		Summary: Summarize(o.Rollout, o.Workload),
		Age:     age(o.Rollout, now),
	}
	owner := ownerOf(v1alpha1.KindRollout, o.Rollout)
	revisions := map[int64]*Revision{}
	at := func(child metav1.Object) *Revision {
		n := RevisionOf(child)
		if revisions[n] == nil {
			revisions[n] = &Revision{Number: n}
		}
		return revisions[n]
	}
	for _, rs := range owned(owner, o.ReplicaSets) {
		r := at(rs)
		r.ReplicaSets = append(r.ReplicaSets, o.replicaSet(rs, roles(o.Rollout, rs), now))
	}
	for _, e := range owned(owner, o.Experiments) {
		r := at(e)
		r.Experiments = append(r.Experiments, o.experiment(e, now))
	}
	for _, run := range owned(owner, o.AnalysisRuns) {
		r := at(run)
		r.AnalysisRuns = append(r.AnalysisRuns, o.analysisRun(run, now))
	}
	for _, r := range revisions {
		info.Revisions = append(info.Revisions, *r)
	}
	slices.SortFunc(info.Revisions, func(a, b Revision) int { return cmp.Compare(b.Number, a.Number) })
	info.ActualWeight = actualWeight(o.Rollout, info.SetWeight, info.Revisions)
	info.Images = images(info.Revisions)
	return info
}

// RevisionOf reads the revision of a ReplicaSet, an Experiment or an
// AnalysisRun; 0 if it has none.
func RevisionOf(o metav1.Object) int64 {
	n, err := strconv.ParseInt(o.GetAnnotations()[v1alpha1.RevisionAnnotation], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// owner identifies the controller of a child.
type owner struct{ kind, name, uid string }

func ownerOf(kind string, o metav1.Object) owner {
	return owner{kind: kind, name: o.GetName(), uid: string(o.GetUID())}
}

// owned returns pointers to the objects that o controls, oldest first, those of
// the same second by name.
func owned[T any, P interface {
	*T
	metav1.Object
}](o owner, all []T) []P {
	var mine []P
	for i := range all {
		p := P(&all[i])
		ref := metav1.GetControllerOfNoCopy(p)
		if ref != nil && o == (owner{kind: ref.Kind, name: ref.Name, uid: string(ref.UID)}) {
			mine = append(mine, p)
		}
	}
	slices.SortStableFunc(mine, oldestFirst[P])
	return mine
}

func oldestFirst[P metav1.Object](a, b P) int {
	at, bt := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	return cmp.Or(at.Time.Compare(bt.Time), cmp.Compare(a.GetName(), b.GetName()))
}

// age is negative for an object that the API server has not stamped.
func age(o metav1.Object, now time.Time) time.Duration {
	created := o.GetCreationTimestamp()
	if created.IsZero() {
		return -1
	}
	return max(0, now.Sub(created.Time))
}
