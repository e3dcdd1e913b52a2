package templatetest

import (
	"encoding/json"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// document is a test file. Names that promtool's unit tests have too mean the
// same here, and are written the same.
type document struct {
	// TemplateFiles are files with templates, or patterns such as *.yaml, beside
	// the test file.
	TemplateFiles []string `json:"template_files"`
	// Templates are more of them, of either kind.
	Templates []v1alpha1.AnalysisTemplate `json:"templates"`
	// Interval is that of all tests which have none.
	Interval string     `json:"interval"`
	Tests    []testCase `json:"tests"`
}

// testCase is one test. Times are durations; those that are called after, at,
// from, to and until count from the start of the run.
type testCase struct {
	Name string `json:"name"`
	// Templates are what the run is made of; may be left out if there is but
	// one.
	Templates []v1alpha1.AnalysisTemplateRef `json:"templates"`
	Args      map[string]string              `json:"args"`
	// DryRun and MeasurementRetention are the rules that a Rollout adds.
	DryRun               []v1alpha1.DryRun               `json:"dryRun"`
	MeasurementRetention []v1alpha1.MeasurementRetention `json:"measurementRetention"`
	// Secrets are values by the name of the Secret and the key.
	Secrets map[string]map[string]string `json:"secrets"`

	// StartTimestamp is the time of the first sample: seconds since 1970, or
	// RFC 3339.
	StartTimestamp json.RawMessage `json:"start_timestamp"`
	// Interval lies between two samples.
	Interval    string        `json:"interval"`
	InputSeries []inputSeries `json:"input_series"`
	// StartAfter is when the run starts, counted from the first sample.
	StartAfter string      `json:"start_after"`
	Outages    []outage    `json:"outages"`
	Web        []webAnswer `json:"web"`
	// The services of package metricservice.
	Datadog   []serviceAnswer `json:"datadog"`
	Graphite  []serviceAnswer `json:"graphite"`
	Influxdb  []serviceAnswer `json:"influxdb"`
	NewRelic  []serviceAnswer `json:"newRelic"`
	Wavefront []serviceAnswer `json:"wavefront"`

	SkyWalking []skyWalking `json:"skywalking"`
	Job        []jobEnd     `json:"job"`

	TerminateAfter string `json:"terminate_after"`
	// Until is when to look at a run that may not have ended.
	Until  string      `json:"until"`
	Expect expectation `json:"expect"`
}

type inputSeries struct {
	Series string `json:"series"`
	Values string `json:"values"`
}

// outage is when Prometheus cannot be reached.
type outage struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// script says for which measurements an answer is meant.
type script struct {
	// Metric may be left out if there is but one of the provider.
	Metric string `json:"metric"`
	// Times is for how many measurements it holds; 0 means 1.
	Times int `json:"times"`
}

type webAnswer struct {
	script `json:",inline"`
	Status int    `json:"status"`
	Body   string `json:"body"`
	// JSON is the body as a tree.
	JSON json.RawMessage `json:"json"`
	// Error is why there is no answer at all.
	Error string `json:"error"`
}

// serviceAnswer is that of a service: a number, or what a web server might say.
type serviceAnswer struct {
	webAnswer `json:",inline"`
	// Value is what the query yields; null for no data.
	Value json.RawMessage `json:"value"`
}

type skyWalking struct {
	script `json:",inline"`
	Status int `json:"status"`
	// Data is what the query yields.
	Data json.RawMessage `json:"data"`
	// Errors are what GraphQL has to object.
	Errors []string `json:"errors"`
	Error  string   `json:"error"`
}

type jobEnd struct {
	script `json:",inline"`
	After  string `json:"after"`
	// Condition is Complete or Failed.
	Condition string `json:"condition"`
	// Waiting is why the container cannot start: ErrImagePull.
	Waiting string `json:"waiting"`
}

// expectation is what has to come out. Fields that are left out are not compared.
type expectation struct {
	Phase   v1alpha1.AnalysisPhase `json:"phase"`
	Message *string                `json:"message"`
	// After is when the run ended.
	After   string                    `json:"after"`
	Metrics map[string]metricExpected `json:"metrics"`
}

type metricExpected struct {
	Phase        v1alpha1.AnalysisPhase `json:"phase"`
	Message      *string                `json:"message"`
	Count        *int32                 `json:"count"`
	Successful   *int32                 `json:"successful"`
	Failed       *int32                 `json:"failed"`
	Inconclusive *int32                 `json:"inconclusive"`
	Error        *int32                 `json:"error"`
	// Measurements are all of them, from the first to the last.
	Measurements []measurementExpected `json:"measurements"`
}

type measurementExpected struct {
	At      string                 `json:"at"`
	Phase   v1alpha1.AnalysisPhase `json:"phase"`
	Value   json.RawMessage        `json:"value"`
	Message *string                `json:"message"`
}
