package sim_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/control"
	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/fault"
	"github.com/aviary-rollouts/aviary/sim/kernel"
)

// probe is a small controller of ConfigMaps for tests of the mount. It also
// watches Secrets, which wake the ConfigMap of the same name.
type probe struct {
	deps  control.Deps
	lives int // how often it was started
	calls []string
	do    func(p *probe, key types.NamespacedName) (time.Time, error)
}

func (p *probe) controllers(d control.Deps) []control.Controller {
	p.deps = d
	p.lives++
	return []control.Controller{{
		Name: "probe", For: &corev1.ConfigMap{},
		Reconcile: func(_ context.Context, key types.NamespacedName) (time.Time, error) {
			p.calls = append(p.calls, fmt.Sprintf("%s %s", d.Clock.Now().Format("15:04:05.000"), key.Name))
			if p.do == nil {
				return time.Time{}, nil
			}
			return p.do(p, key)
		},
		Watches: []control.Watch{{Kind: &corev1.Secret{}, Keys: func(_ context.Context, obj client.Object) []types.NamespacedName {
			return []types.NamespacedName{client.ObjectKeyFromObject(obj)}
		}}},
	}}
}

// expectCalls compares the reconciles since the last time: "00.000 a" is a
// reconcile of a at the start.
func (p *probe) expectCalls(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, call := range p.calls {
		got = append(got, strings.TrimPrefix(call, "09:"))
	}
	p.calls = nil
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		t.Errorf("reconciles:\n  %s\nwant:\n  %s", strings.Join(got, "; "), strings.Join(want, "; "))
	}
}

func configMap(name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
}

func create(t *testing.T, s *sim.Sim, objects ...client.Object) {
	t.Helper()
	for _, obj := range objects {
		if err := s.Client().Create(t.Context(), obj); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Settle(); err != nil {
		t.Fatal(err)
	}
}

// touch changes a ConfigMap.
func touch(t *testing.T, s *sim.Sim, name, value string) {
	t.Helper()
	cm := configMap(name)
	cm.Data = map[string]string{"value": value}
	if err := s.Client().Update(t.Context(), cm); err != nil {
		t.Fatal(err)
	}
}

func TestEventsWakeControllers(t *testing.T) {
	p := &probe{}
	s := start(t, sim.Options{Controllers: p.controllers})
	create(t, s, configMap("a"), configMap("b"))
	p.expectCalls(t, "00:00.000 a", "00:00.000 b")
	sleep(t, s, time.Second)
	create(t, s, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "b"}})
	p.expectCalls(t, "00:01.000 b")
	touch(t, s, "a", "1")
	touch(t, s, "a", "2")
	if err := s.Settle(); err != nil {
		t.Fatal(err)
	}
	p.expectCalls(t, "00:01.000 a") // two changes at one instant are one reconcile
	if err := s.Resync(); err != nil {
		t.Fatal(err)
	}
	p.expectCalls(t, "00:01.000 a", "00:01.000 b")
	if err := s.Client().Delete(t.Context(), configMap("a")); err != nil {
		t.Fatal(err)
	}
	if err := s.Settle(); err != nil {
		t.Fatal(err)
	}
	p.expectCalls(t, "00:01.000 a")
}

func TestWakeAndBackOff(t *testing.T) {
	p := &probe{}
	s := start(t, sim.Options{Controllers: p.controllers})
	p.do = func(p *probe, _ types.NamespacedName) (time.Time, error) {
		return p.deps.Clock.Now().Add(10 * time.Second), nil
	}
	create(t, s, configMap("a"))
	sleep(t, s, 20*time.Second)
	p.expectCalls(t, "00:00.000 a", "00:10.000 a", "00:20.000 a")

	// The next answer replaces the timer: no wake at 30 s.
	p.do = func(*probe, types.NamespacedName) (time.Time, error) { return time.Time{}, nil }
	touch(t, s, "a", "1")
	sleep(t, s, time.Minute)
	p.expectCalls(t, "00:20.000 a")

	failures := 0
	p.do = func(*probe, types.NamespacedName) (time.Time, error) {
		if failures++; failures <= 4 {
			return time.Time{}, errors.New("not yet")
		}
		return time.Time{}, nil
	}
	touch(t, s, "a", "2")
	sleep(t, s, time.Minute)
	p.expectCalls(t, "01:20.000 a", "01:20.005 a", "01:20.015 a", "01:20.035 a", "01:20.075 a")
	failures = 3 // a success resets the back-off
	touch(t, s, "a", "3")
	sleep(t, s, time.Minute)
	p.expectCalls(t, "02:20.000 a", "02:20.005 a")

	// An error may say when to look again, and is then no failure that counts.
	failures = 0
	p.do = func(p *probe, _ types.NamespacedName) (time.Time, error) {
		if failures++; failures == 3 {
			return time.Time{}, errors.New("not yet")
		}
		return p.deps.Clock.Now().Add(20 * time.Second), errors.New("refused")
	}
	touch(t, s, "a", "4")
	sleep(t, s, 50*time.Second)
	p.expectCalls(t, "03:20.000 a", "03:40.000 a", "04:00.000 a", "04:00.005 a")
}

func TestBackOffHasALimit(t *testing.T) {
	p := &probe{do: func(*probe, types.NamespacedName) (time.Time, error) { return time.Time{}, errors.New("never") }}
	s := start(t, sim.Options{Controllers: p.controllers})
	create(t, s, configMap("a"))
	sleep(t, s, 2*time.Hour)
	p.calls = nil
	sleep(t, s, 1000*time.Second)
	if n := len(p.calls); n != 33 { // one every 30 s, which is control.LastRetry
		t.Errorf("%d tries in 1000 s after 2 h of failures: %v", n, p.calls)
	}
}

func TestResyncPeriod(t *testing.T) {
	p := &probe{}
	s := start(t, sim.Options{Controllers: p.controllers, Resync: 15 * time.Minute, Objects: []client.Object{configMap("a")}})
	sleep(t, s, time.Hour)
	if len(p.calls) != 5 {
		t.Errorf("%d reconciles in an hour with a resync every 15 min: %v", len(p.calls), p.calls)
	}
}

func TestHotLoopIsAFailure(t *testing.T) {
	value := 0
	p := &probe{do: func(p *probe, key types.NamespacedName) (time.Time, error) {
		value++
		cm := configMap(key.Name)
		cm.Data = map[string]string{"value": fmt.Sprint(value)}
		return time.Time{}, p.deps.Client.Update(context.Background(), cm)
	}}
	s := start(t, sim.Options{Seed: 7, Controllers: p.controllers, Limits: kernel.Limits{CountPerInstant: 50}})
	if err := s.Client().Create(t.Context(), configMap("a")); err != nil {
		t.Fatal(err)
	}
	err := s.Settle()
	var failure *kernel.Failure
	if !errors.As(err, &failure) {
		t.Fatalf("a controller that wakes itself runs for ever: %v", err)
	}
	if failure.Seed != 7 || len(failure.Reasons) != 10 || failure.Reasons[9] != "probe default/a: it changed" {
		t.Errorf("seed %d, reasons %q", failure.Seed, failure.Reasons)
	}
	if !strings.Contains(err.Error(), "runs of probe for default/a at one instant: 51, at most 50 allowed") {
		t.Errorf("%v", err)
	}
	if again := s.Sleep(time.Second); again == nil {
		t.Error("a failed simulation goes on")
	}
}

func TestPanicIsAFailure(t *testing.T) {
	p := &probe{do: func(*probe, types.NamespacedName) (time.Time, error) { panic("no such thing") }}
	s := start(t, sim.Options{Seed: 9, Controllers: p.controllers})
	if err := s.Client().Create(t.Context(), configMap("a")); err != nil {
		t.Fatal(err)
	}
	err := s.Settle()
	if err == nil || !strings.Contains(err.Error(), "seed 9") || !strings.Contains(err.Error(), "probe panicked on default/a: no such thing") {
		t.Errorf("%v", err)
	}
}

// TestCrash kills a controller by hand between two of its writes.
func TestCrash(t *testing.T) {
	p := &probe{}
	s := start(t, sim.Options{Controllers: p.controllers})
	p.do = func(p *probe, key types.NamespacedName) (time.Time, error) {
		first, second := configMap(key.Name), configMap(key.Name)
		first.Data, second.Data = map[string]string{"n": "1"}, map[string]string{"n": "2"}
		if err := p.deps.Client.Update(context.Background(), first); err != nil {
			return time.Time{}, err
		}
		s.Crash()
		p.deps.Events.Event(second, corev1.EventTypeNormal, "Late", "a dead process says nothing")
		return p.deps.Clock.Now().Add(time.Second), p.deps.Client.Update(context.Background(), second)
	}
	create(t, s, configMap("a"))
	sleep(t, s, time.Minute)
	touch(t, s, "a", "nobody sees this")
	sleep(t, s, time.Minute)
	p.expectCalls(t, "00:00.000 a")
	if s.Running() || p.lives != 1 {
		t.Errorf("running %t, lives %d", s.Running(), p.lives)
	}
	var events corev1.EventList
	if err := s.Client().List(t.Context(), &events); err != nil || len(events.Items) != 0 {
		t.Errorf("events of a dead process: %v (%v)", events.Items, err)
	}
	p.do = nil
	s.Restart()
	sleep(t, s, time.Minute)
	p.expectCalls(t, "02:00.000 a")
	if p.lives != 2 {
		t.Errorf("%d lives", p.lives)
	}
}

// TestStaleView lets a controller see its own write late: it writes again, and
// meets a conflict because it names the version that it saw.
func TestStaleView(t *testing.T) {
	p := &probe{}
	var seen []string
	p.do = func(p *probe, key types.NamespacedName) (time.Time, error) {
		cm := &corev1.ConfigMap{}
		if err := p.deps.Client.Get(context.Background(), key, cm); err != nil {
			return time.Time{}, client.IgnoreNotFound(err)
		}
		seen = append(seen, p.deps.Clock.Now().Format("05 ")+cm.Data["value"])
		return time.Time{}, nil
	}
	lag, err := fault.Parse("stale:age=3s,from=10s,to=30s")
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, sim.Options{Controllers: p.controllers, Faults: []fault.Fault{lag}})
	create(t, s, configMap("a"))
	for _, at := range []int{5, 15, 16, 40} {
		sleep(t, s, time.Duration(at)*time.Second-s.Now().Sub(s.Kernel().Start()))
		touch(t, s, "a", fmt.Sprint(at))
		if at == 16 { // looking before the news is there shows the old state
			if err := s.Resync(); err != nil {
				t.Fatal(err)
			}
		}
	}
	sleep(t, s, time.Minute)
	want := "00 ; 05 5; 16 5; 18 15; 19 16; 40 40"
	if got := strings.Join(seen, "; "); got != want {
		t.Errorf("seen:\n  %s\nwant:\n  %s", got, want)
	}
}

// TestKindsAreStaleByThemselves: a controller is told of a Secret before it is told of
// the ConfigMap that was written first, and reads what each informer has.
func TestKindsAreStaleByThemselves(t *testing.T) {
	var seen []string
	p := &probe{}
	p.do = func(p *probe, key types.NamespacedName) (time.Time, error) {
		cm, secret := &corev1.ConfigMap{}, &corev1.Secret{}
		if err := p.deps.Client.Get(context.Background(), key, cm); err != nil {
			return time.Time{}, client.IgnoreNotFound(err)
		}
		if err := p.deps.Client.Get(context.Background(), key, secret); client.IgnoreNotFound(err) != nil {
			return time.Time{}, err
		}
		seen = append(seen, p.deps.Clock.Now().Format("05 ")+cm.Data["value"]+","+string(secret.Data["value"]))
		return time.Time{}, nil
	}
	lag, err := fault.Parse("stale:age=3s,Secret=1s,from=10s")
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, sim.Options{Controllers: p.controllers, Faults: []fault.Fault{lag}})
	create(t, s, configMap("a"))
	sleep(t, s, 15*time.Second)
	touch(t, s, "a", "new")
	create(t, s, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "a"}, Data: map[string][]byte{"value": []byte("secret")}})
	sleep(t, s, time.Second)
	if err := s.Resync(); err != nil { // looking before the news is there shows the old state
		t.Fatal(err)
	}
	sleep(t, s, time.Minute)
	if got, want := strings.Join(seen, "; "), "00 ,; 16 ,secret; 16 ,secret; 18 new,secret"; got != want {
		t.Errorf("seen:\n  %s\nwant:\n  %s", got, want)
	}
}

// TestStaleByRevisions lags by writes, and catches up by time when nobody writes.
func TestStaleByRevisions(t *testing.T) {
	p := &probe{}
	s := start(t, sim.Options{Controllers: p.controllers, Faults: []fault.Fault{fault.Stale(2, time.Minute)}})
	sleep(t, s, 2*time.Minute)
	create(t, s, configMap("a"))
	create(t, s, configMap("b"))
	p.expectCalls(t)
	create(t, s, configMap("c"))
	p.expectCalls(t, "02:00.000 a")
	sleep(t, s, 2*time.Minute)
	p.expectCalls(t, "03:00.000 b", "03:00.000 c")
}

func TestEventsAreCountedAndTraced(t *testing.T) {
	p := &probe{do: func(p *probe, key types.NamespacedName) (time.Time, error) {
		cm := &corev1.ConfigMap{}
		if err := p.deps.Client.Get(context.Background(), key, cm); err != nil {
			return time.Time{}, err
		}
		p.deps.Events.Event(cm, corev1.EventTypeWarning, "Looked", "Looked at it")
		return time.Time{}, nil
	}}
	s := start(t, sim.Options{Controllers: p.controllers})
	create(t, s, configMap("a"))
	sleep(t, s, time.Minute)
	touch(t, s, "a", "1")
	sleep(t, s, time.Minute)
	var events corev1.EventList
	if err := s.Client().List(t.Context(), &events, client.MatchingFields{"involvedObject.name": "a"}); err != nil {
		t.Fatal(err)
	}
	if len(events.Items) != 1 {
		t.Fatalf("%d events", len(events.Items))
	}
	e := events.Items[0]
	if e.Count != 2 || e.Type != "Warning" || e.Reason != "Looked" || e.Message != "Looked at it" || e.InvolvedObject.Kind != "ConfigMap" ||
		e.LastTimestamp.Sub(e.FirstTimestamp.Time) != time.Minute || e.Source.Component != sim.ControllerName {
		t.Errorf("%+v", e)
	}
	lines := 0
	for _, line := range s.Trace().Lines() {
		if line.Text == "event Warning Looked default/a: Looked at it" {
			lines++
		}
	}
	if lines != 2 {
		t.Errorf("%d lines in the trace", lines)
	}
}

func TestRunUntil(t *testing.T) {
	p := &probe{do: func(p *probe, _ types.NamespacedName) (time.Time, error) {
		return p.deps.Clock.Now().Add(7 * time.Second), nil
	}}
	s := start(t, sim.Options{Controllers: p.controllers, Objects: []client.Object{configMap("a")}})
	if err := s.RunUntil(func() bool { return len(p.calls) == 4 }, time.Hour); err != nil {
		t.Fatal(err)
	}
	if at := s.Now().Sub(s.Kernel().Start()); at != 21*time.Second {
		t.Errorf("stopped at %s", at)
	}
	err := s.RunUntil(func() bool { return false }, time.Minute)
	if !errors.Is(err, sim.ErrNotReached) || s.Now().Sub(s.Kernel().Start()) != 81*time.Second {
		t.Errorf("%v at %s", err, s.Now())
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	for name, o := range map[string]sim.Options{
		"two objects of one name": {Objects: []client.Object{configMap("a"), configMap("a")}},
	} {
		if _, err := sim.New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	o := sim.Options{}
	o.World.Nodes = -1
	if _, err := sim.New(o); err == nil || !strings.Contains(err.Error(), "-1 nodes") {
		t.Errorf("%v", err)
	}
}
