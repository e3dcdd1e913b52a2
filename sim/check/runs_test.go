package check_test

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/sim/check"
	"github.com/aviary-rollouts/aviary/sim/kernel"
)

// run creates an AnalysisRun of an owner; nil for none.
func (b *bench) run(name string, owner client.Object) {
	b.t.Helper()
	run := &v1alpha1.AnalysisRun{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, OwnerReferences: ownedBy(owner)}}
	run.Spec.Metrics = []v1alpha1.Metric{{Name: "m", Provider: v1alpha1.MetricProvider{Web: &v1alpha1.WebMetric{URL: "http://m"}}}}
	b.do(b.client.Create(b.t.Context(), run))
}

func (b *bench) experiment(name string, owner client.Object) *v1alpha1.Experiment {
	b.t.Helper()
	e := &v1alpha1.Experiment{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, OwnerReferences: ownedBy(owner)}}
	b.do(b.client.Create(b.t.Context(), e))
	return e
}

// delete removes an object in the name of somebody.
func (b *bench) delete(actor string, obj client.Object, name string) {
	b.t.Helper()
	obj.SetNamespace("default")
	obj.SetName(name)
	b.do(b.store.Client(actor).Delete(b.t.Context(), obj))
}

func ownedBy(owner client.Object) []metav1.OwnerReference {
	switch owner.(type) {
	case *v1alpha1.Rollout:
		return []metav1.OwnerReference{*metav1.NewControllerRef(owner, v1alpha1.GroupVersion.WithKind(v1alpha1.KindRollout))}
	case *v1alpha1.Experiment:
		return []metav1.OwnerReference{*metav1.NewControllerRef(owner, v1alpha1.GroupVersion.WithKind(v1alpha1.KindExperiment))}
	}
	return nil
}

// measured lets the run "r" have made so many measurements in a phase.
func (b *bench) measured(n int32, phase v1alpha1.AnalysisPhase) {
	b.t.Helper()
	b.changeRun(func(run *v1alpha1.AnalysisRun) {
		run.Status.Phase = phase
		run.Status.MetricResults = []v1alpha1.MetricResult{{Name: "m", Phase: phase, Successful: n}}
	})
}

func (b *bench) changeRun(f func(*v1alpha1.AnalysisRun)) {
	b.t.Helper()
	run := &v1alpha1.AnalysisRun{}
	b.get(run, "r")
	f(run)
	b.do(b.client.Update(b.t.Context(), run))
}

func TestMeasuring(t *testing.T) {
	terminate := func(b *bench) { b.changeRun(func(run *v1alpha1.AnalysisRun) { run.Spec.Terminate = true }) }
	tests := []struct {
		name    string
		change  func(*bench)
		because string // empty: allowed
	}{
		{"it measures and ends", func(b *bench) { b.measured(2, v1alpha1.AnalysisPhaseSuccessful) }, ""},
		{"it measures after its end", func(b *bench) {
			b.measured(2, v1alpha1.AnalysisPhaseSuccessful)
			b.measured(3, v1alpha1.AnalysisPhaseSuccessful)
		}, "measuring: analysisrun default/r: it was Successful and measured again: 2 measurements became 3"},
		{"its verdict changes", func(b *bench) {
			b.measured(2, v1alpha1.AnalysisPhaseFailed)
			b.measured(2, v1alpha1.AnalysisPhaseSuccessful)
		}, "analysisrun default/r: it was Failed and is \"Successful\" now"},
		{"it is told to end and ends", func(b *bench) { terminate(b); b.sleep(time.Second); b.measured(1, v1alpha1.AnalysisPhaseSuccessful) }, ""},
		{"it is told to end and measures", func(b *bench) { terminate(b); b.sleep(time.Second); b.measured(2, v1alpha1.AnalysisPhaseRunning) },
			"it was told to end at 00:00:00 and measured again: 1 measurements became 2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, check.NewMeasuring())
			b.run("r", nil)
			b.measured(1, v1alpha1.AnalysisPhaseRunning)
			b.settled()
			test.change(b)
			if test.because == "" {
				b.settled()
			} else {
				b.broken(test.because)
			}
		})
	}
}

// What has begun goes on until it is told to end; nothing begins behind the end.
func TestNothingBeginsBehindTheEnd(t *testing.T) {
	given := func(s *v1alpha1.RolloutStatus) {
		now := metav1.Now()
		s.StableRS, s.CurrentPodHash, s.Abort, s.AbortedAt = "old", "new", true, &now
	}
	tests := []struct {
		name    string
		status  func(*v1alpha1.RolloutStatus)
		begin   func(*bench, client.Object)
		because string // empty: allowed
	}{
		{"in the middle", func(s *v1alpha1.RolloutStatus) { s.StableRS, s.CurrentPodHash = "old", "new" }, func(b *bench, ro client.Object) { b.run("r", ro) }, ""},
		{"a run after an abort", given, func(b *bench, ro client.Object) { b.run("r", ro) },
			"measuring: rollout default/web: its update has been over since 00:00:00, and r was started"},
		{"an Experiment after an abort", given, func(b *bench, ro client.Object) { b.experiment("e", ro) }, "and e was started"},
		{"a run after the promotion", func(s *v1alpha1.RolloutStatus) { s.StableRS, s.CurrentPodHash = "new", "new" }, func(b *bench, ro client.Object) { b.run("r", ro) },
			"and r was started"},
		{"a run of its own", given, func(b *bench, _ client.Object) { b.run("r", nil) }, ""},
		{"a run after a retry", given, func(b *bench, ro client.Object) {
			b.status(func(s *v1alpha1.RolloutStatus) { s.Abort, s.AbortedAt = false, nil })
			b.run("r", ro)
		}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, check.NewMeasuring())
			ro := b.rollout()
			b.status(test.status)
			b.settled()
			b.sleep(time.Second)
			test.begin(b, ro)
			if test.because == "" {
				b.settled()
			} else {
				b.broken(test.because)
			}
		})
	}
}

// A run that began in time measures no more once the update is over, or its
// Experiment, and nobody forgets to tell it.
func TestNothingGoesOnBehindTheEnd(t *testing.T) {
	abort := func(b *bench) {
		b.status(func(s *v1alpha1.RolloutStatus) { now := metav1.Now(); s.Abort, s.AbortedAt = true, &now })
	}
	promote := func(b *bench) { b.status(func(s *v1alpha1.RolloutStatus) { s.StableRS = "new" }) }
	tell := func(b *bench, name string) {
		run := &v1alpha1.AnalysisRun{}
		b.get(run, name)
		run.Spec.Terminate = true
		b.do(b.client.Update(b.t.Context(), run))
	}
	tests := []struct {
		name    string
		change  func(b *bench, e *v1alpha1.Experiment)
		because string // empty: allowed
	}{
		{"it measures in the middle", func(b *bench, _ *v1alpha1.Experiment) { b.measured(2, v1alpha1.AnalysisPhaseRunning) }, ""},
		{"all are told at the same time", func(b *bench, e *v1alpha1.Experiment) { abort(b); b.ended(e); tell(b, "r"); tell(b, "mine") }, ""},
		{"nobody tells a run of the abort", func(b *bench, e *v1alpha1.Experiment) { abort(b); b.ended(e); tell(b, "mine") },
			"measuring: analysisrun default/r: Rollout web has been over since 00:00:01 and it was not told to end"},
		{"nobody tells a run of the promotion", func(b *bench, e *v1alpha1.Experiment) { promote(b); b.ended(e); tell(b, "mine") },
			"measuring: analysisrun default/r: Rollout web has been over since 00:00:01 and it was not told to end"},
		{"nobody tells an Experiment of the abort", func(b *bench, _ *v1alpha1.Experiment) { abort(b); tell(b, "r"); tell(b, "mine") },
			"measuring: experiment default/e: Rollout web has been over since 00:00:01 and it was not told to end"},
		{"nobody tells a run of the end of its Experiment", func(b *bench, e *v1alpha1.Experiment) { b.ended(e) },
			"measuring: analysisrun default/mine: Experiment e has been over since 00:00:01 and it was not told to end"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, check.NewMeasuring())
			ro := b.rollout()
			b.status(func(s *v1alpha1.RolloutStatus) { s.StableRS, s.CurrentPodHash = "old", "new" })
			e := b.experiment("e", ro)
			b.run("r", ro)
			b.run("mine", e)
			b.measured(1, v1alpha1.AnalysisPhaseRunning)
			b.sleep(time.Second)
			b.get(e, "e")
			test.change(b, e)
			b.settled() // the instant itself may be the last one
			b.kernel.After(time.Second, kernel.ClassWorld, "later", func() {})
			err := b.kernel.RunUntil(b.kernel.Now().Add(time.Second))
			if test.because == "" && err != nil || test.because != "" && (err == nil || !strings.Contains(err.Error(), test.because)) {
				t.Errorf("%v\nwant: %s", err, test.because)
			}
		})
	}
}

// measuredBehindTheEnd has an update that is over while its run measures.
func measuredBehindTheEnd(t *testing.T) *bench {
	t.Helper()
	b := newBench(t, check.NewMeasuring())
	ro := b.rollout()
	b.status(func(s *v1alpha1.RolloutStatus) { s.StableRS, s.CurrentPodHash = "old", "new" })
	b.run("r", ro)
	b.measured(1, v1alpha1.AnalysisPhaseRunning)
	b.settled()
	b.status(func(s *v1alpha1.RolloutStatus) { s.StableRS = "new" })
	return b
}

// A controller whose write failed has a minute to try again, and no more.
func TestTroubleIsAnExcuseForAMinute(t *testing.T) {
	b := measuredBehindTheEnd(t)
	b.monitor.Trouble()
	for _, after := range []time.Duration{time.Second, time.Minute, time.Minute + time.Second} {
		b.kernel.After(after, kernel.ClassWorld, "later", func() {})
	}
	b.sleep(time.Minute)
	err := b.kernel.RunUntil(b.kernel.Now().Add(time.Second))
	if want := "and it was not told to end"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v\nwant: %s", err, want)
	}
}

// A measurement behind the end is one too many, even of a run that is told at the
// very instant at which it makes it.
func TestNothingIsMeasuredBehindTheEnd(t *testing.T) {
	b := measuredBehindTheEnd(t)
	b.settled()
	b.kernel.After(time.Second, kernel.ClassWorld, "later", func() {
		b.changeRun(func(run *v1alpha1.AnalysisRun) {
			run.Spec.Terminate, run.Status.MetricResults[0].Successful = true, 2
		})
	})
	err := b.kernel.RunUntil(b.kernel.Now().Add(time.Second))
	if want := "measuring: analysisrun default/r: Rollout web has been over since 00:00:00 and it measured again: 1 measurements became 2"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v\nwant: %s", err, want)
	}
}

func TestOnce(t *testing.T) {
	tests := []struct {
		name    string
		create  func(*bench, client.Object)
		because string // empty: allowed
	}{
		{"a run for each step", func(b *bench, ro client.Object) { b.run("web-new-2-0", ro); b.run("web-new-2-1", ro) }, ""},
		{"two runs for a step", func(b *bench, ro client.Object) { b.run("web-new-2-0", ro); b.run("web-new-2-0.1", ro) },
			"once: Rollout default/web: AnalysisRun web-new-2-0 and web-new-2-0.1 is there for the same purpose"},
		{"two Experiments for a step", func(b *bench, ro client.Object) { b.experiment("web-new-2-0", ro); b.experiment("web-new-2-0.1", ro) },
			"Rollout default/web: Experiment web-new-2-0 and web-new-2-0.1 is there for the same purpose"},
		{"two runs of an Experiment", func(b *bench, ro client.Object) {
			e := b.experiment("web-new-2-0", ro)
			b.run("web-new-2-0-quick", e)
			b.run("web-new-2-0-quick.1", e)
		}, "Experiment default/web-new-2-0: AnalysisRun"},
		{"a person retries", func(b *bench, ro client.Object) {
			b.run("web-new-2-0", ro)
			b.person(func() { b.status(func(s *v1alpha1.RolloutStatus) { s.Abort = false; s.Message = "again" }) })
			b.settled()
			b.run("web-new-2-0.1", ro)
		}, ""},
		{"a person deletes a run", func(b *bench, ro client.Object) {
			b.run("web-new-2-0", ro)
			b.person(func() { b.delete("somebody", &v1alpha1.AnalysisRun{}, "web-new-2-0") })
			b.run("web-new-2-0", ro)
		}, ""},
		{"a person deletes an Experiment, once", func(b *bench, ro client.Object) {
			b.experiment("web-new-2-0", ro)
			b.person(func() { b.delete("somebody", &v1alpha1.Experiment{}, "web-new-2-0") })
			b.experiment("web-new-2-0", ro)
			b.experiment("web-new-2-0.1", ro)
		}, "Rollout default/web: Experiment web-new-2-0 and web-new-2-0.1 is there for the same purpose"},
		{"a person deletes the run before the one that is there", func(b *bench, ro client.Object) {
			b.run("web-new-2-0", ro)
			b.person(func() { b.status(func(s *v1alpha1.RolloutStatus) { s.Abort = false; s.Message = "again" }) })
			b.settled()
			b.run("web-new-2-0.1", ro)
			b.person(func() { b.delete("somebody", &v1alpha1.AnalysisRun{}, "web-new-2-0") })
			b.run("web-new-2-0.2", ro)
		}, "Rollout default/web: AnalysisRun web-new-2-0.1 and web-new-2-0.2 is there for the same purpose"},
		{"no person deletes a run that is made again", func(b *bench, ro client.Object) {
			b.run("web-new-2-0", ro)
			b.delete("controller", &v1alpha1.AnalysisRun{}, "web-new-2-0")
			b.run("web-new-2-0", ro)
		}, "Rollout default/web: AnalysisRun web-new-2-0 and web-new-2-0 is there for the same purpose"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, check.NewOnce())
			test.create(b, b.rollout())
			if test.because == "" {
				b.settled()
			} else {
				b.broken(test.because)
			}
		})
	}
}

// over is a Rollout at its end whose requests all go to the stable pods.
func over(t *testing.T) (*bench, *v1alpha1.Rollout) {
	b := routed(t, 0)
	b.scale("new", 0)
	b.status(func(s *v1alpha1.RolloutStatus) {
		s.Phase, s.Message, s.Abort = v1alpha1.RolloutPhaseDegraded, "RolloutAborted: Rollout aborted update to revision 2", true
	})
	b.settled()
	ro := &v1alpha1.Rollout{}
	b.get(ro, "web")
	return b, ro
}

func TestLeftovers(t *testing.T) {
	tests := []struct {
		name    string
		leave   func(*bench, *v1alpha1.Rollout)
		because string // empty: allowed
	}{
		{"nothing", func(*bench, *v1alpha1.Rollout) {}, ""},
		{"a share", func(b *bench, _ *v1alpha1.Rollout) { b.person(func() { b.split(80, 20) }) },
			"settled: rollout default/web: the update is over, and VirtualService web still sends 20 % to canary, which is \"new\""},
		{"a managed route", func(b *bench, _ *v1alpha1.Rollout) { b.firstRoute("by-header") },
			"VirtualService web still has the managed route \"by-header\""},
		{"a subset", func(b *bench, _ *v1alpha1.Rollout) { b.subsets("stable", "canary", "web-new-2-0-canary") },
			"the update is over, and the subset web-new-2-0-canary of an Experiment is still there"},
		{"a subset of nobody", func(b *bench, _ *v1alpha1.Rollout) {
			b.subsets("stable")
			b.spec(func(ro *v1alpha1.Rollout) { ro.Spec.Strategy.Canary.TrafficRouting = nil })
			b.status(func(*v1alpha1.RolloutStatus) {})
		}, `no Rollout names DestinationRule default/web, and its subset stable selects "old"`},
		{"a managed route that is declared no more", func(b *bench, _ *v1alpha1.Rollout) {
			b.firstRoute("by-header")
			b.spec(func(ro *v1alpha1.Rollout) { ro.Spec.Strategy.Canary.TrafficRouting.ManagedRoutes = nil })
			b.status(func(*v1alpha1.RolloutStatus) {})
		}, `settled: no Rollout declares the managed route "by-header" any more, and VirtualService default/web still has it`},
		{"a managed route that is declared no more, of a Rollout that is held", func(b *bench, _ *v1alpha1.Rollout) {
			b.firstRoute("by-header")
			b.spec(func(ro *v1alpha1.Rollout) {
				ro.Spec.Strategy.Canary.TrafficRouting.ManagedRoutes, ro.Spec.Paused = nil, true
			})
			b.status(func(*v1alpha1.RolloutStatus) {})
		}, ""},
		{"a managed route of a VirtualService that nobody names", func(b *bench, _ *v1alpha1.Rollout) {
			b.firstRoute("by-header")
			b.spec(func(ro *v1alpha1.Rollout) { ro.Spec.Strategy.Canary.TrafficRouting = nil })
			b.status(func(*v1alpha1.RolloutStatus) {})
		}, `no Rollout declares the managed route "by-header" any more`},
		{"a route of its user", func(b *bench, _ *v1alpha1.Rollout) {
			b.firstRoute("mine")
			b.spec(func(ro *v1alpha1.Rollout) { ro.Spec.Strategy.Canary.TrafficRouting = nil })
			b.status(func(*v1alpha1.RolloutStatus) {})
		}, ""},
		{"subsets of its own", func(b *bench, _ *v1alpha1.Rollout) { b.subsets("stable", "canary") }, ""},
		{"a record", func(b *bench, _ *v1alpha1.Rollout) { b.status(recorded(80, 20)) },
			"settled: rollout default/web: the status says that the canary has 20 %, and VirtualService web route \"primary\" sends 0 %"},
		{"a record that is true", func(b *bench, _ *v1alpha1.Rollout) { b.status(recorded(100, 0)) }, ""},
		{"pods of an Experiment", func(b *bench, ro *v1alpha1.Rollout) {
			e := b.ended(b.experiment("e", ro))
			b.set(ro, "mine", 1, 1)
			rs := b.replicaSet("mine")
			rs.OwnerReferences = ownedBy(e)
			b.do(b.client.Update(b.t.Context(), rs))
		}, "experiment default/e: it is Successful, and its ReplicaSet web-mine has 1 pods"},
		{"a run", func(b *bench, ro *v1alpha1.Rollout) { b.run("r", ro) }, "analysisrun default/r: it is \"\", and its Rollout is at its end"},
		{"an Experiment", func(b *bench, ro *v1alpha1.Rollout) { b.experiment("e", ro) },
			"experiment default/e: it is \"\", and its Rollout waits for \"\""},
		{"the Service of an Experiment", func(b *bench, ro *v1alpha1.Rollout) {
			e := b.ended(b.experiment("e", ro))
			svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "e-canary", OwnerReferences: ownedBy(e)}}
			svc.Spec.Ports = []corev1.ServicePort{{Port: 80}}
			b.do(b.client.Create(b.t.Context(), svc))
		}, "experiment default/e: it is Successful, and its Service e-canary is still there"},
		{"the run of an Experiment", func(b *bench, ro *v1alpha1.Rollout) { b.run("r", b.ended(b.experiment("e", ro))) },
			"analysisrun default/r: it is \"\", and its Experiment is Successful"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b, ro := over(t)
			test.leave(b, ro)
			b.settled()
			err := check.Settled(b.monitor.State())
			if test.because == "" && err != nil || test.because != "" && (err == nil || !strings.Contains(err.Error(), test.because)) {
				t.Errorf("%v\nwant: %s", err, test.because)
			}
		})
	}
}

// firstRoute gives the first route of the VirtualService another name.
func (b *bench) firstRoute(name string) {
	b.t.Helper()
	vs := virtualService(100, 0, 0)
	now := &unstructured.Unstructured{}
	now.SetGroupVersionKind(vs.GroupVersionKind())
	b.get(now, "web")
	routes, _, err := unstructured.NestedSlice(now.Object, "spec", "http")
	b.do(err)
	routes[0].(map[string]any)["name"] = name
	b.do(unstructured.SetNestedSlice(now.Object, routes, "spec", "http"))
	b.do(b.client.Update(b.t.Context(), now))
}

// subsets lets the Rollout have a DestinationRule with subsets of these names.
func (b *bench) subsets(names ...string) {
	b.t.Helper()
	b.spec(func(ro *v1alpha1.Rollout) {
		ro.Spec.Strategy.Canary.TrafficRouting.Istio.DestinationRule = &v1alpha1.IstioDestinationRule{Name: "web", StableSubsetName: "stable", CanarySubsetName: "canary"}
	})
	b.status(func(*v1alpha1.RolloutStatus) {}) // it has seen its new spec
	list := []any{}
	for _, name := range names {
		list = append(list, map[string]any{"name": name, "labels": map[string]any{v1alpha1.DefaultRolloutUniqueLabelKey: "old"}})
	}
	b.do(b.client.Create(b.t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
		"metadata": map[string]any{"namespace": "default", "name": "web"},
		"spec":     map[string]any{"host": "web", "subsets": list},
	}}))
}

// recorded writes a split into the status.
func recorded(stable, canary int32) func(*v1alpha1.RolloutStatus) {
	return func(s *v1alpha1.RolloutStatus) {
		s.Canary.Weights = &v1alpha1.TrafficWeights{
			Canary: v1alpha1.WeightDestination{Weight: canary, ServiceName: "canary"},
			Stable: v1alpha1.WeightDestination{Weight: stable, ServiceName: "stable"},
		}
	}
}

func (b *bench) ended(e *v1alpha1.Experiment) *v1alpha1.Experiment {
	b.t.Helper()
	e.Status.Phase = v1alpha1.AnalysisPhaseSuccessful
	b.do(b.client.Update(b.t.Context(), e))
	return e
}
