package sim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/fixtures"
	"github.com/aviary-rollouts/aviary/internal/manifest"
	"github.com/aviary-rollouts/aviary/internal/ops"
	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/check"
	"github.com/aviary-rollouts/aviary/sim/mesh"
)

var shell = types.NamespacedName{Namespace: "default", Name: "shell"}

// fixture reads a manifest of the fixtures into the namespace default, after
// replacing texts in it.
func fixture(t testing.TB, path string, replace ...string) (objects []client.Object) {
	t.Helper()
	data, err := fixtures.FS.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	scheme, err := manifest.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(replace...).Replace(string(data))
	found, err := manifest.Read([]manifest.File{{Name: path, Data: []byte(text)}}, scheme)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range found {
		o.Object.SetNamespace("default")
		objects = append(objects, o.Object)
	}
	return objects
}

// load sends from the pod shell.
func load(t testing.TB, s *sim.Sim, url string, rate float64) *mesh.Load {
	t.Helper()
	l, err := s.Mesh().Start(mesh.Source{Request: mesh.Request{Client: shell, URL: url}, Rate: rate})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func update(t testing.TB, s *sim.Sim, tag string) {
	t.Helper()
	if err := ops.SetImage(t.Context(), s.Client(), mockServer, ops.ContainerImage{Container: "mock-server", Image: image + tag}); err != nil {
		t.Fatal(err)
	}
}

func phase(t testing.TB, s *sim.Sim) string {
	t.Helper()
	st := get(t, s).Status
	return fmt.Sprintf("%s %s", st.Phase, st.Message)
}

// Case 2.2.5: without traffic the analysis sees no number and aborts; with
// traffic after the first measurement of the second attempt it passes.
func TestAnalysisOverTheMesh(t *testing.T) {
	s := start(t, sim.Options{
		Objects: fixture(t, "cases/mock-server-canary-istio-virtualservice-analysis.yaml"), Mesh: mesh.Options{Strict: true},
	})
	sleep(t, s, 21*time.Second)
	update(t, s, "2.0.0")
	sleep(t, s, 95*time.Second)
	want := `Degraded RolloutAborted: Rollout aborted update to revision 2: Metric "success-rate" assessed Failed due to failed (3) > failureLimit (2)`
	if got := phase(t, s); got != want {
		t.Fatalf("%s\nwant %s", got, want)
	}
	if err := ops.Retry(t.Context(), s.Client(), mockServer); err != nil {
		t.Fatal(err)
	}
	sleep(t, s, 36*time.Second)
	l := load(t, s, "mock-server-stable:8080/status/200", 20)
	sleep(t, s, 2*time.Minute)
	if got := phase(t, s); got != "Healthy " {
		t.Fatal(got)
	}
	if got := l.Count(); got != (mesh.Count{Requests: 2400}) {
		t.Errorf("%+v", got)
	}
}

// A version that fails a tenth of its requests is found out; users see a fifth
// of a tenth fail for a minute and a half.
func TestBadVersionOverTheMesh(t *testing.T) {
	s := start(t, sim.Options{
		Objects: fixture(t, "cases/mock-server-canary-istio-virtualservice-analysis.yaml"), Mesh: mesh.Options{Strict: true},
	})
	s.Mesh().SetImage("*:2.0.0", mesh.Behaviour{ErrorRate: 0.1})
	sleep(t, s, 10*time.Second)
	l := load(t, s, "mock-server-stable:8080", 50)
	sleep(t, s, 50*time.Second)
	update(t, s, "2.0.0")
	degraded := func() bool { return get(t, s).Status.Phase == v1alpha1.RolloutPhaseDegraded }
	if err := s.RunUntil(degraded, 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	sleep(t, s, 10*time.Minute)
	c := l.Count()
	r := s.Mesh().Report()
	if len(r.Versions) != 2 || r.Versions[1].Image != image+"2.0.0" {
		t.Fatalf("%+v", r.Versions)
	}
	// 94 s at 20 % of 50 requests a second: 30 s of pause, 60 of analysis, and the
	// delay of the proxies.
	bad := r.Versions[1]
	if bad.Requests < 890 || bad.Requests > 960 || bad.Failed != c.Failed || bad.Failed < bad.Requests/10-1 || bad.Failed > bad.Requests/10+1 {
		t.Errorf("%+v of %+v", bad, c)
	}
	if d := cmp.Diff(0.2, bad.Peak); d != "" {
		t.Errorf("users exposed: %s", d)
	}
}

// A routed canary goes through to the end without losing a request, whatever
// order the news reach the proxies in.
func TestNoRequestIsLost(t *testing.T) {
	for _, path := range []string{
		"cases/mock-server-canary-istio-virtualservice.yaml",
		"cases/mock-server-canary-istio-destinationrule.yaml",
	} {
		for _, mode := range []string{"", "dynamicStableScale: true", "scaleDownDelaySeconds: 0", "scaleDownDelayRevisionLimit: 0"} {
			for _, skew := range []time.Duration{0, 200 * time.Millisecond, 2 * time.Second} {
				t.Run(fmt.Sprint(path, " ", mode, " ", skew), func(t *testing.T) { updateUnderLoad(t, path, mode, skew) })
			}
		}
	}
}

// updateUnderLoad plays updates to their ends, and to others, and wants every request of
// them answered.
func updateUnderLoad(t *testing.T, path, mode string, skew time.Duration) {
	objects := fixture(t, path, "    canary:\n", "    canary:\n      "+mode+"\n")
	s := start(t, sim.Options{Objects: objects, Mesh: mesh.Options{Strict: true, Skew: skew}})
	sleep(t, s, 15*time.Second)
	url := "mock-server-stable:8080"
	if strings.Contains(path, "destinationrule") {
		url = "mock-server:8080"
	}
	l := load(t, s, url, 1000)
	steps := []func() error{
		func() error { update(t, s, "2.0.0"); return nil },
		func() error { return promote(s) },
		func() error { update(t, s, "3.0.0"); return nil },
		func() error { return promote(s) },
		func() error { return promote(s) },
		func() error { update(t, s, "1.0.0"); return nil },
		func() error { return ops.Abort(t.Context(), s.Client(), mockServer) },
		func() error { update(t, s, "2.0.0"); return nil },
		func() error { return ops.Promote(t.Context(), s.Client(), mockServer, true) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		sleep(t, s, 75*time.Second)
	}
	if err := s.Mesh().CheckLost(); err != nil {
		t.Error(err)
	}
	if got := l.Count(); got != (mesh.Count{Requests: int64(len(steps)) * 75 * 1000}) {
		t.Errorf("%+v", got)
	}
}

// Pods that crash and pods that somebody kills are replaced by others before
// anybody notices.
func TestTroubleUnderLoad(t *testing.T) {
	s := start(t, sim.Options{
		Objects: fixture(t, "cases/mock-server-canary-istio-virtualservice.yaml"), Mesh: mesh.Options{Strict: true},
	})
	sleep(t, s, 15*time.Second)
	l := load(t, s, "mock-server-stable:8080", 100)
	for _, trouble := range []func(types.NamespacedName) error{s.World().CrashPod, s.World().KillPod} {
		for _, pod := range s.World().Pods()[:3] {
			if err := trouble(pod); err != nil {
				t.Fatal(err)
			}
			sleep(t, s, time.Second)
		}
		sleep(t, s, 2*time.Minute)
	}
	if got := l.Count(); got != (mesh.Count{Requests: 24600}) {
		t.Errorf("%+v", got)
	}
	// The series of the pods that were killed have ended, five others go on.
	values, err := s.Mesh().Series().Query(`count(istio_requests_total{reporter="destination"})`, s.Now())
	if err != nil || len(values) != 1 || values[0].Value != 5 {
		t.Errorf("pods that report: %v, %v", values, err)
	}
}

// BenchmarkRoutedCanary is a rollout through an analysis of three measurements
// under 50 requests a second: case 2.2.5 with traffic from the start.
func BenchmarkRoutedCanary(b *testing.B) { benchmarkRouted(b, 3) }

// BenchmarkRoutedCanaryWithAnalysis is the same with ten measurements.
func BenchmarkRoutedCanaryWithAnalysis(b *testing.B) { benchmarkRouted(b, 10) }

// benchmarkRouted plays a rollout from an empty cluster over its first
// deployment to the end of an update, with measurements 30 seconds apart.
func benchmarkRouted(b *testing.B, measurements int) {
	manifest := fixture(b, "cases/mock-server-canary-istio-virtualservice-analysis.yaml", "count: 3", fmt.Sprintf("count: %d", measurements))
	playRepeatedly(b, func() {
		objects := make([]client.Object, len(manifest))
		for i, obj := range manifest {
			objects[i] = obj.DeepCopyObject().(client.Object)
		}
		s := start(b, sim.Options{Objects: objects, Checks: []check.Check{}, NoTrace: true})
		sleep(b, s, 10*time.Second)
		l := load(b, s, "mock-server-stable:8080/status/200", 50)
		sleep(b, s, time.Minute)
		update(b, s, "2.0.0")
		sleep(b, s, time.Minute+time.Duration(measurements)*30*time.Second)
		if got := phase(b, s); got != "Healthy " || l.Count().Failed != 0 {
			b.Fatalf("%s, and of the requests %+v", got, l.Count())
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rollouts/s")
}
