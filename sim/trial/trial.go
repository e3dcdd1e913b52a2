package trial

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/manifest"
	"github.com/aviary-rollouts/aviary/internal/metric"
	"github.com/aviary-rollouts/aviary/internal/metric/job"
	"github.com/aviary-rollouts/aviary/internal/metric/providers"
	"github.com/aviary-rollouts/aviary/internal/metric/skywalking"
	"github.com/aviary-rollouts/aviary/internal/metric/web"
	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/metricservice"
	"github.com/aviary-rollouts/aviary/sim/prom"
	"github.com/aviary-rollouts/aviary/sim/store"
)

const (
	// DefaultLimit is when a run is given up that has not ended.
	DefaultLimit = 24 * time.Hour
	// Namespace is where the run, its Secrets and its Jobs are.
	Namespace = "default"
	// prometheusAddress serves metrics that name no address, as the setting of
	// a controller does.
	prometheusAddress = "http://prometheus:9090"
)

// Trial is a run and everything that it will see.
type Trial struct {
	// Start is when the run begins.
	Start time.Time
	// Spec is what to measure: see [analysis.NewSpec].
	Spec v1alpha1.AnalysisRunSpec
	// Series are what Prometheus holds; nil holds nothing.
	Series *prom.DB
	// Outages are when Prometheus cannot be reached.
	Outages []Outage
	// Answers are what web and SkyWalking servers and the services of package
	// metricservice answer, by the name of the metric, one for each measurement. The last
	// one holds for all that follow.
	Answers map[string][]Answer
	// Jobs are how Jobs end, by the name of the metric, likewise.
	Jobs map[string][]Job
	// Secrets are the values of Secrets by name and key.
	Secrets map[string]map[string]string
	// TerminateAfter is how long after the start somebody ends the run; 0 for
	// never.
	TerminateAfter time.Duration
	// Limit is how long after the start nobody looks any more; 0 means
	// DefaultLimit.
	Limit time.Duration
}

// Outage is a span of time, counted from the start of the run; To is not part
// of it.
type Outage struct{ From, To time.Duration }

// Record is what happened.
type Record struct {
	// Run is the run at the end. Its phase is Running if it did not end within
	// the limit.
	Run *v1alpha1.AnalysisRun
	// Measurements are all that were made, in the order in which they ended:
	// also those that the status does not keep.
	Measurements []Measurement
	// Took is how long the run took, or the limit.
	Took time.Duration
}

// Measurement is one measurement that ended. Times are counted from the start of
// the run.
type Measurement struct {
	Metric            string
	Started, Finished time.Duration
	Phase             v1alpha1.AnalysisPhase
	Value, Message    string
}

// MissingError says that a metric asks what nobody wrote an answer for.
type MissingError struct {
	// Metric is its name, Provider the kind of its provider.
	Metric, Provider string
}

// Error names the metric and its provider.
func (e *MissingError) Error() string {
	return fmt.Sprintf("metric %q asks a %s provider, for which there is no answer", e.Metric, e.Provider)
}

// trial is a Trial on its way.
type trial struct {
	Trial
	ctx      context.Context
	kernel   *kernel.Kernel
	client   client.Client
	registry *metric.Registry
	servers  *servers
	run      *v1alpha1.AnalysisRun
	record   Record
	// started counts the Jobs by metric.
	started map[string]int
	// cancelWake takes back the next look.
	cancelWake func()
}

// Run carries out the trial. The error is a [*MissingError], that of ctx, or a
// failure of the simulation; whatever a run can meet is in the record.
func (t Trial) Run(ctx context.Context) (*Record, error) {
	r, err := t.prepare(ctx)
	if err != nil {
		return nil, err
	}
	r.look()
	if t.TerminateAfter > 0 {
		r.kernel.At(t.Start.Add(t.TerminateAfter), kernel.ClassUser, "terminate", r.terminate)
	}
	end := t.Start.Add(cmp.Or(t.Limit, DefaultLimit))
	for !r.run.Status.Phase.Completed() {
		next, ok := r.kernel.Next()
		if !ok || next.After(end) {
			next = end
		}
		err := r.kernel.RunUntil(next)
		if failure := (*kernel.Failure)(nil); errors.As(err, &failure) {
			return nil, failure.Err
		}
		if err := cmp.Or(err, ctx.Err()); err != nil {
			return nil, err
		}
		if next.Equal(end) {
			break
		}
	}
	r.record.Run, r.record.Took = r.run, r.kernel.Now().Sub(t.Start)
	return &r.record, nil
}

// prepare checks that there are answers and builds the world of the run.
func (t Trial) prepare(ctx context.Context) (*trial, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	scheme, err := manifest.Scheme()
	if err != nil {
		return nil, err
	}
	k := kernel.New(1, t.Start)
	k.Trace().SetEnabled(false)
	s := store.New(k, scheme, store.Options{})
	r := &trial{Trial: t, ctx: ctx, kernel: k, client: s.Client("trial"), started: map[string]int{}, cancelWake: func() {}}
	if r.Series == nil {
		r.Series = prom.NewDB(prom.Options{})
	}
	r.servers = newServers(r)
	r.registry = providers.New(r.client, http.RoundTripper(r.servers), k, metric.Settings{PrometheusAddress: prometheusAddress})
	s.Subscribe(batchv1.SchemeGroupVersion.WithKind("Job"), r.jobChanged)
	return r, r.create()
}

// Check says whether every metric that needs answers has some; the error is a
// [*MissingError].
func (t Trial) Check() error {
	for _, m := range t.Spec.Metrics {
		kind, err := analysis.ProviderKind(m.Provider)
		if err != nil {
			continue // the run itself will say so
		}
		unanswered := false
		switch {
		case kind == web.Kind, kind == skywalking.Kind, metricservice.Known(kind):
			unanswered = len(t.Answers[m.Name]) == 0
		case kind == job.Kind:
			unanswered = len(t.Jobs[m.Name]) == 0
		}
		if unanswered {
			return &MissingError{Metric: m.Name, Provider: kind}
		}
	}
	return nil
}

// create creates the Secrets and the run: Jobs need an owner. Services are asked with
// keys that open nothing.
func (t *trial) create() error {
	for name, data := range t.Secrets {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: name}, Data: map[string][]byte{}}
		for key, value := range data {
			secret.Data[key] = []byte(value)
		}
		if err := t.client.Create(t.ctx, secret); err != nil {
			return fmt.Errorf("create Secret %s: %w", name, err)
		}
	}
	for _, keys := range metricservice.Needed(t.Spec.Metrics, Namespace) {
		if err := t.client.Create(t.ctx, keys.Secret()); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("create Secret %s: %w", keys.Name, err)
		}
	}
	t.run = &v1alpha1.AnalysisRun{ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: "trial"}, Spec: *t.Spec.DeepCopy()}
	if err := t.client.Create(t.ctx, t.run); err != nil {
		return fmt.Errorf("create the AnalysisRun: %w", err)
	}
	return nil
}

// terminate asks for the end of the run, as a Rollout does that needs it no more.
func (t *trial) terminate() {
	t.run.Spec.Terminate = true
	t.look()
}

// look asks for a look at the run at this instant.
func (t *trial) look() { t.kernel.Post(kernel.ClassReconcile, "analysis", t.step) }

// step measures what is due, assesses the outcomes and asks for the next look.
func (t *trial) step() {
	if t.run.Status.Phase.Completed() {
		return
	}
	plan, err := t.registry.Plan(t.ctx, t.run, metric.Hooks{Before: t.servers.expect, After: t.keep})
	if err != nil {
		t.kernel.Fail(err)
		return
	}
	t.run.Status = plan.Status
	for _, trim := range plan.Trimmed {
		if err := t.registry.Collect(t.ctx, t.run, trim); err != nil {
			t.kernel.Fail(err)
		}
	}
	t.cancelWake()
	if !plan.Wake.IsZero() {
		t.cancelWake = t.kernel.At(plan.Wake, kernel.ClassReconcile, "analysis", t.step)
	}
}

// keep records a measurement that has ended.
func (t *trial) keep(o analysis.Outcome) {
	m := o.Measurement
	if !m.Phase.Completed() {
		return
	}
	finished := t.kernel.Now().Sub(t.Start)
	started := finished
	if m.StartedAt != nil {
		started = min(finished, m.StartedAt.Sub(t.Start))
	}
	t.record.Measurements = append(t.record.Measurements, Measurement{
		Metric: o.Metric, Started: started, Finished: finished, Phase: m.Phase, Value: m.Value, Message: m.Message,
	})
}
