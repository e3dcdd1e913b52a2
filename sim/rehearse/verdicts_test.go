package rehearse

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aviary-rollouts/aviary/internal/manifest"
	"github.com/aviary-rollouts/aviary/internal/ops"
)

const manifest14 = "cases/mock-server-canary-istio-virtualservice-analysis.yaml"

var version2 = []ops.ContainerImage{{Container: "mock-server", Image: "ghcr.io/ssup2/mock-go-server:2.0.0"}}

// TestBadVersion is Manifest 14 with a version that fails a tenth of its requests
// from the start: the analysis sees it three times.
func TestBadVersion(t *testing.T) {
	r := run(t, Options{Objects: objects(t, manifest14), Images: version2, Behaviours: []Behaviour{{Image: NewImage, ErrorRate: rate(0.1)}}})
	if r.Outcome.Verdict != Aborted || r.Outcome.Took.String() != "1m34s" {
		t.Errorf("%s after %s", r.Outcome.Verdict, r.Outcome.Took)
	}
	var got []string
	for _, m := range r.Measurements {
		got = append(got, fmt.Sprint(m.At, " ", m.Kind, " ", m.Phase))
		if m.Value < "0.89" || m.Value > "0.91" {
			t.Errorf("measured %s, want a tenth of failures", m.Value)
		}
	}
	if diff := cmp.Diff([]string{"34s step 3 Failed", "1m4s step 3 Failed", "1m34s step 3 Failed"}, got); diff != "" {
		t.Errorf("measurements (-want +got):\n%s", diff)
	}
	// 20 % of 50 requests a second for 90 s, a tenth of which fail.
	x := r.Traffic
	if x.NewRequests < 890 || x.NewRequests > 910 || x.Failed != x.NewFailed || x.Failed < 89 || x.Failed > 91 || x.Lost != 0 || x.PeakNew != 0.2 {
		t.Errorf("%+v", x)
	}
	if x.Requests != int64(x.Span.Seconds()*x.Rate) {
		t.Errorf("%d requests in %s at %g a second", x.Requests, x.Span, x.Rate)
	}
}

// TestBadVersionFoundTooLate fails a minute later: too late for the analysis.
func TestBadVersionFoundTooLate(t *testing.T) {
	r := run(t, Options{Objects: objects(t, manifest14), Behaviours: []Behaviour{{Image: NewImage, ErrorRate: rate(0.1), After: Duration(time.Minute)}}})
	if r.Outcome.Verdict != Promoted || !warned(r, "unnoticed", "promoted all the same") {
		t.Errorf("%s: %+v", r.Outcome.Verdict, r.Warnings)
	}
	if r.Traffic.PeakTrial != 0.2 || r.Traffic.PeakNew != 1 {
		t.Errorf("exposed %g, then %g", r.Traffic.PeakTrial, r.Traffic.PeakNew)
	}
}

// TestExposed finds the highest share of the new version, however short it lasted and
// however few requests there were.
func TestExposed(t *testing.T) {
	for name, tc := range map[string]struct {
		replace []string
		rate    float64
		want    float64
	}{
		"as it is":             {nil, 50, 0.2},
		"hardly a request":     {nil, 0.3, 0.2},
		"a short step":         {[]string{"      - analysis:", "      - setWeight: 80\n      - pause: {duration: 4s}\n      - setWeight: 10\n      - analysis:"}, 50, 0.8},
		"a short pause at 100": {[]string{"      - setWeight: 100", "      - setWeight: 100\n      - pause: {duration: 8s}"}, 50, 1},
	} {
		r := run(t, Options{Objects: edited(t, tc.replace...), Images: version2, Load: &Load{Rate: tc.rate}})
		if x := r.Traffic; r.Outcome.Verdict != Promoted || x.PeakTrial != tc.want || x.PeakNew != 1 {
			t.Errorf("%s: %s, exposed %g and then %g, want %g and then 1", name, r.Outcome.Verdict, x.PeakTrial, x.PeakNew, tc.want)
		}
	}
}

// TestWaitsSince tells since when a person is waited for: not since a pause before it.
func TestWaitsSince(t *testing.T) {
	for name, tc := range map[string]struct {
		replace []string
		took    string
	}{
		"a pause behind a pause":                  {[]string{"{duration: 30s}", "{duration: 10m}\n      - pause: {}"}, "10m4s"},
		"an inconclusive analysis behind a pause": {[]string{"failureLimit: 2", "failureCondition: result < 0.5\n    inconclusiveLimit: 0"}, "34s"},
	} {
		r := run(t, Options{Objects: edited(t, tc.replace...), Images: version2, Behaviours: []Behaviour{{Image: NewImage, ErrorRate: rate(0.3)}}})
		if r.Outcome.Verdict != Waiting || r.Outcome.Took.String() != tc.took {
			t.Errorf("%s: %s since %s, want since %s", name, r.Outcome.Verdict, r.Outcome.Took, tc.took)
		}
	}
}

// TestPromoteAfterInconclusive lets a person promote a blue-green Rollout which would promote
// itself, had its analysis been able to decide.
func TestPromoteAfterInconclusive(t *testing.T) {
	const undecided = `---
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: undecided}
spec:
  metrics:
  - {name: half, successCondition: "result[0] > 0.9", failureCondition: "result[0] < 0.1", provider: {prometheus: {address: "http://prometheus", query: vector(0.5)}}}
---
apiVersion: v1
kind: Service
metadata:
  name: mock-server-active`
	r := run(t, Options{
		Objects: editedFile(t, "cases/mock-server-bluegreen.yaml", "autoPromotionEnabled: false", "prePromotionAnalysis: {templates: [{templateName: undecided}]}",
			"---\napiVersion: v1\nkind: Service\nmetadata:\n  name: mock-server-active", undecided),
		PromoteAfter: 2 * time.Minute,
	})
	promoted := slices.ContainsFunc(r.Timeline, func(row Row) bool {
		return row.At.String() == "2m4s" && slices.ContainsFunc(row.Events, func(e Event) bool { return e.Reason == "Promote" })
	})
	if !promoted {
		t.Errorf("nobody promotes after 2m: %s", r.Outcome.Text)
	}
}

// TestHardlyAnyLoad does not blame the query for what is due to a load of one request in
// a quarter of an hour.
func TestHardlyAnyLoad(t *testing.T) {
	r := run(t, Options{Objects: edited(t), Load: &Load{Rate: 0.001}})
	if !warned(r, "no-data", "users sent no request in 2m30s, at 0.001 a second; raise --load") {
		t.Errorf("%+v", r.Warnings)
	}
}

// TestUnmet says what nobody meets: the image of a container that serves no port of the
// Service, and a failure that begins when nobody goes there any more.
func TestUnmet(t *testing.T) {
	sidecar := []string{"      - name: mock-server\n", "      - {name: proxy, image: \"proxy:1.0\", ports: [{containerPort: 9901}]}\n      - name: mock-server\n"}
	late := Duration(4 * time.Minute)
	for name, tc := range map[string]struct {
		replace []string
		said    []Behaviour
		load    *Load
		want    string
	}{
		"a container that answers nobody": {sidecar, []Behaviour{{Image: NewImage, ErrorRate: rate(0.5)}}, nil,
			"no request met what was said, that new fails 50% of its requests: requests were answered by ghcr.io/ssup2/mock-go-server:1.0.0"},
		"a pattern of which one answers": {sidecar, []Behaviour{{Image: "*", ErrorRate: rate(0.01)}}, nil, ""},
		"an old version that has gone": {nil, []Behaviour{{Image: OldImage, ErrorRate: rate(0.5), After: late}}, nil,
			"no request met what was said, that old fails 50% of its requests from 4m on: requests were answered by"},
		"a new version that stays": {nil, []Behaviour{{Image: NewImage, ErrorRate: rate(0.5), After: late}}, nil, ""},
		"no load":                  {nil, []Behaviour{{Image: NewImage, P50: late}}, &Load{}, "nobody sends requests, so that nobody sees that new answers in 4m; see --load"},
	} {
		r := run(t, Options{Objects: edited(t, tc.replace...), Behaviours: tc.said, Load: tc.load})
		if tc.want == "" && warned(r, "unmet", "") || tc.want != "" && !warned(r, "unmet", tc.want) {
			t.Errorf("%s: want %q: %+v", name, tc.want, r.Warnings)
		}
	}
}

// TestUnfinished ends the time while a bad version is looked at: nobody has to act yet.
func TestUnfinished(t *testing.T) {
	r := run(t, Options{Objects: edited(t), Images: version2, Behaviours: []Behaviour{{Image: NewImage, ErrorRate: rate(0.1)}}, Until: time.Minute})
	if r.Outcome.Verdict != Unfinished || !warned(r, "unnoticed", "nothing had stopped it when the time was over (1m, see --until)") {
		t.Errorf("%s: %+v", r.Outcome.Verdict, r.Warnings)
	}
}

// TestAbortAfterTheEnd lets a person mean to abort what the analysis has aborted by then.
func TestAbortAfterTheEnd(t *testing.T) {
	bad := Options{Objects: edited(t), Images: version2, Behaviours: []Behaviour{{Image: NewImage, ErrorRate: rate(0.1)}}}
	want := run(t, bad)
	for _, after := range []time.Duration{5 * time.Minute, time.Hour} {
		bad.AbortAfter = after
		got := run(t, bad)
		if diff := cmp.Diff(want.Outcome, got.Outcome); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", after, diff)
		}
		if diff := cmp.Diff(want.Traffic.Span, got.Traffic.Span); diff != "" {
			t.Errorf("after %s, the time that is counted (-want +got):\n%s", after, diff)
		}
	}
}

func warned(r *Report, code, text string) bool {
	for _, w := range r.Warnings {
		if w.Code == code && strings.Contains(w.Text, text) {
			return true
		}
	}
	return false
}

// edited is Manifest 14 with texts replaced.
func edited(t *testing.T, replace ...string) []manifest.Object {
	t.Helper()
	return editedFile(t, manifest14, replace...)
}

// editedFile is a fixture with texts replaced.
func editedFile(t *testing.T, path string, replace ...string) []manifest.Object {
	t.Helper()
	data, err := fixtureText(path)
	if err != nil {
		t.Fatal(err)
	}
	scheme, err := manifest.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(replace...).Replace(data)
	if text == data && len(replace) > 0 {
		t.Fatalf("nothing is replaced by %q", replace)
	}
	list, err := manifest.Read([]manifest.File{{Name: "manifest.yaml", Data: []byte(text)}}, scheme)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

const background = `      analysis:
        startingStep: %d
        templates: [{templateName: success-rate}]
      steps:`

// TestWarnings breaks Manifest 14 in one way each, and finds that warning and no
// other than those of the manifest as it is.
func TestWarnings(t *testing.T) {
	pause := "step 2 pause 30s is shorter than what metric \"success-rate\" of step 3 analysis looks back, 1m: the first measurement sees 30s of this weight"
	for name, tc := range map[string]struct {
		replace    []string
		code, text string
		not        string
	}{
		"as it is":      {nil, "window", pause, "never-fails"},
		"long pause":    {[]string{"duration: 30s", "duration: 60s"}, "", "", "window"},
		"initial delay": {[]string{"    interval: 30s\n", "    interval: 30s\n    initialDelay: 30s\n"}, "", "", "window"},
		"no pause": {[]string{"      - pause: {duration: 30s}\n", ""}, "window",
			"is measured at once: there is nothing to see of the new version yet", "never-fails"},
		"an offset": {[]string{"[1m]))", "[1m] offset 2m))"}, "window",
			"looks back, 3m: the first measurement sees 30s of this weight; wait 3m in all", "never-fails"},
		"endless pause": {[]string{"{duration: 30s}", "{}"}, "waits", "step 2 pause has no duration", "window"},
		"initial delay by an argument": {[]string{"  metrics:\n", "  args: [{name: delay, value: 30s}]\n  metrics:\n", "    interval: 30s\n",
			"    interval: 30s\n    initialDelay: \"{{args.delay}}\"\n"}, "", "", "window"},
		"a second weight, at once": {[]string{"      - analysis:", "      - setWeight: 40\n      - analysis:"}, "window",
			"is measured at once: it sees the weights before this one", "never-fails"},
		"limit by an argument": {[]string{"  metrics:\n", "  args: [{name: limit, value: \"1\"}]\n  metrics:\n", "failureLimit: 2", "failureLimit: \"{{args.limit}}\"",
			"          - templateName: success-rate\n", "          - templateName: success-rate\n          args: [{name: limit, value: \"3\"}]\n"}, "never-fails",
			"can never fail: failureLimit 3 tolerates 3 failed measurements", "argument"},
		"an argument that nobody asks for": {[]string{"          - templateName: success-rate\n", "          - templateName: success-rate\n          args: [{name: limit, value: \"3\"}]\n"}, "argument",
			`no template of step 3 analysis declares the argument "limit", so that it is left out: manifest.yaml:18: Rollout "mock-server": spec.strategy.canary.steps[2].analysis.args[0].name`, "never-fails"},
		"limit = count": {[]string{"failureLimit: 2", "failureLimit: 3"}, "never-fails",
			"can never fail: failureLimit 3 tolerates 3 failed measurements, and count allows 3; write at most 2", "no-data"},
		"once, with a limit": {[]string{"    interval: 30s\n    count: 3\n", ""}, "never-fails", "count allows 1; write at most 0", "no-data"},
		"all dry, by the template": {[]string{"  metrics:\n", "  dryRun: [{metricName: \"rate$\"}]\n  metrics:\n"}, "never-fails",
			"step 3 analysis can never fail: dryRun is for all of its metrics", "no-data"},
		"all dry, by the Rollout": {[]string{"          - templateName: success-rate\n", "          - templateName: success-rate\n          dryRun: [{metricName: \".*\"}]\n"}, "never-fails",
			"step 3 analysis can never fail: dryRun is for all of its metrics", "no-data"},
		"one of two dry": {[]string{"  metrics:\n", "  dryRun: [{metricName: other}]\n  metrics:\n  - {name: other, successCondition: \"true\", provider: {prometheus: {address: http://p, query: vector(1)}}}\n"}, "", "", "never-fails"},
		"no condition":   {[]string{"    successCondition: result >= 0.95\n", ""}, "no-condition", "whatever it measures is a success", "never-fails"},
		"wrong label": {[]string{`service_name="mock-server-canary"`, `service_name="mock-server-canry"`}, "no-data",
			"destination_service_name is mock-server-canary or mock-server-stable there", "never-fails"},
		"no such label": {[]string{`destination_service_name="mock`, `pod_template_hash="mock`}, "no-data",
			"none of that name has a label pod_template_hash", "never-fails"},
		"wrong series": {[]string{"istio_requests_total", "http_requests_total"}, "no-data", "this simulation has istio_request", "never-fails"},
		"a header route before there are canary pods": {[]string{"      - setWeight: 20\n", "      - setHeaderRoute: {name: testers, match: [{headerName: x, headerValue: {exact: foo}}]}\n      - setWeight: 20\n",
			"      trafficRouting:\n", "      trafficRouting:\n        managedRoutes: [{name: testers}]\n"}, "no-canary",
			"step 1 setHeaderRoute: testers: no step before asks for canary pods", "late"},
		"late": {[]string{"      steps:", fmt.Sprintf(background, 3), "      - setWeight: 100\n", "      - pause: {duration: 2m}\n"}, "late",
			"the background analysis starts with step 4 (startingStep 3, counted from 0), after the last setWeight (step 1, 20%)", "no-data"},
		"never": {[]string{"      steps:", fmt.Sprintf(background, 4)}, "late", "startingStep 4, counted from 0, and there are 4 steps", "no-data"},
		"too slow": {[]string{"      steps:", fmt.Sprintf(background, 2), "count: 3", "count: 30", "failureLimit: 2", "failureLimit: 20",
			"      - analysis:\n          templates:\n          - templateName: success-rate\n", "      - pause: {duration: 1m}\n"}, "too-slow",
			"with failureLimit 20 it fails 10m after its start at the earliest, and the update is over 1m4s after it", "no-data"},
		"in time": {[]string{"      steps:", fmt.Sprintf(background, 0), "      - analysis:\n          templates:\n          - templateName: success-rate\n", "      - pause: {duration: 2m}\n"},
			"window", "of the background analysis looks back, 1m: its measurements mix this weight", "too-slow"},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, Options{Objects: edited(t, tc.replace...)})
			if tc.code != "" && !warned(r, tc.code, tc.text) {
				t.Errorf("no warning %s: %s in %+v", tc.code, tc.text, r.Warnings)
			}
			if warned(r, tc.not, "") {
				t.Errorf("a warning %s in %+v", tc.not, r.Warnings)
			}
		})
	}
}

// TestExperimentMistakes breaks the step of a manifest in ways that nobody refuses before
// the step is reached: each is named with its line, and is no verdict on the version.
func TestExperimentMistakes(t *testing.T) {
	text, err := fixtureText("variant/mock-server-canary-istio-destinationrule-analysistemplate-experiment.yaml")
	if err != nil {
		t.Fatal(err)
	}
	scheme, err := manifest.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ old, new, place, want string }{
		"as it is": {},
		"pods of the stable version that are not selected": {
			"specRef: stable\n", "specRef: stable\n            selector: {matchLabels: {test: a}}\n",
			`m.yaml:16: Rollout "mock-server": spec.strategy.canary.steps[0].experiment.templates[0].template`, "`selector` does not match template `labels`",
		},
	} {
		changed := strings.Replace(text, tc.old, tc.new, 1)
		if tc.old != "" && changed == text {
			t.Fatalf("%s: nothing is replaced", name)
		}
		list, err := manifest.Read([]manifest.File{{Name: "m.yaml", Data: []byte(changed)}}, scheme)
		if err != nil {
			t.Fatal(err)
		}
		r := run(t, Options{Objects: list})
		mistakes := r.Mistakes()
		switch {
		case tc.want == "" && len(mistakes) > 0, tc.want != "" && len(mistakes) != 1:
			t.Errorf("%s: mistakes %q, %s", name, mistakes, r.Outcome.Message)
		case tc.want != "":
			place := "cannot run until this is corrected: " + tc.place
			if !strings.Contains(mistakes[0], tc.want) || !strings.Contains(mistakes[0], place) {
				t.Errorf("%s: %s\nwant %s: ... %s", name, mistakes[0], place, tc.want)
			}
		}
	}
}

// TestEndlessExperiment takes away what ends an experiment.
func TestEndlessExperiment(t *testing.T) {
	const path = "variant/mock-server-canary-istio-destinationrule-analysistemplate-experiment.yaml"
	const duration, required = "          duration: 2m\n", "          - name: baseline-canary-comparison\n"
	for name, tc := range map[string]struct {
		replace []string
		want    string
	}{
		"a duration":  {nil, ""},
		"neither":     {[]string{duration, ""}, "step 1 experiment has no duration, and no analysis with requiredForCompletion: it runs until a person ends it"},
		"an analysis": {[]string{duration, "", required, required + "            requiredForCompletion: true\n"}, ""},
		"one that never ends": {[]string{required, required + "            requiredForCompletion: true\n",
			"  - name: baseline-success-rate\n    interval: 30s\n    count: 3\n", "  - name: baseline-success-rate\n    interval: 30s\n"}, `step 1 experiment waits for an analysis whose metric "baseline-success-rate" is measured for ever`},
		"not waited for": {[]string{"  - name: baseline-success-rate\n    interval: 30s\n    count: 3\n", "  - name: baseline-success-rate\n    interval: 30s\n"}, ""},
	} {
		r := run(t, Options{Objects: editedFile(t, path, tc.replace...)})
		if warned(r, "waits", tc.want) != (tc.want != "") {
			t.Errorf("%s: %+v", name, r.Warnings)
		}
	}
}

// TestHastyExperiment gives an experiment as little time as that can be, and its analysis
// nothing to see.
func TestHastyExperiment(t *testing.T) {
	const path = "variant/mock-server-canary-istio-destinationrule-analysistemplate-experiment.yaml"
	const duration, required, interval = "duration: 2m\n", "          - name: baseline-canary-comparison\n", "    interval: 30s\n"
	const slow = `metric "canary-success-rate" of step 1 experiment cannot stop the update: with failureLimit 2 it fails 1m after its start at the earliest, and the experiment is over after 1m;`
	for name, tc := range map[string]struct {
		replace    []string
		code, want string // no warning of the code about the experiment if want is empty
	}{
		"just long enough":        {[]string{duration, "duration: 61s\n"}, "too-slow", ""},
		"too short":               {[]string{duration, "duration: 1m\n"}, "too-slow", slow},
		"too short, not to count": {[]string{duration, "duration: 1m\n", required, required + "            requiredForCompletion: true\n"}, "too-slow", ""},
		"a delay too long": {[]string{interval, interval + "    initialDelay: 1m\n"}, "too-slow",
			`of step 1 experiment cannot stop the update: with failureLimit 2 it fails 2m after its start at the earliest, and the experiment is over after 2m`},
		"at once": {nil, "window", `metric "canary-success-rate" of step 1 experiment looks back 1m and is measured at once: the first measurement sees 0s of the experiment; set initialDelay to 1m`},
		"too early": {[]string{interval, interval + "    initialDelay: 59s\n"}, "window",
			`of step 1 experiment looks back 1m and is measured after 59s: the first measurement sees 59s of the experiment`},
		"late enough": {[]string{interval, interval + "    initialDelay: 1m\n"}, "window", ""},
	} {
		r := run(t, Options{Objects: editedFile(t, path, tc.replace...)})
		if tc.want == "" && warned(r, tc.code, "of step 1 experiment") || tc.want != "" && !warned(r, tc.code, tc.want) {
			t.Errorf("%s: want %q in %+v", name, tc.want, r.Warnings)
		}
	}
}

// TestAnalysisEndedWithTheOldPods gives the old pods less time than the analysis behind
// the switch takes, by as little as that can be.
func TestAnalysisEndedWithTheOldPods(t *testing.T) {
	template := "---\napiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: up}\nspec:\n  metrics:\n" +
		"  - {name: up, interval: 30s, count: 3, initialDelay: 5s, successCondition: \"true\", provider: {prometheus: {address: http://p, query: vector(1)}}}\n"
	for given, want := range map[string]string{
		"": "", ", scaleDownDelaySeconds: 65": "",
		", scaleDownDelaySeconds: 64": `metric "up" of postPromotionAnalysis is measured until 1m5s after the switch, and scaleDownDelaySeconds ends it with the old pods after 1m4s`,
	} {
		text := strings.Replace(webBlueGreen, "autoPromotionSeconds: 20", "postPromotionAnalysis: {templates: [{templateName: up}]}"+given, 1)
		r := run(t, Options{Objects: parse(t, text+service("stable", "web")+service("canary", "web")+template)})
		if warned(r, "too-slow", want) != (want != "") || r.Outcome.Verdict != Promoted {
			t.Errorf("%q: %s, %+v", given, r.Outcome.Verdict, r.Warnings)
		}
	}
}

// TestTwoAnalysesOfAnExperiment: each is a run of its own, so that the names of their
// metrics need not differ.
func TestTwoAnalysesOfAnExperiment(t *testing.T) {
	const path = "variant/mock-server-canary-istio-destinationrule-analysistemplate-experiment.yaml"
	const first = "          analyses:\n"
	r := run(t, Options{Objects: editedFile(t, path, first, first+"          - {name: again, templateName: success-rate}\n", "  - name: baseline-success-rate", "  - name: success-rate")})
	if warned(r, "template", "") || len(r.Mistakes()) > 0 {
		t.Errorf("%+v", r.Warnings)
	}
}

// TestCrowdedExperiment gives an experiment more than the canary leaves, by as little as that
// can be.
func TestCrowdedExperiment(t *testing.T) {
	const path = "variant/mock-server-canary-istio-destinationrule-analysistemplate-experiment.yaml"
	for weight, want := range map[string]string{
		"weight: 45": "",
		"weight: 46": "step 2 experiment asks for a weight of 92 in all, and of 100 the canary leaves 90: its templates get less, in proportion (baseline 45, canary 45), and the stable version gets nothing",
	} {
		r := run(t, Options{Objects: editedFile(t, path, "weight: 20", weight, "      - experiment:", "      - setWeight: 10\n      - experiment:")})
		if warned(r, "weight", want) != (want != "") {
			t.Errorf("%s: %+v", weight, r.Warnings)
		}
	}
}

// overTime asks for a range.
const overTime = `        rangeQuery: {start: 'now() - duration("%s")', end: 'now()', step: 1m}
        query: |
`

// TestWarningsAtTheirLimits changes Manifest 14 by as little as makes a warning
// come or go. The replacements of both come first in base.
func TestWarningsAtTheirLimits(t *testing.T) {
	analysis := "      - analysis:\n          templates:\n          - templateName: success-rate\n"
	for name, tc := range map[string]struct {
		base, warns, silent []string
		code                string
		promote             time.Duration
	}{
		"a pause shorter than the window": {
			warns: []string{"duration: 30s", "duration: 59s"}, silent: []string{"duration: 30s", "duration: 1m"}, code: "window",
		},
		"a pause shorter than the range of a range query": { // 10m, and 1m before its first point
			base:   []string{"duration: 30s", "duration: 11m", "result >= 0.95", "'all(result, # >= 0.95)'"},
			warns:  []string{"        query: |\n", fmt.Sprintf(overTime, "10m1s")},
			silent: []string{"        query: |\n", fmt.Sprintf(overTime, "10m")}, code: "window",
		},
		"a pause shorter than the window of a background run": {
			base:  []string{"      steps:", fmt.Sprintf(background, 0), analysis, ""},
			warns: []string{"duration: 30s", "duration: 59s"}, silent: []string{"duration: 30s", "duration: 1m"}, code: "window",
		},
		"a metric without data": {
			warns: []string{`service_name="mock-server-canary"`, `service_name="mock-server-canry"`}, code: "no-data",
		},
		"a run that cannot fail in time": { // the update is over 1m4s after its start
			base:  []string{"      steps:", fmt.Sprintf(background, 2), "count: 3", "count: 30", analysis, "      - pause: {duration: 1m}\n"},
			warns: []string{"failureLimit: 2", "failureLimit: 3"}, code: "too-slow",
		},
		"a run that cannot fail in the time that a person takes": {
			base:  []string{"      steps:", fmt.Sprintf(background, 2), "count: 3", "count: 30", "failureLimit: 2", "failureLimit: 4", analysis, "      - pause: {}\n"},
			warns: []string{"interval: 30s", "interval: 32s"}, code: "too-slow", promote: 2 * time.Minute,
		},
		"as many failures as measurements": {
			warns: []string{"failureLimit: 2", "failureLimit: 3"}, code: "never-fails",
		},
		"a background run after the last weight": {
			base:  []string{"      - setWeight: 100\n", "      - pause: {duration: 2m}\n"},
			warns: []string{"      steps:", fmt.Sprintf(background, 1)}, silent: []string{"      steps:", fmt.Sprintf(background, 0)}, code: "late",
		},
		"a condition that is none": {
			warns: []string{"result >= 0.95", "result >= (0.95"}, code: "mistake",
		},
		"a condition that an argument makes none": {
			base:  []string{"  metrics:\n", "  args: [{name: least, value: '0.95'}]\n  metrics:\n"},
			warns: []string{"result >= 0.95", "'result => {{args.least}}'"}, silent: []string{"result >= 0.95", "'result >= {{args.least}}'"}, code: "mistake",
		},
		"a list that is taken for a number": {
			base:  []string{"scalar(\n", "(\n"},
			warns: []string{"result >= 0.95", "len(result) == 0 || result >= 0.95"}, silent: []string{"result >= 0.95", "len(result) == 0 || result[0] >= 0.95"}, code: "mistake",
		},
		"a query that is none": {
			warns: []string{"-canary\"}[1m]))", "-canary\"}[1m])"}, code: "mistake",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if r := run(t, Options{Objects: edited(t, slices.Concat(tc.base, tc.warns)...), PromoteAfter: tc.promote}); !warned(r, tc.code, "") {
				t.Errorf("no warning %s in %+v", tc.code, r.Warnings)
			}
			if r := run(t, Options{Objects: edited(t, slices.Concat(tc.base, tc.silent)...), PromoteAfter: tc.promote}); warned(r, tc.code, "") {
				t.Errorf("a warning %s in %+v", tc.code, r.Warnings)
			}
		})
	}
}

// ofServices is a provider that asks Datadog, twice, in place of Manifest 14's.
func ofServices(t *testing.T) []manifest.Object {
	text, err := fixtureText(manifest14)
	if err != nil {
		t.Fatal(err)
	}
	asked := text[strings.Index(text, "    provider:\n"):]
	return edited(t, asked, `    provider: {datadog: {query: "avg:requests.ok{app:shop}"}}
  - name: latency
    interval: 30s
    count: 3
    successCondition: result < 0.3
    provider: {datadog: {query: "avg:requests.p95{app:shop}"}}
`)
}

// TestServices: nobody answers for Datadog until somebody says what it yields; then each
// query gets its own numbers, and keys are made up.
func TestServices(t *testing.T) {
	r := run(t, Options{Objects: ofServices(t)})
	want := "metric \"latency\" of step 3 analysis asks datadog, which is not simulated, so that each measurement is an Error, and 5 in a row end the run as Error, which aborts the update; write what it yields"
	if r.Outcome.Verdict != Aborted || !warned(r, "unplayed", want) || warned(r, "no-data", "") {
		t.Errorf("%s: %+v", r.Outcome.Verdict, r.Warnings)
	}
	var o Options
	if err := ReadSettings(manifest.File{Name: "with.yaml", Data: []byte(`
answers:
- {provider: datadog, values: 0.99}
- {provider: datadog, asks: requests.p95, values: 0.2x2 0.4, interval: 30s}
`)}, &o); err != nil {
		t.Fatal(err)
	}
	o.Objects = ofServices(t)
	r = run(t, o)
	var got []string
	for _, m := range r.Measurements {
		got = append(got, fmt.Sprint(m.At, " ", m.Metric, " ", m.Value, " ", m.Phase))
	}
	wanted := []string{
		"34s success-rate 0.99 Successful", "34s latency 0.2 Successful", "1m4s success-rate 0.99 Successful", "1m4s latency 0.2 Successful",
		"1m34s success-rate 0.99 Successful", "1m34s latency 0.4 Failed",
	}
	if diff := cmp.Diff(wanted, got); diff != "" || r.Outcome.Verdict != Aborted || warned(r, "unplayed", "") {
		t.Errorf("%s, %+v; measurements (-want +got):\n%s", r.Outcome.Verdict, r.Warnings, diff)
	}
	if !slices.ContainsFunc(r.Notes, func(f Finding) bool {
		return strings.HasPrefix(f.Text, "Secret argo-rollouts/datadog with the keys api-key and app-key is in none of the files")
	}) {
		t.Errorf("nothing is said of the keys: %+v", r.Notes)
	}
}

func TestSettingsSayWhatIsWrongWithAnswers(t *testing.T) {
	for text, want := range map[string]string{
		"{provider: datadogg, values: 1}":        `answers: provider "datadogg" is unknown; write datadog, graphite, influxdb, newRelic, wavefront, or the host of the server`,
		"{values: 1}":                            "answers: whose? write the host of the server, for example host: smoke.example.com, or provider: datadog",
		"{provider: wavefront}":                  "answers: nothing is said; write values, body or status",
		"{provider: influxdb, values: 1 or two}": `answers: values "1 or two": `,
		"{host: a, status: 99}":                  "answers: status 99 is none of an answer; write one from 200 to 599",
		"{host: a, status: 1000}":                "answers: status 1000 is none of an answer; write one from 200 to 599",
	} {
		err := ReadSettings(manifest.File{Name: "with.yaml", Data: []byte("answers: [" + text + "]")}, &Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestSettings reads a file, and answers metrics with it.
func TestSettings(t *testing.T) {
	var o Options
	err := ReadSettings(manifest.File{Name: "with.yaml", Data: []byte(`
load: 20
fail: ["new=1%@30s"]
latency: [old=9ms]
setImage: [mock-server=x:2]
promoteAfter: 1m
until: 1h
series:
- {series: 'http_requests_total{destination_service_name="mock-server-canary",response_code="200"}', values: 0+10x60}
- {series: 'http_requests_total{destination_service_name="mock-server-canary",response_code="500"}', values: 0+10x60, interval: 30s}
answers:
- {host: smoke, path: /x, status: 503, body: '{value}', values: 1 2, interval: 5s}
`)}, &o)
	if err != nil {
		t.Fatal(err)
	}
	if o.Load.Rate != 20 || len(o.Behaviours) != 2 || o.Images[0].Image != "x:2" || o.PromoteAfter != time.Minute || o.Until != time.Hour || o.AbortAfter != 0 {
		t.Errorf("%+v", o)
	}
	if diff := cmp.Diff([]Answer{{Host: "smoke", Path: "/x", Status: 503, Body: "{value}", Values: "1 2", Interval: 5 * time.Second}}, o.Answers); diff != "" {
		t.Error(diff)
	}
	// 10 in 15 s succeed, 10 in 30 s fail: two in three.
	o.Objects = edited(t, "istio_requests_total", "http_requests_total")
	r := run(t, o)
	if len(r.Measurements) == 0 || !strings.HasPrefix(r.Measurements[0].Value, "0.6666") {
		t.Errorf("%+v", r.Measurements)
	}
}
