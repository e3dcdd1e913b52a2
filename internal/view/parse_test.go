package view

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// printed reads a printed output back into the objects behind it.
type printed struct {
	t      testing.TB
	header map[string]string
	images map[string][]string // image -> roles
	o      Objects

	revision   string
	rollout    *v1alpha1.Rollout
	replicaSet *appsv1.ReplicaSet
	experiment *v1alpha1.Experiment
	run        *v1alpha1.AnalysisRun
	rows       int
}

var treeRow = regexp.MustCompile(`^[│├└─ ]*(⟳|#|⧉|□|Σ|α|⊞) (\S+)(?: +(\S+) +(\S) (\S+) +(\S+) *(.*?))? *$`)

// parsePrinted builds the objects of an output. m is the strategy of the
// manifest beside it, nil for blue/green.
func parsePrinted(t testing.TB, text string, m *manifest) Objects {
	p := &printed{t: t, header: map[string]string{}, images: map[string][]string{}}
	head, tree, _ := strings.Cut(text, "NAME ")
	p.readHeader(head)
	p.makeRollout(m)
	for _, line := range strings.Split(tree, "\n")[1:] {
		if strings.TrimSpace(line) == "" {
			continue
		}
		f := treeRow.FindStringSubmatch(line)
		if f == nil {
			t.Fatalf("cannot read the row %q", line)
		}
		p.rows++
		p.readRow(f[1], f[2], f[5], f[6], f[7])
	}
	p.finish()
	return p.o
}

func (p *printed) readHeader(text string) {
	label := ""
	for _, line := range strings.Split(text, "\n") {
		name, value, found := strings.Cut(strings.TrimSpace(line), ":")
		if strings.HasPrefix(line, "     ") || label == "Images" && !regexp.MustCompile(`^[A-Z]`).MatchString(line) {
			value = strings.TrimSpace(line) // a further image
		} else if found {
			label, value = name, strings.TrimSpace(value)
			p.header[label] = value
		}
		if label == "Images" {
			image, roles, _ := strings.Cut(value, " (")
			p.images[image] = append([]string{}, strings.Split(strings.TrimSuffix(roles, ")"), ", ")...)
		}
	}
}

func (p *printed) number(label string) int32 {
	n, err := strconv.Atoi(strings.TrimSpace(p.header[label]))
	if err != nil && p.header[label] != "" {
		p.t.Fatalf("%s: %v", label, err)
	}
	return int32(n)
}

func (p *printed) makeRollout(m *manifest) {
	ro := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: p.header["Namespace"], UID: "rollout", Generation: 3}}
	ro.Spec.Replicas = ptr.To(p.number("Desired"))
	s := &ro.Status
	s.ObservedGeneration = "3"
	s.Message = p.header["Message"]
	s.Abort = strings.HasPrefix(s.Message, "RolloutAborted")
	s.Replicas, s.UpdatedReplicas = p.number("Current"), p.number("Updated")
	s.ReadyReplicas, s.AvailableReplicas = p.number("Ready"), p.number("Available")
	if m == nil {
		ro.Spec.Strategy.BlueGreen = &v1alpha1.BlueGreenStrategy{}
	} else {
		canary := &v1alpha1.CanaryStrategy{Steps: m.steps}
		ro.Spec.Strategy.Canary = canary
		if step, _, ok := strings.Cut(p.header["Step"], "/"); ok {
			i, _ := strconv.Atoi(step)
			s.CurrentStepIndex = ptr.To(int32(i))
		} else if p.header["Step"] == "" && p.header["Strategy"] == "" {
			s.CurrentStepIndex = ptr.To(int32(len(m.steps)))
		}
		if m.routed {
			canary.TrafficRouting = &v1alpha1.RolloutTrafficRouting{}
			s.Canary.Weights = &v1alpha1.TrafficWeights{}
			s.Canary.Weights.Canary.Weight = p.number("ActualWeight") % 100 // 0 once all is promoted
		}
	}
	p.rollout, p.o.Rollout = ro, ro
}

// meta is the metadata of a child that was created age ago. Rows come oldest
// first; an age without seconds leaves room for that order.
func (p *printed) meta(name, age, ownerKind, ownerName string, ownerUID types.UID) metav1.ObjectMeta {
	d, fine := parseAge(p.t, age)
	if !fine {
		d += time.Duration(59-p.rows%60) * time.Second
	}
	m := metav1.ObjectMeta{
		Name: name, Namespace: p.header["Namespace"], UID: types.UID("uid-of-" + name),
		CreationTimestamp: metav1.NewTime(now.Add(-d)),
		Annotations:       map[string]string{},
		Labels:            map[string]string{},
	}
	if ownerKind != "" {
		m.OwnerReferences = []metav1.OwnerReference{{Kind: ownerKind, Name: ownerName, UID: ownerUID, Controller: ptr.To(true)}}
	}
	return m
}

var ageParts = regexp.MustCompile(`^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$`)

// parseAge reads an age of kubectl. It is fine if seconds are to be seen.
func parseAge(t testing.TB, age string) (d time.Duration, fine bool) {
	f := ageParts.FindStringSubmatch(age)
	if f == nil || age == "" {
		t.Fatalf("cannot read the age %q", age)
	}
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		n, _ := strconv.Atoi(f[i+1])
		d += time.Duration(n) * unit
	}
	return d, d < 10*time.Minute
}

func (p *printed) readRow(icon, name, status, age, info string) {
	switch icon {
	case iconRollout:
		created := p.meta(name, age, "", "", "").CreationTimestamp
		p.rollout.Name, p.rollout.CreationTimestamp = name, created
		p.rollout.Status.Phase = v1alpha1.RolloutPhase(status)
	case iconRevision:
		p.revision = strings.TrimPrefix(name, "revision:")
		p.experiment = nil
	case iconReplicaSet:
		p.readReplicaSet(name, status, age, info)
	case iconPod:
		p.readPod(name, status, age, info)
	case iconExperiment:
		e := v1alpha1.Experiment{ObjectMeta: p.meta(name, age, "Rollout", p.rollout.Name, "rollout")}
		e.Annotations[v1alpha1.RevisionAnnotation] = p.revision
		e.Status.Phase = v1alpha1.AnalysisPhase(status)
		p.o.Experiments = append(p.o.Experiments, e)
		p.experiment = &p.o.Experiments[len(p.o.Experiments)-1]
	case iconAnalysisRun:
		p.readRun(name, status, age, info)
	case iconJob:
		p.readJob(name, status, age)
	}
}

// parent is the Experiment above a row if the names say so, else the Rollout.
func (p *printed) parent(name string) (kind, owner string, uid types.UID) {
	if p.experiment != nil && strings.HasPrefix(name, p.experiment.Name+"-") {
		return "Experiment", p.experiment.Name, p.experiment.UID
	}
	p.experiment = nil
	return "Rollout", p.rollout.Name, p.rollout.UID
}

func (p *printed) readReplicaSet(name, status, age, info string) {
	kind, owner, uid := p.parent(name)
	rs := appsv1.ReplicaSet{ObjectMeta: p.meta(name, age, kind, owner, uid)}
	rs.Spec.Replicas = ptr.To(int32(0))
	role, delay, hash := "", "", ""
	for _, tag := range strings.Split(info, ",") {
		if d, ok := strings.CutPrefix(tag, "delay:"); ok {
			delay = d
		} else if role == "" {
			role = tag
		}
	}
	if kind == "Rollout" {
		hash = strings.TrimPrefix(name, owner+"-")
		rs.Annotations[v1alpha1.RevisionAnnotation] = p.revision
		rs.Labels[v1alpha1.DefaultRolloutUniqueLabelKey] = hash
		p.learnRoles(hash, info)
	} else {
		role = iconExperiment + ":" + strings.TrimPrefix(name, owner+"-")
	}
	switch delay {
	case "":
	case "passed":
		rs.Annotations[v1alpha1.ScaleDownDeadlineAnnotation] = now.Format(time.RFC3339)
	default:
		d, _ := parseAge(p.t, delay)
		rs.Annotations[v1alpha1.ScaleDownDeadlineAnnotation] = now.Add(d).Format(time.RFC3339)
	}
	rs.Spec.Template.Spec.Containers = []corev1.Container{{Name: "main", Image: p.imageOf(role)}}
	p.o.ReplicaSets = append(p.o.ReplicaSets, rs)
	p.replicaSet = &p.o.ReplicaSets[len(p.o.ReplicaSets)-1]
}

// imageOf finds the image that is printed with a role; "" finds the one
// without any.
func (p *printed) imageOf(role string) string {
	for image, roles := range p.images {
		for _, r := range roles {
			if r == role {
				return image
			}
		}
	}
	return "not-printed:1"
}

func (p *printed) learnRoles(hash, info string) {
	s := &p.rollout.Status
	for _, tag := range strings.Split(info, ",") {
		switch tag {
		case RoleStable:
			s.StableRS = hash
		case RoleCanary:
			s.CurrentPodHash = hash
		case RolePreview:
			s.CurrentPodHash, s.BlueGreen.PreviewSelector = hash, hash
		case RoleActive:
			s.BlueGreen.ActiveSelector = hash
		}
	}
}

func (p *printed) readPod(name, status, age, info string) {
	pod := corev1.Pod{ObjectMeta: p.meta(name, age, "ReplicaSet", p.replicaSet.Name, p.replicaSet.UID)}
	var ready, total int
	if _, err := fmt.Sscanf(info, "ready:%d/%d", &ready, &total); err != nil {
		p.t.Fatalf("pod %s: %q: %v", name, info, err)
	}
	for i := range total {
		container := fmt.Sprintf("c%d", i)
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: container})
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: container, Ready: i < ready,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		})
	}
	pod.Status.Phase = corev1.PodRunning
	switch {
	case status == "Terminating":
		pod.DeletionTimestamp = ptr.To(metav1.NewTime(now))
	case status == "Running":
		*p.replicaSet.Spec.Replicas++
		p.replicaSet.Status.Replicas++
		p.replicaSet.Status.AvailableReplicas++
	case status == "Init:1/2":
		*p.replicaSet.Spec.Replicas++
		p.replicaSet.Status.Replicas++
		pod.Status.Phase = corev1.PodPending
		pod.Spec.InitContainers = []corev1.Container{
			{Name: "init"},
			{Name: "proxy", RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways)},
		}
		pod.Status.InitContainerStatuses = []corev1.ContainerStatus{
			{Name: "init", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed"}}},
			{Name: "proxy", Started: ptr.To(false), State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
		}
	default:
		p.t.Fatalf("pod %s: no objects for the status %q", name, status)
	}
	p.o.Pods = append(p.o.Pods, pod)
}

func (p *printed) readRun(name, status, age, info string) {
	kind, owner, uid := p.parent(name)
	run := v1alpha1.AnalysisRun{ObjectMeta: p.meta(name, age, kind, owner, uid)}
	if kind == "Rollout" {
		run.Annotations[v1alpha1.RevisionAnnotation] = p.revision
	}
	run.Status.Phase = v1alpha1.AnalysisPhase(status)
	first, second := v1alpha1.MetricResult{Name: "a"}, v1alpha1.MetricResult{Name: "b"}
	for _, part := range strings.Split(info, ",") {
		icon, number, _ := strings.Cut(part, " ")
		n, err := strconv.Atoi(number)
		if err != nil {
			p.t.Fatalf("run %s: %q", name, info)
		}
		// Spread the measurements over two metrics: the sum is printed.
		switch count := int32(n); icon {
		case iconGood:
			first.Successful, second.Successful = count/2, count-count/2
		case iconBad:
			first.Failed, second.Failed = count/2, count-count/2
		case iconUnknown:
			first.Inconclusive = count
		case iconWarn:
			first.Error = count
		}
	}
	dry := v1alpha1.MetricResult{Name: "dry", DryRun: true, Failed: 7}
	run.Status.MetricResults = []v1alpha1.MetricResult{first, second, dry}
	p.o.AnalysisRuns = append(p.o.AnalysisRuns, run)
	p.run = &p.o.AnalysisRuns[len(p.o.AnalysisRuns)-1]
}

// readJob adds the Job of the row and the earlier ones that are not printed.
func (p *printed) readJob(name, status, age string) {
	dot := strings.LastIndex(name, ".")
	last, _ := strconv.Atoi(name[dot+1:])
	for i := 1; i <= last; i++ {
		j := batchv1.Job{ObjectMeta: p.meta(fmt.Sprintf("%s.%d", name[:dot], i), age, "AnalysisRun", p.run.Name, p.run.UID)}
		j.Labels[v1alpha1.AnalysisRunUIDLabelKey] = string(p.run.UID)
		j.CreationTimestamp = metav1.NewTime(j.CreationTimestamp.Add(time.Duration(i-last) * time.Second))
		kind := batchv1.JobComplete
		if status == "Failed" {
			kind = batchv1.JobFailed
		}
		j.Status.Conditions = []batchv1.JobCondition{{Type: kind, Status: corev1.ConditionTrue}}
		p.o.Jobs = append(p.o.Jobs, j)
	}
}

// finish fills in what only the whole tree tells.
func (p *printed) finish() {
	s := &p.rollout.Status
	if s.CurrentPodHash == "" {
		s.CurrentPodHash = s.StableRS
	}
	if s.BlueGreen.PreviewSelector == "" {
		s.BlueGreen.PreviewSelector = s.BlueGreen.ActiveSelector
	}
	if s.Phase == v1alpha1.RolloutPhasePaused && s.Message != "manually paused" {
		s.ControllerPause = true
		s.PauseConditions = []v1alpha1.PauseCondition{{Reason: v1alpha1.PauseReason(s.Message)}}
	}
}
