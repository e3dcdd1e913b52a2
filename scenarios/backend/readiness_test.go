package backend

import (
	"context"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/manifest"
)

// readyPod is a pod that is ready since so many seconds after the beginning; never
// if negative.
func readyPod(name string, second int) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default-zq1x", Name: name}}
	if second >= 0 {
		p.Status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(began.Add(time.Duration(second) * time.Second)),
		}}
	}
	return p
}

func TestReadinessOf(t *testing.T) {
	gone := readyPod("gone", 9)
	gone.DeletionTimestamp = &metav1.Time{Time: began}
	since, starting := ReadinessOf([]corev1.Pod{*readyPod("b", 3), *readyPod("a", 1), *readyPod("c", -1), *gone})
	if want := []time.Time{began.Add(time.Second), began.Add(3 * time.Second)}; !slices.EqualFunc(since, want, time.Time.Equal) || starting != 1 {
		t.Errorf("ready since %s, and %d are starting; want %s and 1", since, starting, want)
	}
}

func TestRestOf(t *testing.T) {
	status := func(phase v1alpha1.RolloutPhase, step int32, stable string) v1alpha1.RolloutStatus {
		return v1alpha1.RolloutStatus{Phase: phase, CurrentStepIndex: &step, CurrentPodHash: "b", StableRS: stable, ObservedGeneration: "2"}
	}
	stale := status(v1alpha1.RolloutPhaseHealthy, 4, "b")
	stale.ObservedGeneration = "1"
	for name, c := range map[string]struct {
		status v1alpha1.RolloutStatus
		want   string // empty: it moves
	}{
		"new":                  {v1alpha1.RolloutStatus{}, ""},
		"under way":            {status(v1alpha1.RolloutPhaseProgressing, 2, "a"), ""},
		"not looked at so far": {stale, ""},
		"done":                 {status(v1alpha1.RolloutPhaseHealthy, 4, "b"), "Healthy at step 4, stable: true"},
		"paused":               {status(v1alpha1.RolloutPhasePaused, 1, "a"), "Paused at step 1, stable: false"},
	} {
		got, ok := RestOf(&v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Generation: 2}, Status: c.status})
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, %v, want %q", name, got, ok, c.want)
		}
	}
}

// A sleep lasts until a Rollout is where it rests in the simulator.
func TestSleepWaitsForLateRollouts(t *testing.T) {
	now := began
	ro := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: "default-zq1x", Name: "web", Generation: 1}}
	scheme, err := manifest.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	fakeClient := fake.NewClientBuilder().WithScheme(scheme).WithObjects(ro).Build()
	healthy := map[types.NamespacedName]string{{Namespace: "default", Name: "web"}: "Healthy at step -1, stable: true"}
	b := &Live{admin: fakeClient, due: began, next: Pace{Ready: &Readiness{Resting: healthy, Lag: time.Hour}},
		names: &namespaces{tag: "zq1x", known: map[string]*nameRule{}, prepare: func(string) error { return nil }}}
	if err := b.names.use("default"); err != nil {
		t.Fatal(err)
	}
	b.cluster = &Cluster{Clock: clock.Func(func() time.Time { return now }), Wait: func(_ context.Context, d time.Duration) error {
		now = now.Add(d)
		if now.Sub(began) < 14*time.Second {
			return nil
		}
		ro.Status = v1alpha1.RolloutStatus{Phase: v1alpha1.RolloutPhaseHealthy, ObservedGeneration: "1"}
		return fakeClient.Update(t.Context(), ro)
	}}
	if err := b.Sleep(t.Context(), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if got := now.Sub(began); got != 14*time.Second {
		t.Errorf("slept %s, want 14s, when the Rollout is healthy", got)
	}
}

// A sleep lasts longer by as much as pods are late, and what follows is put off.
func TestSleepWaitsForLatePods(t *testing.T) {
	for name, c := range map[string]struct {
		late   int // second at which the second pod becomes ready
		ready  *Readiness
		awaits time.Duration
		early  time.Duration
	}{
		"nothing is known":               {12, nil, 10 * time.Second, 0},
		"in time":                        {2, &Readiness{Count: 2, Lag: 8 * time.Second}, 10 * time.Second, 0},
		"early":                          {2, &Readiness{Count: 2, Lag: 5 * time.Second}, 10 * time.Second, 3 * time.Second},
		"sooner than the next to come":   {2, &Readiness{Count: 1, Starting: 1, Lag: 9 * time.Second}, 10 * time.Second, 0},
		"one too many: patience bounds":  {2, &Readiness{Count: 1, Lag: 9 * time.Second}, 10*time.Second + 30*time.Second + pollEvery, 0},
		"late, but before the end":       {7, &Readiness{Count: 2, Lag: 8 * time.Second}, 15 * time.Second, 0},
		"late":                           {12, &Readiness{Count: 2, Lag: 8 * time.Second}, 20 * time.Second, 0},
		"ready before the sleep":         {2, &Readiness{Count: 2, Lag: time.Hour}, 10 * time.Second, 0},
		"never as many: patience bounds": {2, &Readiness{Count: 5, Lag: 8 * time.Second}, 10*time.Second + 30*time.Second + pollEvery, 0},
	} {
		t.Run(name, func(t *testing.T) {
			now := began
			fakeClient := fake.NewClientBuilder().WithObjects(readyPod("a", 1)).Build()
			b := &Live{admin: fakeClient, due: began, next: Pace{Ready: c.ready}, names: &namespaces{tag: "zq1x", known: map[string]*nameRule{}, prepare: func(string) error { return nil }}}
			if err := b.names.use("default"); err != nil {
				t.Fatal(err)
			}
			b.cluster = &Cluster{Clock: clock.Func(func() time.Time { return now }), Wait: func(_ context.Context, d time.Duration) error {
				now = now.Add(d)
				if now.Sub(began) >= time.Duration(c.late)*time.Second {
					return client.IgnoreAlreadyExists(fakeClient.Create(t.Context(), readyPod("b", c.late)))
				}
				return nil
			}}
			if err := b.Sleep(t.Context(), 10*time.Second); err != nil {
				t.Fatal(err)
			}
			if got := now.Sub(began); got != c.awaits {
				t.Errorf("slept %s, want %s", got, c.awaits)
			}
			if b.early != c.early {
				t.Errorf("%s early, want %s", b.early, c.early)
			}
			if want := b.due.Add(-c.early - time.Second); c.early > 0 {
				b.next = Pace{Since: time.Second}
				if got := b.floor(); !got.Equal(want) {
					t.Errorf("the next answer is not older than %s, want %s", got, want)
				}
			}
		})
	}
}

// Where pods were sooner than in the simulator, what does not last there may be over
// when a sleep ends: it is not waited for.
func TestSleepDoesNotWaitForWhatIsOver(t *testing.T) {
	for name, c := range map[string]struct {
		early, calm, want time.Duration
	}{
		"sooner":               {3 * time.Second, 4 * time.Second, 10*time.Second + slack + pollEvery},
		"sooner, but it stays": {3 * time.Second, time.Minute, 10*time.Second + 30*time.Second + pollEvery},
		"in time":              {0, 4 * time.Second, 10*time.Second + 30*time.Second + pollEvery},
	} {
		t.Run(name, func(t *testing.T) {
			now := began
			b := &Live{admin: fake.NewClientBuilder().WithObjects(readyPod("a", 1)).Build(), due: began, early: c.early,
				next:  Pace{Ready: &Readiness{Count: 2, Lag: 8 * time.Second}, Calm: c.calm},
				names: &namespaces{tag: "zq1x", known: map[string]*nameRule{}, prepare: func(string) error { return nil }}}
			if err := b.names.use("default"); err != nil {
				t.Fatal(err)
			}
			b.cluster = &Cluster{Clock: clock.Func(func() time.Time { return now }), Wait: func(_ context.Context, d time.Duration) error {
				now = now.Add(d)
				return nil
			}}
			if err := b.Sleep(t.Context(), 10*time.Second); err != nil {
				t.Fatal(err)
			}
			if got := now.Sub(began); got != c.want {
				t.Errorf("slept %s, want %s", got, c.want)
			}
		})
	}
}
