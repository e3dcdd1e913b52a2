package metric

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

// Provider measures the metrics of one kind.
type Provider interface {
	// Measure begins a measurement and, if it can, ends it. The result needs a
	// Phase and whatever of Value, Message and Metadata there is; the caller
	// fills in the times. Phase Running means that the measurement goes on: see
	// [Resumer].
	//
	// An error means that there is no value, and becomes a measurement of phase
	// Error; one made by [TryAgain] becomes nothing, as if nobody had asked.
	Measure(ctx context.Context, q Query, now time.Time) (v1alpha1.Measurement, error)
}

// Resumer is a Provider whose measurements take their time.
type Resumer interface {
	Provider
	// Resume looks at a measurement under way and returns its next state.
	// ResumeAt asks for another look at that time; without it there is one
	// whenever something happens to an object that the run owns.
	Resume(ctx context.Context, q Query, m v1alpha1.Measurement, now time.Time) (v1alpha1.Measurement, error)
	// Terminate ends a measurement before its time.
	Terminate(ctx context.Context, q Query, m v1alpha1.Measurement) error
}

// Collector is a Provider whose measurements leave something behind.
type Collector interface {
	// Collect deletes what the measurements of a metric left behind, but for the
	// newest keep of them.
	Collect(ctx context.Context, run *v1alpha1.AnalysisRun, metric string, keep int) error
}

// Describer is a Provider that has something to say about a metric as such.
type Describer interface {
	// Describe returns what is kept as metadata of the metric's result, such as
	// the query with its arguments put in.
	Describe(q Query) map[string]string
}

// Query is one question to a provider.
type Query struct {
	// Run is the run that asks. It must not be modified.
	Run *v1alpha1.AnalysisRun
	// Metric has all its arguments put in, also the secret ones.
	Metric v1alpha1.Metric
	// Number counts the measurements of the metric from 1.
	Number int

	judge    analysis.Judge
	judgeErr error
}

// NewQuery makes a query with the conditions of its metric compiled.
func NewQuery(run *v1alpha1.AnalysisRun, m v1alpha1.Metric, number int) Query {
	q := Query{Run: run, Metric: m, Number: number}
	q.judge, q.judgeErr = analysis.Condition(m.SuccessCondition, m.FailureCondition)
	return q
}

// ListText writes several values as one text, each in a format of package fmt:
//
//	ListText("%.2f", []float64{0.5, 2})     [0.50,2.00]
func ListText[T any](format string, values []T) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprintf(format, v)
	}
	return "[" + strings.Join(texts, ",") + "]"
}

// Judged makes a measurement of a value by the conditions of the metric. text is
// how the value is shown. A condition that cannot be evaluated makes it an Error
// that says why and still shows the value.
func (q Query) Judged(value any, text string, now time.Time) v1alpha1.Measurement {
	phase, err := v1alpha1.AnalysisPhaseError, q.judgeErr
	if err == nil {
		phase, err = q.judge.Phase(value, now)
	}
	m := v1alpha1.Measurement{Phase: phase, Value: text}
	if err != nil {
		m.Message = err.Error()
	}
	return m
}

// Deps is what providers need.
type Deps struct {
	// Client reads and writes objects in the cluster.
	Client client.Client
	// Transports carry HTTP requests.
	Transports *Transports
	// Settings are what the controller was started with.
	Settings Settings
}

// Settings are what the controller was started with, usually by environment
// variables.
type Settings struct {
	// PrometheusAddress is used by Prometheus metrics without an address:
	// ARGO_ROLLOUTS_PROMETHEUS_ADDRESS.
	PrometheusAddress string
	// JobNamespace is where the Jobs of job metrics are created; empty means in
	// the namespace of the run: ARGO_ROLLOUTS_ANALYSIS_JOB_NAMESPACE.
	JobNamespace string
	// Namespace is the controller's own, where the Secrets of services are; empty
	// means argo-rollouts.
	Namespace string
}

// againError says that nothing was learned.
type againError struct{ error }

func (e againError) Unwrap() error { return e.error }

// TryAgain marks an error that says nothing about the metric: the reconciler
// returns it, and asks the same again after a back-off.
func TryAgain(err error) error { return againError{err} }

// OfCluster is err as an answer of the API server is to be taken: a trouble that
// passes is marked by [TryAgain], a refusal that will be repeated is left as it is.
func OfCluster(err error) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsUnauthorized(err),
		apierrors.IsNotFound(err), apierrors.IsMethodNotSupported(err), apierrors.IsRequestEntityTooLargeError(err):
		return err
	}
	return TryAgain(err)
}

func isAgain(err error) bool {
	var again againError
	return errors.As(err, &again)
}
