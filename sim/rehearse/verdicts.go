package rehearse

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/rollout"
	"github.com/aviary-rollouts/aviary/sim/metricservice"
	"github.com/aviary-rollouts/aviary/sim/prom"
)

// analyses says where the analyses of the manifest cannot do their work.
func (r *Report) analyses(e *evidence) {
	for _, u := range e.uses {
		if u.problem != "" && r.Updated() {
			r.warn("template", u.step, "%s cannot begin: %s", u.place, u.problem)
		}
		r.unasked(e, &u)
		r.missingKeys(e, &u)
		r.withoutEffect(&u)
		for i := range u.metrics {
			m := &u.metrics[i]
			r.limits(&u, m)
			r.unplayed(e, &u, m)
			r.mixedVersions(e, &u, m)
			r.tooEarly(e, &u, m)
		}
	}
	r.lateBackground(e)
	r.slowBackground(e)
	r.cutOff(e)
	r.withoutData(e)
	r.unnoticed(e)
}

// unasked finds arguments that no template declares: a misspelt one leaves the one
// that was meant at its default.
func (r *Report) unasked(e *evidence, u *use) {
	for i, name := range u.unasked {
		if name == "" || u.problem != "" {
			continue
		}
		path := u.path.Child("args").Index(i).Child("name").String()
		r.warn("argument", u.step, "no template of %s declares the argument %q, so that it is left out: %s:%d: %s: %s",
			u.place, name, e.object.File, e.object.LineOf(path), e.object, path)
	}
}

// withoutEffect finds an analysis none of whose metrics counts.
func (r *Report) withoutEffect(u *use) {
	counts := func(m v1alpha1.Metric) bool { return !u.dryRun(m) }
	if len(u.metrics) > 0 && !slices.ContainsFunc(u.metrics, counts) {
		r.warn("never-fails", u.step, "%s can never fail: dryRun is for all of its metrics, so that none of them counts; leave those out of dryRun that should stop the update", u.place)
	}
}

// number reads a limit; known is false if it waits for an argument.
func number(v *intstr.IntOrString, fallback int32) (n int32, known bool) {
	switch {
	case v == nil:
		return fallback, true
	case v.Type == intstr.Int:
		return v.IntVal, true
	}
	parsed, err := strconv.ParseInt(strings.TrimSpace(v.StrVal), 10, 32)
	return int32(parsed), err == nil
}

// limits finds metrics whose own numbers keep them from failing.
func (r *Report) limits(u *use, m *v1alpha1.Metric) {
	if m.SuccessCondition == "" && m.FailureCondition == "" && m.Provider.Job == nil {
		r.warn("no-condition", u.step, "metric %q of %s has neither successCondition nor failureCondition: whatever it measures is a success", m.Name, u.place)
		return
	}
	count, known := number(m.Count, 0)
	limit, sure := number(m.FailureLimit, 0)
	if count == 0 && m.Interval == "" {
		count = 1
	}
	if known && sure && count > 0 && limit >= count {
		r.warn("never-fails", u.step, "metric %q of %s can never fail: failureLimit %d tolerates %d failed measurements, and count allows %d; write at most %d",
			m.Name, u.place, limit, limit, count, count-1)
	}
}

// unplayed names the metrics that this simulation has no data for.
func (r *Report) unplayed(e *evidence, u *use, m *v1alpha1.Metric) {
	kind, err := analysis.ProviderKind(m.Provider)
	if err != nil {
		return // the controller refuses it
	}
	address, service := "", metricservice.Known(kind)
	switch {
	case m.Provider.Prometheus != nil:
		return
	case m.Provider.Job != nil:
		r.note("job", "%s", e.jobNote(u, m))
		return
	case m.Provider.Web != nil:
		address = m.Provider.Web.URL
	case m.Provider.SkyWalking != nil:
		address = m.Provider.SkyWalking.Address
	case m.Provider.Graphite != nil:
		address = m.Provider.Graphite.Address
	case !service:
		r.warn("unplayed", u.step, "metric %q of %s asks %s, which this version of the controller cannot measure: each measurement is an Error%s; use another provider", m.Name, u.place, kind, errorsEnd(m))
		return
	}
	switch {
	case e.options.scripted(kind, address):
	case service:
		r.warn("unplayed", u.step, "metric %q of %s asks %s, which is not simulated, so that each measurement is an Error%s; write what it yields in a file for --with, as answers: [{provider: %s, values: 0.99x3 0.9}]",
			m.Name, u.place, kind, errorsEnd(m), kind)
	default:
		r.warn("unplayed", u.step, "metric %q of %s asks %s, where nobody answers in this simulation, so that each measurement is an Error%s; write what it says in a file for --with, as answers: [{host: %s, body: '{\"value\": 1}'}]",
			m.Name, u.place, address, errorsEnd(m), hostOf(address))
	}
}

// errorsEnd says what errors alone do to a run.
func errorsEnd(m *v1alpha1.Metric) string {
	limit, known := number(m.ConsecutiveErrorLimit, 4) // the default of the API
	if !known {
		return ""
	}
	return fmt.Sprintf(", and %d in a row end the run as Error, which aborts the update", limit+1)
}

// hostOf is the host of a URL, or any if an argument stands in its place.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || strings.Contains(u.Hostname(), "{") {
		return "'*'"
	}
	return u.Hostname()
}

// window is how far the query of a metric looks back; 0 if that cannot be told.
func (e *evidence) window(m *v1alpha1.Metric) time.Duration {
	if m.Provider.Prometheus == nil {
		return 0
	}
	query := m.Provider.Prometheus.Query
	for _, run := range e.runs {
		if resolved := run.resolved[m.Name]; resolved != "" {
			query = resolved
		}
	}
	window, err := prom.LongestWindow(query)
	if err != nil {
		return 0 // its measurements are errors, which say why
	}
	return window + e.rangeBack(m.Provider.Prometheus.RangeQuery)
}

// rangeBack is how far before a measurement the first point of a range query lies; 0 if
// that cannot be told, or if a single point is asked for.
func (e *evidence) rangeBack(q *v1alpha1.PrometheusRangeQueryArgs) time.Duration {
	if q == nil {
		return 0
	}
	start, err := analysis.Moment(q.Start, e.began)
	if err != nil {
		return 0 // likewise
	}
	return max(e.began.Sub(start), 0)
}

// held adds up the pauses before a step for which the weight was what it is
// then. ok is false if a person, or something else of unknown length, is waited
// for.
func heldFor(steps []v1alpha1.CanaryStep, before int) (sum time.Duration, pause int, ok bool) {
	pause = -1
	for i := before - 1; i >= 0; i-- {
		switch s := steps[i]; {
		case s.Pause != nil && s.Pause.Duration == nil, s.Analysis != nil, s.Experiment != nil, s.Plugin != nil:
			return 0, pause, false
		case s.Pause != nil:
			sum += rollout.PauseDuration(*s.Pause.Duration)
			pause = i
		case s.SetWeight != nil:
			return sum, pause, true
		}
	}
	return sum, pause, true
}

// shortPause finds an analysis that begins before its query has seen enough.
func (r *Report) shortPause(e *evidence, u *use, m *v1alpha1.Metric, window time.Duration) {
	c := e.rollout.Spec.Strategy.Canary
	held, pause, ok := heldFor(c.Steps, u.step-1)
	delay, _ := time.ParseDuration(string(m.InitialDelay)) // 0 if there is none
	if held += delay; !ok || held >= window {
		return
	}
	if pause < 0 {
		sees := "there is nothing to see of the new version yet"
		if hadRequests(c.Steps[:u.step-1]) {
			sees = "it sees the weights before this one"
		}
		r.warn("window", u.step, "metric %q of %s looks back %s and is measured %s: %s; wait %s before it (pause, or initialDelay)",
			m.Name, u.place, Duration(window), atOnce(delay), sees, Duration(window))
		return
	}
	r.warn("window", pause+1, "step %d pause %s is shorter than what metric %q of %s looks back, %s: the first measurement sees %s of this weight; wait %s in all (pause, or initialDelay)",
		pause+1, Duration(rollout.PauseDuration(*c.Steps[pause].Pause.Duration)), m.Name, u.place, Duration(window), Duration(held), Duration(window))
}

// hadRequests is true if steps let the new version serve for some time.
func hadRequests(steps []v1alpha1.CanaryStep) bool {
	weight := int32(0)
	for _, s := range steps {
		switch {
		case s.SetWeight != nil:
			weight = *s.SetWeight
		case weight > 0 && (s.Pause != nil || s.Analysis != nil || s.Experiment != nil):
			return true
		}
	}
	return false
}

func atOnce(delay time.Duration) string {
	if delay == 0 {
		return "at once"
	}
	return "after " + Duration(delay).String()
}

// mixedWeights finds pauses that are shorter than what a background analysis
// that is under way looks back.
func (r *Report) mixedWeights(e *evidence, u *use, m *v1alpha1.Metric, window time.Duration) {
	c := e.rollout.Spec.Strategy.Canary
	shortest, at := time.Duration(0), -1
	for i, s := range c.Steps {
		if s.Pause == nil || s.Pause.Duration == nil || i+1 < u.step {
			continue
		}
		if d := rollout.PauseDuration(*s.Pause.Duration); at < 0 || d < shortest {
			shortest, at = d, i
		}
	}
	if at >= 0 && shortest < window {
		r.warn("window", at+1, "step %d pause %s is shorter than what metric %q of the background analysis looks back, %s: its measurements mix this weight with the ones before",
			at+1, Duration(shortest), m.Name, Duration(window))
	}
}

// lateBackground finds a background analysis that begins when nothing is left to
// protect.
func (r *Report) lateBackground(e *evidence) {
	c := e.rollout.Spec.Strategy.Canary
	if c == nil || c.Analysis == nil || len(c.Steps) == 0 {
		return
	}
	start, last := ptr.Deref(c.Analysis.StartingStep, 0), int32(-1)
	for i, s := range c.Steps {
		if s.SetWeight != nil {
			last = int32(i)
		}
	}
	switch {
	case int(start) >= len(c.Steps):
		r.warn("late", 0, "the background analysis has startingStep %d, counted from 0, and there are %d steps: it never looks at a step", start, len(c.Steps))
	case last >= 0 && start > last:
		r.warn("late", int(start)+1, "the background analysis starts with step %d (startingStep %d, counted from 0), after the last setWeight (step %d, %d%%): the weights before are not watched",
			start+1, start, last+1, *c.Steps[last].SetWeight)
	}
}

// slowBackground finds metrics of a background analysis that need more time to
// fail than the update takes.
func (r *Report) slowBackground(e *evidence) {
	run := e.background()
	if run == nil {
		return
	}
	took := run.ended - run.began
	for _, u := range e.uses {
		for i := range u.metrics {
			m := &u.metrics[i]
			if need, limit, known := earliestFailure(m); known && u.kind == "background" && need > took {
				r.warn("too-slow", 0, "metric %q of the background analysis cannot stop the update: with failureLimit %d it fails %s after its start at the earliest, and the update is over %s after it; lower failureLimit or interval, or pause longer",
					m.Name, limit, need, took)
			}
		}
	}
}

// earliestFailure is how long a metric takes to fail at least; known is false if it never
// does, or if its limit waits for an argument.
func earliestFailure(m *v1alpha1.Metric) (need Duration, limit int32, known bool) {
	limit, known = number(m.FailureLimit, 0)
	interval, _ := time.ParseDuration(string(m.Interval))
	delay, _ := time.ParseDuration(string(m.InitialDelay)) // 0 if there is none
	return Duration(delay + time.Duration(limit)*interval), limit, known && limit >= 0
}

// cutOff finds metrics of a post-promotion analysis that are ended with the old pods.
func (r *Report) cutOff(e *evidence) {
	bg := e.rollout.Spec.Strategy.BlueGreen
	if bg == nil || bg.ScaleDownDelaySeconds == nil {
		return
	}
	stay := Duration(time.Duration(*bg.ScaleDownDelaySeconds) * time.Second)
	for _, u := range e.uses {
		for i := range u.metrics {
			m := &u.metrics[i]
			count, known := number(m.Count, 1)
			if u.kind != "post-promotion" || !known {
				continue
			}
			interval, _ := time.ParseDuration(string(m.Interval))
			delay, _ := time.ParseDuration(string(m.InitialDelay))
			if need := Duration(delay + time.Duration(count-1)*interval); need > stay {
				r.warn("too-slow", 0, "metric %q of postPromotionAnalysis is measured until %s after the switch, and scaleDownDelaySeconds ends it with the old pods after %s; make that longer, or leave it out: then they wait for the analysis",
					m.Name, need, stay)
			}
		}
	}
}

// background is a background run that lasted as long as the update lasts: one in
// which people take the time that they were said to take, or, if they have nothing to
// do, one of a good version. It is nil if there was none.
func (e *evidence) background() *runSeen {
	c := e.rollout.Spec.Strategy.Canary
	if c == nil {
		return nil
	}
	lists := [][]*runSeen{e.runs, e.goodRuns}
	if slices.ContainsFunc(c.Steps, func(s v1alpha1.CanaryStep) bool { return s.Pause != nil && s.Pause.Duration == nil }) {
		if lists = lists[:1]; e.options.PromoteAfter == 0 {
			return nil
		}
	}
	for _, list := range lists {
		for _, run := range list {
			if run.kind == "background" && run.ended > 0 && run.terminated && run.phase != v1alpha1.AnalysisPhaseFailed {
				return run
			}
		}
	}
	return nil
}

// withoutData finds metrics that never measured anything, or never could say
// what a value means, and says why.
func (r *Report) withoutData(e *evidence) {
	type key struct{ kind, metric string }
	empty, failed, total := map[key]int{}, map[key]int{}, map[key]int{}
	var order []key
	for i := range r.Measurements {
		m := &r.Measurements[i]
		k := key{m.Kind, m.Metric}
		if total[k]++; total[k] == 1 {
			order = append(order, k)
		}
		if m.noData() {
			empty[k]++
		}
		if m.Phase == v1alpha1.AnalysisPhaseError {
			failed[k]++
		}
	}
	for _, k := range order {
		wrong := ""
		if failed[k] == total[k] {
			wrong = e.mistake(k.metric, r.firstError(k.kind, k.metric))
		}
		if wrong == "" {
			wrong = e.inCondition(k.metric, r.conditionError(k.kind, k.metric))
		}
		switch {
		case wrong != "":
			r.warn("mistake", 0, "metric %q (%s) cannot be measured until this is corrected: %s", k.metric, k.kind, wrong)
		case empty[k] == total[k] && !e.unplayed(k.metric):
			r.warn("no-data", 0, "metric %q (%s) never had data: %s%s", k.metric, k.kind, r.outOf(total[k], k.kind, k.metric), r.why(e, k.metric))
		}
	}
}

// firstError is what the first measurement of a metric that failed to be made
// says; empty if there is none.
func (r *Report) firstError(kind, metric string) string {
	for i := range r.Measurements {
		if m := &r.Measurements[i]; m.Kind == kind && m.Metric == metric && m.Phase == v1alpha1.AnalysisPhaseError {
			return strings.Join(strings.Fields(m.Message), " ")
		}
	}
	return ""
}

// outOf is "3 of 3 measurements were NaN".
func (r *Report) outOf(n int, kind, metric string) string {
	var values []string
	for i := range r.Measurements {
		m := &r.Measurements[i]
		value := "nothing"
		switch {
		case m.Kind != kind || m.Metric != metric:
			continue
		case m.Phase == v1alpha1.AnalysisPhaseError:
			value = "an error"
			if m.Message != "" {
				value += " (" + strings.Join(strings.Fields(m.Message), " ") + ")"
			}
		case m.Value != "":
			value = m.Value
		}
		if !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	if n == 1 {
		return "the only measurement was " + strings.Join(values, " or ")
	}
	return fmt.Sprintf("all %d measurements were %s", n, strings.Join(values, " or "))
}

// unplayed is true for metrics that [Report.unplayed] has warned about.
func (e *evidence) unplayed(metric string) bool {
	return slices.ContainsFunc(e.uses, func(u use) bool {
		return slices.ContainsFunc(u.metrics, func(m v1alpha1.Metric) bool {
			return m.Name == metric && m.Provider.Prometheus == nil
		})
	})
}

// why says what a metric without data lacks: requests, or see [evidence.why].
func (r *Report) why(e *evidence, metric string) string {
	if r.Traffic != nil && r.Traffic.Requests == 0 {
		return fmt.Sprintf("; users sent no request in %s, at %s a second; raise --load", r.Traffic.Span, number64(r.Traffic.Rate))
	}
	return e.why(metric)
}

// why looks for the part of a query that no series matches.
func (e *evidence) why(metric string) string {
	for _, run := range e.runs {
		gaps, err := e.series.Gaps(run.resolved[metric])
		if run.resolved[metric] == "" || err != nil || len(gaps) == 0 {
			continue
		}
		g := gaps[0]
		switch {
		case g.Label == "__name__" && len(g.Values) == 0:
			return "; there is no series at all: nobody sends requests, see --load"
		case g.Label == "__name__":
			return fmt.Sprintf("; there is no series %s, this simulation has %s; add it under series, see --with", g.Selector, listed(g.Values))
		case g.Label != "" && len(g.Values) > 0:
			return fmt.Sprintf("; no series matches %s: %s is %s there", g.Selector, g.Label, listed(g.Values))
		case g.Label != "":
			return fmt.Sprintf("; no series matches %s: none of that name has a label %s", g.Selector, g.Label)
		default:
			return fmt.Sprintf("; no series matches %s", g.Selector)
		}
	}
	return ""
}

// listed is "a, b and c", of many only some.
func listed(values []string) string {
	const most = 6
	if len(values) > most {
		return strings.Join(values[:most], ", ") + " or another"
	}
	if n := len(values); n > 1 {
		return strings.Join(values[:n-1], ", ") + " or " + values[n-1]
	}
	return strings.Join(values, "")
}

// unstopped is why nothing stopped an update.
func (e *evidence) unstopped() string {
	if len(e.uses) == 0 {
		return "the manifest has no analysis that could stop it"
	}
	return "no analysis stopped it"
}

// unnoticed says that a bad version got through, or goes on.
func (r *Report) unnoticed(e *evidence) {
	t := r.Traffic
	if t == nil {
		return
	}
	r.slow(e)
	if t.NewFailed == 0 {
		return
	}
	share := percent(float64(t.NewFailed) / float64(t.NewRequests))
	switch {
	case r.Outcome.Verdict == Promoted:
		allTheSame := ""
		if len(e.uses) > 0 {
			allTheSame = " all the same"
		}
		r.warn("unnoticed", 0, "the new version failed %s of its requests and was promoted%s: %s", share, allTheSame, e.unstopped())
	case r.Outcome.Verdict == Unfinished && !r.Outcome.Ended && t.Failing() > 0:
		r.warn("unnoticed", 0, "the new version fails %s of its requests, and nothing had stopped it when the time was over (%s, see --until)", share, Duration(e.options.untilOrDefault()))
	case r.Outcome.Verdict != Aborted && t.Failing() > 0:
		r.warn("unnoticed", 0, "the new version fails %s of its requests and stays: about %s requests fail every minute until a person acts", share, thousands(int64(60*t.Failing())))
	}
}
