package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

const (
	podsOfWeb = "\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: web:1}]}\n"
	newWeb    = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: new}\nspec:" + podsOfWeb + "  strategy: {canary: {}}\n"
	newRate   = "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: rate}\nspec:\n" +
		"  args: [{name: app}, {name: zone, value: a}]\n  metrics: [{name: rate, provider: {web: {url: 'http://{{args.app}}.{{args.zone}}'}}}]\n"
	newGlobal = "apiVersion: argoproj.io/v1alpha1\nkind: ClusterAnalysisTemplate\nmetadata: {name: all, namespace: stray}\nspec:\n" +
		"  templates: [{templateName: rate}]\n"
	newTest = "apiVersion: argoproj.io/v1alpha1\nkind: Experiment\nmetadata: {name: test, namespace: shop}\nspec: {templates: [], duration: 5m}\n"
	newRun  = "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisRun\nmetadata: {generateName: run-}\nspec: {metrics: []}\n"
	service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
)

// withFiles is a world with some files to create from.
func withFiles(t *testing.T, objects ...client.Object) *world {
	w := newWorld(t, objects...)
	w.files = map[string]string{
		"web.yaml": newWeb, "rate.yaml": newRate, "global.yaml": newGlobal, "test.yaml": newTest, "run.yaml": newRun,
		"several.yaml": strings.Join([]string{newWeb, newRate, newGlobal, newTest}, "---\n"),
		"service.yaml": newRate + "---\n" + service,
		"bad.yaml":     strings.Replace(newWeb, "strategy", "stratgy", 1) + "---\nhello\n",
		"nested.yaml":  newGlobal + "---\n" + newRate,
		"two.yaml":     newRate + "---\n" + strings.Replace(newRate, "name: rate}", "name: rat}", 1),
	}
	return w
}

func TestCreate(t *testing.T) {
	w := withFiles(t)
	if err := w.run("create", "-f", "several.yaml"); err != nil {
		t.Fatal(err)
	}
	want := "rollout.argoproj.io/new created\nanalysistemplate.argoproj.io/rate created\n" +
		"clusteranalysistemplate.argoproj.io/all created\nexperiment.argoproj.io/test created\n"
	if diff := cmp.Diff(want, w.out.String()); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
	w.get("new", &v1alpha1.Rollout{})
	w.get("rate", &v1alpha1.AnalysisTemplate{})
	if err := w.run("get", "experiment", "test", "-n", "shop"); err != nil {
		t.Errorf("the Experiment is not in its namespace: %v", err)
	}
	err := w.run("create", "-f", "web.yaml", "--filename", "run.yaml")
	if want := `rollouts.argoproj.io "new" already exists; to change it use kubectl apply`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if !strings.HasPrefix(w.out.String(), "analysisrun.argoproj.io/run-") || !strings.HasSuffix(w.out.String(), " created\n") {
		t.Errorf("one that is there keeps from the others: %q", w.out.String())
	}
}

// TestCreateWatch shows the Experiment as it becomes.
func TestCreateWatch(t *testing.T) {
	w := withFiles(t)
	w.files["compare.yaml"] = strings.NewReplacer("name: test, namespace: shop", "name: compare").Replace(newTest) + "---\n" + newRate
	w.events[5*time.Second] = func() {
		e := &v1alpha1.Experiment{}
		w.get("compare", e)
		e.Status.Phase, e.Status.Message = v1alpha1.AnalysisPhaseError, "nothing to run"
		w.update(e)
	}
	if err := w.run("create", "-f", "compare.yaml", "-w"); err == nil || err.Error() != "an hour passed" {
		t.Fatal(err)
	}
	want := `experiment.argoproj.io/compare created
analysistemplate.argoproj.io/rate created
Name:            compare
Namespace:       default
Status:          ◌ Pending

NAME       KIND        STATUS     AGE        INFO
Σ compare  Experiment  ◌ Pending  <unknown>  

Name:            compare
Namespace:       default
Status:          ⚠ Error
Message:         nothing to run

NAME       KIND        STATUS   AGE        INFO
Σ compare  Experiment  ⚠ Error  <unknown>  
`
	if diff := cmp.Diff(want, w.out.String()); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
	if err := w.run("create", "-f", "web.yaml", "-w"); err == nil || !strings.Contains(w.out.String(), "⟳ new") {
		t.Errorf("the Rollout is not shown: %v\n%s", err, w.out.String())
	}
}

func TestCreateAnalysisRun(t *testing.T) {
	rate := &v1alpha1.AnalysisTemplate{}
	rate.Namespace, rate.Name = "default", "rate"
	value := "web"
	rate.Spec = v1alpha1.AnalysisTemplateSpec{Args: []v1alpha1.Argument{{Name: "app"}}, Metrics: []v1alpha1.Metric{{Name: "rate"}}}
	rate.Spec.Metrics[0].Provider.Web = &v1alpha1.WebMetric{URL: "http://{{args.app}}"}
	all := &v1alpha1.ClusterAnalysisTemplate{}
	all.Name, all.Spec = "all", *rate.Spec.DeepCopy()
	for _, c := range []struct {
		args, prefix string
		want         []v1alpha1.Argument
	}{
		{"--from rate -a app=web", "rate-", []v1alpha1.Argument{{Name: "app", Value: &value}}},
		{"--from all --global -a app=web --name mine", "mine", []v1alpha1.Argument{{Name: "app", Value: &value}}},
		{"--from rate --argument app=web --generate-name yours- --instance-id blue", "yours-", []v1alpha1.Argument{{Name: "app", Value: &value}}},
		{"--from-file rate.yaml -a app=web -a zone=web", "rate-", []v1alpha1.Argument{{Name: "app", Value: &value}, {Name: "zone", Value: &value}}},
		{"--from-file nested.yaml --global -a app=web -a zone=web", "all-", []v1alpha1.Argument{{Name: "app", Value: &value}, {Name: "zone", Value: &value}}},
		{"--from-file global.yaml -a app=web", "all-", []v1alpha1.Argument{{Name: "app", Value: &value}}},
	} {
		t.Run(c.args, func(t *testing.T) {
			w := withFiles(t, rate.DeepCopy(), all.DeepCopy())
			if err := w.run(append([]string{"create", "analysisrun"}, strings.Fields(c.args)...)...); err != nil {
				t.Fatal(err)
			}
			name, found := strings.CutSuffix(strings.TrimPrefix(w.out.String(), "analysisrun.argoproj.io/"), " created\n")
			if !found || !strings.HasPrefix(name, c.prefix) {
				t.Fatalf("said %q, want a name that begins with %s", w.out.String(), c.prefix)
			}
			run := &v1alpha1.AnalysisRun{}
			w.get(name, run)
			if diff := cmp.Diff(c.want, run.Spec.Args); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
			wantID := ""
			if strings.Contains(c.args, "blue") {
				wantID = "blue"
			}
			if got := run.Labels[v1alpha1.LabelKeyControllerInstanceID]; got != wantID {
				t.Errorf("instance id %q, want %q", got, wantID)
			}
		})
	}
}

// TestBadFiles wants every problem in a line of its own, and nothing created.
func TestBadFiles(t *testing.T) {
	for _, c := range []struct {
		args, want string
	}{
		{"create -w", `-f is missing; name a manifest, a folder of manifests, or - for standard input`},
		{"create -f nope.yaml", `nope.yaml: no such file`},
		{"create -f bad.yaml", "bad.yaml:9: unknown field \"spec.stratgy\"; did you mean \"strategy\"?\n" +
			`bad.yaml:11: this document is no object; begin it with apiVersion and kind`},
		{"create -f service.yaml", `service.yaml:9: a Service is not created here; use kubectl create for it`},
		{"create -f test.yaml -n web", `test.yaml:3: Experiment "test" belongs to namespace "shop", the command line says "web"; leave out one of the two`},
		{"create -f several.yaml -w", `--watch follows one Rollout or Experiment, and the files hold 2: leave it out, or create the others before`},
		{"create -f rate.yaml -w", `--watch follows one Rollout or Experiment, and the files hold 0: leave it out, or create the others before`},
		{"create rollout", `unknown command "rollout" for "kubectl-argo-rollouts create"; see 'kubectl-argo-rollouts create --help'`},
		{"create analysisrun", `create analysisrun needs one of --from NAME, a template of the cluster, and --from-file FILE`},
		{"create analysisrun --from a --from-file b", `create analysisrun needs one of --from NAME, a template of the cluster, and --from-file FILE`},
		{"create analysisrun --from rate", `analysistemplates.argoproj.io "rate" not found: namespace "default" has no analysistemplates; choose another one with -n`},
		{"create analysisrun --from-file rate.yaml", `AnalysisTemplate "rate": args.app was not resolved; give it a value with -a NAME=VALUE`},
		{"create analysisrun --from-file rate.yaml -a app", `--argument "app" is not of the form NAME=VALUE, for example service-name=web`},
		{"create analysisrun --from-file rate.yaml -a app=web -a zoen=b", `AnalysisTemplate "rate": there is no argument "zoen": the template has app, zone`},
		{"create analysisrun --from-file rate.yaml --global", `rate.yaml: rate is an AnalysisTemplate; leave out --global`},
		{"create analysisrun --from-file web.yaml", `web.yaml: there is no AnalysisTemplate or ClusterAnalysisTemplate in it that others do not refer to`},
		{"create analysisrun --from-file two.yaml", `two.yaml: there are several templates in it: rat, rate; keep one, or one that refers to the others`},
		{"create analysisrun --from-file bad.yaml", "bad.yaml:9: unknown field \"spec.stratgy\"; did you mean \"strategy\"?\n" +
			`bad.yaml:11: this document is no object; begin it with apiVersion and kind`},
		{"create analysisrun rate", `create analysisrun takes flags and nothing else, but got "rate", too`},
		{"lint", `lint needs -f FILE`},
		{"lint -f rate.yaml web.yaml", `lint takes -f FILE and nothing else, but got "web.yaml", too`},
		{"lint -f nope.yaml", `nope.yaml: no such file`},
		{"lint -f test.yaml", `test.yaml:4: Experiment "test": spec.templates: Required value: an Experiment runs templates, analyses or both: give at least one`},
		{"lint -f bad.yaml", "bad.yaml:9: unknown field \"spec.stratgy\"; did you mean \"strategy\"?\n" +
			`bad.yaml:11: this document is no object; begin it with apiVersion and kind`},
	} {
		t.Run(c.args, func(t *testing.T) {
			w := withFiles(t)
			err := w.run(strings.Fields(c.args)...)
			if err == nil || err.Error() != c.want {
				t.Errorf("error %v\nwant  %s", err, c.want)
			}
			if w.out.Len() > 0 {
				t.Errorf("output besides the error: %s", w.out.String())
			}
			var made v1alpha1.AnalysisTemplateList
			if err := w.client.List(t.Context(), &made); err != nil || len(made.Items) > 0 {
				t.Errorf("%d templates were created all the same, error %v", len(made.Items), err)
			}
		})
	}
}

// TestLint is silent about what is good and warns of names that may be wrong.
func TestLint(t *testing.T) {
	w := withFiles(t)
	w.files["typo.yaml"] = strings.Replace(newWeb, "canary: {}", "canary: {stableService: wbe}", 1) + "---\n" + service
	for name, want := range map[string]string{
		"web.yaml": "", "rate.yaml": "", "nested.yaml": "", "service.yaml": "",
		"typo.yaml": "Warning: typo.yaml:9: Rollout \"new\": spec.strategy.canary.stableService: there is no Service \"wbe\" in these files, only web\n",
	} {
		if err := w.run("lint", "-f", name); err != nil || w.out.Len() > 0 || w.errOut.String() != want {
			t.Errorf("%s: error %v, output %q, warnings %q, want %q", name, err, w.out.String(), w.errOut.String(), want)
		}
	}
}
