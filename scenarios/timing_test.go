package scenarios_test

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/aviary-rollouts/aviary/scenarios/replay"
	"github.com/aviary-rollouts/aviary/sim/kernel"
)

// timing is a rule of the source documents on when something happens: the time
// between two lines of the trace of a scenario. The tables below were made from
// the ages in the documents, not from our output, so that rewriting a scenario
// by -update cannot silently change when things happen.
type timing struct {
	// rule is the id that the inventory of the documents gives the rule.
	rule string
	// says is what happens between the two lines.
	says string
	// scenario is the one whose trace is read.
	scenario string
	// from and to are regular expressions: from is the first line that matches,
	// to the first one below it.
	from, to string
	// nth is which line below from is meant; 0 is the first.
	nth int
	// never says that no line below from may match to; want is not used then.
	never bool
	// want is the time between the lines, exactly: pods of the simulator become
	// ready in the same time whenever nothing else is said.
	want time.Duration
	// least and most are what the ages of the document allow; 0 if it is exact.
	least, most time.Duration
	// why says where the document shows it, and why want is not quite that.
	why string
}

const (
	sec = time.Second

	case225 = "analysis/2.2.5-virtualservice-analysis"
	case226 = "experiment/2.2.6-virtualservice"
	case228 = "analysis/2.2.8-destinationrule-analysis"
	case229 = "experiment/2.2.9-destinationrule"
)

// Lines that many rules speak of.
const (
	created  = `user create Rollout`
	setImage = `user patch Rollout .* image .* -> .*:2\.0\.0`
	weight20 = `RolloutStepCompleted .*\(setWeight: 20\)`
	aborted  = `abort false -> true`
	retried  = `abort true -> false`
	promoted = `event Normal RolloutCompleted .*Completed all`
	ready    = `kubelet update Pod .* Ready$`
	newSteps = `event Normal RolloutNotCompleted`
)

// documentTimings are the rules that follow from the ages in the documents.
var documentTimings = []timing{
	{
		rule: "TM-01", says: "a canary's pod is available after it was created", scenario: case225,
		from: `replicaset-controller create Pod .*7c6fcfb847`, to: `ReplicaSet .*7c6fcfb847 status ready 0 -> 1, available 0 -> 1`,
		want: 4 * sec, least: 4 * sec, most: 6 * sec, why: "2.2.5/S3: 43 s and a pause of 30 s before a run of 9 s; 2.2.6/S7 has 51, 30 and 17",
	},
	{
		rule: "TM-01", says: "an Experiment starts its run when its pods are available", scenario: case226,
		from: `create Experiment .*-2-0$`, to: `create AnalysisRun .*-2-0-`,
		want: 4 * sec, least: 4 * sec, most: 5 * sec, why: "4 to 5 s in 2.2.6 and 2.2.9",
	},
	{
		rule: "TM-01", says: "the first run follows the creation of the canary's ReplicaSet", scenario: case228,
		from: `create ReplicaSet .*-789cf554d9 `, to: `create AnalysisRun`,
		want: 34 * sec, least: 34 * sec, most: 34 * sec, why: "2.2.8/S3: 45 - 11",
	},
	{
		rule: "TM-01", says: "the second run follows the retry", scenario: case225,
		from: retried, to: `create AnalysisRun .*-2-2\.1$`,
		want: 34 * sec, least: 34 * sec, most: 35 * sec, why: "2.2.5/S6: 38 - 3; ages are cut to seconds",
	},
	{
		rule: "TM-02", says: "a pause of 30 s begins when the weight is set, not with the update", scenario: case225,
		from: weight20, to: `RolloutStepCompleted .*\(pause: 30s\)`, want: 30 * sec, why: "2.2.5/S3",
	},
	{
		rule: "TM-02", says: "the same after a retry", scenario: case228,
		from: retried, to: `RolloutStepCompleted .*\(pause: 30s\)`, want: 34 * sec, why: "2.2.8/S7: 2m32s - 117 s",
	},
	{
		rule: "TM-02", says: "a pause of 30 s without traffic routing", scenario: "canary/2.2.2-canary-success",
		from: `RolloutStepCompleted .*\(setWeight: 40\)`, to: `RolloutStepCompleted .*\(pause: 30s\)`, want: 30 * sec, why: "2.2.2/S4",
	},
	{
		rule: "TM-03", says: "the first measurement is taken as the run begins", scenario: case225,
		from: `create AnalysisRun`, to: `patch AnalysisRun`, want: 0, why: "one measurement at 9 s in 2.2.5/S3",
	},
	{
		rule: "TM-03", says: "the second one an interval later", scenario: case225,
		from: `create AnalysisRun`, to: `patch AnalysisRun`, nth: 1, want: 30 * sec, why: "001/S2: two at 48 s",
	},
	{
		rule: "TM-03", says: "the third one two intervals later", scenario: case225,
		from: `create AnalysisRun`, to: `patch AnalysisRun`, nth: 2, want: 60 * sec, why: "2.2.5/S4: three at 66 s",
	},
	{
		rule: "TM-04", says: "the measurement that fails too many aborts the Rollout", scenario: case225,
		from: `create AnalysisRun`, to: aborted, want: 60 * sec, least: 59 * sec, most: 60 * sec,
		why: "2.2.5/S4: 23 s of the delay left at 66 s; the scale-down deadline is cut to seconds",
	},
	{
		rule: "TM-04", says: "with subsets as well", scenario: case228,
		from: `create AnalysisRun`, to: aborted, want: 60 * sec, least: 59 * sec, most: 60 * sec, why: "2.2.8/S4: 28 s left at 61 s",
	},
	{
		rule: "TM-05", says: "a routed canary stays for the delay after an abort", scenario: case225,
		from: aborted, to: `patch ReplicaSet .*7c6fcfb847 replicas 1 -> 0`, want: 30 * sec, least: 30 * sec, most: 32 * sec,
		why: "2.2.5/S5: ScaledDown 92 s after the run began",
	},
	{
		rule: "TM-06", says: "an abort by pod counts grows stable at once", scenario: "canary/2.2.3-undo-abort",
		from: aborted, to: `patch ReplicaSet .*6579c6cc98 replicas 4 -> 5`, want: 0, why: "2.2.3/S6",
	},
	{
		rule: "TM-06", says: "and takes the canary down when that pod is there, without a delay", scenario: "canary/2.2.3-undo-abort",
		from: aborted, to: `patch ReplicaSet .*6fcb56df9b replicas 1 -> 0`, want: 4 * sec, why: "2.2.3/S6, 004a/S6",
	},
	{
		rule: "TM-07", says: "the old pods stay for the delay after a promotion", scenario: case225,
		from: promoted, to: `patch ReplicaSet .*6579c6cc98 replicas 5 -> 0`, want: 30 * sec,
		why: "2.2.5/S7: pods 29 s old, 4 s of the delay left",
	},
	{
		rule: "TM-08", says: "the duration of an Experiment counts from when all its pods are available", scenario: case226,
		from: `ExperimentRunning .*-2-0-1:`, to: `ExperimentSuccessful .*-2-0-1:`, want: 2 * time.Minute, why: "2.2.6/S6",
	},
	{
		rule: "TM-08", says: "so it ends that much after its creation", scenario: case226,
		from: `create Experiment .*-2-0-1$`, to: `ExperimentSuccessful .*-2-0-1:`, want: 124 * sec, least: 123 * sec, most: 124 * sec,
		why: "2.2.6/S6: 2m30s - (30 - 4) s",
	},
	{
		rule: "TM-08", says: "with subsets as well", scenario: case229,
		from: `create Experiment .*-2-0-1$`, to: `ExperimentSuccessful .*-2-0-1:`, want: 124 * sec, least: 123 * sec, most: 124 * sec,
		why: "2.2.9/S6: 2m15s - (30 - 18) s; ages are cut to seconds",
	},
	{
		rule: "TM-09", says: "the stable template of an Experiment stays for the delay", scenario: case226,
		from: `ExperimentSuccessful .*-2-0-1:`, to: `patch ReplicaSet .*-2-0-1-stable replicas 1 -> 0`, want: 30 * sec, why: "2.2.6/S6",
	},
	{
		rule: "TM-09", says: "and so does the canary template", scenario: case226,
		from: `ExperimentSuccessful .*-2-0-1:`, to: `patch ReplicaSet .*-2-0-1-canary replicas 1 -> 0`, want: 30 * sec, why: "2.2.6/S6",
	},
	{
		rule: "TM-10", says: "the next step's canary starts when the Experiment ends", scenario: case226,
		from: `ExperimentSuccessful .*-2-0-1:`, to: `patch ReplicaSet .*-7c6fcfb847 replicas 0 -> 1`, want: 0, why: "2.2.6/S6: pod 25 s old with 4 s of the delay left",
	},
	{
		rule: "TM-10", says: "so both stand for the rest of the delay", scenario: case226,
		from: weight20, to: `patch ReplicaSet .*-2-0-1-canary replicas 1 -> 0`, want: 26 * sec, why: "30 s less the start of the canary's pod",
	},
	{
		rule: "TM-11", says: "an Experiment that fails aborts with the third measurement", scenario: case226,
		from: `create AnalysisRun .*-2-0-`, to: aborted, want: 60 * sec, why: "2.2.6/S3",
	},
	{
		rule: "TM-11", says: "with subsets as well", scenario: case229,
		from: `create AnalysisRun .*-2-0-`, to: aborted, want: 60 * sec, why: "2.2.9/S3",
	},
	{
		rule: "TM-11", says: "and with a baseline", scenario: "experiment/001-baseline",
		from: `create AnalysisRun .*-2-0-`, to: aborted, want: 60 * sec, why: "001/S3",
	},
	{
		rule: "TM-12", says: "initialDelay holds the first measurement back", scenario: "analysis/003-jobs",
		from: `create AnalysisRun .*-11-2$`, to: `create Job .*\.success-rate\.1$`, want: 30 * sec, why: "003/R12: run 33 s old, job 3 s",
	},
	{
		rule: "TM-13", says: "the interval of a job counts from when the last one ended", scenario: "analysis/003-jobs",
		from: `create Job .*\.success-rate\.1$`, to: `create Job .*\.success-rate\.2$`, want: 61 * sec, why: "jobs of the scenario take a second",
	},
	{
		rule: "TM-13", says: "so the third one comes two intervals and two jobs after the first", scenario: "analysis/003-jobs",
		from: `create AnalysisRun .*-2-2$`, to: `create Job .*\.success-rate\.3$`, want: 122 * sec, why: "003/R9: run 2m32s old, third job 30 s",
	},
	{
		rule: "TM-14", says: "a background run measures at once", scenario: "analysis/002-skywalking",
		from: `create AnalysisRun`, to: `patch AnalysisRun`, want: 0, why: "002/S2",
	},
	{
		rule: "TM-14", says: "again after 5 minutes", scenario: "analysis/002-skywalking",
		from: `create AnalysisRun`, to: `patch AnalysisRun`, nth: 1, want: 5 * time.Minute, why: "002/S2: two at 8m4s",
	},
	{
		rule: "TM-14", says: "and for the fifth time after 20", scenario: "analysis/002-skywalking",
		from: `create AnalysisRun`, to: `patch AnalysisRun`, nth: 4, want: 20 * time.Minute, why: "002/S3: five in all",
	},
	{
		rule: "TM-16", says: "a metric beside one in error is not measured any more", scenario: "experiment/2.2.6-as-printed",
		from: `AnalysisRunError .*-2-0-stable-canary-comparison: Analysis Completed`,
		to:   `patch AnalysisRun .*-2-0-stable-canary-comparison`, never: true,
		why: "the canary's rate, measured at 0 and 30 s, would be due at 60 s, 20 s later",
	},
	{
		rule: "TM-16", says: "two metrics that fail in one round both count", scenario: case226,
		from: `Metric 'stable-success-rate' Completed\. Result: Failed`, to: `Metric 'canary-success-rate' Completed\. Result: Failed`,
		want: 0, why: "2.2.6/S3: six failures, not five",
	},
	{
		rule: "TM-16", says: "after which the run is silent", scenario: case226,
		from: `AnalysisRunFailed .*-2-0-stable-canary-comparison: Analysis Completed`,
		to:   `patch AnalysisRun .*-2-0-stable-canary-comparison`, never: true, why: "2.2.6/S3",
	},
}

// replayedTimings are the timeline of case 2.2.5 in seconds since its Rollout
// was created, as the inventory works it out from the ages.
var replayedTimings = []timing{
	{says: "the new image is set", from: created, to: setImage, want: 21 * sec},
	{says: "the canary is available, and gets its weight", from: created, to: weight20, want: 25 * sec},
	{says: "the run starts, ✖", from: created, to: `create AnalysisRun`, want: 55 * sec},
	{says: "✖", from: created, to: `patch AnalysisRun`, nth: 1, want: 85 * sec},
	{says: "✖, abort", from: created, to: aborted, want: 115 * sec},
	{says: "all requests go to stable", from: created, to: `set to desiredWeight '0'`, want: 115 * sec},
	{says: "the canary goes", from: created, to: `7c6fcfb847 replicas 1 -> 0`, want: 145 * sec},
	{says: "retry", from: created, to: retried, want: 173 * sec},
	{says: "the second run starts, ✖", from: created, to: `create AnalysisRun .*\.1$`, want: 207 * sec, least: 207 * sec, most: 208 * sec},
	{says: "✔", from: created, to: `patch AnalysisRun .*\.1$`, nth: 1, want: 237 * sec, least: 237 * sec, most: 238 * sec},
	{says: "✔, Successful", from: created, to: `AnalysisRunSuccessful`, want: 267 * sec, least: 267 * sec, most: 268 * sec},
	{says: "promoted", from: created, to: promoted, want: 271 * sec},
	{says: "the old pods go", from: created, to: `6579c6cc98 replicas 5 -> 0`, want: 301 * sec},
}

// transientTimings say how long the states last that a poller sees between the
// snapshots of the documents.
var transientTimings = []timing{
	{
		rule: "TR-01", says: "a first apply is Progressing until its pods are available", scenario: "bluegreen/2.2.1-blue-green",
		from: created, to: `phase Progressing -> Healthy`, want: 4 * sec,
	},
	{
		rule: "TR-02", says: "the old preview stays for its delay", scenario: "bluegreen/2.2.1-blue-green",
		from: `user patch Rollout .*:3\.0\.0`, to: `7c6fcfb847 replicas 5 -> 0`, want: 30 * sec,
	},
	{
		rule: "TR-03", says: "the old active pods stay for their delay", scenario: "bluegreen/2.2.1-blue-green",
		from: `Switched selector for service 'mock-server-active' from '6579c6cc98'`, to: `6579c6cc98 replicas 5 -> 0`, want: 30 * sec,
	},
	{
		rule: "TR-04", says: "an update is Progressing at step 0 until its pod is available", scenario: "canary/2.2.2-canary-success",
		from: newSteps, to: `status step 0 -> 1, phase Progressing -> Paused`, want: 4 * sec,
	},
	{
		rule: "TR-05", says: "the rest goes out in two rounds after the pause", scenario: "canary/2.2.2-canary-success",
		from: `RolloutStepCompleted .*\(pause: 30s\)`, to: promoted, want: 8 * sec,
	},
	{
		rule: "TR-06", says: "weight 40 while the last pods start", scenario: "traffic/2.2.4-istio-virtualservice",
		from: `ScalingReplicaSet .*from 2 to 5`, to: `TrafficWeightUpdated .*from 40 to 100`, want: 4 * sec,
	},
	{
		rule: "TR-06", says: "then ten pods for the delay", scenario: "traffic/2.2.4-istio-virtualservice",
		from: promoted, to: `6579c6cc98 replicas 5 -> 0`, want: 30 * sec,
	},
	{
		rule: "TR-06", says: "with subsets as well", scenario: "traffic/2.2.7-istio-destinationrule",
		from: promoted, to: `replicas 5 -> 0`, want: 30 * sec,
	},
	{
		rule: "TR-07", says: "a retry is Progressing until its pod is available", scenario: case225,
		from: retried, to: `phase Progressing -> Paused`, want: 4 * sec,
	},
	{
		rule: "TR-07", says: "then Paused", scenario: case228,
		from: retried, to: `phase Paused -> Progressing`, want: 34 * sec,
	},
	{
		rule: "TR-08", says: "an abort moves the weight", scenario: case225,
		from: aborted, to: `TrafficWeightUpdated .*from 20 to 0`, want: 0,
	},
	{
		rule: "TR-08", says: "and sets the canary Service back", scenario: case225,
		from: aborted, to: `Service default/mock-server-canary selects 7c6fcfb847 -> 6579c6cc98`, want: 0,
	},
	{
		rule: "TR-08", says: "where it stays as long as the canary's pods do: the retry is next to move it", scenario: case225,
		from: `Service default/mock-server-canary selects 7c6fcfb847 -> 6579c6cc98`, to: `Service default/mock-server-canary selects`,
		want: 62 * sec, why: "58 s until the retry, 4 s until its pod",
	},
	{
		rule: "TR-09", says: "an Experiment is Pending, without a weight, until its pods are available", scenario: case226,
		from: `create Experiment .*-2-0$`, to: `update VirtualService`, want: 4 * sec,
	},
	{
		rule: "TR-10", says: "a failed Experiment keeps its pods for the delay", scenario: case226,
		from: `ExperimentFailed .*-2-0:`, to: `patch ReplicaSet .*-2-0-canary replicas 1 -> 0`, want: 30 * sec,
	},
	{
		rule: "TR-10", says: "and its Services", scenario: case226,
		from: `ExperimentFailed .*-2-0:`, to: `delete Service default/mock-server-experiment-canary`, want: 30 * sec,
	},
	{
		rule: "TR-10", says: "but no weight", scenario: case226,
		from: `ExperimentFailed .*-2-0:`, to: `update VirtualService`, want: 0,
	},
	{
		rule: "TR-11", says: "an abort by pod counts sets the canary Service back", scenario: "canary/2.2.3-undo-abort",
		from: aborted, to: `Service default/mock-server-canary selects 6fcb56df9b -> 6579c6cc98`, want: 0,
	},
}

// TestDocumentTimings checks when things happen, rule by rule. TM-15 is the
// interval of Flagger's log, a controller that is not part of this project.
func TestDocumentTimings(t *testing.T) {
	traces := traces{byName: map[string]replay.Scenario{}, lines: map[string][]kernel.Line{}}
	for _, sc := range all(t) {
		traces.byName[sc.Name] = sc
	}
	rows := slices.Concat(documentTimings, transientTimings)
	for _, r := range replayedTimings {
		r.rule, r.scenario = "2.2.5", case225
		rows = append(rows, r)
	}
	for _, r := range rows {
		t.Run(r.rule+"/"+r.says, func(t *testing.T) { r.check(t, traces.of(t, r.scenario)) })
	}
}

// traces plays each scenario once.
type traces struct {
	byName map[string]replay.Scenario
	lines  map[string][]kernel.Line
}

func (c *traces) of(t *testing.T, name string) []kernel.Line {
	t.Helper()
	sc, ok := c.byName[name]
	if !ok {
		t.Fatalf("there is no scenario %s", name)
	}
	if c.lines[name] == nil {
		_, cluster := play(t, sc, false)
		c.lines[name] = cluster.Trace().Lines()
	}
	return c.lines[name]
}

func (r *timing) check(t *testing.T, lines []kernel.Line) {
	t.Helper()
	from, to := regexp.MustCompile(r.from), regexp.MustCompile(r.to)
	start := next(lines, 0, from)
	if start < 0 {
		t.Fatalf("%s: no line matches %s", r.scenario, r.from)
	}
	end := next(lines, start+1, to)
	for range r.nth {
		if end >= 0 {
			end = next(lines, end+1, to)
		}
	}
	if r.never {
		if end >= 0 {
			t.Errorf("%s:\n%s\nafter\n%s", r.scenario, lines[end], lines[start])
		}
		return
	}
	if end < 0 {
		t.Fatalf("%s: too few lines match %s below\n%s", r.scenario, r.to, lines[start])
	}
	got := lines[end].At.Sub(lines[start].At)
	if got != r.want {
		t.Errorf("%s: %s, want %s (%s)\n%s\n%s", r.scenario, got, r.want, r.why, lines[start], lines[end])
	}
	if r.most > 0 && (r.want < r.least || r.want > r.most) {
		t.Errorf("the table wants %s, and the document allows %s to %s: %s", r.want, r.least, r.most, r.why)
	}
}

// version is the resource version in a line, which says nothing about time.
var version = regexp.MustCompile(` rv=\d+`)

// next returns the index of the first line from i on that matches, or -1.
func next(lines []kernel.Line, i int, pattern *regexp.Regexp) int {
	for ; i < len(lines); i++ {
		if pattern.MatchString(version.ReplaceAllString(lines[i].Text, "")) {
			return i
		}
	}
	return -1
}
