package lint

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aviary-rollouts/aviary/fixtures"
	"github.com/aviary-rollouts/aviary/internal/manifest"
)

// check lints the text of one file.
func check(t *testing.T, name, text string) []string {
	t.Helper()
	scheme, err := manifest.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	objects, errs := manifest.ReadAll([]manifest.File{{Name: name, Data: []byte(text)}}, scheme)
	var got []string
	for _, err := range errs {
		got = append(got, err.Error())
	}
	for _, f := range Check(objects) {
		text := f.String()
		if f.Warning {
			text = "warning: " + text
		}
		got = append(got, text)
	}
	return got
}

// The rest of the documents is put behind these.
const (
	pods = `
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web:1, ports: [{containerPort: 80}]}]}
`
	rollout = `apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:` + pods + `  strategy:
    canary:
`
	services = `
---
apiVersion: v1
kind: Service
metadata: {name: canary}
spec: {selector: {app: web}}
---
apiVersion: v1
kind: Service
metadata: {name: stable, namespace: default}
spec: {selector: {app: web}}
`
	routed = rollout + `      canaryService: canary
      stableService: stable
      trafficRouting:
`
	virtualService = `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec:
  http:
  - route:
    - destination: {host: stable}
`
	template = `apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: rate}
spec:
  args:
  - name: app
  metrics:
  - name: rate
    interval: 1m
    provider: {prometheus: {query: "up{app='{{args.app}}'}"}}
`
	compare = `
---
apiVersion: argoproj.io/v1alpha1
kind: Experiment
metadata: {name: compare}
spec:
  templates:
  - name: a
    selector: {matchLabels: {app: web}}
    template:
      metadata: {labels: {app: web}}
      spec: {containers: [{name: web, image: web:1}]}
`
	run = `apiVersion: argoproj.io/v1alpha1
kind: AnalysisRun
metadata: {generateName: rate-}
spec:
  metrics:
  - name: rate
    provider: {prometheus: {query: "up{app='{{args.app}}'}"}}
`
)

func TestRollouts(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"an additional subset that is not there", rollout + "      trafficRouting:\n        istio: {virtualService: {name: web}, destinationRule: {name: web, canarySubsetName: a, stableSubsetName: b, additionalSubsetNames: [c, d]}}\n" +
			strings.Replace(virtualService, "{host: stable}", "{host: web, subset: a}\n    - destination: {host: web, subset: b}", 1) +
			"---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: web}\nspec: {host: web, subsets: [{name: a}, {name: b}, {name: c}]}\n", []string{
			`warning: web.yaml:12: Rollout "web": spec.strategy.canary.trafficRouting.istio.destinationRule.additionalSubsetNames[1]: Invalid value: "d": DestinationRule subset 'd' not found: requests that a route sends there are lost`,
		}},
		{"a header route before there are canary pods", routed + "        managedRoutes: [{name: testers}]\n        istio: {virtualService: {name: web}}\n      steps:\n      - setHeaderRoute: {name: testers, match: [{headerName: x, headerValue: {exact: foo}}]}\n      - setWeight: 20\n", []string{
			`warning: web.yaml:17: Rollout "web": spec.strategy.canary.steps[0]: no step before asks for canary pods, so the route is made when a later one does; put setCanaryScale or setWeight before it`,
		}},
		{"all that is wrong with a spec", rollout + "      steps:\n      - setWeight: 101\n      - pause: {duration: soon}\n      maxSurge: 0\n      maxUnavailable: 0\n", []string{
			`web.yaml:14: Rollout "web": spec.strategy.maxSurge: Invalid value: "0": MaxSurge and MaxUnavailable both can not be zero`,
			`web.yaml:12: Rollout "web": spec.strategy.steps[0].setWeight: Invalid value: 101: SetWeight needs to be between 0 and 100`,
			`web.yaml:13: Rollout "web": spec.strategy.steps[1].pause.duration: Invalid value: "soon": Duration needs to be greater than 0`,
		}},
		{"a subscription", strings.Replace(rollout, "{name: web}", "\n  name: web\n  annotations:\n    notifications.argoproj.io/subscribe.on-rollout-completed.slack: deployments", 1) + "      maxSurge: 1\n", []string{
			`warning: web.yaml:6: Rollout "web": metadata.annotations.notifications.argoproj.io/subscribe.on-rollout-completed.slack: this version sends no notifications; let something else watch Events or metrics`,
		}},
		{"services elsewhere", rollout + "      canaryService: canary\n      stableService: stable\n", nil},
		{"services that fit", rollout + "      canaryService: canary\n      stableService: stable\n" + services, nil},
		{"a service that does not fit", strings.Replace(rollout+"      canaryService: canary\n      stableService: stable\n"+services, "{app: web}}\n---", "{app: www}}\n---", 1), []string{
			`web.yaml:11: Rollout "web": spec.strategy.canary.canaryService: Invalid value: "canary": Service "canary" has unmatch label "app" in rollout`,
		}},
		{"a name that may be misspelt", rollout + "      canaryService: canray\n      stableService: stable\n" + services, []string{
			`warning: web.yaml:11: Rollout "web": spec.strategy.canary.canaryService: there is no Service "canray" in these files, only canary, stable`,
		}},
		{"a name among many", rollout + "      canaryService: canray\n" + many("Service", 10) + many("Service", 10), append(again(10), []string{
			`warning: web.yaml:11: Rollout "web": spec.strategy.canary.canaryService: there is no Service "canray" in these files, only s0, s1, s2, s3, s4, s5, s6, s7, 2 more`,
		}...)},
		{"a service of another namespace", strings.Replace(rollout, "{name: web}", "{name: web, namespace: shop}", 1) + "      stableService: stable\n" + services, []string{
			`warning: web.yaml:11: Rollout "web": spec.strategy.canary.stableService: there is no Service "stable" in these files, only canary`,
		}},
		{"an ingress", routed + "        nginx: {stableIngress: web}\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web}\nspec: {}\n", []string{
			"web.yaml:14: Rollout \"web\": spec.strategy.canary.trafficRouting.nginx.stableIngress: Invalid value: \"web\": ingress `web` has no rules using service stable backend",
		}},
		{"an ingress elsewhere", routed + "        nginx: {stableIngress: web}\n", nil},
		{"a route without the canary", routed + "        istio: {virtualService: {name: web}}\n" + virtualService, []string{
			`web.yaml:14: Rollout "web": spec.strategy.canary.trafficRouting.istio.virtualService.name: Invalid value: "web": `,
		}},
		{"a route elsewhere", routed + "        istio: {virtualService: {name: web.mesh}}\n" + virtualService, []string{
			`warning: web.yaml:14: Rollout "web": spec.strategy.canary.trafficRouting.istio.virtualService.name: there is no VirtualService "web.mesh" in these files, only web`,
		}},
		{"a route in its own namespace", routed + "        istio: {virtualService: {name: web.mesh}}\n" + strings.Replace(virtualService, "{name: web}", "{name: web, namespace: mesh}", 1), []string{
			`web.yaml:14: Rollout "web": spec.strategy.canary.trafficRouting.istio.virtualService.name: Invalid value: "web.mesh": `,
		}},
	} {
		t.Run(c.name, func(t *testing.T) { compareBeginnings(t, c.want, check(t, "web.yaml", c.text)) })
	}
}

// many are n objects s0, s1 ... of a kind, three lines each.
func many(kind string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "---\n{apiVersion: v1, kind: %s,\n metadata: {name: s%d}}\n", kind, i)
	}
	return b.String()
}

// again are the problems of many that come twice behind the Rollout.
func again(n int) []string {
	var problems []string
	for i := range n {
		problems = append(problems, fmt.Sprintf(`web.yaml:%d: Service "s%d" is given a second time; remove it here or at web.yaml:%d`, 13+3*(n+i), i, 13+3*i))
	}
	return problems
}

// compareBeginnings compares findings, of which what is wanted may be the
// beginning where the rest is the words of another package.
func compareBeginnings(t *testing.T, want, got []string) {
	t.Helper()
	for i := range min(len(want), len(got)) {
		if strings.HasSuffix(want[i], ": ") && strings.HasPrefix(got[i], want[i]) && len(got[i]) > len(want[i]) {
			got[i] = want[i]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestWorkloads(t *testing.T) {
	const refers = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web}\nspec:\n" +
		"  workloadRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n  strategy: {canary: {canaryService: canary}}\n"
	deployment := "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:" + pods
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"elsewhere", refers + services, nil},
		{"here", refers + deployment + services, nil},
		{"here, with other labels than the service", refers + deployment + strings.ReplaceAll(services, "app: web", "app: www"), []string{
			`web.yaml:6: Rollout "web": spec.strategy.canary.canaryService: Invalid value: "canary": Service "canary" has unmatch label "app" in rollout`,
		}},
		{"misspelt", strings.Replace(refers, "name: web}\n  s", "name: wbe}\n  s", 1) + deployment, []string{
			`warning: web.yaml:5: Rollout "web": spec.workloadRef.name: there is no Deployment "wbe" in these files, only web`,
		}},
		{"a ReplicaSet", strings.Replace(refers, "Deployment", "ReplicaSet", 1) + strings.Replace(deployment, "Deployment", "ReplicaSet", 1) + services, nil},
		{"a PodTemplate without a selector", strings.Replace(refers, "apps/v1, kind: Deployment", "v1, kind: PodTemplate", 1) +
			"---\napiVersion: v1\nkind: PodTemplate\nmetadata: {name: web}\ntemplate:\n  metadata: {labels: {app: web}}\n  spec: {containers: [{name: web, image: web:1}]}\n", []string{
			`web.yaml:4: Rollout "web": spec.selector: Invalid value: null: empty selector is invalid for rollout`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, check(t, "web.yaml", c.text)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnalyses(t *testing.T) {
	const step = "      steps:\n      - analysis:\n          templates: [{templateName: rate}]\n          args: [{name: app, value: web}]\n---\n"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"a template", template, nil},
		{"a template with mistakes", strings.NewReplacer("name: app", "name: ap", "1m", "often").Replace(template), []string{
			`web.yaml:8: AnalysisTemplate "rate": spec.metrics[0]: Invalid value: "rate": invalid interval string: time: invalid duration "often"`,
			`web.yaml:8: AnalysisTemplate "rate": spec.metrics[0]: Invalid value: "{{args.app}}": the template declares only the arguments ap`,
		}},
		{"what a template asks", template + "    successCondition: result[0] >\n    failureCondition: result\n", []string{
			"web.yaml:11: AnalysisTemplate \"rate\": spec.metrics[0].successCondition: line 1, column 11, in `result[0] >`: unexpected token EOF",
		}},
		{"what a template asks Prometheus", strings.Replace(template, "'}\"}}", "[5m]\", rangeQuery: {start: now, end: now(), step: 1m}}}", 1), []string{
			"web.yaml:10: AnalysisTemplate \"rate\": spec.metrics[0].provider.prometheus.query: line 1, column 8, in `up{app='{{args.app}}[5m]`: unterminated quoted string; close the quote",
			"web.yaml:10: AnalysisTemplate \"rate\": spec.metrics[0].provider.prometheus.rangeQuery.start: in `now`: expected a time, as of now() or date(\"2006-01-02\"), got func() time.Time",
		}},
		{"a function of another server", strings.Replace(template, "up{", "keep_last_value{", 1) + "---\n" +
			strings.NewReplacer("name: rate}", "name: last}", "up{app='{{args.app}}'}", "keep_last_value({{args.app}})").Replace(template), []string{
			"warning: web.yaml:21: AnalysisTemplate \"last\": spec.metrics[0].provider.prometheus.query: line 1, column 1, in `keep_last_value({{args.app}})`: unknown function with name \"keep_last_value\"",
		}},
		{"what a template picks", strings.Replace(template, "{prometheus: {query: \"up{app='{{args.app}}'}\"}}", "{web: {url: 'http://{{args.app}}/', jsonPath: '{$.ok'}}", 1), []string{
			"web.yaml:10: AnalysisTemplate \"rate\": spec.metrics[0].provider.web.jsonPath: in `{$.ok`: unclosed action",
		}},
		{"a default that some give another value", strings.NewReplacer("- name: app", "- {name: app, value: '%'}", "{app='{{args.app}}'}", " > {{args.app}}").Replace(template), nil},
		{"an argument that does not fit", rollout + strings.Replace(step, "value: web", `value: "we'b"`, 1) + strings.Replace(template, "interval: 1m", "count: 1", 1), []string{
			"web.yaml:14: Rollout \"web\": spec.strategy.canary.steps[0].analysis.args: with these values provider.prometheus.query of metric \"rate\" cannot be read: " +
				"line 1, column 9, in `up{app='{{args.app}}'}`: unexpected identifier \"b\" in label matching, expected \",\" or \"}\"",
		}},
		{"a cluster template that refers to others", template + "---\napiVersion: argoproj.io/v1alpha1\nkind: ClusterAnalysisTemplate\nmetadata: {name: all}\nspec:\n" +
			"  templates: [{templateName: rat}, {templateName: speed, clusterScope: true}]\n", []string{
			`warning: web.yaml:16: ClusterAnalysisTemplate "all": spec.templates: there is no AnalysisTemplate "rat" in these files, only rate`,
		}},
		{"templates that cannot be joined", template + "---\n" + strings.Replace(template, "name: rate}", "name: more}", 1) + "  templates: [{templateName: rate}]\n", []string{
			`web.yaml:22: AnalysisTemplate "more": spec.templates: two metrics have the same name 'rate'`,
		}},
		{"an analysis that never ends", rollout + step + template, []string{
			`web.yaml:13: Rollout "web": spec.strategy.canary.steps[0].analysis.templates: Invalid value: "rate": AnalysisTemplate rate has metric rate which runs indefinitely. Invalid value for count: <nil>`,
		}},
		{"an argument that is not given", rollout + strings.Replace(step, "name: app,", "name: ap,", 1) + strings.Replace(template, "interval: 1m", "count: 1", 1), []string{
			`web.yaml:14: Rollout "web": spec.strategy.canary.steps[0].analysis.args: Invalid value: "app": missing analysis arguments in rollout spec`,
			`warning: web.yaml:14: Rollout "web": spec.strategy.canary.steps[0].analysis.args[0].name: no template declares the argument "ap": it is left out`,
		}},
		{"an argument that nobody asks for", rollout + strings.Replace(step, "[{name: app, value: web}]", "[{name: app, value: web}, {name: ap, value: web}]", 1) +
			strings.Replace(template, "interval: 1m", "count: 1", 1), []string{
			`warning: web.yaml:14: Rollout "web": spec.strategy.canary.steps[0].analysis.args[1].name: no template declares the argument "ap": it is left out`,
		}},
		{"rules and arguments that cannot be", rollout + strings.Replace(step, "value: web}]\n", "valueFrom: {podTemplateHashValue: Newest}}]\n          dryRun: [{metricName: speed}]\n          measurementRetention: [{metricName: '(', limit: 5}]\n", 1) +
			strings.Replace(template, "interval: 1m", "count: 1", 1), []string{
			`web.yaml:15: Rollout "web": spec.strategy.canary.steps[0].analysis.dryRun[0].metricName: Invalid value: "speed": Rule didn't match any metric name(s)`,
			`web.yaml:16: Rollout "web": spec.strategy.canary.steps[0].analysis.measurementRetention[0].metricName: Invalid value: "(": error parsing regexp: missing closing ): ` + "`(`",
			`web.yaml:14: Rollout "web": spec.strategy.canary.steps[0].analysis.args[0].valueFrom.podTemplateHashValue: Unsupported value: "Newest": supported values: "Stable", "Latest"`,
		}},
		{"a rule that the template has, too", rollout + strings.Replace(step, "web}]\n", "web}]\n          dryRun: [{metricName: rate}]\n          measurementRetention: [{metricName: rate, limit: 5}]\n", 1) +
			strings.Replace(template, "interval: 1m", "count: 1", 1) + "  dryRun: [{metricName: rate}]\n  measurementRetention: [{metricName: rate, limit: 5}]\n", nil},
		{"a rule that contradicts that of the template", rollout + strings.Replace(step, "web}]\n", "web}]\n          measurementRetention: [{metricName: rate, limit: 5}]\n", 1) +
			strings.Replace(template, "interval: 1m", "count: 1", 1) + "  measurementRetention: [{metricName: rate, limit: 6}]\n", []string{
			`web.yaml:15: Rollout "web": spec.strategy.canary.steps[0].analysis.measurementRetention[0].limit: Invalid value: 5: ` +
				`the rule for "rate" that a template has, or that stands before this one, keeps 6: give both the same limit, or leave this one out`,
		}},
		{"an analysis elsewhere", rollout + strings.TrimSuffix(step, "---\n"), nil},
		{"an analysis misspelt", rollout + strings.Replace(step, "rate", "rat", 1) + template, []string{
			`warning: web.yaml:13: Rollout "web": spec.strategy.canary.steps[0].analysis.templates: there is no AnalysisTemplate "rat" in these files, only rate`,
		}},
		{"a run without its argument", run, []string{
			`web.yaml:4: AnalysisRun "rate-": spec: Unable to resolve metric arguments: failed to resolve {{args.app}}`,
		}},
		{"what a run asks", strings.Replace(run, "'}\"", "\"", 1) + "  args: [{name: app, value: web}]\n", []string{
			"web.yaml:7: AnalysisRun \"rate-\": spec.metrics[0].provider.prometheus.query: line 1, column 8, in `up{app='{{args.app}}`: unterminated quoted string; close the quote",
		}},
		{"what a run asks with its arguments", strings.Replace(run, "'{{args.app}}'", "{{args.app}}", 1) + "  args: [{name: app, value: web}]\n", []string{
			"web.yaml:7: AnalysisRun \"rate-\": spec.metrics[0].provider.prometheus.query: line 1, column 8, in `up{app={{args.app}}}`: unexpected identifier \"web\" in label matching, expected string; put the value in quotes",
		}},
		{"a run that can only fail", strings.Replace(run, "{prometheus: {query: \"up{app='{{args.app}}'}\"}}", "{web: {url: web}}", 1), []string{
			`web.yaml:7: AnalysisRun "rate-": spec.metrics[0].provider.web.url: "web" is not a URL with a scheme and a host: write it as http://server:9090`,
		}},
		{"a run with an argument from a secret", strings.Replace(run, "'{{args.app}}'", "{{args.app}}", 1) + "  args: [{name: app, valueFrom: {secretKeyRef: {name: s, key: k}}}]\n", nil},
		{"a run with a rule for nothing", run + "  args: [{name: app, value: web}]\n  dryRun:\n  - metricName: speed\n", []string{
			`web.yaml:10: AnalysisRun "rate-": spec.dryRun[0]: Analysis spec invalid: dryRun[0]: Rule didn't match any metric name(s)`,
		}},
		{"a run with a metric that is none", strings.Replace(run, "provider:", "count: 2\n    provider:", 1), []string{
			`web.yaml:6: AnalysisRun "rate-": spec.metrics[0]: Invalid value: "rate": interval must be specified when count > 1`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, check(t, "web.yaml", c.text)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExperiments(t *testing.T) {
	const analyses = "  analyses:\n  - {name: rate, templateName: rate, args: [{name: app, value: '{{templates.a.podTemplateHash}}'}]}\n"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"one that runs", template + compare + analyses, nil},
		{"its template elsewhere", strings.TrimPrefix(compare, "\n---\n") + analyses, nil},
		{"its template misspelt", template + compare + strings.Replace(analyses, "templateName: rate", "templateName: rat", 1), []string{
			`warning: web.yaml:24: Experiment "compare": spec.analyses[0].templateName: there is no AnalysisTemplate "rat" in these files, only rate`,
		}},
		{"an argument that does not fit", template + compare + strings.Replace(analyses, "'{{templates.a.podTemplateHash}}'", `"we'b"`, 1), []string{
			"web.yaml:24: Experiment \"compare\": spec.analyses[0].args: with these values provider.prometheus.query of metric \"rate\" cannot be read: " +
				"line 1, column 9, in `up{app='{{args.app}}'}`: unexpected identifier \"b\" in label matching, expected \",\" or \"}\"",
		}},
		{"a pace that is none", strings.Replace(template, "interval: 1m", "interval: '{{args.app}}'", 1) + compare + strings.Replace(analyses, "'{{templates.a.podTemplateHash}}'", "1x", 1), []string{
			`web.yaml:24: Experiment "compare": spec.analyses[0].args: Invalid value: "app=1x": with these values metric "rate" cannot be measured: ` +
				`invalid interval string: time: unknown unit "x" in duration "1x"`,
		}},
		{"an argument from a secret", template + compare + strings.Replace(analyses, "value: '{{templates.a.podTemplateHash}}'", "valueFrom: {secretKeyRef: {name: s, key: k}}", 1), nil},
		{"an argument that is not given", template + compare + strings.Replace(analyses, "name: app", "name: ap", 1), []string{
			`web.yaml:24: Experiment "compare": spec.analyses[0].args: args.app was not resolved`,
			`warning: web.yaml:24: Experiment "compare": spec.analyses[0].args[0].name: no template declares the argument "ap": it is left out`,
		}},
		{"a rule that contradicts that of its template", template + "  measurementRetention: [{metricName: rate, limit: 6}]\n" + compare + analyses +
			"  measurementRetention: [{metricName: rate, limit: 6}, {metricName: rate, limit: 5}]\n", []string{
			`web.yaml:26: Experiment "compare": spec.measurementRetention[1].limit: Invalid value: 5: ` +
				`the rule for "rate" that a template has, or that stands before this one, keeps 6: give both the same limit, or leave this one out`,
		}},
		{"rules that match nothing", template + compare + analyses + "  dryRun: [{metricName: r.te}, {metricName: speed}]\n  measurementRetention: [{metricName: size, limit: 5}]\n", []string{
			`web.yaml:25: Experiment "compare": spec.dryRun[1].metricName: Invalid value: "speed": Rule didn't match any metric name(s)`,
			`web.yaml:26: Experiment "compare": spec.measurementRetention[0].metricName: Invalid value: "size": Rule didn't match any metric name(s)`,
		}},
		{"nothing in it", "apiVersion: argoproj.io/v1alpha1\nkind: Experiment\nmetadata: {name: compare}\nspec:\n  templates: []\n", []string{
			`web.yaml:5: Experiment "compare": spec.templates: Required value: an Experiment runs templates, analyses or both: give at least one`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, check(t, "web.yaml", c.text)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestStepExperiments looks at the Experiments that steps make as at any other.
func TestStepExperiments(t *testing.T) {
	const step = "      steps:\n      - experiment:\n          duration: 1m\n          templates:\n          - {name: a, specRef: stable}\n          - {name: b, specRef: canary}\n"
	const analyses = "          analyses:\n          - name: rate\n            templateName: rate\n            args: [{name: app, value: '{{templates.b.podTemplateHash}}'}]\n"
	const at = `Rollout "web": spec.strategy.steps[0].experiment.` // as the controller says it, see the package validate
	const below = `Rollout "web": spec.strategy.canary.steps[0].experiment.`
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"one that runs", rollout + step + analyses + "---\n" + template, nil},
		{"its template elsewhere", rollout + step + analyses, nil},
		{"a field of the Rollout", rollout + step + strings.Replace(analyses, "value: '{{templates.b.podTemplateHash}}'", "valueFrom: {fieldRef: {fieldPath: status.canary.weights}}", 1), nil},
		{"of a workload elsewhere", strings.Replace(rollout, pods, "\n  workloadRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n", 1) + strings.Replace(step, "1m", "soon", 1), []string{
			"web.yaml:10: " + at + `duration: Invalid value: "soon": must be a duration greater than 0, such as 30s, 5m or 1h30m`,
		}},
		{"a Service that leads nowhere", strings.Replace(rollout, ", ports: [{containerPort: 80}]", "", 1) + strings.Replace(step, "specRef: canary}", "specRef: canary, service: {}}", 1), []string{
			"web.yaml:16: " + below + `templates[1].service: Invalid value: "": a Service needs a port: declare the containerPort of at least one container of the template`,
		}},
		{"no duration", rollout + strings.Replace(step, "1m", "soon", 1), []string{
			"web.yaml:13: " + at + `duration: Invalid value: "soon": must be a duration greater than 0, such as 30s, 5m or 1h30m`,
		}},
		{"a name twice", rollout + strings.Replace(step, "name: b", "name: a", 1), []string{"web.yaml:16: " + at + `templates[1].name: Duplicate value: "a"`}},
		{"a tag for nothing", rollout + step + strings.Replace(analyses, "templates.b", "templates.c", 1), []string{
			"web.yaml:20: " + at + `analyses[0].args[0].value: Invalid value: "{{templates.c.podTemplateHash}}": "c" names no template of this Experiment: it has a, b`,
		}},
		{"more than the canary leaves", routed + "        istio: {virtualService: {name: web}}\n" + strings.NewReplacer("steps:\n", "steps:\n      - setWeight: 30\n",
			"stable}", "stable, weight: 35}", "canary}", "canary, weight: 36}").Replace(step), []string{
			`warning: web.yaml:19: ` + strings.Replace(below, "steps[0]", "steps[1]", 1) + "templates: asks for a weight of 71 in all, and of 100 the canary leaves 70: " +
				"its templates get less, in proportion (a 34, b 35), and the stable version gets nothing",
		}},
		{"a rule that matches nothing", rollout + step + analyses + "          dryRun: [{metricName: speed}]\n---\n" + template, []string{
			"web.yaml:21: " + below + `dryRun[0].metricName: Invalid value: "speed": Rule didn't match any metric name(s)`,
		}},
		{"an argument misspelt", rollout + step + strings.Replace(analyses, "name: app", "name: ap", 1) + "---\n" + template, []string{
			"web.yaml:20: " + below + "analyses[0].args: Invalid value: \"app\": missing analysis arguments in rollout spec",
			"warning: web.yaml:20: " + below + `analyses[0].args[0].name: no template declares the argument "ap": it is left out`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, check(t, "web.yaml", c.text)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// documented is what is found in the manifests of the source documents as they
// are printed; all others are good.
var documented = map[string][]string{
	"cases/mock-server-canary-analysis-example.yaml": {
		`:6: Rollout "mock-server": spec.template: Required value: Rollout has missing field '.spec.template'`,
	},
	"cases/mock-server-canary-experiment-example.yaml": {
		`warning: :27: Rollout "mock-server": spec.strategy.canary.steps[2].experiment.templates: asks for a weight of 100 in all, and of 100 the canary leaves 90: ` +
			"its templates get less, in proportion (canary 45, stable 45), and the stable version gets nothing",
	},
	"cases/mock-server-notification.yaml": {
		`warning: :7: Rollout "mock-server": metadata.annotations.notifications.argoproj.io/subscribe.on-rollout-completed.slack: ` +
			"this version sends no notifications; let something else watch Events or metrics",
	},
	"cases/mock-server-experiment.yaml": {
		`:9: Experiment "mock-server-experiment": spec.templates[0].selector: Required value`,
		`:22: Experiment "mock-server-experiment": spec.templates[1].selector: Required value`,
		`:35: Experiment "mock-server-experiment": spec.templates[2].selector: Required value`,
	},
	"cases/mock-server-canary-istio-destinationrule-analysistemplate-experiment.yaml": {":149" + unclosed},
	"cases/mock-server-canary-istio-virtualservice-analysis-experiment.yaml":          {":138" + unclosed},
	"guide/argo-AnalysisTemplate-web-reviews.yaml": {
		`:10: AnalysisTemplate "success-rate": spec.metrics[0]: Invalid value: "{{args.api-token}}": the template declares only the arguments service-name`,
	},
	"guide/rollout-canary-notifications.yaml":                         {":19" + twice},
	"guide/rollout-canary-reviews-analysis-outside-startingStep.yaml": {":18" + twice},
	"guide/rollout-canary-reviewsAnalysisTemplate-job.yaml":           {":19" + twice},
}

const unclosed = `: AnalysisTemplate "stable-canary-comparison": spec.metrics[0].provider.prometheus.query: line 9, column 30, ` +
	"in `destination_service_name=\"mock-server-experiment-stable,`: unterminated quoted string; close the quote"

const twice = `: broken YAML: key "version" already set in map; a field may be written once; merge the two`

func TestDocuments(t *testing.T) {
	seen := 0
	err := fs.WalkDir(fixtures.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".yaml" {
			return err
		}
		seen++
		text, err := fs.ReadFile(fixtures.FS, name)
		if err != nil {
			return err
		}
		var want []string
		for _, finding := range documented[name] {
			text, warns := strings.CutPrefix(finding, "warning: ")
			if text = name + text; warns {
				text = "warning: " + text
			}
			want = append(want, text)
		}
		if diff := cmp.Diff(want, check(t, name, string(text))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		return nil
	})
	if err != nil || seen < 60 {
		t.Errorf("%d manifests seen, error %v", seen, err)
	}
}
