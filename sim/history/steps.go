package history

import (
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// The managed routes that steps set.
const (
	headerRoute = "by-header"
	mirrorRoute = "by-mirror"
)

// steps turns words into canary steps; see [Setup.Steps]. What is no such word
// is left out.
func steps(words []string) []v1alpha1.CanaryStep {
	var list []v1alpha1.CanaryStep
	for _, word := range words {
		if s := step(word); s != (v1alpha1.CanaryStep{}) {
			list = append(list, s)
		}
	}
	return list
}

func step(word string) (s v1alpha1.CanaryStep) {
	name, arg, _ := strings.Cut(word, ":")
	switch name {
	case "pause":
		s.Pause = &v1alpha1.RolloutPause{}
		if arg != "" {
			duration := intstr.FromString(arg)
			s.Pause.Duration = &duration
		}
	case "scale":
		s.SetCanaryScale = canaryScale(arg)
	case "header":
		s.SetHeaderRoute = &v1alpha1.SetHeaderRoute{Name: headerRoute}
		if arg == "on" {
			s.SetHeaderRoute.Match = []v1alpha1.HeaderRoutingMatch{{HeaderName: "x-version", HeaderValue: &v1alpha1.StringMatch{Exact: "new"}}}
		}
	case "mirror":
		s.SetMirrorRoute = &v1alpha1.SetMirrorRoute{Name: mirrorRoute}
		if arg == "on" {
			s.SetMirrorRoute.Match = []v1alpha1.RouteMatch{{Method: &v1alpha1.StringMatch{Exact: "GET"}}}
		}
	case "analysis":
		s.Analysis = analysisOf(arg)
	case "experiment":
		s.Experiment = experimentStep(arg)
	default:
		if w, err := strconv.ParseInt(word, 10, 32); err == nil {
			weight := int32(w)
			s.SetWeight = &weight
		}
	}
	return s
}

// canaryScale reads "3", "40%" and "match".
func canaryScale(arg string) *v1alpha1.SetCanaryScale {
	percent, isPercent := strings.CutSuffix(arg, "%")
	n, err := strconv.ParseInt(percent, 10, 32)
	v := int32(n)
	switch {
	case err != nil:
		return &v1alpha1.SetCanaryScale{MatchTrafficWeight: true}
	case isPercent:
		return &v1alpha1.SetCanaryScale{Weight: &v}
	}
	return &v1alpha1.SetCanaryScale{Replicas: &v}
}

// analysisOf runs one template; nil without a name.
func analysisOf(template string) *v1alpha1.RolloutAnalysis {
	if template == "" {
		return nil
	}
	return &v1alpha1.RolloutAnalysis{Templates: []v1alpha1.AnalysisTemplateRef{{TemplateName: template}}}
}

// experimentStep reads the parts of "30s:quick:w10:services": how long, which
// template judges, which share of the requests each version gets, and whether each
// has a Service. Without a duration the
// analysis must end it.
func experimentStep(form string) *v1alpha1.RolloutExperimentStep {
	e := &v1alpha1.RolloutExperimentStep{Templates: []v1alpha1.RolloutExperimentTemplate{
		{Name: "baseline", SpecRef: v1alpha1.StableSpecRef}, {Name: "candidate", SpecRef: v1alpha1.CanarySpecRef},
	}}
	for _, part := range strings.Split(form, ":") {
		if _, err := time.ParseDuration(part); err == nil {
			e.Duration = v1alpha1.DurationString(part)
		} else if w, ok := strings.CutPrefix(part, "w"); ok {
			n, err := strconv.ParseInt(w, 10, 32)
			if err != nil {
				continue
			}
			weight := int32(n)
			for i := range e.Templates {
				e.Templates[i].Weight = &weight
			}
		} else if part == withServices {
			for i := range e.Templates {
				e.Templates[i].Service = &v1alpha1.TemplateService{}
			}
		} else if part != "" {
			e.Analyses = append(e.Analyses, v1alpha1.RolloutExperimentStepAnalysisTemplateRef{Name: part, TemplateName: part})
		}
	}
	for i := range e.Analyses {
		e.Analyses[i].RequiredForCompletion = e.Duration == ""
	}
	return e
}
