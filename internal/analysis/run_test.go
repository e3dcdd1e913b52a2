package analysis

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

func ref(name string) v1alpha1.AnalysisTemplateRef {
	return v1alpha1.AnalysisTemplateRef{TemplateName: name}
}

func clusterRef(name string) v1alpha1.AnalysisTemplateRef {
	return v1alpha1.AnalysisTemplateRef{TemplateName: name, ClusterScope: true}
}

func metricNames(t v1alpha1.AnalysisTemplateSpec) string {
	var names []string
	for _, m := range t.Metrics {
		names = append(names, m.Name)
	}
	return strings.Join(names, " ")
}

func TestFlatten(t *testing.T) {
	one := func(name string, refs ...v1alpha1.AnalysisTemplateRef) *v1alpha1.AnalysisTemplateSpec {
		return &v1alpha1.AnalysisTemplateSpec{Metrics: []v1alpha1.Metric{prom(name, nil)}, Templates: refs}
	}
	withArgs := func(name string, args ...v1alpha1.Argument) *v1alpha1.AnalysisTemplateSpec {
		s := one(name)
		s.Args = args
		return s
	}
	l := Library{
		ref("a"): one("ma"), ref("b"): one("mb"), clusterRef("a"): one("mca"),
		ref("nest"): one("mnest", ref("a"), clusterRef("a")), ref("deep"): one("mdeep", ref("nest"), ref("b"), ref("a")),
		ref("loop"): one("mloop", ref("loop2")), ref("loop2"): one("mloop2", ref("loop")),
		ref("a2"): one("ma"), ref("hole"): one("mhole", clusterRef("gone")),
		ref("only-refs"): {Templates: []v1alpha1.AnalysisTemplateRef{ref("a"), ref("b")}},
		ref("x1"):        withArgs("mx1", arg("x", "1")), ref("x2"): withArgs("mx2", arg("x", "2")), ref("x1b"): withArgs("mx1b", arg("x", "1")),
		ref("x"): withArgs("mx", v1alpha1.Argument{Name: "x"}), ref("xs"): withArgs("mxs", secretArg("x", "n", "k")),
		ref("d1"): {Metrics: []v1alpha1.Metric{prom("d1", nil)}, DryRun: []v1alpha1.DryRun{{MetricName: ".*"}}, MeasurementRetention: []v1alpha1.MeasurementRetention{{MetricName: "d1", Limit: 3}}},
		ref("d2"): {Metrics: []v1alpha1.Metric{prom("d2", nil)}, DryRun: []v1alpha1.DryRun{{MetricName: ".*"}}},
		ref("d3"): {Metrics: []v1alpha1.Metric{prom("d3", nil)}, MeasurementRetention: []v1alpha1.MeasurementRetention{{MetricName: "d1", Limit: 4}}},
	}
	refs := func(names ...string) (out []v1alpha1.AnalysisTemplateRef) {
		for _, n := range names {
			out = append(out, ref(n))
		}
		return out
	}
	tests := []struct {
		refs []v1alpha1.AnalysisTemplateRef
		want string // names of metrics, or the error
		args []v1alpha1.Argument
	}{
		{refs: refs("a", "b"), want: "ma mb"},
		{refs: refs("b", "a", "b"), want: "mb ma"},
		{refs: []v1alpha1.AnalysisTemplateRef{clusterRef("a"), ref("a")}, want: "mca ma"},
		{refs: refs("nest"), want: "mnest ma mca"},
		{refs: refs("deep"), want: "mdeep mnest ma mca mb"},
		{refs: refs("loop"), want: "mloop mloop2"},
		{refs: refs("only-refs"), want: "ma mb"},
		{refs: refs("a", "a2"), want: "two metrics have the same name 'ma'"},
		{refs: refs("absent"), want: "AnalysisTemplate 'absent' not found"},
		{refs: refs("hole"), want: "ClusterAnalysisTemplate 'gone' not found"},
		{refs: refs("x1", "x2"), want: "Argument `x` specified multiple times with different values: '1', '2'"},
		{refs: refs("x1", "xs"), want: "Argument `x` specified multiple times with different values: '1', 'key k of Secret n'"},
		{refs: refs("x1", "x1b", "x"), want: "mx1 mx1b mx", args: []v1alpha1.Argument{arg("x", "1")}},
		{refs: refs("x", "x1"), want: "mx mx1", args: []v1alpha1.Argument{arg("x", "1")}},
		{refs: refs("d1", "d2"), want: "two Dry-Run metric rules have the same name '.*'"},
		{refs: refs("d1", "d3"), want: "two Measurement Retention metric rules have the same name 'd1'"},
	}
	for _, tt := range tests {
		flat, err := Flatten(l, tt.refs)
		got := metricNames(flat)
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.refs, got, tt.want)
		}
		if diff := cmp.Diff(tt.args, flat.Args); diff != "" {
			t.Errorf("%v: arguments (-want +got):\n%s", tt.refs, diff)
		}
	}
}

// A rule that a template and its user both have is one; two limits for one rule are not
// to be joined.
func TestWithRules(t *testing.T) {
	dry := func(names ...string) (rules []v1alpha1.DryRun) {
		for _, name := range names {
			rules = append(rules, v1alpha1.DryRun{MetricName: name})
		}
		return rules
	}
	keep := func(name string, limit int32) v1alpha1.MeasurementRetention {
		return v1alpha1.MeasurementRetention{MetricName: name, Limit: limit}
	}
	type retention = []v1alpha1.MeasurementRetention
	for _, tt := range []struct {
		name               string
		dry, moreDry, want []v1alpha1.DryRun
		keep, moreKeep     retention
		wantKeep           retention
		err                string
	}{
		{name: "none"},
		{name: "of the user", moreDry: dry("m"), want: dry("m"), moreKeep: retention{keep("m", 5)}, wantKeep: retention{keep("m", 5)}},
		{name: "the same", dry: dry("m", ".*"), moreDry: dry(".*", "m"), want: dry("m", ".*"),
			keep: retention{keep("m", 5)}, moreKeep: retention{keep("m", 5)}, wantKeep: retention{keep("m", 5)}},
		{name: "twice of the user", moreDry: dry("m", "m"), want: dry("m")},
		{name: "others for the same metric", dry: dry("m"), moreDry: dry(".*"), want: dry("m", ".*"),
			keep: retention{keep("m", 5)}, moreKeep: retention{keep(".*", 6)}, wantKeep: retention{keep("m", 5), keep(".*", 6)}},
		{name: "another limit", keep: retention{keep("m", 5)}, moreKeep: retention{keep("m", 6)}, wantKeep: retention{keep("m", 5), keep("m", 6)},
			err: "two Measurement Retention metric rules have the same name 'm'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			flat := v1alpha1.AnalysisTemplateSpec{Metrics: []v1alpha1.Metric{prom("m", nil)}, DryRun: tt.dry, MeasurementRetention: tt.keep}
			got := WithRules(flat, tt.moreDry, tt.moreKeep)
			if !slices.Equal(got.DryRun, tt.want) || !slices.Equal(got.MeasurementRetention, tt.wantKeep) {
				t.Errorf("got %v and %v, want %v and %v", got.DryRun, got.MeasurementRetention, tt.want, tt.wantKeep)
			}
			if _, err := NewSpec(got, nil); errorText(err) != tt.err {
				t.Errorf("got %v, want %q", err, tt.err)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	l := Library{}
	asked := 0
	for {
		missing := l.Missing([]v1alpha1.AnalysisTemplateRef{ref("a"), ref("a"), clusterRef("b")})
		if len(missing) == 0 {
			break
		}
		for _, r := range missing {
			asked++
			l[r] = &v1alpha1.AnalysisTemplateSpec{}
			if r == ref("a") {
				l[r].Templates = []v1alpha1.AnalysisTemplateRef{clusterRef("b"), ref("c"), ref("a")}
			}
		}
	}
	if asked != 3 || l[ref("c")] == nil {
		t.Errorf("asked for %d templates: %v", asked, l)
	}
}

func TestField(t *testing.T) {
	ro := &v1alpha1.Rollout{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", Labels: map[string]string{"env": "dev", "a.b/c": "d"}, Annotations: map[string]string{"x": "1"}},
		Spec:       v1alpha1.RolloutSpec{Replicas: ptr.To(int32(5))},
		Status: v1alpha1.RolloutStatus{
			PauseConditions: []v1alpha1.PauseCondition{{Reason: v1alpha1.PauseReasonCanaryPauseStep}},
			Canary:          v1alpha1.CanaryStatus{Weights: &v1alpha1.TrafficWeights{Canary: v1alpha1.WeightDestination{Weight: 20, PodTemplateHash: "abc"}}},
		},
	}
	tests := []struct{ path, want, err string }{
		{path: "metadata.name", want: "web"},
		{path: "metadata.namespace", want: "shop"},
		{path: "metadata.labels['env']", want: "dev"},
		{path: `metadata.labels["env"]`, want: "dev"},
		{path: "metadata.labels['a.b/c']", want: "d"},
		{path: "metadata.labels['absent']", want: ""},
		{path: "metadata.annotations['x']", want: "1"},
		{path: "spec.replicas", want: "5"},
		{path: "status.canary.weights.canary.podTemplateHash", want: "abc"},
		{path: "status.canary.weights.canary.weight", want: "20"},
		{path: "status.pauseConditions[0].reason", want: "CanaryPauseStep"},
		{path: "status.pauseConditions[1].reason", err: "invalid path status.pauseConditions[1].reason in rollout: 1 is not there"},
		{path: "status.alb.canaryTargetGroup.name", err: "invalid path status.alb.canaryTargetGroup.name in rollout: alb is not there"},
		{path: "status.canary.weights.canary", want: `{"podTemplateHash":"abc","weight":20}`},
		{path: "", err: "it is empty"},
		{path: "metadata.", err: "a name is missing after the last dot"},
		{path: "metadata..name", err: `a name is missing before ".name"`},
		{path: "metadata.labels['env'", err: "is not closed"},
		{path: "metadata.labels[", err: "is not closed"},
	}
	for _, tt := range tests {
		got, err := Field(ro, tt.path)
		if text := errorText(err); got != tt.want || !strings.Contains(text, tt.err) || (tt.err == "") != (err == nil) {
			t.Errorf("%q: got %q, %v; want %q, %q", tt.path, got, err, tt.want, tt.err)
		}
	}
}

// TestCheckField: what a Rollout can have at all, whether this one has it or not.
func TestCheckField(t *testing.T) {
	for path, want := range map[string]string{
		"metadata.name":                                "",
		"metadata.labels['absent']":                    "",
		"metadata.creationTimestamp":                   "",
		"status.canary.weights.canary.weight":          "",
		"status.pauseConditions[7].reason":             "",
		"status.alb.canaryTargetGroup.name":            "",
		"spec.template.spec.containers[0].image":       "",
		"spec.strategy.canary.maxSurge":                "",
		"apiVersion":                                   "",
		"status.canary.weight":                         "a Rollout has no such field: weight is unknown there",
		"status.pauseConditions.reason":                "a Rollout has no such field: reason is unknown there",
		"metadata.name.first":                          "a Rollout has no such field: first is unknown there",
		"spec.strategy.canary.steps[-1].setWeight":     "a Rollout has no such field: -1 is unknown there",
		"status.canary.weights.additional['x'].weight": "a Rollout has no such field: x is unknown there",
		"metadata.labels['env'":                        `"['env'" is not closed`,
		"":                                             "it is empty",
	} {
		if got := errorText(CheckField(path)); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

// FuzzField: no path brings it down.
func FuzzField(f *testing.F) {
	for _, path := range []string{"metadata.labels['x']", "a[0][1]", "[", "['", `["]`, "a.", ".", "status.conditions[9].x"} {
		f.Add(path)
	}
	ro := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Name: "web"}}
	f.Fuzz(func(t *testing.T, path string) {
		if _, err := Field(ro, path); err == nil && CheckField(path) != nil {
			t.Errorf("%q is there, and should not be: %v", path, CheckField(path))
		}
	})
}

// order is what the Rollout web wants at step 2 of revision 3.
func order(role Role) Order {
	return Order{
		Rollout: &v1alpha1.Rollout{
			ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", UID: "u1", Labels: map[string]string{"env": "dev"}},
			Spec:       v1alpha1.RolloutSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
		},
		Role: role, Step: 2, Hash: "new7", StableHash: "old7", Revision: "3",
		Analysis: v1alpha1.RolloutAnalysis{Templates: []v1alpha1.AnalysisTemplateRef{ref("t")}},
	}
}

func TestNewRun(t *testing.T) {
	o := order(Step)
	o.InstanceID = "blue"
	stable, latest := v1alpha1.Stable, v1alpha1.Latest
	o.Analysis.Args = []v1alpha1.AnalysisRunArgument{
		{Name: "service", Value: "web.shop"},
		{Name: "stable", ValueFrom: &v1alpha1.ArgumentValueFrom{PodTemplateHashValue: &stable}},
		{Name: "latest", ValueFrom: &v1alpha1.ArgumentValueFrom{PodTemplateHashValue: &latest}},
		{Name: "env", ValueFrom: &v1alpha1.ArgumentValueFrom{FieldRef: &v1alpha1.FieldRef{FieldPath: "metadata.labels['env']"}}},
		{Name: "unknown", Value: "left out"},
	}
	o.Analysis.DryRun = []v1alpha1.DryRun{{MetricName: "m"}}
	o.Analysis.MeasurementRetention = []v1alpha1.MeasurementRetention{{MetricName: "m", Limit: 20}}
	o.Analysis.AnalysisRunMetadata = v1alpha1.AnalysisRunMetadata{
		Labels:      map[string]string{"team": "blue", "rollout-type": "not ours"},
		Annotations: map[string]string{"note": "hello"},
	}
	l := Library{ref("t"): {
		Metrics: []v1alpha1.Metric{prom("m", nil)},
		Args: []v1alpha1.Argument{
			{Name: "service"}, {Name: "stable"}, {Name: "latest"}, {Name: "env"}, arg("port", "9090"), secretArg("token", "s", "k"),
			{Name: "namespace", ValueFrom: &v1alpha1.ValueFrom{FieldRef: &v1alpha1.FieldRef{FieldPath: "metadata.namespace"}}},
		},
	}}
	got, adopted, err := NewRun(o, l, nil)
	if err != nil || adopted {
		t.Fatal(adopted, err)
	}
	want := &v1alpha1.AnalysisRun{
		ObjectMeta: metav1.ObjectMeta{
			Name: "web-new7-3-2", Namespace: "shop",
			Labels: map[string]string{
				"app": "web", "team": "blue", "rollout-type": "Step", "step-index": "2", "rollouts-pod-template-hash": "new7",
				"argo-rollouts.argoproj.io/controller-instance-id": "blue",
			},
			Annotations:     map[string]string{"note": "hello", "rollout.argoproj.io/revision": "3"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "argoproj.io/v1alpha1", Kind: "Rollout", Name: "web", UID: "u1", Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true)}},
		},
		Spec: v1alpha1.AnalysisRunSpec{
			Metrics: []v1alpha1.Metric{prom("m", nil)},
			Args: []v1alpha1.Argument{
				arg("service", "web.shop"), arg("stable", "old7"), arg("latest", "new7"), arg("env", "dev"), arg("port", "9090"),
				secretArg("token", "s", "k"), arg("namespace", "shop"),
			},
			DryRun:               []v1alpha1.DryRun{{MetricName: "m"}},
			MeasurementRetention: []v1alpha1.MeasurementRetention{{MetricName: "m", Limit: 20}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRoles(t *testing.T) {
	l := Library{ref("t"): {Metrics: []v1alpha1.Metric{prom("m", nil)}}}
	for role, want := range map[Role]string{Step: "web-new7-3-2", Background: "web-new7-3", PrePromotion: "web-new7-3-pre", PostPromotion: "web-new7-3-post"} {
		run, _, err := NewRun(order(role), l, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, hasStep := run.Labels["step-index"]
		if run.Name != want || run.Labels["rollout-type"] != string(role) || hasStep != (role == Step) {
			t.Errorf("%s: got %s, labels %v", role, run.Name, run.Labels)
		}
	}
}

func TestNewRunErrors(t *testing.T) {
	l := Library{ref("t"): {Metrics: []v1alpha1.Metric{prom("m", nil)}, Args: []v1alpha1.Argument{{Name: "service-name"}}}}
	bad := v1alpha1.ValueFromPodTemplateHash("Newest")
	tests := []struct {
		args []v1alpha1.AnalysisRunArgument
		want string
	}{
		{nil, "args.service-name was not resolved"},
		{[]v1alpha1.AnalysisRunArgument{{Name: "service-name", ValueFrom: &v1alpha1.ArgumentValueFrom{FieldRef: &v1alpha1.FieldRef{FieldPath: "status.x"}}}},
			`argument "service-name": invalid path status.x in rollout: x is not there`},
		{[]v1alpha1.AnalysisRunArgument{{Name: "service-name", ValueFrom: &v1alpha1.ArgumentValueFrom{PodTemplateHashValue: &bad}}},
			`argument "service-name": podTemplateHashValue is "Newest", not Stable or Latest`},
	}
	for _, tt := range tests {
		o := order(Step)
		o.Analysis.Args = tt.args
		if _, _, err := NewRun(o, l, nil); errorText(err) != tt.want {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
	o := order(Step)
	o.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{ref("gone")}
	if _, _, err := NewRun(o, l, nil); errorText(err) != "AnalysisTemplate 'gone' not found" {
		t.Errorf("got %v", err)
	}
}

// TestNames: a run that ended keeps its name, one that goes on is taken over.
func TestNames(t *testing.T) {
	l := Library{ref("t"): {Metrics: []v1alpha1.Metric{prom("m", func(m *v1alpha1.Metric) { m.Provider.Datadog = nil })}}}
	made := func(name string, phase v1alpha1.AnalysisPhase, more func(*v1alpha1.AnalysisRun)) *v1alpha1.AnalysisRun {
		run, _, err := NewRun(order(Step), l, nil)
		if err != nil {
			t.Fatal(err)
		}
		run.Name, run.Status.Phase = name, phase
		if more != nil {
			more(run)
		}
		return run
	}
	const base = "web-new7-3-2"
	tests := []struct {
		name     string
		existing []*v1alpha1.AnalysisRun
		want     string
		adopted  bool
	}{
		{"nothing", nil, base, false},
		{"another step", []*v1alpha1.AnalysisRun{made("web-new7-3-1", failed, nil)}, base, false},
		{"one that failed", []*v1alpha1.AnalysisRun{made(base, failed, nil)}, base + ".1", false},
		{"two that ended", []*v1alpha1.AnalysisRun{made(base, failed, nil), made(base+".1", inconclusive, nil)}, base + ".2", false},
		{"one that goes on", []*v1alpha1.AnalysisRun{made(base, running, nil)}, base, true},
		{"one that was not looked at", []*v1alpha1.AnalysisRun{made(base, "", nil)}, base, true},
		{"the second goes on", []*v1alpha1.AnalysisRun{made(base, errored, nil), made(base+".1", running, nil)}, base + ".1", true},
		{"with defaults of the API server", []*v1alpha1.AnalysisRun{made(base, running, func(r *v1alpha1.AnalysisRun) { r.Spec.Metrics[0].FailureLimit = num(0) })}, base, true},
		{"about to end", []*v1alpha1.AnalysisRun{made(base, running, func(r *v1alpha1.AnalysisRun) { r.Spec.Terminate = true })}, base + ".1", false},
		{"about to go", []*v1alpha1.AnalysisRun{made(base, running, func(r *v1alpha1.AnalysisRun) { r.DeletionTimestamp = &metav1.Time{Time: noon} })}, base + ".1", false},
		{"of another owner", []*v1alpha1.AnalysisRun{made(base, running, func(r *v1alpha1.AnalysisRun) { r.OwnerReferences = nil })}, base + ".1", false},
		{"with another query", []*v1alpha1.AnalysisRun{made(base, running, func(r *v1alpha1.AnalysisRun) { r.Spec.Metrics[0].Provider.Prometheus.Query = "down" })}, base + ".1", false},
	}
	for _, tt := range tests {
		got, adopted, err := NewRun(order(Step), l, tt.existing)
		if err != nil || got.Name != tt.want || adopted != tt.adopted {
			t.Errorf("%s: got %s, adopted %t, %v; want %s, %t", tt.name, got.Name, adopted, err, tt.want, tt.adopted)
		}
	}
}

func TestSurplus(t *testing.T) {
	run := func(name, hash string, phase v1alpha1.AnalysisPhase, minute int) *v1alpha1.AnalysisRun {
		r := runOf()
		r.Name, r.Status.Phase = name, phase
		r.CreationTimestamp = metav1.NewTime(noon.Add(time.Duration(minute) * time.Minute))
		if hash != "" {
			r.Labels = map[string]string{v1alpha1.DefaultRolloutUniqueLabelKey: hash}
		}
		return r
	}
	going := run("going", "a", failed, 1)
	going.DeletionTimestamp = &metav1.Time{Time: noon}
	runs := []*v1alpha1.AnalysisRun{
		run("s1", "a", successful, 1), run("s2", "a", successful, 2), run("s3", "a", successful, 3),
		run("f1", "a", failed, 1), run("e2", "a", errored, 2), run("i3", "a", inconclusive, 3),
		run("now", "a", running, 0), run("gone", "b", running, 9), run("free", "", successful, 0), going,
		run("t.1", "a", failed, 4), run("t.2", "a", failed, 4), run("t.10", "a", failed, 4),
	}
	names := func(runs []*v1alpha1.AnalysisRun) string {
		var out []string
		for _, r := range runs {
			out = append(out, r.Name)
		}
		return strings.Join(out, " ")
	}
	limits := func(good, bad int32) *v1alpha1.AnalysisRunStrategy {
		return &v1alpha1.AnalysisRunStrategy{SuccessfulRunHistoryLimit: &good, UnsuccessfulRunHistoryLimit: &bad}
	}
	phaseOf := func(r *v1alpha1.AnalysisRun) v1alpha1.AnalysisPhase { return r.Status.Phase }
	hashes := map[string]bool{"a": true}
	tests := []struct {
		limits  *v1alpha1.AnalysisRunStrategy
		current map[string]bool
		want    string
	}{
		{nil, nil, "gone f1"},
		{limits(2, 3), nil, "gone i3 e2 s1 f1 free"},
		{limits(0, 1), nil, "gone t.2 t.1 s3 i3 s2 e2 s1 f1 free"},
		{limits(0, 0), map[string]bool{"s1": true, "f1": true, "gone": true}, "t.10 t.2 t.1 s3 i3 s2 e2 free"},
	}
	for _, tt := range tests {
		if got := names(Surplus(runs, phaseOf, tt.limits, tt.current, hashes)); got != tt.want {
			t.Errorf("%+v, current %v: got %q, want %q", tt.limits, tt.current, got, tt.want)
		}
	}
}

// BenchmarkLook is one look at a run with an argument: read, due, assess.
func BenchmarkLook(b *testing.B) {
	run := runOf(prom("m", func(m *v1alpha1.Metric) {
		m.Interval, m.Count, m.SuccessCondition = "30s", num(3), "result[0] >= 0.95"
		m.Provider.Prometheus.Query = `sum(rate(istio_requests_total{destination="{{args.service}}"}[1m]))`
	}))
	run.Spec.Args = []v1alpha1.Argument{arg("service", "web")}
	b.ReportAllocs()
	for b.Loop() {
		a := Read(run)
		if len(a.Due(noon)) != 1 {
			b.Fatal("nothing is due")
		}
		a.Assess([]Outcome{{Metric: "m", Measurement: measurementOf('S')}}, noon)
	}
}

// Measurements keep their pace although none is done at the beginning of a second.
func TestPace(t *testing.T) {
	for _, c := range []struct {
		interval v1alpha1.DurationString
		want     []time.Duration // behind noon, in ms
	}{
		{"10s", []time.Duration{300, 10100, 20100}},
		{"1ms", []time.Duration{300, 1100, 2100}},
		{"500ms", []time.Duration{300, 1100, 2100}},
		{"1500ms", []time.Duration{300, 2100, 4100}},
	} {
		if at := paceOf(c.interval); !slices.Equal(at, c.want) {
			t.Errorf("interval %s: measured at %d ms, want %d", c.interval, at, c.want)
		}
	}
}

// paceOf is when a metric is measured three times, in ms behind noon, if each measurement
// takes 200 ms and each look comes 100 ms late.
func paceOf(interval v1alpha1.DurationString) (at []time.Duration) {
	m := prom("rate", nil)
	m.Count = num(3)
	m.Interval = interval
	run := runOf(m)
	for now := noon.Add(300 * time.Millisecond); !run.Status.Phase.Completed(); {
		a := Read(run)
		var outcomes []Outcome
		for range a.Due(now) {
			at = append(at, now.Sub(noon)/time.Millisecond)
			outcomes = append(outcomes, Outcome{Metric: "rate", Measurement: measurementOf('S')})
		}
		p := a.Assess(outcomes, now.Add(200*time.Millisecond)) // what asking took
		run.Status, now = p.Status, p.Wake.Add(100*time.Millisecond)
	}
	return at
}
