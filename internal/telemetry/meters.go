package telemetry

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/build"
)

// buckets are the upper bounds of the durations of reconciles, in seconds.
var buckets = []float64{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1}

var (
	object = []string{"namespace", "name"}

	controllerInfo = desc("argo_rollouts_controller_info", "The version that runs", "version")
	buildInfo      = desc("build_info", "What was built, and with what", "version", "goversion", "goarch", "commit")
	eventsTotal    = desc("rollout_events_total", "Events of an object under control", append(object, "type", "reason")...)
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// controlled describes what is counted for the objects of one controller.
type controlled struct {
	prototype        func() client.Object
	duration, errors *prometheus.Desc
}

// controllers is what is counted by the name of the controller, which is one of
// internal/control. Of those that look after objects of others, such as Services, nothing
// is: Argo Rollouts has no names for it, and controller-runtime counts it by controller.
var controllers = map[string]controlled{
	"rollout":     counted("rollout", func() client.Object { return &v1alpha1.Rollout{} }),
	"analysisrun": counted("analysis_run", func() client.Object { return &v1alpha1.AnalysisRun{} }),
	"experiment":  counted("experiment", func() client.Object { return &v1alpha1.Experiment{} }),
}

func counted(metric string, prototype func() client.Object) controlled {
	return controlled{
		prototype: prototype,
		duration:  desc(metric+"_reconcile", "Duration of reconciles, in seconds", object...),
		errors:    desc(metric+"_reconcile_error", "Reconciles that failed", object...),
	}
}

// Meters counts what the controllers do. It is a collector of all metrics of this
// package.
type Meters struct {
	version  string
	requests *prometheus.CounterVec
	endings  endings

	mu      sync.Mutex
	reader  client.Reader // nil until Observe
	cluster bool
	series  map[seriesKey]*series
	found   map[string]client.Object // what gone reads into, by controller
}

var _ prometheus.Collector = (*Meters)(nil)

// seriesKey names an object under control by its controller.
type seriesKey struct {
	controller string
	types.NamespacedName
}

// series is what was counted for one object.
type series struct {
	count, failures uint64
	seconds         float64
	buckets         map[float64]uint64 // cumulative
	events          map[eventKind]uint64
}

type eventKind struct{ eventType, reason string }

// New makes meters of a controller of this version.
func New(version string) *Meters {
	return &Meters{version: version, requests: newRequests(), endings: newEndings(), series: map[seriesKey]*series{}, found: map[string]client.Object{}}
}

// Observe makes the objects of a cache appear in the metrics. Without cluster,
// kinds that belong to no namespace are left out.
func (m *Meters) Observe(reader client.Reader, cluster bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reader, m.cluster = reader, cluster
}

// Reconciled counts one reconcile by the controller of this name. Of an object
// that is gone everything is forgotten: its last reconcile is the one that finds
// it missing.
func (m *Meters) Reconciled(ctx context.Context, controller string, key types.NamespacedName, took time.Duration, err error) {
	if _, counted := controllers[controller]; !counted {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	k := seriesKey{controller, key}
	if m.gone(ctx, k) {
		delete(m.series, k)
		return
	}
	s := m.of(k)
	s.count++
	s.seconds += took.Seconds()
	for _, bound := range buckets {
		if took.Seconds() <= bound {
			s.buckets[bound]++
		}
	}
	if err != nil {
		s.failures++
	}
}

func (m *Meters) gone(ctx context.Context, k seriesKey) bool {
	if m.reader == nil {
		return false
	}
	if m.found[k.controller] == nil {
		m.found[k.controller] = controllers[k.controller].prototype()
	}
	return apierrors.IsNotFound(m.reader.Get(ctx, k.NamespacedName, m.found[k.controller], client.UnsafeDisableDeepCopy))
}

// Event counts one event of an object under control. Of an object that is gone, or that
// another controller has, nothing is counted: no reconcile would come to forget it.
func (m *Meters) Event(obj kruntime.Object, eventType, reason string) {
	accessor, err := meta.Accessor(obj)
	controller := controllerOf(obj)
	if err != nil || controller == "" {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	k := seriesKey{controller, types.NamespacedName{Namespace: accessor.GetNamespace(), Name: accessor.GetName()}}
	if !m.gone(context.Background(), k) {
		m.of(k).events[eventKind{eventType, reason}]++
	}
}

func controllerOf(obj kruntime.Object) string {
	switch obj.(type) {
	case *v1alpha1.Rollout:
		return "rollout"
	case *v1alpha1.AnalysisRun:
		return "analysisrun"
	case *v1alpha1.Experiment:
		return "experiment"
	}
	return ""
}

func (m *Meters) of(k seriesKey) *series {
	s := m.series[k]
	if s == nil {
		s = &series{buckets: map[float64]uint64{}, events: map[eventKind]uint64{}}
		for _, bound := range buckets {
			s.buckets[bound] = 0
		}
		m.series[k] = s
	}
	return s
}

// Describe sends what Collect may send.
func (m *Meters) Describe(ch chan<- *prometheus.Desc) {
	m.requests.Describe(ch)
	for _, vec := range m.endings.all() {
		vec.Describe(ch)
	}
	for _, c := range controllers {
		ch <- c.duration
		ch <- c.errors
	}
	for _, d := range []*prometheus.Desc{
		controllerInfo, buildInfo, eventsTotal, rolloutInfo, available, unavailable, desired, updated,
		runInfo, runMetricType, runMetricPhase, templateInfo, templateMetric, experimentInfo,
	} {
		ch <- d
	}
}

// Collect sends what was counted and what exists.
func (m *Meters) Collect(ch chan<- prometheus.Metric) {
	m.requests.Collect(ch)
	for _, vec := range m.endings.all() {
		vec.Collect(ch)
	}
	ch <- gauge(controllerInfo, 1, m.version)
	ch <- gauge(buildInfo, 1, m.version, runtime.Version(), runtime.GOARCH, build.Commit())
	m.mu.Lock()
	defer m.mu.Unlock()
	m.collectSeries(ch)
	if m.reader != nil {
		m.collectObjects(ch)
	}
}

func (m *Meters) collectSeries(ch chan<- prometheus.Metric) {
	type event struct {
		types.NamespacedName
		eventKind
	}
	events := map[event]uint64{} // objects of two kinds may have one name
	for k, s := range m.series {
		c := controllers[k.controller]
		ch <- prometheus.MustNewConstHistogram(c.duration, s.count, s.seconds, s.buckets, k.Namespace, k.Name)
		ch <- counter(c.errors, s.failures, k.Namespace, k.Name)
		for kind, n := range s.events {
			events[event{k.NamespacedName, kind}] += n
		}
	}
	for e, n := range events {
		ch <- counter(eventsTotal, n, e.Namespace, e.Name, e.eventType, e.reason)
	}
}

func counter(d *prometheus.Desc, n uint64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}

func gauge(d *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}
