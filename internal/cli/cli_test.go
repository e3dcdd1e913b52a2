package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/manifest"
)

// world is a cluster without controllers in which time passes by waiting.
type world struct {
	t           *testing.T
	client      client.Client
	now         time.Time
	later       map[time.Duration]func(*v1alpha1.Rollout) // changes of web, by the time since the start
	events      map[time.Duration]func()                  // what else happens
	files       map[string]string                         // what -f finds
	start       time.Time
	terminal    bool
	out, errOut bytes.Buffer
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, appsv1.AddToScheme, corev1.AddToScheme, batchv1.AddToScheme} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Date(2025, 12, 1, 12, 0, 0, 0, time.UTC)
	k := fake.NewClientBuilder().WithScheme(s).WithObjects(objects...).WithStatusSubresource(&v1alpha1.Rollout{}).Build()
	return &world{t: t, client: k, now: start, start: start, later: map[time.Duration]func(*v1alpha1.Rollout){},
		events: map[time.Duration]func(){}, files: map[string]string{}}
}

// run types one command; the outputs are those of this command.
func (w *world) run(args ...string) error {
	w.t.Helper()
	w.out.Reset()
	w.errOut.Reset()
	return Run(context.Background(), Options{
		Client: w.client, Clock: clock.Func(func() time.Time { return w.now }), Wait: w.wait,
		Out: &w.out, ErrOut: &w.errOut, Terminal: w.terminal, Files: w.open,
		Version: Version{Version: "v1.2.3", GoVersion: "go1", Platform: "any/where"},
	}, args...)
}

// open opens the files of the world.
func (w *world) open(names []string) ([]manifest.File, error) {
	var found []manifest.File
	for _, name := range names {
		text, ok := w.files[name]
		if !ok {
			return nil, fmt.Errorf("%s: no such file", name)
		}
		found = append(found, manifest.File{Name: name, Data: []byte(text)})
	}
	return found, nil
}

// wait lets time pass, second by second, until nothing more is to happen.
func (w *world) wait(_ context.Context, d time.Duration) error {
	w.now = w.now.Add(d)
	passed := w.now.Sub(w.start)
	if passed > time.Hour {
		return errors.New("an hour passed")
	}
	if event := w.events[passed]; event != nil {
		event()
	}
	if change := w.later[passed]; change != nil {
		ro := w.web()
		change(ro)
		if err := w.client.Status().Update(context.Background(), ro); err != nil {
			w.t.Fatal(err)
		}
	}
	return nil
}

func (w *world) web() *v1alpha1.Rollout {
	w.t.Helper()
	var ro v1alpha1.Rollout
	if err := w.client.Get(context.Background(), types.NamespacedName{Namespace: "default", Name: "web"}, &ro); err != nil {
		w.t.Fatal(err)
	}
	return &ro
}

func phase(p v1alpha1.RolloutPhase, message string) func(*v1alpha1.Rollout) {
	return func(ro *v1alpha1.Rollout) { ro.Status.Phase, ro.Status.Message = p, message }
}

// web is a canary at its first pause.
func web(changes ...func(*v1alpha1.Rollout)) *v1alpha1.Rollout {
	ro := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{
		Namespace: "default", Name: "web", UID: "web-uid",
		CreationTimestamp: metav1.NewTime(time.Date(2025, 12, 1, 11, 59, 0, 0, time.UTC)),
	}}
	ro.Spec.Replicas = ptr.To(int32(5))
	ro.Spec.Template.Spec.Containers = []corev1.Container{{Name: "web", Image: "web:1"}}
	ro.Spec.Strategy.Canary = &v1alpha1.CanaryStrategy{Steps: []v1alpha1.CanaryStep{
		{SetWeight: ptr.To(int32(20))}, {Pause: &v1alpha1.RolloutPause{}},
	}}
	ro.Status = v1alpha1.RolloutStatus{
		ObservedGeneration: "0", CurrentStepIndex: ptr.To(int32(1)), StableRS: "old", CurrentPodHash: "new",
		Phase: v1alpha1.RolloutPhasePaused, Message: "CanaryPauseStep", ControllerPause: true,
		PauseConditions: []v1alpha1.PauseCondition{{Reason: v1alpha1.PauseReasonCanaryPauseStep}},
		Replicas:        5, UpdatedReplicas: 1, ReadyReplicas: 5, AvailableReplicas: 5,
	}
	for _, change := range changes {
		change(ro)
	}
	return ro
}

func inNamespace(namespace, name string) func(*v1alpha1.Rollout) {
	return func(ro *v1alpha1.Rollout) { ro.Namespace, ro.Name = namespace, name }
}

func blueGreen(ro *v1alpha1.Rollout) {
	ro.Spec.Strategy = v1alpha1.RolloutStrategy{BlueGreen: &v1alpha1.BlueGreenStrategy{}}
	ro.Status = v1alpha1.RolloutStatus{ObservedGeneration: "0", Phase: v1alpha1.RolloutPhaseHealthy, Replicas: 1, ReadyReplicas: 1, AvailableReplicas: 1, UpdatedReplicas: 1}
	ro.Spec.Replicas = nil
}

// oldAndNew are the ReplicaSets of web.
func oldAndNew() []client.Object {
	of := func(revision, hash, image string, pods int32) *appsv1.ReplicaSet {
		rs := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: "web-" + hash, UID: types.UID(hash),
			CreationTimestamp: metav1.NewTime(time.Date(2025, 12, 1, 11, 59, 30, 0, time.UTC)),
			Labels:            map[string]string{v1alpha1.DefaultRolloutUniqueLabelKey: hash},
			Annotations:       map[string]string{v1alpha1.RevisionAnnotation: revision},
			OwnerReferences:   []metav1.OwnerReference{{Kind: "Rollout", Name: "web", UID: "web-uid", Controller: ptr.To(true)}},
		}}
		rs.Spec.Replicas = &pods
		rs.Spec.Template.Spec.Containers = []corev1.Container{{Name: "web", Image: image}}
		rs.Status = appsv1.ReplicaSetStatus{Replicas: pods, AvailableReplicas: pods}
		return rs
	}
	return []client.Object{of("1", "old", "web:1", 4), of("2", "new", "web:2", 1)}
}

// TestWhatIsSaid pins the sentences that people and scripts know.
func TestWhatIsSaid(t *testing.T) {
	for _, c := range []struct {
		args, want string
	}{
		{"set image web web=web:3", "rollout \"web\" image updated\n"},
		{"set image rollout/web *=web:3", "rollout \"web\" image updated\n"},
		{"promote web", "rollout 'web' promoted\n"},
		{"promote web --full", "rollout 'web' fully promoted\n"},
		{"abort web", "rollout 'web' aborted\n"},
		{"retry rollout web", "rollout 'web' retried\n"},
		{"retry ro web", "rollout 'web' retried\n"},
		{"pause ro/web", "rollout 'web' paused\n"},
		{"undo web", "rollout 'web' undo\n"},
		{"undo web --to-revision=1", "rollout 'web' undo\n"},
		{"restart web", "rollout 'web' restarts in 0s\n"},
		{"restart web --in 10s", "rollout 'web' restarts in 10s\n"},
		{"abort web web", "rollout 'web' aborted\nrollout 'web' aborted\n"},
		{"status web --watch=false", "Paused - CanaryPauseStep\n"},
		{"version --short", "kubectl-argo-rollouts: v1.2.3\n"},
		{"version", "kubectl-argo-rollouts: v1.2.3\n  BuildDate: \n  GitCommit: \n  GitTreeState: \n  GoVersion: go1\n  Compiler: \n  Platform: any/where\n"},
	} {
		t.Run(c.args, func(t *testing.T) {
			w := newWorld(t, append(oldAndNew(), web())...)
			if err := w.run(strings.Fields(c.args)...); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, w.out.String()); diff != "" {
				t.Errorf("said (-want +got):\n%s", diff)
			}
			if w.errOut.Len() > 0 {
				t.Errorf("on the error stream: %s", w.errOut.String())
			}
		})
	}
}

// TestPromoteAsOldScriptsDo gives flags that the help does not show any more:
// what to write instead is said on the error stream.
func TestPromoteAsOldScriptsDo(t *testing.T) {
	for _, c := range []struct {
		args, out, errOut string
		full              bool
	}{
		{"promote web -c", "rollout 'web' promoted\n", "Flag --skip-current-step has been deprecated, promote without it does the same\n", false},
		{"promote web --skip-current-step", "rollout 'web' promoted\n", "Flag --skip-current-step has been deprecated, promote without it does the same\n", false},
		{"promote web -a", "rollout 'web' fully promoted\n", "Flag --skip-all-steps has been deprecated, use --full\n", true},
	} {
		t.Run(c.args, func(t *testing.T) {
			w := newWorld(t, web())
			if err := w.run(strings.Fields(c.args)...); err != nil {
				t.Fatal(err)
			}
			if w.out.String() != c.out || w.errOut.String() != c.errOut {
				t.Errorf("said %q and %q, want %q and %q", w.out.String(), w.errOut.String(), c.out, c.errOut)
			}
			if ro := w.web(); len(ro.Status.PauseConditions) > 0 && !c.full || ro.Status.PromoteFull != c.full {
				t.Errorf("pause conditions %v, promoteFull %t", ro.Status.PauseConditions, ro.Status.PromoteFull)
			}
		})
	}
}

func TestRestartCountsFromTheClock(t *testing.T) {
	w := newWorld(t, web())
	if err := w.run("restart", "web", "-i", "10s"); err != nil {
		t.Fatal(err)
	}
	if at := w.web().Spec.RestartAt; at == nil || !at.Time.Equal(w.now.Add(10*time.Second)) {
		t.Errorf("restartAt %v", at)
	}
}

// TestBadInput wants one line that says what to do.
func TestBadInput(t *testing.T) {
	for _, c := range []struct {
		args, want string
	}{
		{"promote wbe", `rollouts.argoproj.io "wbe" not found: namespace "default" has web`},
		{"get rollout wbe", `rollouts.argoproj.io "wbe" not found: namespace "default" has web`},
		{"status wbe", `rollouts.argoproj.io "wbe" not found: namespace "default" has web`},
		{"abort web -n shop", `rollouts.argoproj.io "web" not found: namespace "shop" has no rollouts; choose another one with -n`},
		{"undo web --to-revision 7", `undo rollout "web": it has no revision 7: it has 2, 1`},
		{"undo web --to-revision=-1", `--to-revision -1: revisions count from 1; 0 is the one before the newest`},
		{"set image web www=web:3", `set image of rollout "web": Rollout "web" has no container "www": it has web`},
		{"set image web web:3", `"web:3" is not of the form CONTAINER=IMAGE, for example web=nginx:1.25, or *=nginx:1.25 for all containers`},
		{"pause deployment/web", `"deployment/web" is not a rollout: give its name alone or as rollout/NAME`},
		{"restart web --in soon", `--in "soon": give an amount of time such as 30s, 5m or 1h`},
		{"promote", `promote needs the names of one or more rollouts`},
		{"get rollout web other", `get rollout takes the name of a rollout and nothing else, but got "other", too`},
		{"set image web", `set image needs the name of a rollout and one or more CONTAINER=IMAGE`},
		{"promte web", `unknown command "promte" for "kubectl-argo-rollouts"; did you mean promote?`},
		{"get experiment web", `experiments.argoproj.io "web" not found: namespace "default" has no experiments; choose another one with -n`},
		{"get experiment rollout/web", `"rollout/web" is not an experiment: give its name alone or as experiment/NAME`},
		{"get experiment", `get experiment needs the name of an experiment`},
		{"retry experiment web", `experiments.argoproj.io "web" not found: namespace "default" has no experiments; choose another one with -n`},
		{"retry experiment", `retry experiment needs the names of one or more experiments`},
		{"terminate analysisrun web", `analysisruns.argoproj.io "web" not found: namespace "default" has no analysisruns; choose another one with -n`},
		{"terminate rollout web", `unknown command "rollout" for "kubectl-argo-rollouts terminate"; see 'kubectl-argo-rollouts terminate --help'`},
		{"list experiments web", `list experiments takes flags and nothing else, but got "web", too`},
		{"get experimnt web", `unknown command "experimnt" for "kubectl-argo-rollouts get"; did you mean experiment?`},
		{"promote web -c -a", `--skip-current-step and --skip-all-steps exclude each other: leave out one of the two`},
		{"abort web --force", `unknown flag: --force; see 'kubectl-argo-rollouts abort --help'`},
	} {
		t.Run(c.args, func(t *testing.T) {
			w := newWorld(t, append(oldAndNew(), web())...)
			err := w.run(strings.Fields(c.args)...)
			if err == nil || err.Error() != c.want {
				t.Errorf("error %v\nwant  %s", err, c.want)
			}
			if w.out.Len() > 0 {
				t.Errorf("output besides the error: %s", w.out.String())
			}
		})
	}
}

func TestOneFailureDoesNotKeepFromTheOthers(t *testing.T) {
	w := newWorld(t, web())
	err := w.run("abort", "wbe", "web")
	if err == nil || !strings.Contains(err.Error(), `"wbe" not found`) {
		t.Errorf("error %v", err)
	}
	if !w.web().Status.Abort {
		t.Error("web was not aborted")
	}
}

const tree = `Name:            web
Namespace:       default
Status:          ॥ Paused
Message:         CanaryPauseStep
Strategy:        Canary
  Step:          1/2
  SetWeight:     20
  ActualWeight:  20
Images:          web:1 (stable)
                 web:2 (canary)
Replicas:
  Desired:       5
  Current:       5
  Updated:       1
  Ready:         5
  Available:     5

NAME             KIND        STATUS     AGE  INFO
⟳ web            Rollout     ॥ Paused   60s  
├──# revision:2                              
│  └──⧉ web-new  ReplicaSet  ✔ Healthy  30s  canary
└──# revision:1                              
   └──⧉ web-old  ReplicaSet  ✔ Healthy  30s  stable
`

func TestGetRollout(t *testing.T) {
	w := newWorld(t, append(oldAndNew(), web())...)
	if err := w.run("get", "ro", "web"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tree, w.out.String()); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
	w.terminal = true
	if err := w.run("get", "rollout", "web"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(w.out.String(), "\x1b[33m॥ Paused") {
		t.Error("no colours on a terminal")
	}
	if err := w.run("get", "rollout", "web", "--no-color"); err != nil {
		t.Fatal(err)
	}
	if w.out.String() != tree {
		t.Error("--no-color differs from the plain output")
	}
}

// TestGetRolloutWatch prints on changes only; ages are none.
func TestGetRolloutWatch(t *testing.T) {
	w := newWorld(t, append(oldAndNew(), web())...)
	w.later[5*time.Second] = phase(v1alpha1.RolloutPhasePaused, "InconclusiveAnalysisRun")
	if err := w.run("get", "rollout", "web", "-w", "--timeout-seconds", "10"); err != nil {
		t.Fatal(err)
	}
	second := strings.NewReplacer("CanaryPauseStep", "InconclusiveAnalysisRun", "60s", "65s", "30s", "35s").Replace(tree)
	if diff := cmp.Diff(tree+"\n"+second, w.out.String()); diff != "" {
		t.Errorf("watch (-want +got):\n%s", diff)
	}
	if passed := w.now.Sub(w.start); passed != 10*time.Second {
		t.Errorf("watched for %v", passed)
	}
	w.terminal = true
	if err := w.run("get", "rollout", "web", "-w", "--timeout-seconds", "3"); err != nil {
		t.Fatal(err)
	}
	if frames := strings.Count(w.out.String(), clearScreen); frames != 4 {
		t.Errorf("%d frames on a terminal, want 4", frames)
	}
}

func TestStatus(t *testing.T) {
	healthy, degraded := v1alpha1.RolloutPhaseHealthy, v1alpha1.RolloutPhaseDegraded
	for _, c := range []struct {
		name   string
		later  map[time.Duration]func(*v1alpha1.Rollout)
		args   []string
		out    string
		err    string
		passed time.Duration
	}{
		{"until healthy", map[time.Duration]func(*v1alpha1.Rollout){
			3 * time.Second: phase(v1alpha1.RolloutPhaseProgressing, "more replicas need to be updated"),
			7 * time.Second: phase(healthy, ""),
		}, nil, "Paused - CanaryPauseStep\nProgressing - more replicas need to be updated\nHealthy\n", "", 7 * time.Second},
		{"until degraded", map[time.Duration]func(*v1alpha1.Rollout){
			2 * time.Second: phase(degraded, "RolloutAborted: Rollout aborted update to revision 2"),
		}, nil, "Paused - CanaryPauseStep\nDegraded - RolloutAborted: Rollout aborted update to revision 2\n",
			"The rollout is in a degraded state with message: RolloutAborted: Rollout aborted update to revision 2", 2 * time.Second},
		{"timeout", nil, []string{"--timeout", "2500ms"}, "Paused - CanaryPauseStep\n", "Rollout status watch exceeded timeout", 2500 * time.Millisecond},
		{"no watch", nil, []string{"-w=false"}, "Paused - CanaryPauseStep\n", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, web())
			w.later = c.later
			err := w.run(append([]string{"status", "web"}, c.args...)...)
			text := ""
			if err != nil {
				text = err.Error()
			}
			if text != c.err || w.out.String() != c.out {
				t.Errorf("error %q\nwant  %q\noutput (-want +got):\n%s", text, c.err, cmp.Diff(c.out, w.out.String()))
			}
			if passed := w.now.Sub(w.start); passed != c.passed {
				t.Errorf("after %v, want %v", passed, c.passed)
			}
		})
	}
}

// TestStatusOfWorkload sees a change of the Deployment before the controller
// does.
func TestStatusOfWorkload(t *testing.T) {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "src", Generation: 3}}
	refers := func(ro *v1alpha1.Rollout) {
		ro.Spec.WorkloadRef = &v1alpha1.ObjectRef{APIVersion: "apps/v1", Kind: "Deployment", Name: "src"}
		ro.Status.WorkloadObservedGeneration = "2"
	}
	w := newWorld(t, web(refers), d)
	if err := w.run("status", "web", "-w=false"); err != nil {
		t.Fatal(err)
	}
	if got, want := w.out.String(), "Progressing - waiting for rollout spec update to be observed for the reference workload\n"; got != want {
		t.Errorf("status %q, want %q", got, want)
	}
	if err := newWorld(t, web(refers)).run("get", "rollout", "web"); err != nil {
		t.Errorf("without the Deployment: %v", err)
	}
}

func TestListRollouts(t *testing.T) {
	objects := []client.Object{web(), web(inNamespace("default", "api"), blueGreen), web(inNamespace("shop", "web"))}
	for _, c := range []struct {
		args, want string
	}{
		{"list rollouts", `
NAME  STRATEGY   STATUS   STEP  SET-WEIGHT  READY  DESIRED  UP-TO-DATE  AVAILABLE
api   BlueGreen  Healthy  -     -           1/1    1        1           1
web   Canary     Paused   1/2   20          5/5    5        1           5
`},
		{"list ro -A --name web", `
NAMESPACE  NAME  STRATEGY  STATUS  STEP  SET-WEIGHT  READY  DESIRED  UP-TO-DATE  AVAILABLE
default    web   Canary    Paused  1/2   20          5/5    5        1           5
shop       web   Canary    Paused  1/2   20          5/5    5        1           5
`},
		{"list rollouts --namespace shop --timestamps", `
TIMESTAMP             NAME  STRATEGY  STATUS  STEP  SET-WEIGHT  READY  DESIRED  UP-TO-DATE  AVAILABLE
2025-12-01T12:00:00Z  web   Canary    Paused  1/2   20          5/5    5        1           5
`},
	} {
		w := newWorld(t, objects...)
		if err := w.run(strings.Fields(c.args)...); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, "\n"+w.out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.args, diff)
		}
	}
	w := newWorld(t, objects...)
	if err := w.run("list", "rollouts", "-n", "empty"); err != nil {
		t.Fatal(err)
	}
	if got, want := w.errOut.String(), "No resources found in empty namespace.\n"; got != want || w.out.Len() > 0 {
		t.Errorf("said %q and %q, want %q on the error stream", w.out.String(), got, want)
	}
}

// TestListWatch prints a row again when it changes.
func TestListWatch(t *testing.T) {
	w := newWorld(t, web(), web(inNamespace("default", "api"), blueGreen))
	w.later[4*time.Second] = phase(v1alpha1.RolloutPhaseProgressing, "")
	err := w.run("list", "rollouts", "-w")
	if err == nil || err.Error() != "an hour passed" {
		t.Fatal(err)
	}
	want := `NAME  STRATEGY   STATUS   STEP  SET-WEIGHT  READY  DESIRED  UP-TO-DATE  AVAILABLE
api   BlueGreen  Healthy  -     -           1/1    1        1           1
web   Canary     Paused   1/2   20          5/5    5        1           5
web   Canary     Progressing  1/2   20          5/5    5        1           5
`
	if diff := cmp.Diff(want, w.out.String()); diff != "" {
		t.Errorf("watch (-want +got):\n%s", diff)
	}
}

// TestTreesAreApart runs two trees with flags of their own.
func TestTreesAreApart(t *testing.T) {
	a, b := newWorld(t, web()), newWorld(t, web())
	if err := a.run("promote", "web", "--full"); err != nil {
		t.Fatal(err)
	}
	if err := b.run("promote", "web"); err != nil {
		t.Fatal(err)
	}
	if b.web().Status.PromoteFull {
		t.Error("--full leaked into another tree")
	}
}

func TestCompletionOffersRollouts(t *testing.T) {
	w := newWorld(t, web(), web(inNamespace("default", "api")), web(inNamespace("shop", "cart")))
	if err := w.run("__complete", "promote", ""); err != nil {
		t.Fatal(err)
	}
	if got := strings.Fields(w.out.String()); len(got) < 2 || got[0] != "api" || got[1] != "web" {
		t.Errorf("completions %q", w.out.String())
	}
}

func TestGroupsExplainThemselves(t *testing.T) {
	w := newWorld(t)
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"kubectl-argo-rollouts COMMAND [flags]", "abort", "get", "list", "pause", "promote", "restart", "retry", "set", "status", "undo", "version", "completion"} {
		if !strings.Contains(w.out.String(), want) {
			t.Errorf("the root help lacks %q", want)
		}
	}
	if err := w.run("get"); err != nil || !strings.Contains(w.out.String(), "Get details about a rollout") {
		t.Errorf("get alone: %v\n%s", err, w.out.String())
	}
}
