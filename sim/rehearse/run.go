package rehearse

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/lint"
	"github.com/aviary-rollouts/aviary/internal/manifest"
	"github.com/aviary-rollouts/aviary/internal/ops"
	"github.com/aviary-rollouts/aviary/internal/rollout"
	"github.com/aviary-rollouts/aviary/internal/view"
	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/mesh"
	"github.com/aviary-rollouts/aviary/sim/metricservice"
	"github.com/aviary-rollouts/aviary/sim/world"
)

// Options say what to rehearse.
type Options struct {
	// Objects are what a person would apply. They are not modified.
	Objects []manifest.Object
	// Namespace is that of objects without one; empty means "default".
	Namespace string
	// Rollout names the Rollout; empty if Objects hold only one.
	Rollout string
	// Images start the update; none means another tag for the first container.
	Images []ops.ContainerImage
	// Until is how long the update, and before it the first deploy, may take;
	// zero means 30 minutes.
	Until time.Duration
	// PromoteAfter is how long after a pause without end a person promotes;
	// zero means never.
	PromoteAfter time.Duration
	// AbortAfter is how long after the start of the update a person aborts it;
	// zero means never.
	AbortAfter time.Duration
	// ReadyAfter is how long a pod takes to become ready; zero means 4 seconds.
	ReadyAfter time.Duration
	// Load is what users send; nil means as much as the analysis needs, and none
	// if it needs none.
	Load *Load
	// Behaviours say how images answer; what nothing is said about answers well.
	Behaviours []Behaviour
	// Series are added to those that the simulated Prometheus has of the mesh.
	Series []Series
	// Answers are what servers say that metrics ask by HTTP.
	Answers []Answer
	// Jobs say how Jobs of metrics end; others succeed after 10 seconds.
	Jobs []Job
	// Seed decides everything that is random.
	Seed uint64
}

const (
	defaultUntil = 30 * time.Minute
	// calm is how long the world is left alone between first deploy and update.
	calm = 10 * time.Second
	// longest is the most of Until, and of when a behaviour begins: a month.
	longest = 31 * 24 * time.Hour
	// mostMeasurements is how many a report can hold.
	mostMeasurements = 100_000
	// room is how many pods fit on a node: the cluster is never the limit.
	room = 1 << 20
)

// InputError is an error about what was handed in: an object that the API
// server refuses, an image for a container that does not exist.
type InputError struct{ err error }

// Error says what is wrong and what to do.
func (e *InputError) Error() string { return e.err.Error() }

// Unwrap returns the error below.
func (e *InputError) Unwrap() error { return e.err }

func inputf(format string, args ...any) error { return &InputError{fmt.Errorf(format, args...)} }

// Run rehearses. The error is an [*InputError] if the input is at fault, or that of
// ctx; any other means that the simulation itself broke down, with the seed to repeat it.
func Run(ctx context.Context, o Options) (*Report, error) {
	report, seen, err := rehearse(ctx, o)
	if err != nil {
		return nil, err
	}
	if report.Outcome.Ended && report.Updated() && !seen.everyStep() {
		// What comes after a pause without end, or after an abort, is seen by
		// a rehearsal of a good version in which a person promotes at once and
		// nobody aborts.
		o.PromoteAfter, o.AbortAfter, o.Behaviours = time.Second, 0, nil
		if _, further, err := rehearse(ctx, o); err == nil {
			seen.add(further)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	report.findings(seen)
	return report, nil
}

// rehearsal is one run in the simulator.
type rehearsal struct {
	Options
	sim      *sim.Sim
	load     *mesh.Load // nil if users send nothing
	observer *observer
	rollout  *v1alpha1.Rollout
	object   manifest.Object // that the Rollout comes from
	// uses are the places at which it measures something.
	uses []use
	// updating are the containers before the update, podLabels the labels of
	// their pods.
	updating  []corev1.Container
	podLabels map[string]string
	// scripts answers for the services that answers are given for by their provider;
	// nil if there are none. keysAdded are the Secrets that nobody gave.
	scripts   http.Handler
	keysAdded []metricservice.Keys
	// promoting is true while a promotion is on its way, cancelAbort takes back an
	// abort that is.
	promoting   bool
	cancelAbort func()
	err         error
}

// rehearse plays the first deploy and the update.
func rehearse(ctx context.Context, o Options) (*Report, *evidence, error) {
	r := &rehearsal{Options: o}
	if err := r.prepare(ctx); err != nil {
		return nil, nil, err
	}
	report, err := r.describe(ctx)
	if err != nil {
		return nil, nil, err
	}
	if report.FirstDeploy, err = r.play(); err != nil {
		return nil, nil, err
	}
	report.FirstDeploy.Text = report.firstDeployText()
	if report.Updated() {
		if err := r.update(ctx, report); err != nil {
			return nil, nil, err
		}
		if report.Outcome, err = r.play(); err != nil {
			return nil, nil, err
		}
		report.Timeline, report.Measurements, report.Pods = r.observer.rows, r.observer.measurements, r.observer.extreme
		report.Outcome.Verdict, report.Outcome.Text = report.verdict(r.waitsForPerson()), report.outcomeText(o)
		if err := r.count(report); err != nil {
			return nil, nil, err
		}
	} else {
		report.Timeline, report.Outcome = r.observer.rows, report.FirstDeploy
		report.Source, report.Pods = r.placeOf(report.FirstDeploy.Message), r.observer.extreme
	}
	return report, r.evidence(), nil
}

// prepare builds the cluster and applies the objects.
func (r *rehearsal) prepare(ctx context.Context) error {
	if r.Namespace == "" {
		r.Namespace = "default"
	}
	if r.Until == 0 {
		r.Until = defaultUntil
	}
	if r.Until > longest {
		return inputf("--until %s is more than a simulation can take; write at most %s", Duration(r.Until), Duration(longest))
	}
	for _, b := range r.Behaviours {
		if time.Duration(b.After) > longest {
			return inputf("%s: that is later than a simulation can take; write at most %s", b, Duration(longest))
		}
	}
	key, err := r.choose()
	if err != nil {
		return err
	}
	r.sim, err = sim.New(sim.Options{Seed: r.Seed, NoTrace: true, Interrupt: ctx.Err, World: world.Options{
		PodsPerNode: room, Timing: world.Timing{Ready: r.ReadyAfter, Job: jobTime}, Images: r.jobImages(),
	}})
	if err != nil {
		return fmt.Errorf("start the simulator: %w", err)
	}
	r.observer = newObserver(r.sim, key)
	for _, obj := range r.Objects {
		if err := r.apply(ctx, obj); err != nil {
			return err
		}
	}
	return nil
}

// choose finds the Rollout to rehearse.
func (r *rehearsal) choose() (types.NamespacedName, error) {
	var names []string
	var key types.NamespacedName
	for _, obj := range r.Objects {
		ro, ok := obj.Object.(*v1alpha1.Rollout)
		if !ok || (r.Rollout != "" && ro.Name != r.Rollout) {
			continue
		}
		names = append(names, ro.Name)
		r.object = obj
		key = types.NamespacedName{Namespace: ro.Namespace, Name: ro.Name}
		if key.Namespace == "" {
			key.Namespace = r.Namespace
		}
	}
	switch {
	case len(names) == 1:
		return key, nil
	case len(names) > 1 && r.Rollout == "":
		return key, inputf("%d Rollouts were given (%s); choose one with --rollout NAME", len(names), strings.Join(names, ", "))
	case len(names) > 1:
		return key, inputf("Rollout %q was given in several namespaces; leave out the others", r.Rollout)
	case r.Rollout != "":
		return key, inputf("no Rollout %q was given; check --rollout, or add its manifest with -f", r.Rollout)
	default:
		return key, inputf("no Rollout was given; add the manifest of one (kind: Rollout, apiVersion: argoproj.io/v1alpha1) with -f")
	}
}

// apply creates one object as a person would.
func (r *rehearsal) apply(ctx context.Context, obj manifest.Object) error {
	c := r.sim.Client()
	created, ok := obj.DeepCopyObject().(client.Object)
	if !ok {
		return inputf("%s: %s cannot be applied", obj.Place(), obj)
	}
	namespaced, err := c.IsObjectNamespaced(created)
	if err == nil && namespaced && created.GetNamespace() == "" {
		created.SetNamespace(r.Namespace)
	}
	if err := c.Create(ctx, created); err != nil {
		return inputf("%s: the API server would refuse %s: %s", obj.Place(), obj, strings.Join(strings.Fields(err.Error()), " "))
	}
	return nil
}

// describe starts the report with what the manifest says.
func (r *rehearsal) describe(ctx context.Context) (*Report, error) {
	ro, err := ops.Get(ctx, r.sim.Client(), r.observer.key)
	if err != nil {
		return nil, fmt.Errorf("read the Rollout: %w", err)
	}
	r.rollout = ro
	report := &Report{
		Namespace: ro.Namespace, Rollout: ro.Name, Source: r.object.Place(), Strategy: view.Canary, Replicas: ptr.Deref(ro.Spec.Replicas, 1),
		Warnings: []Finding{}, Notes: []Finding{},
	}
	if ro.Spec.Strategy.BlueGreen != nil {
		report.Strategy = view.BlueGreen
	}
	report.Plan, report.lastHold = planOf(ro), lastHold(ro)
	limits := limitsOf(ro)
	report.MaxSurge, report.MaxUnavailable = limits.Surge, limits.Unavailable
	if err := r.findUses(ctx); err != nil {
		return nil, err
	}
	return report, r.giveKeys(ctx)
}

// planOf names the steps.
func planOf(ro *v1alpha1.Rollout) (plan []string) {
	if ro.Spec.Strategy.Canary == nil {
		return nil
	}
	for _, s := range ro.Spec.Strategy.Canary.Steps {
		name := "plugin"
		switch {
		case s.SetWeight != nil:
			name = fmt.Sprintf("weight %d%%", *s.SetWeight)
		case s.Pause != nil && s.Pause.Duration == nil:
			name = "pause"
		case s.Pause != nil:
			name = "pause " + Duration(rollout.PauseDuration(*s.Pause.Duration)).String()
		case s.Analysis != nil:
			name = "analysis"
		case s.Experiment != nil:
			name = "experiment"
		case s.SetCanaryScale != nil:
			name = "canary scale"
		case s.SetHeaderRoute != nil:
			name = "header route"
		case s.SetMirrorRoute != nil:
			name = "mirror route"
		}
		plan = append(plan, name)
	}
	return plan
}

// lastHold is the number of the last step that waits for time, a person or a verdict,
// counted from 1; 0 if none does.
func lastHold(ro *v1alpha1.Rollout) (number int) {
	if ro.Spec.Strategy.Canary == nil {
		return 0
	}
	for i, s := range ro.Spec.Strategy.Canary.Steps {
		if s.Pause != nil || s.Analysis != nil || s.Experiment != nil || s.Plugin != nil {
			number = i + 1
		}
	}
	return number
}

// play lets time pass until something final, and says how it ended.
func (r *rehearsal) play() (Outcome, error) {
	end := r.sim.RunUntil(r.over, r.Until)
	switch {
	case r.err != nil:
		return Outcome{}, r.err
	case end != nil && !errors.Is(end, sim.ErrNotReached):
		return Outcome{}, r.broken(end)
	}
	s := r.observer.last
	out := Outcome{Phase: s.Phase, Message: s.Message, Step: s.Step, Ended: end == nil, Stable: r.stable()}
	rows := r.observer.rows
	for i := len(rows) - 1; i >= 0 && rows[i].Phase == s.Phase && rows[i].Message == s.Message && rows[i].Step == s.Step; i-- {
		out.Took = rows[i].At
	}
	out.TookSeconds = out.Took.Seconds()
	return out, nil
}

// broken says that a simulation came to no end, and whether what was handed in is the
// reason: it is too large for one.
func (r *rehearsal) broken(err error) error {
	var full *world.RoomError
	if errors.As(err, &full) {
		return inputf("%w", full)
	}
	return fmt.Errorf("the simulation broke down: %w", err)
}

// verdict sums the outcome of an update up.
func (r *Report) verdict(waits bool) string {
	out := r.Outcome
	switch {
	case aborted(out.Message):
		return Aborted
	case out.Phase == v1alpha1.RolloutPhaseHealthy && out.Stable > r.FirstDeploy.Stable:
		return Promoted
	case waits || out.Phase == v1alpha1.RolloutPhasePaused && out.Ended:
		return Waiting
	}
	return Unfinished
}

// aborted is true if the message of a status says so.
func aborted(message string) bool { return strings.HasPrefix(message, "RolloutAborted") }

// over tells, at a settled point, whether anything more can happen. It also
// sends a person who promotes.
func (r *rehearsal) over() bool {
	if r.err != nil {
		return true
	}
	if n := len(r.observer.measurements); n > mostMeasurements {
		r.err = inputf("more than %d measurements were made in the first %s of the update; end earlier with --until, or make the interval of the metrics longer",
			mostMeasurements, Duration(r.sim.Now().Sub(r.observer.began)))
		return true
	}
	s := r.observer.last
	if r.PromoteAfter > 0 && !r.promoting && r.waitsForPerson() {
		r.promoting = true
		r.later(r.PromoteAfter, "Promote", "promote "+r.observer.key.Name, func(ctx context.Context) error {
			r.promoting = false
			return ops.Promote(ctx, r.sim.Client(), r.observer.key, false)
		})
	}
	if r.cancelAbort != nil && aborted(s.Message) && r.calm(s) {
		r.cancelAbort() // nobody aborts what has been aborted
	}
	if _, more := r.sim.Kernel().Next(); !more {
		return true
	}
	switch s.Phase {
	case v1alpha1.RolloutPhaseHealthy:
		return r.calm(s)
	case v1alpha1.RolloutPhaseDegraded:
		return strings.HasPrefix(s.Message, "InvalidSpec:")
	}
	return false
}

// calm is true when only the pods of the stable revision are left.
func (r *rehearsal) calm(s State) bool {
	_, _, all := s.sums()
	stable := r.stable()
	for _, p := range s.Revisions {
		if p.Revision == stable {
			return p.Total == all && p.Ready == p.Total
		}
	}
	return all == 0
}

// waitsForPerson is true during a pause that only a person can end.
func (r *rehearsal) waitsForPerson() bool {
	ro, err := ops.Get(context.Background(), r.sim.Client(), r.observer.key)
	if err != nil || r.observer.last.Phase != v1alpha1.RolloutPhasePaused {
		return false
	}
	for _, c := range ro.Status.PauseConditions {
		bg := ro.Spec.Strategy.BlueGreen
		switch c.Reason {
		case v1alpha1.PauseReasonCanaryPauseStep:
			if !endless(ro, ptr.Deref(ro.Status.CurrentStepIndex, 0)) {
				return false
			}
		case v1alpha1.PauseReasonBlueGreenPause:
			if bg != nil && ptr.Deref(bg.AutoPromotionEnabled, true) {
				return false
			}
		}
	}
	return true
}

// endless tells whether a step is a pause without duration.
func endless(ro *v1alpha1.Rollout, index int32) bool {
	c := ro.Spec.Strategy.Canary
	return c != nil && int(index) < len(c.Steps) && c.Steps[index].Pause != nil && c.Steps[index].Pause.Duration == nil
}

// stable is the revision that is trusted now; 0 if there is none.
func (r *rehearsal) stable() int64 {
	ro, err := ops.Get(context.Background(), r.sim.Client(), r.observer.key)
	if err != nil {
		return 0
	}
	for _, p := range r.observer.last.Revisions {
		if p.ReplicaSet == ro.Name+"-"+ro.Status.StableRS {
			return p.Revision
		}
	}
	return 0
}

// update sets the images and lets a person who aborts get ready.
func (r *rehearsal) update(ctx context.Context, report *Report) error {
	template, err := r.template(ctx)
	if err != nil {
		return err
	}
	r.updating, r.podLabels = template.Spec.Containers, template.Labels
	images := r.Images
	if len(images) == 0 {
		report.ImageChosen = true
		images = []ops.ContainerImage{{Container: r.updating[0].Name, Image: nextTag(r.updating[0].Image)}}
	}
	if report.Images, err = imageChanges(template.Spec, images); err != nil {
		return err
	}
	report.Behaviours = r.Behaviours
	if err := r.warmUp(ctx, report); err != nil {
		return err
	}
	r.observer.begin()
	words := ""
	for _, image := range images {
		words += " " + image.Container + "=" + image.Image
	}
	r.observer.person("SetImage", "set image "+r.observer.key.Name+words)
	if err := ops.SetImage(ctx, r.sim.Client(), r.observer.key, images...); err != nil {
		return inputf("%w", err)
	}
	if r.AbortAfter > 0 {
		r.cancelAbort = r.later(r.AbortAfter, "Abort", "abort "+r.observer.key.Name, func(ctx context.Context) error {
			return ops.Abort(ctx, r.sim.Client(), r.observer.key)
		})
	}
	return nil
}

// imageChanges is what images mean for the containers of a template. The error says
// that they change nothing, or that a container is given two. A container that there is
// not, [ops.SetImage] refuses.
func imageChanges(spec corev1.PodSpec, images []ops.ContainerImage) (changes []ImageChange, err error) {
	changed := false
	for _, image := range images {
		for i, c := range slices.Concat(spec.Containers, spec.InitContainers) {
			if c.Name != image.Container && (image.Container != "*" || i >= len(spec.Containers)) {
				continue
			}
			if slices.ContainsFunc(changes, func(x ImageChange) bool { return x.Container == c.Name }) {
				return nil, inputf("container %q is given two images; leave one of them out, see --set-image", c.Name)
			}
			changes = append(changes, ImageChange{Container: c.Name, From: c.Image, To: image.Image})
			changed = changed || c.Image != image.Image
		}
	}
	if len(changes) > 0 && !changed {
		return nil, inputf("container %q has the image %s already, so that there is no update; choose another image with --set-image %s=IMAGE",
			changes[0].Container, changes[0].To, changes[0].Container)
	}
	return changes, nil
}

// warmUp leaves the world alone between the first deploy and the update; with a
// load or series for longer, and until a window of the report begins. Images answer
// already as they are told to.
func (r *rehearsal) warmUp(ctx context.Context, report *Report) error {
	if err := r.startLoad(ctx, report); err != nil {
		return err
	}
	rest := calm
	if report.Traffic != nil || len(r.Series) > 0 {
		rest = warmUp
		if beyond := r.sim.Now().Add(rest).Sub(r.sim.Kernel().Start()) % window; beyond > 0 {
			rest += window - beyond
		}
	}
	begin := r.sim.Now().Add(rest)
	if err := r.behave(report.Images, begin); err != nil {
		return err
	}
	if err := r.pin(begin.Add(-warmUp)); err != nil {
		return err
	}
	if err := r.sim.Sleep(rest); err != nil {
		return r.broken(err)
	}
	return r.serve()
}

// later lets a person do something after a while, unless that is cancelled.
func (r *rehearsal) later(after time.Duration, reason, command string, do func(context.Context) error) (cancel func()) {
	return r.sim.Kernel().After(after, kernel.ClassUser, command, func() {
		r.observer.person(reason, command)
		if err := do(context.Background()); err != nil && r.err == nil {
			r.err = fmt.Errorf("%s: %w", command, err)
		}
	})
}

// template is that of the Rollout, or of its workload. It has containers.
func (r *rehearsal) template(ctx context.Context) (corev1.PodTemplateSpec, error) {
	template := r.rollout.Spec.Template
	workload, err := ops.Workload(ctx, r.sim.Client(), r.rollout)
	if err != nil {
		return template, inputf("%w", err)
	}
	if workload != nil {
		var holder struct {
			Spec struct {
				Template corev1.PodTemplateSpec `json:"template"`
			} `json:"spec"`
			Template corev1.PodTemplateSpec `json:"template"` // of a PodTemplate
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(workload.Object, &holder); err != nil {
			return template, fmt.Errorf("read the template of %s %s: %w", workload.GetKind(), workload.GetName(), err)
		}
		template = holder.Spec.Template
		if len(template.Spec.Containers) == 0 {
			template = holder.Template
		}
	}
	if len(template.Spec.Containers) == 0 {
		return template, inputf("Rollout %q has no container", r.rollout.Name)
	}
	return template, nil
}

// services are the names of the Services in the Rollout's namespace.
func (r *rehearsal) services() map[string]bool {
	names := map[string]bool{}
	list := &corev1.ServiceList{}
	if err := r.sim.Client().List(context.Background(), list, client.InNamespace(r.observer.key.Namespace)); err == nil {
		for _, s := range list.Items {
			names[s.Name] = true
		}
	}
	return names
}

// nextTag is the image with another tag: "web:1.0" becomes "web:1.0-next", an
// image without tag or with a digest gets the tag "next".
func nextTag(image string) string {
	name, _, digest := strings.Cut(image, "@")
	slash, colon := strings.LastIndex(name, "/"), strings.LastIndex(name, ":")
	switch {
	case digest && colon > slash:
		return name[:colon] + ":next"
	case colon > slash:
		return name + "-next"
	default:
		return name + ":next"
	}
}

func (o Options) untilOrDefault() time.Duration {
	if o.Until == 0 {
		return defaultUntil
	}
	return o.Until
}

var invalidField = regexp.MustCompile(`^InvalidSpec: The Rollout "[^"]*" is invalid: (spec\.[^: ]*)`)

// placeOf is the file and line of the field that a message complains about.
func (r *rehearsal) placeOf(message string) string {
	m := invalidField.FindStringSubmatch(message)
	if m == nil {
		return r.object.Place()
	}
	return fmt.Sprintf("%s:%d", r.object.File, lint.LineOf(r.object, m[1]))
}
