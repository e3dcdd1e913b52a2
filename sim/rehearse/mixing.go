package rehearse

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// hashInSeries is the label of the pods' template hash as Prometheus' usual
// configuration writes it on what it scrapes from them.
const hashInSeries = "rollouts_pod_template_hash"

// leastMixed and mostMixed are the shares of the new version between which a metric counts
// both: beyond is what is left of the time before or after.
const leastMixed, mostMixed = 0.01, 0.99

// allAnswers turns a query for some answers of some requests into one for all answers of
// these: what a sidecar reports as destination is scraped from the pod, whose hash is known.
var allAnswers = map[string]string{"reporter": "destination", "response_code": "", "response_flags": "", "grpc_response_status": ""}

// mixedVersions finds metrics that count the requests of both versions while the new one
// gets only a part, or none: of its failures as little shows as it gets.
func (r *Report) mixedVersions(e *evidence, u *use, m *v1alpha1.Metric) {
	if u.kind == "experiment" || u.kind == "post-promotion" { // of the latter, see earlyAfterSwitch
		return
	}
	switch least, most, told := r.sharesOfNew(e, u, m); {
	case !told:
	case most == 0:
		r.warn("mixed", u.step, "metric %q of %s counts no request to the new version, however bad that is: before the switch, users go to the one before; let something send requests to %s, and ask for the new version alone, by %s",
			m.Name, u.place, e.preview(), e.apart())
	default:
		r.warn("mixed", u.step, "metric %q of %s counts the requests of both versions, of which %s went to the new one: if a tenth of those fail, it shows %s; ask for the new version alone, by %s",
			m.Name, u.place, between(least, most), between(least/10, most/10), e.apart())
	}
}

// sharesOfNew are the least and the largest of the new version's shares of the requests that
// the measurements of a metric counted, where they counted both; told is false if none did.
// Without steps there is no weight to compare a share with, so that none is as telling.
func (r *Report) sharesOfNew(e *evidence, u *use, m *v1alpha1.Metric) (least, most float64, told bool) {
	if r.Traffic == nil || m.Provider.Prometheus == nil {
		return 0, 0, false
	}
	least = 1
	for i := range r.Measurements {
		x := &r.Measurements[i]
		if x.Metric != m.Name || x.Kind != u.kind {
			continue
		}
		s, known := e.shareOfNew(r, x)
		if known && s <= mostMixed && (s >= leastMixed || e.rollout.Spec.Strategy.BlueGreen != nil) {
			least, most, told = min(least, s), max(most, s), true
		}
	}
	return least, most, told
}

// preview is where a version can be asked before users are.
func (e *evidence) preview() string {
	if bg := e.rollout.Spec.Strategy.BlueGreen; bg != nil && bg.PreviewService != "" {
		return fmt.Sprintf("Service %q, of previewService", bg.PreviewService)
	}
	return "a Service that previewService names"
}

// between is "20%", or "9.7% to 20%".
func between(least, most float64) string {
	if percent(least) == percent(most) {
		return percent(most)
	}
	return percent(least) + " to " + percent(most)
}

// shareOfNew is the new version's share, from 0 to 1, of the requests that a measurement
// looked at: the largest of those of the parts of its query, since one that has the new
// version alone in a part tells it apart. known is false if that cannot be told.
func (e *evidence) shareOfNew(r *Report, x *Measurement) (share float64, known bool) {
	for _, run := range e.runs {
		if run.name != x.Run || e.asksCanary(run.resolved[x.Metric]) {
			continue
		}
		parts, err := e.series.Growth(run.resolved[x.Metric], e.began.Add(time.Duration(x.At)), hashInSeries, allAnswers)
		if err != nil {
			return 0, false // its measurements are errors, which say why
		}
		for _, part := range parts {
			var fresh, all float64
			for hash, requests := range part {
				switch revision := r.revisionOf(hash); {
				case revision > r.FirstDeploy.Stable:
					fresh += requests
					fallthrough
				case revision > 0:
					all += requests
				}
			}
			if all > 0 {
				share, known = max(share, fresh/all), true
			}
		}
	}
	return share, known
}

// asksCanary is true for queries about a Service that leads to one version at a time: what
// they saw of the other is from the time before the update.
func (e *evidence) asksCanary(query string) bool {
	c := e.rollout.Spec.Strategy.Canary
	if c == nil {
		return false
	}
	names := []string{c.CanaryService}
	if c.PingPong != nil {
		names = append(names, c.PingPong.PingService, c.PingPong.PongService)
	}
	return slices.ContainsFunc(names, func(name string) bool { return name != "" && strings.Contains(query, `"`+name) })
}

// apart says how a query can tell the versions apart.
func (e *evidence) apart() string {
	c := e.rollout.Spec.Strategy.Canary
	if c != nil && c.CanaryService != "" && c.TrafficRouting != nil && c.TrafficRouting.Istio != nil && c.TrafficRouting.Istio.DestinationRule == nil {
		return `destination_service_name="` + c.CanaryService + `"`
	}
	return hashInSeries + `="{{args.hash}}" and reporter="destination", with an argument hash of the analysis: valueFrom: {podTemplateHashValue: Latest}`
}
