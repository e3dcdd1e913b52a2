package rehearse

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/library"
	"github.com/aviary-rollouts/aviary/internal/validate"
	"github.com/aviary-rollouts/aviary/sim/metricservice"
)

// use is one place at which the manifest measures something.
type use struct {
	// place says where: "step 3 analysis", "the background analysis".
	place string
	// kind is that of a [Measurement].
	kind string
	// step is the number of the step from which on it measures, counted from 1;
	// 0 if it belongs to none.
	step int
	// path is the field that says what is measured.
	path *field.Path
	// metrics have the arguments put in that are known beforehand.
	metrics []v1alpha1.Metric
	// dry are the rules that say which metrics do not count.
	dry []v1alpha1.DryRun
	// required is true if an Experiment goes on until this has ended.
	required bool
	// unasked has, at the place of each argument that no template declares, its name.
	unasked []string
	// secrets are the arguments that come from Secrets.
	secrets []secretArg
	// problem is why it has no metrics, if so.
	problem string
}

// findUses reads the templates of all analyses.
func (r *rehearsal) findUses(ctx context.Context) error {
	for _, ref := range validate.Analyses(r.rollout) {
		u := use{path: ref.Field, dry: slices.Clone(ref.Spec.DryRun)}
		u.place, u.kind, u.step = placeOfAnalysis(r.rollout, ref.Spec)
		if err := r.addUse(ctx, u, ref.Spec.Templates, ref.Spec.Args); err != nil {
			return err
		}
	}
	c := r.rollout.Spec.Strategy.Canary
	if c == nil {
		return nil
	}
	for i := range c.Steps {
		if c.Steps[i].Experiment == nil {
			continue
		}
		for j, a := range c.Steps[i].Experiment.Analyses {
			u := use{place: fmt.Sprintf("step %d experiment", i+1), kind: "experiment", step: i + 1, required: a.RequiredForCompletion}
			u.dry = slices.Clone(c.Steps[i].Experiment.DryRun)
			u.path = field.NewPath("spec", "strategy", "canary", "steps").Index(i).Child("experiment", "analyses").Index(j)
			refs := []v1alpha1.AnalysisTemplateRef{{TemplateName: a.TemplateName, ClusterScope: a.ClusterScope}}
			if err := r.addUse(ctx, u, refs, a.Args); err != nil {
				return err
			}
		}
	}
	return nil
}

// addUse completes a use from its templates and the arguments that they are given.
func (r *rehearsal) addUse(ctx context.Context, u use, refs []v1alpha1.AnalysisTemplateRef, args []v1alpha1.AnalysisRunArgument) error {
	l, err := library.Read(ctx, r.sim.Client(), r.observer.key.Namespace, refs)
	if err != nil {
		return fmt.Errorf("read the templates of %s: %w", u.place, err)
	}
	flat, err := analysis.Flatten(l, refs)
	if err != nil {
		u.problem = err.Error()
	}
	u.dry = append(u.dry, flat.DryRun...)
	supplied := analysis.Written(args)
	u.unasked = analysis.Unasked(flat.Args, supplied)
	known := analysis.Known(flat.Args, supplied)
	for _, m := range flat.Metrics {
		filled, err := analysis.PutValues(m, known)
		if err != nil {
			filled = m // the run will say what is wrong
		}
		u.metrics = append(u.metrics, filled)
	}
	u.secrets = secretArgs(flat.Args, supplied, u.metrics)
	r.uses = append(r.uses, u)
	return nil
}

// dryRun is true for a metric that does not count, whatever it measures.
func (u *use) dryRun(m v1alpha1.Metric) bool {
	return slices.ContainsFunc(u.dry, func(rule v1alpha1.DryRun) bool {
		matched, err := regexp.MatchString(rule.MetricName, m.Name)
		return err == nil && matched // the controller refuses an expression that is none
	})
}

// placeOfAnalysis says which of its analyses a Rollout means.
func placeOfAnalysis(ro *v1alpha1.Rollout, spec *v1alpha1.RolloutAnalysis) (place, kind string, step int) {
	if c := ro.Spec.Strategy.Canary; c != nil {
		for i := range c.Steps {
			if c.Steps[i].Analysis == spec {
				return fmt.Sprintf("step %d analysis", i+1), fmt.Sprintf("step %d", i+1), i + 1
			}
		}
		if c.Analysis != nil && c.Analysis.StartingStep != nil {
			step = int(*c.Analysis.StartingStep)
		}
		return "the background analysis", "background", step + 1
	}
	if spec == ro.Spec.Strategy.BlueGreen.PostPromotionAnalysis {
		return "postPromotionAnalysis", "post-promotion", 0
	}
	return "prePromotionAnalysis", "pre-promotion", 0
}

// serve lets the simulated Prometheus answer for every host that is asked as one
// is, whatever its name, likewise the services that metrics ask, and puts the scripted
// answers of single hosts in front of them.
func (r *rehearsal) serve() error {
	r.sim.Network().Handle("*", http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if metricservice.In(q).Kind != "" {
			if r.scripts != nil {
				r.scripts.ServeHTTP(w, q)
				return
			}
		} else if strings.HasSuffix(q.URL.Path, "/api/v1/query") || strings.HasSuffix(q.URL.Path, "/api/v1/query_range") {
			r.sim.Prometheus().ServeHTTP(w, q)
			return
		}
		http.Error(w, "nobody answers for "+q.URL.Host+" in this simulation", http.StatusBadGateway)
	}))
	return r.script()
}
