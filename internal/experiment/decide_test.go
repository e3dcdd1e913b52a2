package experiment

import (
	"maps"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/podhash"
)

func duration(d string) func(*v1alpha1.ExperimentSpec) {
	return func(s *v1alpha1.ExperimentSpec) { s.Duration = v1alpha1.DurationString(d) }
}

func terminate(s *v1alpha1.ExperimentSpec) { s.Terminate = true }

func withService(name string) func(*v1alpha1.ExperimentSpec) {
	return func(s *v1alpha1.ExperimentSpec) { s.Templates[0].Service = &v1alpha1.TemplateService{Name: name} }
}

// Rules 1, 2, 4 and 8 of the guide: ReplicaSets, Pending, Running, duration, and
// the pods go 30 s after the end.
func TestDuration(t *testing.T) {
	d := newDesk(t, "old", "new").spec(duration("2m")).repair("web:new", false).settle()
	d.want("Pending new:1 old:1").pass(10 * time.Second).want("Pending new:1 old:1")
	d.repair("web:new", true).settle().want("Running new:1 old:1")
	d.pass(119 * time.Second).want("Running new:1 old:1")
	d.pass(time.Second).want("Successful new:1 old:1")
	if got := d.replicaSet("exp-old").Annotations[v1alpha1.ScaleDownDeadlineAnnotation]; got != "2026-01-01T00:02:40Z" {
		t.Errorf("the deadline is %s", got)
	}
	d.pass(29 * time.Second).want("Successful new:1 old:1")
	d.pass(time.Second).want("Successful new:0 old:0")
	if got := d.replicaSet("exp-old").Annotations[v1alpha1.ScaleDownDeadlineAnnotation]; got == "" {
		t.Error("the deadline is gone: people would not see that it has passed")
	}
	d.told("NewReplicaSetCreated: Created ReplicaSet exp-old for template 'old'",
		"TemplateRunning: Template 'new' transitioned from Progressing -> Running",
		"ExperimentRunning: Experiment transitioned from Pending -> Running",
		"TemplateSuccessful: Template 'old' transitioned from Running -> Successful",
		"ExperimentSuccessful: Experiment transitioned from Running -> Successful",
		"ScalingReplicaSet: Scaled down ReplicaSet exp-old from 1 to 0")
}

// Rule 3: analyses begin when all versions serve.
func TestAnalysesBeginWhenAllServe(t *testing.T) {
	d := newDesk(t, "old", "new").spec(duration("2m")).analyse("compare", false).repair("web:new", false).settle()
	d.want("Pending new:1 old:1").repair("web:new", true).settle()
	d.want("Running new:1 old:1 αcompare:Running")
}

// Rule 5: a run that ends badly ends the Experiment, with the run's phase and
// words.
func TestBadVerdict(t *testing.T) {
	for _, phase := range []v1alpha1.AnalysisPhase{v1alpha1.AnalysisPhaseFailed, v1alpha1.AnalysisPhaseError, v1alpha1.AnalysisPhaseInconclusive} {
		t.Run(string(phase), func(t *testing.T) {
			d := newDesk(t, "a").spec(duration("2m")).analyse("x", false).analyse("y", false).settle().pass(time.Minute)
			d.verdict("exp-x", phase, "because")
			d.want(string(phase) + "(because) a:1 αx:" + string(phase) + " αy:Successful")
			if !d.run("exp-y").Spec.Terminate {
				t.Error("the other run goes on")
			}
			d.pass(30 * time.Second).want(string(phase) + "(because) a:0 αx:" + string(phase) + " αy:Successful")
		})
	}
}

// A run that ends well does not end the Experiment; its duration does.
func TestGoodVerdictWaits(t *testing.T) {
	d := newDesk(t, "a").spec(duration("2m")).analyse("x", false).settle().pass(time.Minute)
	d.verdict("exp-x", v1alpha1.AnalysisPhaseSuccessful, "").want("Running a:1 αx:Successful")
	d.pass(time.Minute).want("Successful a:1 αx:Successful")
}

// Rule 6: required runs end the Experiment, before or after its duration.
func TestRequired(t *testing.T) {
	for _, minutes := range []time.Duration{1, 5} {
		d := newDesk(t, "a").spec(duration("2m")).analyse("x", true).analyse("y", true).analyse("z", false).settle().pass(minutes * time.Minute)
		d.verdict("exp-x", v1alpha1.AnalysisPhaseSuccessful, "").want("Running a:1 αx:Successful αy:Running αz:Running")
		d.verdict("exp-y", v1alpha1.AnalysisPhaseSuccessful, "")
		d.want("Successful(Required AnalysisRuns completed) a:1 αx:Successful αy:Successful αz:Successful")
	}
}

// Rule 7: with neither, it runs until it is terminated.
func TestTerminate(t *testing.T) {
	d := newDesk(t, "a").analyse("x", false).settle().pass(time.Hour).want("Running a:1 αx:Running")
	d.spec(terminate).settle().want("Successful(Experiment Terminated) a:1 αx:Successful")
	d.pass(30 * time.Second).want("Successful(Experiment Terminated) a:0 αx:Successful")

	newDesk(t, "a").repair("web:a", false).settle().want("Pending a:1").spec(terminate).settle().want("Successful(Experiment Terminated) a:1")
	newDesk(t, "a").spec(terminate).settle().want("Successful(Experiment Terminated)") // it never began
}

// The last word of a run that is stopped at the end of the duration counts: an
// Experiment must not be Successful when its analysis is not.
func TestLastWordCounts(t *testing.T) {
	d := newDesk(t, "a").spec(duration("2m")).analyse("x", false).settle()
	d.lastWords["exp-x"] = v1alpha1.AnalysisPhaseFailed
	d.pass(2 * time.Minute).want("Failed a:1 αx:Failed")
}

func TestProgressDeadline(t *testing.T) {
	for _, c := range []struct {
		seconds *int32
		after   time.Duration
		message string
	}{
		{nil, 600 * time.Second, "Template 'new' exceeded its progressDeadlineSeconds (600)"},
		{ptr.To[int32](30), 30 * time.Second, "Template 'new' exceeded its progressDeadlineSeconds (30)"},
	} {
		d := newDesk(t, "old", "new").spec(func(s *v1alpha1.ExperimentSpec) { s.ProgressDeadlineSeconds = c.seconds }).repair("web:new", false)
		d.settle().pass(c.after - time.Second).want("Pending new:1 old:1")
		d.pass(time.Second).want("Failed(" + c.message + ") new:1 old:1")
		if got := d.status().TemplateStatuses[1]; got.Status != v1alpha1.TemplateStatusFailed || got.Message != c.message {
			t.Errorf("the template is %s: %q", got.Status, got.Message)
		}
		if got := d.status().TemplateStatuses[0].Status; got != v1alpha1.TemplateStatusSuccessful {
			t.Errorf("the other template is %s", got)
		}
		d.told("TemplateFailed: Template 'new' transitioned from Progressing -> Failed: " + c.message)
	}
}

// A version that loses its pods has the deadline once more to get them back; the
// Experiment and its duration go on.
func TestLostPods(t *testing.T) {
	d := newDesk(t, "a").spec(duration("5m")).settle().pass(time.Minute)
	d.repair("web:a", false).settle().want("Running a:1")
	if got := d.status().TemplateStatuses[0].Status; got != v1alpha1.TemplateStatusProgressing {
		t.Errorf("without pods the template is %s", got)
	}
	d.pass(time.Minute).repair("web:a", true).pass(3 * time.Minute).want("Successful a:1")
}

func TestDelay(t *testing.T) {
	at := func(seconds int32) *desk {
		return newDesk(t, "a").spec(duration("10s")).spec(func(s *v1alpha1.ExperimentSpec) { s.ScaleDownDelaySeconds = &seconds }).settle().pass(10 * time.Second)
	}
	at(0).want("Successful a:0")
	at(5).want("Successful a:1").pass(4 * time.Second).want("Successful a:1").pass(time.Second).want("Successful a:0")
}

// The Service comes with the version and leaves with its pods, not before the
// router has let go of it.
func TestService(t *testing.T) {
	d := newDesk(t, "a", "b").spec(duration("10s")).spec(withService("")).settle().want("Running a:1 b:1 svc:a")
	svc, hash := d.o.Services[0], podhash.Of(d.o.Experiment.Spec.Templates[0].Template, nil)
	if got := svc.Spec.Selector; len(got) != 2 || got["app"] != "web" || got[v1alpha1.DefaultRolloutUniqueLabelKey] != hash {
		t.Errorf("the selector is %v", got)
	}
	if p := svc.Spec.Ports; len(p) != 1 || p[0].Port != 8080 || p[0].Protocol != corev1.ProtocolTCP || p[0].TargetPort.IntValue() != 8080 {
		t.Errorf("the ports are %v", p)
	}
	if s := d.status().TemplateStatuses[0]; s.ServiceName != "exp-a" || s.PodTemplateHash != hash {
		t.Errorf("the status is %+v", s)
	}
	d.o.Routed["exp-a"] = true
	d.pass(40 * time.Second).want("Successful a:1 b:0 svc:a").pass(time.Minute).want("Successful a:1 b:0 svc:a")
	if wake := Decide(d.o, d.now).Wake; !wake.Equal(d.now.Add(lookAgainAtRoutes)) {
		t.Errorf("its routes are looked at again at %s, it is %s", wake, d.now)
	}
	d.o.Routed["exp-a"] = false
	d.settle().want("Successful a:0 b:0")
	if s := d.status().TemplateStatuses[0]; s.ServiceName != "" {
		t.Errorf("the status still names Service %s", s.ServiceName)
	}
}

func TestServiceOfSomebodyElse(t *testing.T) {
	d := newDesk(t, "a").spec(withService("web"))
	d.o.Services = []*corev1.Service{{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop"}}}
	d.settle().want("Error(Failed to create Service web for template 'a': service web already exists and is not owned by experiment template a) svc:web")
}

// A step that is tried again within the delay of the attempt before must wait for
// its Service, and not fail.
func TestServiceOfAnEarlierExperiment(t *testing.T) {
	d := newDesk(t, "a").spec(withService("web"))
	earlier := &v1alpha1.Experiment{ObjectMeta: metav1.ObjectMeta{Name: "before", UID: "other"}}
	owner := *metav1.NewControllerRef(earlier, v1alpha1.SchemeGroupVersion.WithKind(v1alpha1.KindExperiment))
	d.o.Services = []*corev1.Service{{ObjectMeta: metav1.ObjectMeta{Name: "web", OwnerReferences: []metav1.OwnerReference{owner}}}}
	d.settle().pass(20 * time.Second).want("Pending a:1 svc:web")
	if got, want := d.status().TemplateStatuses[0].Message, "waiting for Service web, which Experiment before has not given up yet"; got != want {
		t.Errorf("the template says %q, want %q", got, want)
	}
	d.o.Services = nil
	d.settle().want("Running a:1 svc:web")

	d = newDesk(t, "a").spec(withService("web"))
	d.o.Services = []*corev1.Service{{ObjectMeta: metav1.ObjectMeta{Name: "web", OwnerReferences: []metav1.OwnerReference{owner}}}}
	d.settle().pass(600 * time.Second)
	d.want("Failed(Template 'a' exceeded its progressDeadlineSeconds (600): waiting for Service web, which Experiment before has not given up yet) a:1 svc:web")
}

// Retry is status: null. Everything starts again, with a run of another name.
func TestRetry(t *testing.T) {
	d := newDesk(t, "a").spec(duration("2m")).spec(withService("web")).analyse("x", false).settle()
	d.verdict("exp-x", v1alpha1.AnalysisPhaseFailed, "bad").pass(30 * time.Second).want("Failed(bad) a:0 αx:Failed")
	*d.status() = v1alpha1.ExperimentStatus{}
	d.settle().want("Running a:1 αx.1:Running αx:Failed svc:web")
	if _, has := d.replicaSet("exp-a").Annotations[v1alpha1.ScaleDownDeadlineAnnotation]; has {
		t.Error("the deadline of the first attempt is still there")
	}
	d.pass(2 * time.Minute).want("Successful a:1 αx.1:Successful αx:Failed svc:web")
}

// A run is created only after its name is in the status: whoever crashes in
// between does not start a second one, however fast the first one ends.
func TestRunsAreAnnounced(t *testing.T) {
	d := newDesk(t, "a").spec(duration("2m")).analyse("x", false)
	d.carryOut(Decide(d.o, d.now))
	plan := Decide(d.o, d.now)
	if len(plan.Actions) != 0 || len(plan.Status.AnalysisRuns) != 1 {
		t.Fatalf("when all serves: %v, %+v", plan.Actions, plan.Status.AnalysisRuns)
	}
	d.carryOut(plan)
	plan = Decide(d.o, d.now)
	d.act(plan.Actions[0]) // and the controller crashes before the status
	d.verdict("exp-x", v1alpha1.AnalysisPhaseSuccessful, "").want("Running a:1 αx:Successful")
}

func TestArguments(t *testing.T) {
	d := newDesk(t, "a", "b").spec(duration("2m"))
	arg := func(name, value string) v1alpha1.Argument { return v1alpha1.Argument{Name: name, Value: &value} }
	secret := v1alpha1.Argument{Name: "token", ValueFrom: &v1alpha1.ValueFrom{SecretKeyRef: &v1alpha1.SecretKeyRef{Name: "s", Key: "k"}}}
	d.analyse("x", false, arg("hash", "{{templates.a.podTemplateHash}}"), arg("name", "rs={{ templates.b.replicaset.name }}"),
		arg("from", "{{experiment.availableAt}}"), arg("to", "{{experiment.finishedAt}}"), arg("plain", "{{other}}"), secret).settle()
	want := map[string]string{
		"hash": podhash.Of(d.o.Experiment.Spec.Templates[0].Template, nil), "name": "rs=exp-b",
		"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:02:00Z", "plain": "{{other}}",
	}
	args := d.run("exp-x").Spec.Args
	if len(args) != len(want)+1 {
		t.Errorf("the run has the arguments %v", args)
	}
	for _, a := range args {
		if a.Name != "token" && *a.Value != want[a.Name] {
			t.Errorf("argument %s is %q, want %q", a.Name, *a.Value, want[a.Name])
		}
	}
}

func TestRunsGetWhatTheExperimentSays(t *testing.T) {
	d := newDesk(t, "a").analyse("x", false).analyse("y", false).spec(func(s *v1alpha1.ExperimentSpec) {
		s.DryRun = []v1alpha1.DryRun{{MetricName: "x-.*"}}
		s.MeasurementRetention = []v1alpha1.MeasurementRetention{{MetricName: ".*-rate", Limit: 3}}
		s.AnalysisRunMetadata = v1alpha1.AnalysisRunMetadata{Labels: map[string]string{"l": "1"}, Annotations: map[string]string{"a": "2"}}
	}).settle()
	x, y := d.run("exp-x"), d.run("exp-y")
	if len(x.Spec.DryRun) != 1 || len(y.Spec.DryRun) != 0 {
		t.Errorf("a rule for one analysis: %v and %v", x.Spec.DryRun, y.Spec.DryRun)
	}
	if len(x.Spec.MeasurementRetention) != 1 || len(y.Spec.MeasurementRetention) != 1 {
		t.Errorf("a rule for both: %v and %v", x.Spec.MeasurementRetention, y.Spec.MeasurementRetention)
	}
	if x.Labels["l"] != "1" || x.Annotations["a"] != "2" || !metav1.IsControlledBy(x, d.o.Experiment) {
		t.Errorf("the run is %+v", x.ObjectMeta)
	}
}

// A rule that the template has already is no second one.
func TestRunsGetARuleOnce(t *testing.T) {
	d := newDesk(t, "a").analyse("x", false).spec(func(s *v1alpha1.ExperimentSpec) {
		s.DryRun = []v1alpha1.DryRun{{MetricName: "x-rate"}}
		s.MeasurementRetention = []v1alpha1.MeasurementRetention{{MetricName: "x-rate", Limit: 3}}
	})
	for _, template := range d.o.Templates {
		template.DryRun, template.MeasurementRetention = d.o.Experiment.Spec.DryRun, d.o.Experiment.Spec.MeasurementRetention
	}
	if run := d.settle().run("exp-x"); run == nil || len(run.Spec.DryRun) != 1 || len(run.Spec.MeasurementRetention) != 1 {
		t.Errorf("the run is %+v, the Experiment is %s: %s", run, d.status().Phase, d.status().Message)
	}
}

// An analysis that cannot be made is an Error before anybody gets a request.
func TestAnalysisThatCannotBe(t *testing.T) {
	d := newDesk(t, "a").analyse("x", false)
	d.o.Experiment.Spec.Analyses[0].TemplateName = "nowhere"
	d.settle().want("Error(AnalysisTemplate verification failed for analysis 'x': AnalysisTemplate 'nowhere' not found) a:1")

	d = newDesk(t, "a").analyse("x", false, v1alpha1.Argument{Name: "host"})
	d.settle().want("Error(AnalysisTemplate verification failed for analysis 'x': args.host was not resolved) a:1")

	// The default of an argument may be a field of a Rollout, which there is none of.
	d = newDesk(t, "a").analyse("x", false)
	d.o.Templates[v1alpha1.AnalysisTemplateRef{TemplateName: "of-x"}].Args = []v1alpha1.Argument{
		{Name: "team", ValueFrom: &v1alpha1.ValueFrom{FieldRef: &v1alpha1.FieldRef{FieldPath: "metadata.labels['team']"}}},
	}
	d.settle().want("Error(AnalysisTemplate verification failed for analysis 'x': args.team was not resolved: its default is the field metadata.labels['team'] " +
		"of a Rollout, and no Rollout has supplied it; give it a value in args) a:1")
}

func TestInvalid(t *testing.T) {
	d := newDesk(t, "a")
	d.o.Invalid = "spec.duration: Invalid value"
	d.settle().want(`Error(The Experiment "exp" is invalid: spec.duration: Invalid value)`)
	if c := conditionOf(d.status(), v1alpha1.InvalidExperimentSpec); c == nil || c.Status != corev1.ConditionTrue || c.Message != d.status().Message {
		t.Errorf("the condition is %+v", c)
	}
	d.o.Invalid = ""
	d.settle().want("Running a:1") // nothing had begun: a right spec is enough
	d.o.Invalid = "spec.duration: Invalid value"
	d.settle().want(`Error(The Experiment "exp" is invalid: spec.duration: Invalid value) a:1`)
	d.o.Invalid = ""
	d.pass(time.Minute).want(`Error(The Experiment "exp" is invalid: spec.duration: Invalid value) a:0`)
}

// What the API server will not have is said, not tried for ever.
func TestRefused(t *testing.T) {
	d := newDesk(t, "a").spec(withService("web")).analyse("x", false)
	for object, want := range map[Object]string{
		{"ReplicaSet", "exp-a"}:  "Failed to create ReplicaSet exp-a for template 'a': no",
		{"Service", "web"}:       "Failed to create Service web for template 'a': no",
		{"AnalysisRun", "exp-x"}: "Failed to create AnalysisRun exp-x for analysis 'x': no",
	} {
		d := &desk{t: t, now: d.now, o: d.o}
		d.o.Experiment = d.o.Experiment.DeepCopy()
		d.o.Refused = map[Object]string{object: "no"}
		d.settle()
		if d.status().Phase != v1alpha1.AnalysisPhaseError || d.status().Message != want {
			t.Errorf("%v: got %s, want Error(%s)", object, d.picture(), want)
		}
	}
}

// Versions with the same pods are told apart by their hash; a name that is taken
// is not fought for.
func TestCollisions(t *testing.T) {
	d := newDesk(t, "a", "b")
	d.o.Experiment.Spec.Templates[1].Template = d.o.Experiment.Spec.Templates[0].Template
	d.o.ReplicaSets = []*appsv1.ReplicaSet{{ObjectMeta: metav1.ObjectMeta{Name: "exp-b"}, Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To[int32](7),
		Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{}}}}}}}
	d.settle().want("Running a:1 b-1:1 b:7")
	s := d.status().TemplateStatuses
	if s[0].PodTemplateHash == s[1].PodTemplateHash || s[0].CollisionCount != nil || ptr.Deref(s[1].CollisionCount, 0) != 1 {
		t.Errorf("hashes %s and %s, collisions %v and %v", s[0].PodTemplateHash, s[1].PodTemplateHash, s[0].CollisionCount, s[1].CollisionCount)
	}
	for _, name := range []string{"exp-a", "exp-b-1"} {
		rs := d.replicaSet(name)
		if hashOf(rs) != rs.Spec.Selector.MatchLabels[v1alpha1.DefaultRolloutUniqueLabelKey] || hashOf(rs) != rs.Spec.Template.Labels[v1alpha1.DefaultRolloutUniqueLabelKey] {
			t.Errorf("ReplicaSet %s is labelled %s and selects %v", name, hashOf(rs), rs.Spec.Selector)
		}
	}
}

// occupy puts a ReplicaSet with the pods of the first template, and their hash, beside
// the Experiment.
func (d *desk) occupy(owner, name string, replicas int32, made time.Time) *desk {
	template := d.o.Experiment.Spec.Templates[0].Template
	hash := podhash.Of(template, nil)
	d.o.ReplicaSets = append(d.o.ReplicaSets, &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1alpha1.DefaultRolloutUniqueLabelKey: hash}, CreationTimestamp: metav1.NewTime(made),
			OwnerReferences: []metav1.OwnerReference{{APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: owner, Name: "web", UID: "other", Controller: ptr.To(true)}}},
		Spec: appsv1.ReplicaSetSpec{Replicas: &replicas, Template: template},
	})
	return d
}

// wantHash checks the hash of the only template: the first of its pods, or the next one,
// and that all that selects pods agrees.
func (d *desk) wantHash(situation string, collisions int32) {
	d.t.Helper()
	s, first := d.status().TemplateStatuses[0], podhash.Of(d.o.Experiment.Spec.Templates[0].Template, nil)
	if (s.PodTemplateHash != first) != (collisions > 0) || ptr.Deref(s.CollisionCount, 0) != collisions {
		d.t.Errorf("%s: hash %s of %s, %v collisions", situation, s.PodTemplateHash, first, s.CollisionCount)
	}
	if rs := d.replicaSet("exp-a"); hashOf(rs) != s.PodTemplateHash || hashOf(rs) != d.o.Services[0].Spec.Selector[v1alpha1.DefaultRolloutUniqueLabelKey] {
		d.t.Errorf("%s: hash %s, the ReplicaSet %s, the Service selects %v", situation, s.PodTemplateHash, hashOf(rs), d.o.Services[0].Spec.Selector)
	}
}

// The Services of a Rollout, and those of another Experiment, must not find the pods of
// an Experiment: where the templates are the same to a letter, the hash is another one.
func TestHashOfOthers(t *testing.T) {
	for _, c := range []struct {
		situation, owner     string
		replicas, collisions int32
	}{
		{"beside a revision", v1alpha1.KindRollout, 1, 1},
		{"beside a revision without pods", v1alpha1.KindRollout, 0, 1},
		{"beside an Experiment", v1alpha1.KindExperiment, 1, 1},
		{"after an Experiment", v1alpha1.KindExperiment, 0, 0},
	} {
		d := newDesk(t, "a").spec(withService("")).occupy(c.owner, "web-x", c.replicas, time.Time{})
		d.settle().wantHash(c.situation, c.collisions)
	}
}

// A ReplicaSet that has a hash already gives way to that of another Experiment as long as
// it has no pods, or has just been made.
func TestHashInCommon(t *testing.T) {
	start := newDesk(t, "a").now
	for _, c := range []struct {
		situation  string
		made       time.Time
		running    bool
		collisions int32
	}{
		{"made before", start.Add(-time.Second), false, 1},
		{"made at once, the name is less", start, false, 1},
		{"made later", start.Add(time.Second), false, 0},
		{"made before, but seen too late", start.Add(-time.Second), true, 0},
	} {
		d := newDesk(t, "a").spec(withService("")).repair("web:a", c.running).settle()
		d.occupy(v1alpha1.KindExperiment, "earlier", 1, c.made).settle().wantHash(c.situation, c.collisions)
	}
	d := newDesk(t, "a").spec(withService("")).spec(duration("10s")).settle().pass(time.Minute).want("Successful a:0")
	d.occupy(v1alpha1.KindExperiment, "later", 1, d.now)
	*d.status() = v1alpha1.ExperimentStatus{}
	d.settle().wantHash("tried again", 1)
	d.told("ReplicaSetDeleted: Deleted ReplicaSet exp-a: the pods of another Experiment have the same hash")
}

// A template that looks for a hash finds those taken that other templates of the
// Experiment have, whatever their order.
func TestHashOfASibling(t *testing.T) {
	d := newDesk(t, "a", "b")
	d.o.Experiment.Spec.Templates[1].Template = d.o.Experiment.Spec.Templates[0].Template
	d.spec(duration("10s")).settle().pass(time.Minute).want("Successful a:0 b:0")
	d.occupy(v1alpha1.KindExperiment, "later", 1, d.now)
	*d.status() = v1alpha1.ExperimentStatus{}
	d.settle().want("Running a:1 b:1 later:1")
	hashes := map[string]bool{}
	for _, rs := range d.o.ReplicaSets {
		hashes[hashOf(rs)] = true
	}
	if len(hashes) != 3 {
		t.Errorf("three ReplicaSets have the hashes %v", hashes)
	}
}

// What the spec says is what runs: other pods, other sizes, other templates.
func TestEdits(t *testing.T) {
	d := newDesk(t, "a", "b").spec(withService("")).settle().want("Running a:1 b:1 svc:a")
	d.spec(func(s *v1alpha1.ExperimentSpec) {
		s.Templates[0].Replicas = ptr.To[int32](3)
		s.Templates[1].Template.Spec.Containers[0].Image = "web:c"
	}).settle().want("Running a:3 b:1 svc:a")
	if got := d.replicaSet("exp-b").Spec.Template.Spec.Containers[0].Image; got != "web:c" {
		t.Errorf("exp-b runs %s", got)
	}
	d.spec(func(s *v1alpha1.ExperimentSpec) { s.Templates = s.Templates[1:] }).settle().want("Running b:1")
	d.spec(withService("web")).settle().want("Running b:1 svc:web")
	d.spec(withService("other")).settle().want("Running b:1 svc:other")
	d.spec(func(s *v1alpha1.ExperimentSpec) { s.Templates[0].Service = nil }).settle().want("Running b:1")
}

// The Service of a template follows its pods: they have another hash when the template
// has changed, and may listen at other ports.
func TestServiceFollowsItsPods(t *testing.T) {
	d := newDesk(t, "a").spec(withService("")).settle()
	d.o.Services[0].Spec.Ports[0].AppProtocol = ptr.To("http") // is none of our business
	if plan := Decide(d.o, d.now); len(plan.Actions) != 0 {
		t.Errorf("of what the API server, or a person, has added: %v", plan.Actions)
	}
	d.spec(func(s *v1alpha1.ExperimentSpec) {
		s.Templates[0].Selector.MatchLabels["tier"] = "front"
		s.Templates[0].Template.Spec.Containers[0].Ports[0].ContainerPort = 9090
	}).settle().want("Running a:1 svc:a")
	svc, rs := d.o.Services[0], d.replicaSet("exp-a")
	if !maps.Equal(svc.Spec.Selector, rs.Spec.Selector.MatchLabels) || svc.Labels[v1alpha1.DefaultRolloutUniqueLabelKey] != hashOf(rs) {
		t.Errorf("the Service selects %v and is labelled %v; its pods are %v", svc.Spec.Selector, svc.Labels, rs.Spec.Selector.MatchLabels)
	}
	if p := svc.Spec.Ports; len(p) != 1 || p[0].Port != 9090 {
		t.Errorf("the ports are %v", p)
	}
	d.told("ServiceUpdated: Updated Service exp-a for template 'a'")
}

// An edit after the end changes nothing that was reported.
func TestEditsAfterTheEnd(t *testing.T) {
	d := newDesk(t, "a").spec(duration("10s")).settle().pass(10 * time.Second).want("Successful a:1")
	hash := d.status().TemplateStatuses[0].PodTemplateHash
	d.spec(func(s *v1alpha1.ExperimentSpec) {
		s.Templates[0].Template.Spec.Containers[0].Image = "web:b"
		s.Templates = append(s.Templates, newDesk(t, "late").o.Experiment.Spec.Templates...)
	}).pass(time.Hour).want("Successful a:0")
	if s := d.status().TemplateStatuses; s[0].PodTemplateHash != hash || s[1].Status != "" {
		t.Errorf("the status is %+v", s)
	}
}

// Nothing is started while the runs are asked to end.
func TestNothingStartsAtTheEnd(t *testing.T) {
	d := newDesk(t, "a").spec(duration("10s")).analyse("x", false).analyse("y", false).settle().pass(9 * time.Second)
	d.o.Runs = d.o.Runs[:1] // y is deleted
	d.pass(time.Second).want("Successful a:1 αx:Successful")
}

// An API server that fills in defaults has not changed the template.
func TestDefaultsAreNoEdit(t *testing.T) {
	d := newDesk(t, "a").settle()
	d.replicaSet("exp-a").Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyAlways
	d.replicaSet("exp-a").Labels[v1alpha1.DefaultRolloutUniqueLabelKey] = "madebyanother"
	d.settle().want("Running a:1")
	if got := d.status().TemplateStatuses[0].PodTemplateHash; got != "madebyanother" {
		t.Errorf("the status says %s: queries would miss the pods", got)
	}
}

func TestConditions(t *testing.T) {
	of := func(d *desk) string {
		var parts []string
		for _, c := range d.status().Conditions {
			parts = append(parts, string(c.Type)+"="+string(c.Status)+"/"+c.Reason)
		}
		return strings.Join(parts, " ")
	}
	d := newDesk(t, "a").spec(duration("10s")).repair("web:a", false).settle()
	for _, step := range []struct {
		do   func()
		want string
	}{
		{func() {}, "Progressing=True/ReplicaSetUpdated Running=False/ExperimentRunning Completed=False/ExperimentCompleted"},
		{func() {
			d.replicaSet("exp-a").Status.Conditions = []appsv1.ReplicaSetCondition{{Type: appsv1.ReplicaSetReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate"}}
		}, "Progressing=True/ReplicaSetUpdated Running=False/ExperimentRunning Completed=False/ExperimentCompleted ReplicaFailure=True/FailedCreate"},
		{func() { d.replicaSet("exp-a").Status.Conditions = nil; d.repair("web:a", true) },
			"Progressing=True/NewReplicaSetAvailable Running=True/ExperimentRunning Completed=False/ExperimentCompleted"},
		{func() { d.pass(10 * time.Second) }, "Progressing=True/NewReplicaSetAvailable Running=False/ExperimentRunning Completed=True/ExperimentCompleted"},
	} {
		step.do()
		if got := of(d.settle()); got != step.want {
			t.Errorf("got  %s\nwant %s", got, step.want)
		}
	}
	d = newDesk(t, "a").repair("web:a", false).settle().pass(600 * time.Second)
	if got, want := of(d), "Progressing=False/ProgressDeadlineExceeded Running=False/ExperimentRunning Completed=True/ExperimentCompleted"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A ReplicaSet whose controller has not yet seen its last size says nothing about
// it.
func TestServes(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(rs *appsv1.ReplicaSet)
		want   v1alpha1.AnalysisPhase
	}{
		{"all there", func(*appsv1.ReplicaSet) {}, v1alpha1.AnalysisPhaseRunning},
		{"a surplus", func(rs *appsv1.ReplicaSet) { rs.Status.AvailableReplicas = 2 }, v1alpha1.AnalysisPhaseRunning},
		{"none available", func(rs *appsv1.ReplicaSet) { rs.Status.AvailableReplicas = 0 }, v1alpha1.AnalysisPhasePending},
		{"an old status", func(rs *appsv1.ReplicaSet) { rs.Generation, rs.Status.ObservedGeneration = 2, 1 }, v1alpha1.AnalysisPhasePending},
		{"another size", func(rs *appsv1.ReplicaSet) { rs.Spec.Replicas = ptr.To[int32](0) }, v1alpha1.AnalysisPhasePending},
		{"on its way out", func(rs *appsv1.ReplicaSet) { rs.DeletionTimestamp = &metav1.Time{} }, v1alpha1.AnalysisPhasePending},
		{"other pods", func(rs *appsv1.ReplicaSet) { rs.Spec.Template.Spec.Containers[0].Image, rs.Labels = "web:b", nil }, v1alpha1.AnalysisPhasePending},
	} {
		d := newDesk(t, "a")
		d.carryOut(Decide(d.o, d.now))
		c.change(d.replicaSet("exp-a"))
		if got := Decide(d.o, d.now).Status.Phase; got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// A deleted Experiment takes what it controls with it, by owner reference.
func TestDeleted(t *testing.T) {
	d := newDesk(t, "a").settle()
	d.o.Experiment.DeletionTimestamp = &metav1.Time{Time: d.now}
	d.o.ReplicaSets = nil
	if plan := Decide(d.o, d.now); len(plan.Actions) != 0 {
		t.Errorf("it does %v", plan.Actions)
	}
}

func TestServicePorts(t *testing.T) {
	port := func(name string, number int32, protocol corev1.Protocol) corev1.ContainerPort {
		return corev1.ContainerPort{Name: name, ContainerPort: number, Protocol: protocol}
	}
	got := servicePorts([]corev1.Container{
		{Ports: []corev1.ContainerPort{port("http", 8080, ""), port("", 9090, corev1.ProtocolTCP)}},
		{Ports: []corev1.ContainerPort{port("http", 8081, ""), port("", 8080, ""), port("dns", 53, corev1.ProtocolUDP), port("", 53, "")}},
	})
	want := []string{"http 8080 TCP", "port-9090 9090 TCP", "port-8081 8081 TCP", "dns 53 UDP", "port-53 53 TCP"}
	for i, p := range got {
		if line := p.Name + " " + p.TargetPort.String() + " " + string(p.Protocol); i >= len(want) || line != want[i] {
			t.Errorf("port %d is %q", i, line)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d ports, want %d", len(got), len(want))
	}
}

func TestServiceName(t *testing.T) {
	long := strings.Repeat("long-", 14)
	for _, c := range []struct{ given, rs, want string }{
		{"", "web-1-2-0-canary", "web-1-2-0-canary"},
		{"mine", "web-1-2-0-canary", "mine"},
		{"", "web.v1-canary", "web-v1-canary-6bf969479f"},
		{"", "1web", "x1web-54c7c6fd94"},
		{"", long + "canary", "long-long-long-long-long-long-long-long-long-long-lo-57bc7ff899"},
	} {
		got := serviceName(&version{name: c.rs, spec: &v1alpha1.TemplateSpec{Service: &v1alpha1.TemplateService{Name: c.given}}})
		if got != c.want || len(got) > 63 {
			t.Errorf("%q with %q: %s, want %s", c.given, c.rs, got, c.want)
		}
	}
}
