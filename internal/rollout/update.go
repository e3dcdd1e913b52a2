package rollout

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/podtemplate"
)

// updateStarts is true when the template or the list of steps is not the one
// that the status is about, or when its ReplicaSet does not exist yet. A paused
// Rollout starts nothing, and nothing starts again what was given up.
func (d *decision) updateStarts() bool {
	if d.givenUpUncreated() {
		return false
	}
	changed := d.was.CurrentPodHash != d.hash || d.was.CurrentStepHash != d.stepHash
	return changed || d.newRS == nil && !d.spec.Paused
}

// startUpdate creates or finds the ReplicaSet of the template and begins a new
// status. Nothing else happens in that pass, but that a new ReplicaSet begins with
// the pods that the first step gives it.
func (d *decision) startUpdate() {
	templateChanged := d.was.CurrentPodHash != d.hash
	if d.newRS != nil && d.routed() {
		// What it has left of an earlier time is its share of today's replicas.
		d.annotate(d.newRS, v1alpha1.DesiredReplicasAnnotation, strconv.Itoa(int(d.n)))
	}
	if !d.spec.Paused {
		d.claimRevision()
	}
	d.resetStatus()
	d.recoverStable()
	switch {
	case d.status.StableRS == "":
		d.skipToEnd("")
		if d.newRS != nil || !d.spec.Paused {
			d.promote("Initial deploy")
		}
	case d.status.StableRS == d.hash:
		d.skipToEnd("")
		if templateChanged && d.was.CurrentPodHash != "" {
			d.skipToEnd("Rollback to stable ReplicaSets")
			d.completed(v1alpha1.CompletionStatusRolledBack)
		}
	case d.inRollbackWindow():
		d.skipToEnd("Rollback to " + d.kindOfReturn() + " within RollbackWindow")
	}
	d.noteFastRollback(templateChanged)
	if templateChanged && !d.spec.Paused && d.was.StableRS != "" && d.status.StableRS != d.hash {
		d.event("RolloutNotCompleted", "Rollout not completed, started update to revision %d (%s)", d.revision(), d.hash)
	}
	if d.began == v1alpha1.NewReplicaSetReason {
		d.sizeAtBirth()
	}
}

// sizeAtBirth gives a ReplicaSet that is about to be created the size which the next
// decision would give it, and so spares the API server a write.
func (d *decision) sizeAtBirth() {
	o := d.Observed
	o.Rollout, o.ReplicaSets = WithStatus(d.Rollout, *d.status.DeepCopy()), append(slices.Clip(o.ReplicaSets), d.newRS)
	next := Decide(o, d.now)
	for _, a := range next.Actions {
		if u, ok := a.(UpdateReplicaSet); ok && u.ReplicaSet == d.newRS && u.Replicas > 0 {
			d.scaled(d.newRS, u.Replicas)
			d.newRS.Spec.Replicas = &u.Replicas
		}
	}
}

// kindOfReturn names what an update goes back to: upstream says "active" of pods that
// are still there.
func (d *decision) kindOfReturn() string {
	if specReplicas(d.newRS) > 0 {
		return "active ReplicaSets"
	}
	return "a ReplicaSet"
}

// noteFastRollback writes down that an update goes back to a version that need not prove
// itself again, and so skips what it would otherwise have to pass: later nothing else
// shows that. An update that begins again with its first step is none.
func (d *decision) noteFastRollback(began bool) {
	r := d.status.Duration
	switch {
	case r.FinishedAt != nil:
	case !began:
		r.CompletionStatus = ""
	case d.fastRollback():
		r.CompletionStatus = v1alpha1.CompletionStatusFastRolledBack
	}
}

// resetStatus forgets where the previous update stood.
func (d *decision) resetStatus() {
	s := d.status
	if s.CurrentPodHash != d.hash || s.Duration == nil {
		s.Duration = &v1alpha1.RolloutDuration{RolloutStartedAt: ptr.To(d.stamp())}
		if at := d.spec.RestartAt; at != nil && !d.now.Before(at.Time) {
			s.RestartedAt = at.DeepCopy() // an update makes new pods anyway
		}
	}
	s.CurrentPodHash, s.CurrentStepHash = d.hash, d.stepHash
	s.CurrentStepIndex = nil
	if d.stepCount() > 0 {
		s.CurrentStepIndex = ptr.To[int32](0)
	}
	s.Abort, s.AbortedAt, s.PromoteFull = false, nil, false
	s.PauseConditions, s.ControllerPause = nil, false
	d.forgetRuns()
	s.BlueGreen.ScaleUpPreviewCheckPoint = false
	if d.fastRollback() {
		d.skipChecks()
	}
}

// skipChecks puts on record that an update does without its pause and its analyses, so
// that every later decision knows. A retry after an abort forgets it.
func (d *decision) skipChecks() {
	if d.spec.Strategy.BlueGreen != nil {
		d.status.BlueGreen.ScaleUpPreviewCheckPoint = true
		d.status.BlueGreen.PostPromotionAnalysisRunStatus = skipped.DeepCopy()
	} else if d.spec.Strategy.Canary.Analysis != nil {
		d.status.Canary.CurrentBackgroundAnalysisRunStatus = skipped.DeepCopy()
	}
}

// claimRevision creates the ReplicaSet of the template, or gives an existing one
// the next revision: going back to an old template is a new revision of it. A
// scale-down deadline stays until the status is written: it is what shows, after
// a crash, that this is a fast rollback.
func (d *decision) claimRevision() {
	number := d.nextRevision()
	next := strconv.FormatInt(number, 10)
	if d.newRS == nil {
		rs := d.newReplicaSet(next)
		d.do(CreateReplicaSet{ReplicaSet: rs})
		d.newRS = rs
		d.event("RolloutUpdated", "Rollout updated to revision %s", next)
		d.event("NewReplicaSetCreated", "Created ReplicaSet %s (revision %s)", rs.Name, next)
		d.began, d.beganMessage = v1alpha1.NewReplicaSetReason, `Created new replica set "`+rs.Name+`"`
		return
	}
	d.began, d.beganMessage = v1alpha1.FoundNewRSReason, `Found new replica set "`+d.newRS.Name+`"`
	if old := revision(d.newRS); old < number {
		d.annotate(d.newRS, v1alpha1.RevisionAnnotation, next)
		if old > 0 {
			history := d.newRS.Annotations[v1alpha1.RevisionHistoryAnnotation]
			d.annotate(d.newRS, v1alpha1.RevisionHistoryAnnotation, strings.TrimPrefix(history+","+strconv.FormatInt(old, 10), ","))
		}
		d.event("RolloutUpdated", "Rollout updated to revision %s", next)
	}
}

// nextRevision is the number that an update gets which begins now.
func (d *decision) nextRevision() int64 {
	var highest int64
	for _, rs := range d.all {
		if rs != d.newRS {
			highest = max(highest, revision(rs))
		}
	}
	return highest + 1
}

// newReplicaSet is the ReplicaSet of the template, as yet with 0 replicas.
func (d *decision) newReplicaSet(revision string) *appsv1.ReplicaSet {
	template := *d.Template.DeepCopy()
	template.Labels = with(template.Labels, v1alpha1.DefaultRolloutUniqueLabelKey, d.hash)
	selector := d.Selector.DeepCopy()
	selector.MatchLabels = with(selector.MatchLabels, v1alpha1.DefaultRolloutUniqueLabelKey, d.hash)
	labels := with(template.Labels, v1alpha1.DefaultRolloutUniqueLabelKey, d.hash)
	if id := d.Rollout.Labels[v1alpha1.LabelKeyControllerInstanceID]; id != "" {
		labels[v1alpha1.LabelKeyControllerInstanceID] = id
	}
	annotations := map[string]string{}
	for k, v := range d.Rollout.Annotations {
		if k != corev1.LastAppliedConfigAnnotation && !strings.HasPrefix(k, "rollout.argoproj.io/") && !strings.HasPrefix(k, "notif") {
			annotations[k] = v
		}
	}
	if m := d.metadataFor(d.hash); m != nil && len(m.Labels)+len(m.Annotations) > 0 {
		maps.Copy(template.Labels, m.Labels)
		template.Annotations = merged(template.Annotations, m.Annotations)
		annotations[v1alpha1.EphemeralMetadataAnnotation] = metadataJSON(*m)
	}
	if stable := d.status.StableRS; stable != d.hash {
		template.Spec.Affinity = podtemplate.Apart(template.Spec.Affinity, d.antiAffinity(), stable)
	}
	annotations[v1alpha1.RevisionAnnotation] = revision
	annotations[v1alpha1.DesiredReplicasAnnotation] = strconv.Itoa(int(d.n))
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Name:            d.Rollout.Name + "-" + d.hash,
			Namespace:       d.Rollout.Namespace,
			Labels:          labels,
			Annotations:     annotations,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(d.Rollout, v1alpha1.SchemeGroupVersion.WithKind("Rollout"))},
		},
		Spec: appsv1.ReplicaSetSpec{
			Replicas:        ptr.To[int32](0),
			MinReadySeconds: d.spec.MinReadySeconds,
			Selector:        selector,
			Template:        template,
		},
	}
}

// antiAffinity is the rule that keeps new pods off the nodes of the stable ones.
func (d *decision) antiAffinity() *v1alpha1.AntiAffinity {
	if d.spec.Strategy.BlueGreen != nil {
		return d.spec.Strategy.BlueGreen.AntiAffinity
	}
	return d.spec.Strategy.Canary.AntiAffinity
}

// merged is a copy of base with the keys of over; nil if both are empty.
func merged(base, over map[string]string) map[string]string {
	if len(base)+len(over) == 0 {
		return nil
	}
	m := map[string]string{}
	maps.Copy(m, base)
	maps.Copy(m, over)
	return m
}

// revision is the number of the update in force; 0 before the first.
func (d *decision) revision() int64 {
	if d.newRS == nil {
		return 0
	}
	if u := d.updates[d.newRS.Name]; u != nil && u.Annotations[v1alpha1.RevisionAnnotation] != nil {
		n, _ := strconv.ParseInt(*u.Annotations[v1alpha1.RevisionAnnotation], 10, 64)
		return n
	}
	return revision(d.newRS)
}

func (d *decision) revisionText() string { return strconv.FormatInt(d.revision(), 10) }

// annotateRollout shows on the Rollout itself which revision it is at and which
// generation of its workload that came from.
func (d *decision) annotateRollout() {
	var annotations map[string]string
	set := func(key string, number int64) {
		if value := strconv.FormatInt(number, 10); d.Rollout.Annotations[key] != value {
			annotations = with(annotations, key, value)
		}
	}
	if r := d.revision(); r != 0 {
		set(v1alpha1.RevisionAnnotation, r)
	}
	if d.Workload != nil {
		set(v1alpha1.WorkloadGenerationAnnotation, d.Workload.Generation)
	}
	if annotations != nil {
		d.do(AnnotateRollout{Annotations: annotations})
	}
}

// skipToEnd puts the index behind the last step.
func (d *decision) skipToEnd(why string) {
	if count := d.stepCount(); count > 0 {
		d.status.CurrentStepIndex = ptr.To(count)
	}
	if why != "" {
		d.event("SkipSteps", "%s", why)
	}
}

// inRollbackWindow is true when an update starts to a version that was there before
// the stable one, and fewer than spec.rollbackWindow.revisions ReplicaSets were created
// between the two. Whether it has pods left does not matter: without a router it never
// has, and sizes and weights wait for them anyway. Without a record of the stable version
// nothing is known of what was proved.
func (d *decision) inRollbackWindow() bool {
	w := d.spec.RollbackWindow
	if w == nil || d.newRS == nil || d.stableRS == nil || d.was.StableRS == "" || d.was.CurrentPodHash == d.hash {
		return false
	}
	if created := d.newRS.CreationTimestamp; created.IsZero() || !created.Before(&d.stableRS.CreationTimestamp) {
		return false // one that is about to be created has no time yet
	}
	between := int32(0)
	for _, rs := range d.all {
		if d.newRS.CreationTimestamp.Before(&rs.CreationTimestamp) && rs.CreationTimestamp.Before(&d.stableRS.CreationTimestamp) {
			between++
		}
	}
	return between < w.Revisions
}

// with returns a copy of labels that also holds key.
func with(labels map[string]string, key, value string) map[string]string {
	c := make(map[string]string, len(labels)+1)
	for k, v := range labels {
		c[k] = v
	}
	c[key] = value
	return c
}
