package rehearse

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/manifest"
	"github.com/aviary-rollouts/aviary/internal/replicas"
	"github.com/aviary-rollouts/aviary/internal/rollout"
	"github.com/aviary-rollouts/aviary/internal/validate"
	"github.com/aviary-rollouts/aviary/internal/view"
	"github.com/aviary-rollouts/aviary/sim/metricservice"
	"github.com/aviary-rollouts/aviary/sim/prom"
)

// evidence is what findings are drawn from.
type evidence struct {
	rollout  *v1alpha1.Rollout
	object   manifest.Object // that it comes from
	options  Options
	services map[string]bool
	done     map[int32]completed
	updating []corev1.Container // before the update
	// uses are the analyses of the manifest, runs those that were seen, goodRuns
	// those of a good version for which nobody was waited.
	uses           []use
	runs, goodRuns []*runSeen
	// keysAdded are the Secrets that were made up.
	keysAdded []metricservice.Keys
	// series are what queries could see, began is when the update did.
	series *prom.DB
	began  time.Time
}

// evidence is what was seen of a rehearsal that has ended.
func (r *rehearsal) evidence() *evidence {
	return &evidence{
		rollout: r.rollout, object: r.object, options: r.Options, services: r.services(), done: r.observer.done, updating: r.updating,
		uses: r.uses, runs: sortedRuns(r.observer.runs), series: r.sim.Mesh().Series(), began: r.observer.began, keysAdded: r.keysAdded,
	}
}

// everyStep is true if every step was seen to be completed.
func (e *evidence) everyStep() bool {
	c := e.rollout.Spec.Strategy.Canary
	return c == nil || len(e.done) == len(c.Steps)
}

// add takes over what another run saw and this one did not.
func (e *evidence) add(other *evidence) {
	e.goodRuns = other.runs
	for i, seen := range other.done {
		if _, known := e.done[i]; !known {
			e.done[i] = seen
		}
	}
}

// findings adds the warnings and notes, in the order in which they matter.
func (r *Report) findings(e *evidence) {
	r.unsupported(e)
	r.missingServices(e)
	r.percentages(e)
	if !r.Updated() {
		r.held(e)
		if message, invalid := strings.CutPrefix(r.FirstDeploy.Message, "InvalidSpec: "); invalid {
			r.advice = e.remedy(message)
		}
		return
	}
	general := len(r.Warnings)
	r.steps(e)
	r.emptyRoutes(e)
	r.waits(e)
	r.analyses(e)
	r.experiments(e)
	r.lost()
	r.unmet(e)
	slices.SortStableFunc(r.Warnings[general:], func(a, b Finding) int { return cmp.Compare(a.Step, b.Step) })
	r.pods(e)
	r.availability()
	r.keys(e)
	r.autoscalers(e)
}

func (r *Report) warn(code string, step int, format string, args ...any) {
	r.Warnings = append(r.Warnings, Finding{Code: code, Step: step, Text: fmt.Sprintf(format, args...)})
}

func (r *Report) note(code string, format string, args ...any) {
	r.Notes = append(r.Notes, Finding{Code: code, Text: fmt.Sprintf(format, args...)})
}

// unsupported says plainly what this build cannot run.
func (r *Report) unsupported(e *evidence) {
	if why := rollout.Unsupported(e.rollout); why != "" {
		r.warn("unsupported", 0, "this build cannot run the manifest as it is: %s", why)
	}
}

// missingServices names the Services that nobody gave.
func (r *Report) missingServices(e *evidence) {
	for _, ref := range validate.Services(e.rollout) {
		if !e.services[ref.Name] {
			r.warn("service", 0, "%s names Service %q, which is in none of the files: the controller refuses the Rollout until it exists", ref.Field, ref.Name)
		}
	}
}

// percentages points out limits that look like numbers of pods and are not.
func (r *Report) percentages(e *evidence) {
	c := e.rollout.Spec.Strategy.Canary
	if c == nil {
		return
	}
	for _, limit := range []struct {
		name  string
		value *intstr.IntOrString
		pods  int32
	}{{"maxSurge", c.MaxSurge, r.MaxSurge}, {"maxUnavailable", c.MaxUnavailable, r.MaxUnavailable}} {
		if _, digits := number(limit.value, 0); digits && limit.value != nil && limit.value.Type == intstr.String {
			v := limit.value
			r.warn("percentage", 0, "%s: %q in quotes means %s%%, here %s; write %s without quotes for a number of pods",
				limit.name, v.StrVal, v.StrVal, count(limit.pods, "pod"), v.StrVal)
		}
	}
}

// emptyRoutes finds header and mirror routes that are asked for before there are pods.
func (r *Report) emptyRoutes(e *evidence) {
	c := e.rollout.Spec.Strategy.Canary
	if c == nil {
		return
	}
	for _, i := range validate.RoutesToNobody(c.Steps) {
		r.warn("no-canary", i+1, "step %d %s: %s", i+1, rollout.StepText(c.Steps[i]), validate.RouteToNobody)
	}
}

// steps compares what each step asks for with what was seen when it was
// completed.
func (r *Report) steps(e *evidence) {
	c := e.rollout.Spec.Strategy.Canary
	if c == nil || c.TrafficRouting != nil {
		return
	}
	for _, i := range slices.Sorted(maps.Keys(e.done)) {
		seen, step, number := e.done[i], c.Steps[i], int(i)+1
		switch {
		case step.SetWeight != nil && *step.SetWeight > 0 && seen.canary == 0:
			r.warn("no-canary", number, "step %d setWeight %d with %s makes no canary pod: nobody gets the new version%s",
				number, *step.SetWeight, count(r.Replicas, "replica"), singlePodRemedy(r))
		case step.SetWeight != nil && off(*step.SetWeight, seen):
			r.warn("weight", number, "step %d setWeight %d with %s gives users %d%% (%d of %s)",
				number, *step.SetWeight, count(r.Replicas, "replica"), 100*seen.canary/seen.total, seen.canary, count(seen.total, "pod"))
		case step.Pause != nil && seen.canary == 0:
			r.warn("no-canary", number, "step %d pause waits without a canary pod: there is nothing to look at before a setWeight above 0", number)
		}
	}
}

func singlePodRemedy(r *Report) string {
	if r.Replicas == 1 && r.MaxSurge == 0 {
		return "; maxSurge 1 would allow one"
	}
	return ""
}

// off tells whether the share of canary pods misses the weight by a percentage
// point or more.
func off(weight int32, seen completed) bool {
	d := 100*int64(seen.canary) - int64(weight)*int64(seen.total)
	return seen.total > 0 && max(d, -d) >= int64(seen.total)
}

// held says that a Rollout is not meant to start.
func (r *Report) held(e *evidence) {
	if e.rollout.Spec.Paused {
		r.warn("waits", 0, "spec.paused holds everything until it is set to false")
	}
}

// waits names the places at which the update waits for a person.
func (r *Report) waits(e *evidence) {
	spec := e.rollout.Spec
	help := "; run kubectl argo rollouts promote " + r.Rollout + ", or rehearse that with --promote-after 2m"
	if e.options.PromoteAfter > 0 {
		help = fmt.Sprintf("; here a person promotes after %s", Duration(e.options.PromoteAfter))
	}
	if c := spec.Strategy.Canary; c != nil {
		for i := range c.Steps {
			if endless(e.rollout, int32(i)) {
				r.warn("waits", i+1, "step %d pause has no duration: it waits for ever, until a person promotes%s", i+1, help)
				help = ""
			}
		}
	}
	if b := spec.Strategy.BlueGreen; b != nil && !ptr.Deref(b.AutoPromotionEnabled, true) {
		ignored := ""
		if b.AutoPromotionSeconds > 0 {
			ignored = "; autoPromotionSeconds is ignored"
		}
		r.warn("waits", 0, "autoPromotionEnabled: false waits for ever, until a person promotes%s%s", ignored, help)
	}
}

// pods says how many pods the cluster must have room for.
func (r *Report) pods(e *evidence) {
	allowed := r.Replicas + r.MaxSurge
	switch {
	case r.Replicas == 0:
		r.note("surge", "replicas 0: nothing runs, so there is nothing to see")
	case e.rollout.Spec.Strategy.BlueGreen != nil:
		r.note("surge", "both revisions run side by side: up to %s exist at once for %s, those that are ending included",
			count(r.Pods.MostWithEnding, "pod"), count(r.Replicas, "replica"))
	case e.rollout.Spec.Strategy.Canary != nil && e.rollout.Spec.Strategy.Canary.TrafficRouting != nil:
		why := "the old revision keeps its size"
		if e.rollout.Spec.Strategy.Canary.DynamicStableScale {
			why = "pods of one revision go when the other's serve"
		}
		r.note("surge", "up to %s exist at once, those that are ending included: with traffic routing %s and maxSurge does not count",
			count(r.Pods.MostWithEnding, "pod"), why)
	case r.Pods.Most > allowed:
		r.warn("surge", 0, "up to %s run at once, more than the %d that replicas %d and maxSurge %d allow", count(r.Pods.Most, "pod"), allowed, r.Replicas, r.MaxSurge)
	case r.Pods.MostWithEnding > allowed:
		r.warn("surge", 0, "up to %s exist at once, more than the %d that replicas %d and maxSurge %d allow: pods that are ending still hold their place",
			count(r.Pods.MostWithEnding, "pod"), allowed, r.Replicas, r.MaxSurge)
	default:
		r.note("surge", "up to %s exist at once, those that are ending included; replicas %d and maxSurge %d allow %d",
			count(r.Pods.MostWithEnding, "pod"), r.Replicas, r.MaxSurge, allowed)
	}
}

// availability says how far the service was below its size.
func (r *Report) availability() {
	switch {
	case r.Pods.FewestReady == 0 && r.Replicas > 0:
		r.warn("outage", 0, "no pod serves for %s in all: users see an outage", r.outage())
	case r.Pods.FewestReady < r.Replicas && r.Strategy == view.Canary:
		r.note("availability", "at the lowest point %d of %s served; maxUnavailable allows %d to be missing",
			r.Pods.FewestReady, count(r.Replicas, "pod"), r.MaxUnavailable)
	case r.Pods.FewestReady < r.Replicas:
		r.note("availability", "at the lowest point %d of %s served", r.Pods.FewestReady, count(r.Replicas, "pod"))
	}
}

// outage is how long no pod served, in all.
func (r *Report) outage() (d Duration) {
	for i, row := range r.Timeline {
		if ready, _, _ := row.sums(); ready == 0 && i+1 < len(r.Timeline) {
			d += r.Timeline[i+1].At - row.At
		}
	}
	return d
}

// limitsOf resolves maxSurge and maxUnavailable; zero if they make no sense.
func limitsOf(ro *v1alpha1.Rollout) replicas.Limits {
	n := ptr.Deref(ro.Spec.Replicas, 1)
	var limits replicas.Limits
	if c := ro.Spec.Strategy.Canary; c != nil {
		limits, _ = replicas.ResolveLimits(n, c.MaxSurge, c.MaxUnavailable)
	}
	return limits
}

// count is a number with its noun: "1 pod", "5 pods".
func count(n int32, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
