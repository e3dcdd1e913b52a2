package sim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/fault"
	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// plainCanary is the Rollout that benchmarks of clusters are made of: 20 %, 5
// seconds, 60 %, 5 seconds.
func plainCanary() []client.Object {
	pause := v1alpha1.CanaryStep{Pause: &v1alpha1.RolloutPause{Duration: ptr.To(intstr.FromString("5s"))}}
	return []client.Object{rollout(5, v1alpha1.RolloutStrategy{Canary: &v1alpha1.CanaryStrategy{Steps: []v1alpha1.CanaryStep{
		{SetWeight: ptr.To(int32(20))}, pause, {SetWeight: ptr.To(int32(60))}, pause,
	}}})}
}

// count notes the writes of one client from now on.
func count(s *sim.Sim, name string) *[]string {
	calls := &[]string{}
	s.Store().AddHooks(store.Hooks{Before: func(op store.Op) error {
		if op.Client == name && op.Write() {
			text := fmt.Sprintf("%s %s", op.Verb, op.Kind.Kind)
			if op.Subresource != "" {
				text += "/" + op.Subresource
			}
			*calls = append(*calls, text)
		}
		return nil
	}})
	return calls
}

func number(calls []string, part string) (n int) {
	for _, c := range calls {
		if strings.Contains(c, part) {
			n++
		}
	}
	return n
}

// TestEconomy bounds what one update costs the API server. Every controller of
// the cluster pays for what one of them writes: each write is sent to all who
// watch.
func TestEconomy(t *testing.T) {
	s := start(t, sim.Options{Objects: plainCanary(), Patience: 5 * time.Second})
	if err := s.Sleep(time.Minute); err != nil {
		t.Fatal(err)
	}
	writes, told := count(s, sim.ControllerName), len(eventsOf(t, s))
	if err := setImage("2.0.0")(s); err != nil {
		t.Fatal(err)
	}
	if err := s.Sleep(2 * time.Minute); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what     string
		got, max int
	}{
		{"requests besides Events", len(*writes), 15},
		{"of them writes of a status", number(*writes, "/status"), 7},
		{"Events", len(eventsOf(t, s)) - told, 8},
	} {
		t.Logf("%s: %d", c.what, c.got)
		if c.got > c.max {
			t.Errorf("%s: %d, want at most %d:\n%s\n%s", c.what, c.got, c.max, strings.Join(*writes, "\n"), timeline(s))
		}
	}
	*writes, told = nil, len(eventsOf(t, s))
	if err := s.Sleep(time.Hour); err != nil {
		t.Fatal(err)
	}
	if since := eventsOf(t, s)[told:]; len(*writes)+len(since) > 0 {
		t.Errorf("nothing changes, and yet these are written: %v %v", *writes, since)
	}
}

// eventsOf lists the Events of all objects.
func eventsOf(t *testing.T, s *sim.Sim) []corev1.Event {
	t.Helper()
	list := &corev1.EventList{}
	if err := s.Client().List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// timeline is what happened, a line each.
func timeline(s *sim.Sim) string {
	var b strings.Builder
	for _, l := range s.Trace().Lines() {
		fmt.Fprintf(&b, "%9.3fs  %s\n", l.At.Sub(s.Kernel().Start()).Seconds(), l.Text)
	}
	return b.String()
}

// TestOneLook: the run of a step is created as soon as its name is on record, however
// late the cache has what was written. A look more would cost the lag.
func TestOneLook(t *testing.T) {
	lag, err := fault.Parse("stale:age=3s")
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, sim.Options{Objects: fixture(t, "cases/mock-server-canary-istio-virtualservice-analysis.yaml"), Faults: []fault.Fault{lag}})
	sleep(t, s, 30*time.Second)
	update(t, s, "2.0.0")
	sleep(t, s, 90*time.Second)
	runs := &v1alpha1.AnalysisRunList{}
	if err := s.Client().List(t.Context(), runs); err != nil || len(runs.Items) != 1 {
		t.Fatalf("%d AnalysisRuns, %v", len(runs.Items), err)
	}
	lines := s.Trace().Lines()
	created := slices.IndexFunc(lines, func(l kernel.Line) bool { return strings.Contains(l.Text, "create AnalysisRun") })
	if created < 1 {
		t.Fatalf("no run was created:\n%s", timeline(s))
	}
	named := created - 1
	for named > 0 && !strings.Contains(lines[named].Text, "update Rollout default/mock-server status") {
		named--
	}
	if !lines[named].At.Equal(lines[created].At) {
		t.Errorf("the run was created %s after its name was written:\n%s", lines[created].At.Sub(lines[named].At), timeline(s))
	}
}

// TestEconomyInACrowd: where many Rollouts are updated at once, one status tells of the
// beginning of a step and of its end. A controller that dies in between leaves ReplicaSets
// that the next one does not have to change.
func TestEconomyInACrowd(t *testing.T) {
	for _, dies := range []bool{false, true} {
		t.Run(fmt.Sprintf("dies %t", dies), func(t *testing.T) {
			s := start(t, sim.Options{Objects: plainCanary(), Patience: 5 * time.Second, Crowd: -1})
			sleep(t, s, time.Minute)
			writes := count(s, sim.ControllerName)
			update(t, s, "2.0.0")
			for range 120 {
				if sleep(t, s, time.Second); dies {
					s.Restart()
				}
			}
			all := strings.Join(*writes, "\n")
			if got := number(*writes, "/status"); got != 4 && !dies {
				t.Errorf("%d writes of a status, want one for each of two pauses, one for the promotion and one for the end:\n%s", got, all)
			}
			if got := number(*writes, "ReplicaSet"); got > 7 {
				t.Errorf("%d writes of ReplicaSets, want no more than without a crowd:\n%s\n%s", got, all, timeline(s))
			}
			if status := get(t, s).Status; status.Phase != v1alpha1.RolloutPhaseHealthy || status.UpdatedReplicas != 5 {
				t.Errorf("the update ended with %+v", status)
			}
		})
	}
}
