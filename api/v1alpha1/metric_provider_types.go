package v1alpha1

import (
	batchv1 "k8s.io/api/batch/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// MetricProvider says where the value of a metric comes from. Exactly one field
// is set.
type MetricProvider struct {
	// Prometheus asks Prometheus.
	// +optional
	Prometheus *PrometheusMetric `json:"prometheus,omitempty"`
	// Kayenta asks Kayenta for a judgement.
	// +optional
	Kayenta *KayentaMetric `json:"kayenta,omitempty"`
	// Web asks any HTTP server.
	// +optional
	Web *WebMetric `json:"web,omitempty"`
	// Datadog asks Datadog.
	// +optional
	Datadog *DatadogMetric `json:"datadog,omitempty"`
	// Wavefront asks Wavefront.
	// +optional
	Wavefront *WavefrontMetric `json:"wavefront,omitempty"`
	// NewRelic asks New Relic.
	// +optional
	NewRelic *NewRelicMetric `json:"newRelic,omitempty"`
	// Job runs a Job and looks at how it ends.
	// +optional
	Job *JobMetric `json:"job,omitempty"`
	// CloudWatch asks Amazon CloudWatch.
	// +optional
	CloudWatch *CloudWatchMetric `json:"cloudWatch,omitempty"`
	// Graphite asks Graphite.
	// +optional
	Graphite *GraphiteMetric `json:"graphite,omitempty"`
	// Influxdb asks InfluxDB.
	// +optional
	Influxdb *InfluxdbMetric `json:"influxdb,omitempty"`
	// SkyWalking asks Apache SkyWalking.
	// +optional
	SkyWalking *SkyWalkingMetric `json:"skywalking,omitempty"`
	// Plugin maps the name of a metric plugin to its configuration.
	// +optional
	Plugin map[string]apiextensionsv1.JSON `json:"plugin,omitempty"`
}

// PrometheusMetric is a PromQL query.
type PrometheusMetric struct {
	// Address of the server. Empty means the address that the controller was
	// started with.
	// +optional
	Address string `json:"address,omitempty"`
	// Query in PromQL.
	// +optional
	Query string `json:"query,omitempty"`
	// Authentication to the server.
	// +optional
	Authentication Authentication `json:"authentication,omitempty"`
	// Timeout of the query in seconds. Nil means 30.
	// +optional
	Timeout *int64 `json:"timeout,omitempty"`
	// Insecure accepts any certificate.
	// +optional
	Insecure bool `json:"insecure,omitempty"`
	// CACert is a bundle of authorities, in PEM, that the certificate of the
	// server may come from; often an argument read from a Secret.
	// +optional
	CACert string `json:"caCert,omitempty"`
	// Headers of the request.
	// +optional
	Headers []WebMetricHeader `json:"headers,omitempty"`
	// RangeQuery asks for a range in place of an instant.
	// +optional
	RangeQuery *PrometheusRangeQueryArgs `json:"rangeQuery,omitempty"`
}

// PrometheusRangeQueryArgs is the range of a query. Start and End are
// expressions that yield times.
type PrometheusRangeQueryArgs struct {
	// Start of the range, as "now() - duration('5m')".
	// +optional
	Start string `json:"start,omitempty"`
	// End of the range, as "now()".
	// +optional
	End string `json:"end,omitempty"`
	// Step between two points of the range.
	// +optional
	Step DurationString `json:"step,omitempty"`
}

// Authentication to a server.
type Authentication struct {
	// BasicAuth sends a name and a password.
	// +optional
	BasicAuth BasicAuth `json:"basicAuth,omitempty"`
	// Sigv4 signs requests as AWS wants them.
	// +optional
	Sigv4 Sigv4Config `json:"sigv4,omitempty"`
	// OAuth2 fetches a token first.
	// +optional
	OAuth2 OAuth2Config `json:"oauth2,omitempty"`
}

// BasicAuth is a name and a password.
type BasicAuth struct {
	// Username is the name.
	// +optional
	Username string `json:"username,omitempty"`
	// Password is the password; usually an argument read from a Secret.
	// +optional
	Password string `json:"password,omitempty"`
}

// OAuth2Config is the client credentials flow of OAuth 2.
type OAuth2Config struct {
	// TokenURL is where to fetch the token.
	// +optional
	TokenURL string `json:"tokenUrl,omitempty"`
	// ClientID is the name of the client.
	// +optional
	ClientID string `json:"clientId,omitempty"`
	// ClientSecret is its secret; usually an argument read from a Secret.
	// +optional
	ClientSecret string `json:"clientSecret,omitempty"`
	// Scopes to ask for.
	// +optional
	Scopes []string `json:"scopes,omitempty"`
}

// Sigv4Config says how to sign requests as AWS wants them.
type Sigv4Config struct {
	// Region of the service.
	// +optional
	Region string `json:"region,omitempty"`
	// Profile of the shared configuration.
	// +optional
	Profile string `json:"profile,omitempty"`
	// RoleARN is a role to assume.
	// +optional
	RoleARN string `json:"roleArn,omitempty"`
}

// WebMetricMethod is a method of HTTP.
type WebMetricMethod string

// Methods of a WebMetric.
const (
	WebMetricMethodGet  WebMetricMethod = "GET"
	WebMetricMethodPost WebMetricMethod = "POST"
	WebMetricMethodPut  WebMetricMethod = "PUT"
)

// WebMetric is a request to any HTTP server.
type WebMetric struct {
	// Method of the request. Empty means GET.
	// +optional
	Method WebMetricMethod `json:"method,omitempty"`
	// URL of the request.
	URL string `json:"url"`
	// Headers of the request.
	// +optional
	Headers []WebMetricHeader `json:"headers,omitempty"`
	// Body of the request. Not together with JSONBody.
	// +optional
	Body string `json:"body,omitempty"`
	// JSONBody is the body of the request as a document.
	// +optional
	JSONBody *apiextensionsv1.JSON `json:"jsonBody,omitempty"`
	// TimeoutSeconds of the request. 0 means 10.
	// +optional
	TimeoutSeconds int64 `json:"timeoutSeconds,omitempty"`
	// JSONPath picks the value out of the answer. Empty means the whole.
	// +optional
	JSONPath string `json:"jsonPath,omitempty"`
	// Insecure accepts any certificate.
	// +optional
	Insecure bool `json:"insecure,omitempty"`
	// Authentication to the server.
	// +optional
	Authentication Authentication `json:"authentication,omitempty"`
}

// WebMetricHeader is a header of a request.
type WebMetricHeader struct {
	// Key is the name of the header.
	Key string `json:"key"`
	// Value of the header.
	Value string `json:"value"`
}

// JobMetric is a Job whose end is the measurement.
type JobMetric struct {
	// Metadata of the Job.
	// +optional
	Metadata metav1.ObjectMeta `json:"metadata,omitempty"`
	// Spec of the Job.
	Spec batchv1.JobSpec `json:"spec"`
}

// KayentaMetric is a judgement of Kayenta.
type KayentaMetric struct {
	// Address of the server.
	Address string `json:"address"`
	// Application that is judged.
	Application string `json:"application"`
	// CanaryConfigName is the configuration of the judgement.
	CanaryConfigName string `json:"canaryConfigName"`
	// MetricsAccountName is the account of the metrics.
	MetricsAccountName string `json:"metricsAccountName"`
	// ConfigurationAccountName is the account of the configuration.
	ConfigurationAccountName string `json:"configurationAccountName"`
	// StorageAccountName is the account of the results.
	StorageAccountName string `json:"storageAccountName"`
	// Threshold divides scores into good, doubtful and bad.
	Threshold KayentaThreshold `json:"threshold"`
	// Scopes are the pairs to compare.
	Scopes []KayentaScope `json:"scopes"`
}

// KayentaThreshold divides scores from 0 to 100.
type KayentaThreshold struct {
	// Pass is the least score of a success.
	Pass int64 `json:"pass"`
	// Marginal is the least score that is not a failure.
	Marginal int64 `json:"marginal"`
}

// KayentaScope is a pair to compare.
type KayentaScope struct {
	// Name of the scope.
	Name string `json:"name"`
	// ControlScope is the old side.
	ControlScope ScopeDetail `json:"controlScope"`
	// ExperimentScope is the new side.
	ExperimentScope ScopeDetail `json:"experimentScope"`
}

// ScopeDetail is one side of a comparison.
type ScopeDetail struct {
	// Scope is the name of the side.
	Scope string `json:"scope"`
	// Region of the side.
	Region string `json:"region"`
	// Step between two points, in seconds.
	Step int `json:"step"`
	// Start of the time to compare.
	Start string `json:"start"`
	// End of the time to compare.
	End string `json:"end"`
}

// DatadogMetric is a query to Datadog.
type DatadogMetric struct {
	// Interval that the query looks back. Empty means 5m.
	// +optional
	Interval DurationString `json:"interval,omitempty"`
	// Query is the only query.
	// +optional
	Query string `json:"query,omitempty"`
	// Queries are named queries for Formula.
	// +optional
	Queries map[string]string `json:"queries,omitempty"`
	// Formula joins Queries into one value.
	// +optional
	Formula string `json:"formula,omitempty"`
	// APIVersion of Datadog: v1 or v2.
	// +optional
	// +kubebuilder:validation:Enum=v1;v2
	// +kubebuilder:default=v1
	APIVersion string `json:"apiVersion,omitempty"`
	// Aggregator joins the points of a v2 query into one value.
	// +optional
	// +kubebuilder:validation:Enum=avg;min;max;sum;last;percentile;mean;l2norm;area
	Aggregator string `json:"aggregator,omitempty"`
	// SecretRef is the Secret with address and keys.
	// +optional
	SecretRef SecretRef `json:"secretRef,omitempty"`
	// RequestTimeout of the query. Empty means 10s.
	// +optional
	RequestTimeout DurationString `json:"requestTimeout,omitempty"`
}

// SecretRef names a Secret.
type SecretRef struct {
	// Name of the Secret.
	// +optional
	Name string `json:"name,omitempty"`
	// Namespaced looks for it in the namespace of the run in place of the
	// namespace of the controller.
	// +optional
	Namespaced bool `json:"namespaced,omitempty"`
}

// WavefrontMetric is a query to Wavefront.
type WavefrontMetric struct {
	// Address of the server, without a scheme.
	// +optional
	Address string `json:"address,omitempty"`
	// Query in the language of Wavefront.
	// +optional
	Query string `json:"query,omitempty"`
}

// NewRelicMetric is a query to New Relic.
type NewRelicMetric struct {
	// Profile is the Secret with account and keys. Empty means newrelic.
	// +optional
	Profile string `json:"profile,omitempty"`
	// Query in NRQL.
	Query string `json:"query"`
	// Timeout of the query in seconds. Nil means 5.
	// +optional
	Timeout *int64 `json:"timeout,omitempty"`
}

// CloudWatchMetric is a query to Amazon CloudWatch.
type CloudWatchMetric struct {
	// Interval that the query looks back. Empty means 5m.
	// +optional
	Interval DurationString `json:"interval,omitempty"`
	// MetricDataQueries are the queries.
	MetricDataQueries []CloudWatchMetricDataQuery `json:"metricDataQueries"`
}

// CloudWatchMetricDataQuery is one query of a CloudWatchMetric.
type CloudWatchMetricDataQuery struct {
	// ID of the query, by which an expression names it.
	// +optional
	ID string `json:"id,omitempty"`
	// Expression over other queries.
	// +optional
	Expression *string `json:"expression,omitempty"`
	// Label of the result.
	// +optional
	Label *string `json:"label,omitempty"`
	// MetricStat is the metric to read.
	// +optional
	MetricStat *CloudWatchMetricStat `json:"metricStat,omitempty"`
	// Period of a point, in seconds.
	// +optional
	Period *intstr.IntOrString `json:"period,omitempty"`
	// ReturnData says whether the result is part of the value.
	// +optional
	ReturnData *bool `json:"returnData,omitempty"`
}

// CloudWatchMetricStat is a statistic of a metric.
type CloudWatchMetricStat struct {
	// Metric to read.
	// +optional
	Metric CloudWatchMetricStatMetric `json:"metric,omitempty"`
	// Period of a point, in seconds.
	// +optional
	Period intstr.IntOrString `json:"period,omitempty"`
	// Stat is the statistic, as "Sum".
	// +optional
	Stat string `json:"stat,omitempty"`
	// Unit of the metric.
	// +optional
	Unit string `json:"unit,omitempty"`
}

// CloudWatchMetricStatMetric names a metric.
type CloudWatchMetricStatMetric struct {
	// Dimensions of the metric.
	// +optional
	Dimensions []CloudWatchMetricStatMetricDimension `json:"dimensions,omitempty"`
	// MetricName is its name.
	// +optional
	MetricName string `json:"metricName,omitempty"`
	// Namespace is where it belongs.
	// +optional
	Namespace *string `json:"namespace,omitempty"`
}

// CloudWatchMetricStatMetricDimension is one dimension of a metric.
type CloudWatchMetricStatMetricDimension struct {
	// Name of the dimension.
	// +optional
	Name string `json:"name,omitempty"`
	// Value of the dimension.
	// +optional
	Value string `json:"value,omitempty"`
}

// GraphiteMetric is a query to Graphite.
type GraphiteMetric struct {
	// Address of the server.
	// +optional
	Address string `json:"address,omitempty"`
	// Query is a render target.
	// +optional
	Query string `json:"query,omitempty"`
}

// InfluxdbMetric is a query to InfluxDB.
type InfluxdbMetric struct {
	// Profile is the Secret with address, token and organisation. Empty means influxdb.
	// +optional
	Profile string `json:"profile,omitempty"`
	// Query in Flux.
	// +optional
	Query string `json:"query,omitempty"`
}

// SkyWalkingMetric is a query to Apache SkyWalking.
type SkyWalkingMetric struct {
	// Address of the server.
	// +optional
	Address string `json:"address,omitempty"`
	// Query in GraphQL.
	// +optional
	Query string `json:"query,omitempty"`
	// Interval that the query looks back. Empty means 5m.
	// +optional
	Interval DurationString `json:"interval,omitempty"`
}
