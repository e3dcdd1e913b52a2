package ops

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

// metric asks Prometheus for something that depends on an argument.
func metric(name, arg string) v1alpha1.Metric {
	m := v1alpha1.Metric{Name: name, SuccessCondition: "result[0] > 0.9"}
	m.Provider.Prometheus = &v1alpha1.PrometheusMetric{Address: "http://prometheus", Query: "up{service='{{args." + arg + "}}'}"}
	return m
}

// templates are shop/rate, which wants service and has a default for zone;
// shop/deep, which refers to it and to the global slow; shop/torn, which refers
// to what is not there; shop/bad, which no argument can mend.
func templates() []client.Object {
	local := func(name string, spec v1alpha1.AnalysisTemplateSpec) client.Object {
		return &v1alpha1.AnalysisTemplate{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, ResourceVersion: "7"}, Spec: spec}
	}
	rate := v1alpha1.AnalysisTemplateSpec{
		Args: []v1alpha1.Argument{
			{Name: "service"}, {Name: "zone", Value: ptr.To("a")},
			{Name: "token", ValueFrom: &v1alpha1.ValueFrom{SecretKeyRef: &v1alpha1.SecretKeyRef{Name: "s", Key: "k"}}},
		},
		Metrics: []v1alpha1.Metric{metric("rate", "service")},
		DryRun:  []v1alpha1.DryRun{{MetricName: "rate"}},
	}
	endless := metric("endless", "service")
	endless.Interval = "often"
	slow := &v1alpha1.ClusterAnalysisTemplate{ObjectMeta: metav1.ObjectMeta{Name: "slow"}}
	slow.Spec = v1alpha1.AnalysisTemplateSpec{Args: []v1alpha1.Argument{{Name: "limit"}}, Metrics: []v1alpha1.Metric{metric("slow", "limit")}}
	return []client.Object{
		local("rate", rate), slow,
		local("deep", v1alpha1.AnalysisTemplateSpec{Templates: []v1alpha1.AnalysisTemplateRef{
			{TemplateName: "rate"}, {TemplateName: "slow", ClusterScope: true},
		}}),
		local("torn", v1alpha1.AnalysisTemplateSpec{Templates: []v1alpha1.AnalysisTemplateRef{{TemplateName: "gone"}}}),
		local("bad", v1alpha1.AnalysisTemplateSpec{Args: []v1alpha1.Argument{{Name: "service"}}, Metrics: []v1alpha1.Metric{endless}}),
	}
}

func order(name string, args ...string) RunOrder {
	o := RunOrder{Namespace: "shop", Template: v1alpha1.AnalysisTemplateRef{TemplateName: name}}
	for i := 0; i < len(args); i += 2 {
		o.Args = append(o.Args, v1alpha1.Argument{Name: args[i], Value: &args[i+1]})
	}
	return o
}

// brief writes what is left of an order in a run.
func brief(run *v1alpha1.AnalysisRun) string {
	var parts []string
	for _, m := range run.Spec.Metrics {
		parts = append(parts, m.Name)
	}
	for _, arg := range run.Spec.Args {
		if arg.Value != nil {
			parts = append(parts, arg.Name+"="+*arg.Value)
		} else {
			parts = append(parts, arg.Name+" from "+arg.ValueFrom.SecretKeyRef.Name)
		}
	}
	return strings.Join(parts, ", ")
}

func TestNewAnalysisRun(t *testing.T) {
	k := cluster(interceptor.Funcs{}, templates()...)
	named := order("rate", "service", "web")
	named.Name, named.GenerateName, named.InstanceID = "mine", "yours-", "blue"
	prefixed := order("rate", "service", "web")
	prefixed.GenerateName = "yours-"
	global := order("slow", "limit", "3")
	global.Template.ClusterScope = true
	// A file has a template of its own, which refers to one of the cluster.
	filed := order("mine", "service", "web")
	filed.Library = analysis.Library{filed.Template: {Templates: []v1alpha1.AnalysisTemplateRef{{TemplateName: "rate"}}}}
	for _, c := range []struct {
		name                       string
		order                      RunOrder
		wantName, wantPrefix, want string
	}{
		{"defaults and secrets", order("rate", "service", "web"), "", "rate-", "rate, service=web, zone=a, token from s"},
		{"a value for a default", order("rate", "service", "a=b", "zone", ""), "", "rate-", "rate, service=a=b, zone=, token from s"},
		{"a name and an instance", named, "mine", "", "rate, service=web, zone=a, token from s"},
		{"a prefix", prefixed, "", "yours-", "rate, service=web, zone=a, token from s"},
		{"a cluster template", global, "", "slow-", "slow, limit=3"},
		{"templates of templates", order("deep", "service", "web", "limit", "3"), "", "deep-", "rate, slow, service=web, zone=a, token from s, limit=3"},
		{"a template of a file", filed, "", "mine-", "rate, service=web, zone=a, token from s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			run, err := NewAnalysisRun(ctx, k, c.order)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"shop", c.wantName, c.wantPrefix, c.want}, []string{run.Namespace, run.Name, run.GenerateName, brief(run)}); diff != "" {
				t.Errorf("run (-want +got):\n%s", diff)
			}
			if got := run.Labels[v1alpha1.LabelKeyControllerInstanceID]; got != c.order.InstanceID {
				t.Errorf("instance %q", got)
			}
			if err := Create(ctx, k, run); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(run.Name, c.wantName+c.wantPrefix) || run.Kind != v1alpha1.KindAnalysisRun {
				t.Errorf("created %s %s", run.Kind, run.Name)
			}
		})
	}
}

func TestAnalysisRunErrors(t *testing.T) {
	k := cluster(interceptor.Funcs{}, templates()...)
	global := order("rate")
	global.Template.ClusterScope = true
	for _, c := range []struct {
		order RunOrder
		want  string
	}{
		{order("rat"), `analysistemplates.argoproj.io "rat" not found: namespace "shop" has bad, deep, rate, torn`},
		{global, `clusteranalysistemplates.argoproj.io "rate" not found: the cluster has slow`},
		{order("rate"), `AnalysisTemplate "rate": args.service was not resolved; give it a value with -a NAME=VALUE`},
		{order("rate", "service", "web", "zoen", "b"), `AnalysisTemplate "rate": there is no argument "zoen": the template has service, zone, token`},
		{order("rate", "service", "web", "service", "web"), `AnalysisTemplate "rate": the argument "service" is given twice`},
		{order("torn", "x", "y"), `AnalysisTemplate "torn": AnalysisTemplate 'gone' not found`},
		{order("bad", "service", "web"), `AnalysisTemplate "bad": Analysis spec invalid: metrics[0]: invalid interval string: time: invalid duration "often"`},
	} {
		_, err := NewAnalysisRun(ctx, k, c.order)
		if err == nil || err.Error() != c.want {
			t.Errorf("error %v\nwant  %s", err, c.want)
		}
	}
	empty := cluster(interceptor.Funcs{})
	if _, err := NewAnalysisRun(ctx, empty, global); err == nil || !strings.HasSuffix(err.Error(), "the cluster has no clusteranalysistemplates") {
		t.Errorf("error %v", err)
	}
	refused := errors.New("refused")
	closed := cluster(interceptor.Funcs{Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
		return refused
	}})
	if _, err := NewAnalysisRun(ctx, closed, order("rate")); !errors.Is(err, refused) {
		t.Errorf("error %v", err)
	}
}

func TestParseArgument(t *testing.T) {
	for text, want := range map[string]string{"a=b": "a:b", "a=": "a:", "a=b=c": "a:b=c"} {
		arg, err := ParseArgument(text)
		if err != nil || arg.Name+":"+*arg.Value != want {
			t.Errorf("%s: %+v, %v", text, arg, err)
		}
	}
	for _, text := range []string{"", "a", "=b"} {
		if _, err := ParseArgument(text); err == nil || !strings.Contains(err.Error(), "NAME=VALUE") {
			t.Errorf("%q: error %v", text, err)
		}
	}
}

func TestCreateErrors(t *testing.T) {
	e := failedExperiment()
	e.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.KindExperiment))
	err := Create(ctx, cluster(interceptor.Funcs{}, failedExperiment()), e)
	if want := `experiments.argoproj.io "compare" already exists; to change it use kubectl apply`; err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
	refused := errors.New("refused")
	k := cluster(interceptor.Funcs{Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return refused }})
	unnamed := e.DeepCopy()
	unnamed.Name, unnamed.GenerateName = "", "compare-"
	for want, e := range map[string]*v1alpha1.Experiment{`create Experiment "compare": refused`: e, `create Experiment "compare-": refused`: unnamed} {
		if err := Create(ctx, k, e); err == nil || err.Error() != want {
			t.Errorf("error %v\nwant  %s", err, want)
		}
	}
}
