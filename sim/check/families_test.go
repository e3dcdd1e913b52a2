package check_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/sim/check"
	"github.com/aviary-rollouts/aviary/sim/kernel"
)

func TestSurgeOfWhatIsAskedFor(t *testing.T) {
	b := newBench(t, check.NewSurge())
	ro := b.rollout()
	b.set(ro, "old", 5, 0)
	b.set(ro, "new", 0, 0)
	b.scale("new", 1)
	b.settled()
	b.scale("new", 2)
	b.scale("old", 4) // too late: the write before was wrong
	b.broken("surge: rollout default/web: its ReplicaSets ask for 7 pods: web-new 2/0/0, web-old 5/0/0; at most 6 allowed")
}

func TestSurgeOfPods(t *testing.T) {
	b := newBench(t, check.NewSurge())
	ro := b.rollout()
	b.set(ro, "old", 5, 5)
	b.pod(b.replicaSet("old"), false)
	b.settled()
	b.remove("replicaset-controller", "web-old-1")
	b.pod(b.replicaSet("old"), false)
	b.settled() // a terminating pod does not count
	b.pod(b.replicaSet("old"), false)
	b.broken("surge: rollout default/web: 7 pods that are not terminating: web-old 5/7/0; at most 6 allowed (5 replicas, surge 1)")
}

func TestSurgeWhileScalingDown(t *testing.T) {
	b := newBench(t, check.NewSurge())
	ro := b.rollout()
	b.set(ro, "old", 4, 0)
	b.set(ro, "new", 2, 0)
	b.settled()
	two := int32(2)
	b.spec(func(ro *v1alpha1.Rollout) { ro.Spec.Replicas = &two })
	b.status(func(*v1alpha1.RolloutStatus) {})
	b.settled() // six pods where three may be, but they were there before
	b.scale("old", 3)
	b.settled()
	b.scale("new", 3)
	b.broken("ask for 6 pods")
}

func TestSurgeLetsTheControllerKnowLater(t *testing.T) {
	b := newBench(t, check.NewSurge())
	ro := b.rollout()
	b.set(ro, "old", 4, 0)
	b.status(func(*v1alpha1.RolloutStatus) {})
	b.settled()
	two := int32(2)
	b.spec(func(ro *v1alpha1.Rollout) { ro.Spec.Replicas = &two })
	b.scale("old", 5) // decided for the spec before
	b.settled()
	b.status(func(*v1alpha1.RolloutStatus) {})
	b.scale("old", 6)
	b.broken("ask for 6 pods")
}

func TestSurgeExempts(t *testing.T) {
	b := newBench(t, check.NewSurge())
	ro := b.rollout(func(ro *v1alpha1.Rollout) {
		ro.Spec.Strategy = v1alpha1.RolloutStrategy{BlueGreen: &v1alpha1.BlueGreenStrategy{ActiveService: "active"}}
	})
	b.set(ro, "old", 5, 5)
	b.set(ro, "new", 5, 5)
	b.settled()
}

// What another strategy left is no surge, though nothing is written between the last
// moment in which the controller may have acted on that strategy and the next look.
func TestSurgeOfTheStrategyBefore(t *testing.T) {
	b := newBench(t, check.NewSurge())
	b.lag = time.Second
	ro := b.rollout(func(ro *v1alpha1.Rollout) {
		ro.Spec.Strategy = v1alpha1.RolloutStrategy{BlueGreen: &v1alpha1.BlueGreenStrategy{ActiveService: "active"}}
	})
	b.set(ro, "old", 5, 5)
	b.set(ro, "new", 5, 5)
	b.settled()
	b.spec(func(ro *v1alpha1.Rollout) {
		ro.Spec.Strategy = v1alpha1.RolloutStrategy{Canary: &v1alpha1.CanaryStrategy{}}
	})
	b.status(func(*v1alpha1.RolloutStatus) {})
	b.settled()
	b.kernel.At(b.kernel.Now().Add(2*time.Second), kernel.ClassWorld, "somebody looks", func() {})
	b.sleep(3 * time.Second)
	b.scale("new", 6)
	b.broken("ask for 11 pods")
}

func TestAvailability(t *testing.T) {
	b := newBench(t, check.NewAvailability())
	ro := b.rollout()
	b.set(ro, "old", 5, 5)
	b.settled()
	b.remove("replicaset-controller", "web-old-1")
	b.settled()
	b.remove("replicaset-controller", "web-old-2")
	b.broken("availability: rollout default/web: 3 pods available: web-old 5/3/0; at least 4 promised (5 replicas, at most 1 unavailable)")
}

func TestAvailabilityIsNotPromisedBeforeItWas(t *testing.T) {
	b := newBench(t, check.NewAvailability())
	ro := b.rollout()
	b.set(ro, "old", 5, 4)
	b.settled()
	b.remove("replicaset-controller", "web-old-1")
	b.settled()
}

func TestAvailabilityForgivesWhatOthersDo(t *testing.T) {
	for name, disturb := range map[string]func(*bench){
		"a pod fails":    func(b *bench) { b.ready("web-old-1", false) },
		"a pod is taken": func(b *bench) { b.remove("somebody", "web-old-1") },
		"more are asked for": func(b *bench) {
			seven := int32(7)
			b.spec(func(ro *v1alpha1.Rollout) { ro.Spec.Replicas = &seven })
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, check.NewAvailability())
			ro := b.rollout()
			b.set(ro, "old", 5, 5)
			b.sleep(time.Minute)
			disturb(b)
			b.settled()
			b.sleep(time.Minute)
			b.remove("replicaset-controller", "web-old-2")
			b.settled()
			b.remove("replicaset-controller", "web-old-3")
			b.settled()
		})
	}
}

func TestAvailabilityIsPromisedAgain(t *testing.T) {
	b := newBench(t, check.NewAvailability())
	ro := b.rollout()
	b.set(ro, "old", 5, 5)
	b.sleep(time.Minute)
	b.ready("web-old-1", false)
	b.sleep(time.Minute)
	b.ready("web-old-1", true)
	b.settled()
	b.remove("replicaset-controller", "web-old-2")
	b.remove("replicaset-controller", "web-old-3")
	b.broken("3 pods available")
}

func TestAvailabilityOfRestarts(t *testing.T) {
	b := newBench(t, check.NewAvailability())
	zero := intstr.FromInt32(0)
	ro := b.rollout(func(ro *v1alpha1.Rollout) { ro.Spec.Strategy.Canary.MaxUnavailable = &zero })
	b.set(ro, "old", 5, 5)
	b.settled()
	at := metav1.NewTime(b.kernel.Now())
	b.spec(func(ro *v1alpha1.Rollout) { ro.Spec.RestartAt = &at })
	b.remove(controller, "web-old-1")
	b.settled()
	b.remove(controller, "web-old-2")
	b.broken("3 pods available")
}

// With dynamicStableScale the pods of a revision that was superseded count as long
// as requests go there.
func TestAvailabilityOfWhatWasSuperseded(t *testing.T) {
	b := newBench(t, check.NewAvailability())
	ro := b.rollout(func(ro *v1alpha1.Rollout) {
		c := ro.Spec.Strategy.Canary
		c.StableService, c.CanaryService, c.DynamicStableScale = "stable", "canary", true
		c.TrafficRouting = &v1alpha1.RolloutTrafficRouting{Istio: &v1alpha1.IstioTrafficRouting{VirtualService: &v1alpha1.IstioVirtualService{Name: "web"}}}
	})
	b.set(ro, "old", 1, 1)
	b.set(ro, "mid", 4, 4)
	b.service("stable", "old")
	b.service("canary", "mid")
	b.do(b.client.Create(t.Context(), virtualService(20, 80, 0)))
	b.status(func(s *v1alpha1.RolloutStatus) { s.StableRS, s.CurrentPodHash = "old", "new" })
	b.settled()
	b.sleep(time.Second)
	b.split(100, 0)
	b.broken("1 pods available")
}

func TestAvailabilityBehindTheActiveService(t *testing.T) {
	b := newBench(t, check.NewAvailability())
	ro := b.rollout(func(ro *v1alpha1.Rollout) {
		ro.Spec.Strategy = v1alpha1.RolloutStrategy{BlueGreen: &v1alpha1.BlueGreenStrategy{ActiveService: "active"}}
	})
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "active"}}
	svc.Spec.Selector = map[string]string{v1alpha1.DefaultRolloutUniqueLabelKey: "old"}
	svc.Spec.Ports = []corev1.ServicePort{{Port: 80}}
	b.do(b.client.Create(t.Context(), svc))
	b.set(ro, "old", 5, 5)
	b.set(ro, "new", 5, 3)
	b.settled()
	svc.Spec.Selector[v1alpha1.DefaultRolloutUniqueLabelKey] = "new"
	b.do(b.client.Update(t.Context(), svc))
	b.broken("3 pods available")
}

func TestStableMustExist(t *testing.T) {
	b := newBench(t, check.NewStable())
	ro := b.rollout()
	b.set(ro, "old", 5, 5)
	b.status(func(s *v1alpha1.RolloutStatus) { s.StableRS = "old" })
	b.settled()
	b.do(b.client.Delete(t.Context(), b.replicaSet("old")))
	b.broken("stable: rollout default/web: status.stableRS is old, but there is no such ReplicaSet")
}

func TestStableKeepsWhatTheCanaryCannotCarry(t *testing.T) {
	b := newBench(t, check.NewStable())
	ro := b.rollout()
	b.set(ro, "old", 5, 5)
	b.set(ro, "new", 2, 1)
	b.status(func(s *v1alpha1.RolloutStatus) { s.StableRS, s.CurrentPodHash = "old", "new" })
	b.scale("old", 3)
	b.settled()
	b.scale("old", 2)
	b.broken("stable ReplicaSet web-old scaled from 3 to 2 pods with 5 replicas wanted: web-new 2/1/0, web-old 2/5/0")
}

func TestStableOfBlueGreenKeepsAll(t *testing.T) {
	b := newBench(t, check.NewStable())
	ro := b.rollout(func(ro *v1alpha1.Rollout) {
		ro.Spec.Strategy = v1alpha1.RolloutStrategy{BlueGreen: &v1alpha1.BlueGreenStrategy{ActiveService: "active"}}
	})
	b.set(ro, "old", 5, 5)
	b.set(ro, "new", 5, 5)
	b.status(func(s *v1alpha1.RolloutStatus) { s.StableRS, s.CurrentPodHash = "old", "new" })
	b.settled()
	b.status(func(s *v1alpha1.RolloutStatus) { s.StableRS = "new" })
	b.scale("old", 0)
	b.settled()
	b.scale("new", 4)
	b.broken("stable ReplicaSet web-new scaled from 5 to 4")
}

// steps gives a canary the steps 20, pause, 40, pause 30s, at an index.
func steps(index int32, change ...func(*v1alpha1.Rollout)) func(*v1alpha1.Rollout) {
	return func(ro *v1alpha1.Rollout) {
		w20, w40, d := int32(20), int32(40), intstr.FromString("30s")
		ro.Spec.Strategy.Canary.Steps = []v1alpha1.CanaryStep{
			{SetWeight: &w20}, {Pause: &v1alpha1.RolloutPause{}}, {SetWeight: &w40}, {Pause: &v1alpha1.RolloutPause{Duration: &d}},
		}
		ro.Status.CurrentStepIndex = &index
		ro.Status.StableRS, ro.Status.CurrentPodHash = "old", "new"
		for _, f := range change {
			f(ro)
		}
	}
}

// at puts the status at a step.
func (b *bench) at(index int32, change ...func(*v1alpha1.RolloutStatus)) {
	b.status(func(s *v1alpha1.RolloutStatus) {
		s.StableRS, s.CurrentPodHash, s.CurrentStepIndex = "old", "new", &index
		s.PauseConditions, s.ControllerPause = nil, false
		for _, f := range change {
			f(s)
		}
	})
}

// pausing adds the pause condition of a step, begun now.
func (b *bench) pausing(s *v1alpha1.RolloutStatus) {
	s.ControllerPause = true
	s.PauseConditions = []v1alpha1.PauseCondition{{Reason: v1alpha1.PauseReasonCanaryPauseStep, StartTime: metav1.NewTime(b.kernel.Now())}}
}

func TestPauses(t *testing.T) {
	forward := func(index int32) func(*bench) { return func(b *bench) { b.at(index) } }
	tests := []struct {
		name    string
		before  func(*bench)
		after   func(*bench)
		because string // empty: allowed
	}{
		{"a weight is reached", forward(0), forward(1), ""},
		{"a pause is passed at once", forward(1), forward(2), "pause step 1 was passed without a pause"},
		{"a pause for ever ends by itself", func(b *bench) { b.at(1, b.pausing) }, forward(2), "although step 1 pauses until promoted"},
		{"a person promotes", func(b *bench) { b.at(1, func(s *v1alpha1.RolloutStatus) { s.ControllerPause = true }) }, forward(2), ""},
		{"a person skips", func(b *bench) { b.at(1, b.pausing) }, func(b *bench) { b.person(func() { b.at(2) }) }, ""},
		{"a timed pause ends early", func(b *bench) { b.at(3, b.pausing); b.sleep(29 * time.Second) }, forward(4), "step 3 became 4 1s before its pause ends"},
		{"a timed pause ends", func(b *bench) { b.at(3, b.pausing); b.sleep(30 * time.Second) }, forward(4), ""},
		{"a manual pause is ignored", func(b *bench) { b.at(0); b.spec(func(ro *v1alpha1.Rollout) { ro.Spec.Paused = true }) },
			forward(1), "step 0 became 1 while spec.paused was set"},
		{"back to the stable revision", func(b *bench) { b.at(1, b.pausing) },
			func(b *bench) { b.at(4, func(s *v1alpha1.RolloutStatus) { s.CurrentPodHash = "old" }) }, ""},
		{"a full promotion", func(b *bench) { b.at(1, b.pausing, func(s *v1alpha1.RolloutStatus) { s.PromoteFull = true }) }, forward(4), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, check.NewPause())
			b.rollout(steps(0))
			test.before(b)
			b.settled()
			test.after(b)
			if test.because == "" {
				b.settled()
			} else {
				b.broken(test.because)
			}
		})
	}
}

func TestCanaryDoesNotGrowWhilePaused(t *testing.T) {
	setup := func(t *testing.T) *bench {
		b := newBench(t, check.NewPause())
		ro := b.rollout(steps(1))
		b.set(ro, "old", 4, 4)
		b.set(ro, "new", 1, 1)
		b.at(1, b.pausing)
		b.sleep(time.Minute)
		return b
	}
	t.Run("at a step", func(t *testing.T) {
		b := setup(t)
		b.scale("new", 2)
		b.broken("pause: rollout default/web: canary web-new grew to 2 pods while paused, at most 1 allowed: it had 1 of 5 replicas when the pause began, now there are 5")
	})
	t.Run("by hand", func(t *testing.T) {
		b := setup(t)
		b.at(1) // promoted
		b.spec(func(ro *v1alpha1.Rollout) { ro.Spec.Paused = true })
		b.at(1)
		b.sleep(time.Minute)
		b.scale("new", 2)
		b.broken("canary web-new grew to 2 pods while paused, at most 1 allowed")
	})
	t.Run("by hand, after it grew to the weight of a step that a person skipped", func(t *testing.T) {
		b := newBench(t, check.NewPause())
		ro := b.rollout(steps(2))
		b.set(ro, "old", 4, 4)
		b.set(ro, "new", 1, 1)
		b.spec(func(ro *v1alpha1.Rollout) { ro.Spec.Strategy.Canary.Steps[3].Pause.Duration = nil })
		b.at(3, b.pausing)
		b.sleep(time.Minute)
		b.scale("new", 2)
		b.settled()
		b.spec(func(ro *v1alpha1.Rollout) { ro.Spec.Paused = true })
		b.at(3, b.pausing)
		b.pod(b.replicaSet("new"), true)
		b.sleep(time.Minute)
		b.scale("new", 3)
		b.broken("canary web-new grew to 3 pods while paused, at most 2 allowed: it had 2 of 5 replicas when the pause began")
	})
	t.Run("unless more are wanted in all", func(t *testing.T) {
		b := setup(t)
		ten := int32(10)
		b.spec(func(ro *v1alpha1.Rollout) { ro.Spec.Replicas = &ten })
		b.scale("new", 2)
		b.settled()
		b.scale("new", 3)
		b.broken("canary web-new grew to 3 pods while paused, at most 2 allowed")
	})
	t.Run("unless it is shrunk", func(t *testing.T) {
		b := setup(t)
		b.scale("new", 0)
		b.settled()
	})
}

func TestOwnership(t *testing.T) {
	t.Run("two of one hash", func(t *testing.T) {
		b := newBench(t, check.NewOwnership())
		ro := b.rollout()
		b.set(ro, "old", 1, 1)
		b.settled()
		twin := b.replicaSet("old")
		twin.Name, twin.ResourceVersion, twin.UID = "web-twin", "", ""
		b.do(b.client.Create(t.Context(), twin))
		b.broken("ownership: rollout default/web: ReplicaSets web-old and web-twin have the same hash old")
	})
	t.Run("labels that do not agree", func(t *testing.T) {
		b := newBench(t, check.NewOwnership())
		b.set(b.rollout(), "old", 1, 1)
		rs := b.replicaSet("old")
		rs.Labels = map[string]string{v1alpha1.DefaultRolloutUniqueLabelKey: "other"}
		b.do(b.client.Update(t.Context(), rs))
		b.broken("ReplicaSet web-old is labelled other, but its selector or its template is not")
	})
	t.Run("no label", func(t *testing.T) {
		b := newBench(t, check.NewOwnership())
		b.set(b.rollout(), "old", 1, 1)
		rs := b.replicaSet("old")
		rs.Labels = nil
		b.do(b.client.Update(t.Context(), rs))
		b.broken("ReplicaSet web-old has no label rollouts-pod-template-hash")
	})
	t.Run("a pod of nobody", func(t *testing.T) {
		b := newBench(t, check.NewOwnership())
		ghost := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "ghost", UID: "u"}}
		ghost.Spec.Template.Spec.Containers = []corev1.Container{{Name: "web", Image: "web:1"}}
		b.pod(ghost, true)
		b.broken("pod default/ghost-1 was created for ReplicaSet ghost, which does not exist")
	})
}

func TestQuiet(t *testing.T) {
	b := newBench(t)
	b.rollout()
	b.settled()
	if err := check.Quiet(b.kernel, b.store, b.kernel.Settle); err != nil {
		t.Errorf("nothing was written: %v", err)
	}
	err := check.Quiet(b.kernel, b.store, func() error {
		b.status(func(s *v1alpha1.RolloutStatus) { s.Message = "again" })
		return b.kernel.Settle()
	})
	if err == nil || !strings.Contains(err.Error(), "wrote 1 times:\n  00:00:00.000 controller update Rollout default/web status") {
		t.Errorf("%v", err)
	}
}

func TestSettled(t *testing.T) {
	healthy := func(s *v1alpha1.RolloutStatus) {
		s.Phase, s.StableRS, s.CurrentPodHash = v1alpha1.RolloutPhaseHealthy, "a", "a"
	}
	tests := []struct {
		name    string
		ready   int
		status  func(*v1alpha1.RolloutStatus)
		because string
	}{
		{"healthy", 5, healthy, ""},
		{"never looked at", 5, nil, "generation 1 was never looked at"},
		{"progressing", 5, func(s *v1alpha1.RolloutStatus) { s.Phase, s.Message = v1alpha1.RolloutPhaseProgressing, "waiting" }, `it is still "Progressing": "waiting" (step none)`},
		{"healthy with too few", 4, healthy, "it is Healthy with 4 of 5 pods available"},
		{"healthy with too many", 6, healthy, "it is Healthy with 6 pods instead of 5"},
		{"healthy but not stable", 5, func(s *v1alpha1.RolloutStatus) { healthy(s); s.StableRS = "b" }, "it is Healthy although a is not stable (b is)"},
		{"paused", 5, func(s *v1alpha1.RolloutStatus) {
			s.Phase, s.Message = v1alpha1.RolloutPhasePaused, "CanaryPauseStep"
			s.PauseConditions = []v1alpha1.PauseCondition{{Reason: v1alpha1.PauseReasonCanaryPauseStep}}
		}, ""},
		{"paused for nothing", 5, func(s *v1alpha1.RolloutStatus) { s.Phase = v1alpha1.RolloutPhasePaused }, "it is Paused without a reason"},
		{"degraded", 5, func(s *v1alpha1.RolloutStatus) {
			s.Phase, s.Message = v1alpha1.RolloutPhaseDegraded, "RolloutAborted: Rollout aborted update to revision 2"
		}, ""},
		{"degraded for nothing", 5, func(s *v1alpha1.RolloutStatus) { s.Phase = v1alpha1.RolloutPhaseDegraded }, "it is Degraded and does not say why"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			b.set(b.rollout(), "a", 5, test.ready)
			if test.status != nil {
				b.status(test.status)
			}
			b.settled()
			err := check.Settled(b.monitor.State())
			if test.because == "" && err != nil || test.because != "" && (err == nil || !strings.Contains(err.Error(), test.because)) {
				t.Errorf("%v\nwant: %s", err, test.because)
			}
		})
	}
}

func TestSettledCountsOldRevisions(t *testing.T) {
	for limit, want := range map[int32]string{0: "it is Healthy with 1 old ReplicaSets, and 0 are to be kept", 1: ""} {
		b := newBench(t)
		ro := b.rollout(func(ro *v1alpha1.Rollout) { ro.Spec.RevisionHistoryLimit = &limit })
		b.set(ro, "a", 5, 5)
		b.set(ro, "b", 0, 0)
		b.status(func(s *v1alpha1.RolloutStatus) {
			s.Phase, s.StableRS, s.CurrentPodHash = v1alpha1.RolloutPhaseHealthy, "a", "a"
		})
		b.settled()
		if err := check.Settled(b.monitor.State()); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v\nwant: %s", err, want)
		}
	}
}

func TestSettledComparesImages(t *testing.T) {
	b := newBench(t)
	ro := b.rollout()
	b.set(ro, "a", 5, 5)
	b.spec(func(ro *v1alpha1.Rollout) { ro.Spec.Template.Spec.Containers[0].Image = "web:2" })
	b.status(func(s *v1alpha1.RolloutStatus) {
		s.Phase, s.StableRS, s.CurrentPodHash = v1alpha1.RolloutPhaseHealthy, "a", "a"
	})
	b.settled()
	if err := check.Settled(b.monitor.State()); err == nil || !strings.Contains(err.Error(), "it is Healthy with image web:1 instead of web:2") {
		t.Errorf("%v", err)
	}
}

func TestSettledLooksAtRoles(t *testing.T) {
	role := func(name string) *v1alpha1.PodTemplateMetadata {
		return &v1alpha1.PodTemplateMetadata{Labels: map[string]string{"role": name}, Annotations: map[string]string{"is-" + name: "true"}}
	}
	for _, c := range []struct{ label, annotation, because string }{
		{"old", "is-old", ""},
		{"new", "is-old", `it is Healthy, and the label role of pod web-a-1 is "new" instead of "old"`},
		{"old", "is-new", "it is Healthy, and pod web-a-1 still has the annotation is-new"},
	} {
		b := newBench(t)
		b.set(b.rollout(func(ro *v1alpha1.Rollout) {
			ro.Spec.Strategy.Canary.StableMetadata, ro.Spec.Strategy.Canary.CanaryMetadata = role("old"), role("new")
		}), "a", 5, 5)
		for i := range 5 {
			pod := &corev1.Pod{}
			b.get(pod, fmt.Sprintf("web-a-%d", i+1))
			pod.Labels["role"], pod.Annotations = c.label, map[string]string{c.annotation: "true"}
			b.do(b.world.Update(t.Context(), pod))
		}
		b.status(func(s *v1alpha1.RolloutStatus) {
			s.Phase, s.StableRS, s.CurrentPodHash = v1alpha1.RolloutPhaseHealthy, "a", "a"
		})
		b.settled()
		if err := check.Settled(b.monitor.State()); c.because == "" && err != nil || c.because != "" && (err == nil || !strings.Contains(err.Error(), c.because)) {
			t.Errorf("%v\nwant: %s", err, c.because)
		}
	}
}
