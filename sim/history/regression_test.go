package history

import (
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/aviary-rollouts/aviary/sim"
)

// TestRegressions plays the shrunk histories of bugs that random ones found.
func TestRegressions(t *testing.T) {
	for _, test := range regressions() {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Run(test.h, sim.Options{}); err != nil {
				t.Errorf("%s%v", test.h, err)
			}
		})
	}
}

func percent(s string) *intstr.IntOrString {
	v := intstr.FromString(s)
	return &v
}

// regression is a history that went wrong, under the name of what it showed.
type regression struct {
	name string
	h    History
}

func regressions() []regression {
	return slices.Concat(heldRegressions(), podRegressions(), routedRegressions(), managedRegressions(), dynamicRegressions(), promotionRegressions(), staleRegressions())
}

// managedRegressions are those of header and mirror routes that nothing wants any more.
func managedRegressions() []regression {
	setup := func(routing Routing) Setup {
		return Setup{Strategy: Canary, Replicas: 4, Steps: []string{"20", "header:on", "mirror:on", "pause"}, Routing: routing, Load: true, Extras: Extras{BothServices: true}}
	}
	const there = 20*time.Second + 500*time.Millisecond
	after := func(list ...Action) []Action {
		return append([]Action{{there, SetImage, "2.0.0"}}, list...)
	}
	return []regression{
		{"a header route stays that is declared no more", History{Seed: 1, Setup: setup(Hosts), Actions: after(Action{30 * time.Second, EditManaged, mirrorRoute})}},
		{"routes stay that are declared no more, with subsets", History{Seed: 2, Setup: setup(Subsets), Actions: after(Action{30 * time.Second, EditManaged, ""})}},
		{"routes stay when a canary becomes blue/green", History{Seed: 3, Setup: setup(Hosts), Actions: after(Action{30 * time.Second, ChangeStrategy, "bluegreen auto"})}},
		{"another route is wanted than the one that is there, and neither changes", History{Seed: 4, Setup: setup(Hosts), Actions: after(
			Action{30 * time.Second, EditSteps, "header:on,pause"}, Action{30 * time.Second, EditSteps, "mirror:on,pause"}, Action{30 * time.Second, Abort, ""})}},
	}
}

// heldRegressions are those of Rollouts that a person has paused, or spoilt.
func heldRegressions() []regression {
	return []regression{
		{"an analysis goes on measuring when a paused update is taken back", History{
			Seed:    4385,
			Setup:   Setup{Strategy: BlueGreen, Replicas: 6, AutoPromote: true, Pre: "quick"},
			Actions: []Action{{time.Minute, SetImage, "2.0.0"}, {10 * time.Second, Pause, ""}, {0, Undo, ""}},
		}},
		{"an analysis goes on measuring when the next update is paused and given up before it has begun", History{
			Seed: 660444,
			Setup: Setup{Strategy: BlueGreen, Replicas: 5, AutoPromote: true, Post: "tolerant", MinReadySeconds: 5, Jitter: 0.5,
				Extras: Extras{Metadata: true, Patience: 5 * time.Second, Crowd: true}},
			Actions: []Action{{0, SetImage, "3.0.0"}, {17 * time.Second, Pause, ""}, {0, SetImage, "4.0.0"}, {0, Abort, ""}},
		}},
		{"an analysis goes on measuring when an update is given up whose spec is refused", History{
			Seed:    320123,
			Setup:   Setup{Strategy: Canary, Replicas: 2, Steps: []string{"pause"}, Routing: Subsets, Background: "endless"},
			Actions: []Action{{0, SetImage, "4.0.0"}, {0, EditWhole, "10"}, {0, Abort, ""}},
		}},
		{"an Experiment of an update that is over is started again while the spec is refused", History{
			Seed: 466149,
			Setup: Setup{Strategy: Canary, Replicas: 1, Steps: []string{"85", "80", "experiment:62s:w10", "header:on", "45", "5"}, MaxSurge: percent("100%"), Background: "endless", StartingStep: 1,
				Routing: Subsets, Dynamic: true, Second: true, MinPods: 2, MinReadySeconds: 5},
			Actions: []Action{{0, SetImage, "2.0.0"}, {244 * time.Second, EditWhole, "10"}, {0, RetryExperiment, "2"}},
		}},
		{"pods are wanted again, in a spec that is refused", History{
			Seed:    341545,
			Setup:   Setup{Strategy: Canary, Replicas: 7, Steps: []string{"45"}, Routing: Hosts, Dynamic: true},
			Actions: []Action{{36 * time.Second, Autoscale, "0"}, {0, EditWhole, "10"}, {0, Scale, "9"}},
		}},
		{"an Experiment ends while a spec that is refused keeps its share", History{
			Seed:    343772,
			Setup:   Setup{Strategy: Canary, Replicas: 1, Steps: []string{"70", "experiment:tolerant:w20"}, Routing: Subsets},
			Actions: []Action{{0, SetImage, "3.0.0"}, {18 * time.Second, EditWhole, "1000"}},
		}},
	}
}

// routedRegressions are those of canaries whose requests a router splits.
func routedRegressions() []regression {
	zero, two, three := intstr.FromInt32(0), intstr.FromInt32(2), intstr.FromInt32(3)
	return []regression{
		{"a routed canary that is paused by hand grows when more or fewer replicas are wanted", History{
			Seed:  54,
			Setup: Setup{Strategy: Canary, Replicas: 8, Routing: Subsets, Background: "endless", MinReadySeconds: 5},
			Actions: []Action{
				{0, SetImage, "4.0.0"}, {0, SetImage, "3.0.0"}, {41 * time.Second, Pause, ""}, {0, SetImage, "4.0.0"}, {0, Scale, "7"},
			},
		}},
		{"a restart takes all stable pods because the old revision still waits in its delay", History{
			Seed:    133,
			Setup:   Setup{Strategy: Canary, Replicas: 8, Steps: []string{"scale:90%"}, MaxSurge: &zero, Routing: Hosts, Load: true, Workload: "never"},
			Actions: []Action{{0, SetImage, "2.0.0"}, {27 * time.Second, Restart, ""}},
		}},
		{"a step to 0 takes the pods that a header route leads to", History{
			Seed:    3726,
			Setup:   Setup{Strategy: Canary, Replicas: 3, Steps: []string{"25", "header:on", "0", "85"}, Routing: Subsets, Load: true, MinReadySeconds: 5, Jitter: 0.5},
			Actions: []Action{{0, SetImage, "4.0.0"}},
		}},
		{"a stable version whose pods keep failing holds the subset of the fix back", History{
			Seed:  5547,
			Setup: Setup{Strategy: Canary, Replicas: 3, Steps: []string{"scale:match", "analysis:quick", "pause", "pause:17s", "scale:3"}, Routing: Subsets, Dynamic: true, DeadlineAbort: true, Jitter: 0.5},
			Actions: []Action{
				{265270 * time.Millisecond, Misbehave, "1.0.0 fail"}, {0, SetImage, "3.0.0"}, {175644 * time.Millisecond, EditSteps, "100,mirror:on,75,mirror:off"},
				{47 * time.Second, EditSteps, "header:on,pause:17s,mirror:off,mirror:off,95,mirror:off"},
			},
		}},
		{"an Experiment that ends while a person holds the update keeps its share", History{
			Seed:    9103,
			Setup:   Setup{Strategy: Canary, Replicas: 6, Steps: []string{"95", "scale:10%", "pause:13s", "pause", "pause"}, Routing: Subsets, AbortDelay: new(int32)},
			Actions: []Action{{0, SetImage, "4.0.0"}, {48502 * time.Millisecond, EditSteps, "experiment:35s:w5,header:off,mirror:off,mirror:on,95,mirror:on"}, {39 * time.Second, Pause, ""}},
		}},
		{"the pods of an Experiment have the hash of a revision whose template needs no defaults", History{
			Seed:    4642,
			Setup:   Setup{Strategy: Canary, Replicas: 1, Steps: []string{"experiment:15s", "header:off", "header:on", "pause:44s", "pause"}, Background: "endless", Routing: Hosts, Dynamic: true, Workload: "progressively"},
			Actions: []Action{{0, SetImage, "4.0.0"}, {13 * time.Second, FailNode, "node-2"}, {0, Undo, ""}, {0, Undo, ""}, {55 * time.Second, Experiment, "6s:rate 1.0.0"}},
		}},
		{"a third image takes all requests from the second while the first does not serve", History{
			Seed:    41680,
			Setup:   Setup{Strategy: Canary, Replicas: 6, Steps: []string{"100", "55", "pause:40s", "90"}, MaxUnavailable: percent("60%"), Routing: Subsets, MinPods: 3, Workload: "never", DeadlineAbort: true},
			Actions: []Action{{136 * time.Second, Misbehave, "1.0.0 never"}, {0, SetImage, "3.0.0"}, {178801 * time.Millisecond, SetImage, "4.0.0"}},
		}},
		{"an abort lends the share of a replaced revision to the one that is given up", History{
			Seed:    61416,
			Setup:   Setup{Strategy: Canary, Replicas: 4, Steps: []string{"90", "25", "50", "mirror:on", "pause"}, Routing: Hosts, Jitter: 0.5},
			Actions: []Action{{0, SetImage, "3.0.0"}, {0, SetImage, "4.0.0"}, {28 * time.Second, Pause, ""}, {0, Undo, ""}, {0, Restart, ""}, {0, Abort, ""}},
		}},
		{"a Service is pointed at the pods of an undo that are about to go", History{
			Seed:    50118,
			Setup:   Setup{Strategy: Canary, Replicas: 6, Steps: []string{"pause:11s", "pause:59s", "100", "mirror:on", "header:off", "header:on"}, MaxUnavailable: percent("50%"), Routing: Hosts, PingPong: true, MinPods: 3, Workload: "onsuccess", MinReadySeconds: 5, Jitter: 0.5},
			Actions: []Action{{0, SetImage, "3.0.0"}, {0, PromoteFull, ""}, {32 * time.Second, SetImage, "1.0.0"}},
		}},
		{"two VirtualServices that do not agree yet are recorded as twice the requests", History{
			Seed:    50271,
			Setup:   Setup{Strategy: Canary, Replicas: 8, Steps: []string{"mirror:on", "pause:34s", "mirror:off"}, Routing: Subsets, Second: true, DeadlineAbort: true},
			Faults:  []string{"conflict:p=0.42,to=3m0s"},
			Actions: []Action{{0, SetImage, "3.0.0"}, {0, Promote, ""}, {80997 * time.Millisecond, CrashPod, "11"}},
		}},
		{"the only pods that serve go after an undo, because no Service was given to a revision yet", History{
			Seed:  200058,
			Setup: Setup{Strategy: Canary, Replicas: 7, Steps: []string{"mirror:off", "pause:30s", "mirror:on", "80"}, Routing: Hosts, PingPong: true, Second: true},
			Actions: []Action{
				{0, Misbehave, "1.0.0 never"}, {0, EditSteps, "45,75,header:off,experiment:28s,mirror:on,30"}, {0, SetImage, "2.0.0"}, {0, SetImage, "1.0.0"},
				{88226 * time.Millisecond, Misbehave, "4.0.0 never"},
			},
		}},
		{"an undo without replicas keeps a pod for ever because its subset cannot move", History{
			Seed:    217134,
			Setup:   Setup{Strategy: Canary, Replicas: 3, Steps: []string{"80", "mirror:on", "experiment:36s:rate", "pause"}, MaxSurge: percent("10%"), Routing: Subsets, Load: true, Workload: "onsuccess", MinReadySeconds: 5},
			Actions: []Action{{0, SetImage, "2.0.0"}, {46 * time.Second, Scale, "0"}, {0, SetImage, "1.0.0"}},
		}},
		{"an Experiment keeps its share for ever because no stable pods are wanted", History{
			Seed:    420546,
			Setup:   Setup{Strategy: Canary, Replicas: 1, Steps: []string{"experiment:tolerant:w20", "scale:match"}, Routing: Hosts, Second: true, Jitter: 0.5, Extras: Extras{Metadata: true, Sockets: true}},
			Actions: []Action{{0, Autoscale, "0"}, {0, SetImage, "3.0.0"}},
		}},
		{"an Experiment keeps its share for ever in an update that goes on without pods", History{
			Seed:    420442,
			Setup:   Setup{Strategy: Canary, Replicas: 6, Steps: []string{"header:on", "75", "100", "pause:5s"}, Routing: Hosts, Second: true, MinPods: 3, Extras: Extras{Metadata: true, Threshold: "0%"}},
			Actions: []Action{{0, Autoscale, "0"}, {0, EditSteps, "experiment:quick:w5,scale:match,header:on,45"}, {0, SetImage, "2.0.0"}},
		}},
		{"a restart takes both pods that requests are sent to at once", History{
			Seed:    88,
			Setup:   Setup{Strategy: Canary, Replicas: 2, MaxSurge: &two, MaxUnavailable: &three, Routing: Hosts, Dynamic: true, Load: true},
			Actions: []Action{{0, Restart, ""}},
		}},
	}
}

// dynamicRegressions are those of routed canaries with dynamicStableScale.
func dynamicRegressions() []regression {
	return []regression{
		{"a canary without a share is counted as one that serves", History{
			Seed:  61519,
			Setup: Setup{Strategy: Canary, Replicas: 2, Routing: Hosts, Dynamic: true, MaxSurge: percent("60%"), MinReadySeconds: 5, Jitter: 0.5},
			Actions: []Action{
				{0, EditSteps, "pause,header:on,85,pause:25s,header:on"}, {38 * time.Second, Restart, ""}, {0, SetImage, "4.0.0"}, {0, Promote, ""},
				{937 * time.Millisecond, FailNode, "node-2"}, {102 * time.Second, Promote, ""}, {8 * time.Second, SetImage, "2.0.0"},
			},
		}},
		{"an undo that meets the promotion drains what the Service still selects", History{
			Seed:   609,
			Setup:  Setup{Strategy: Canary, Replicas: 7, Steps: []string{"0", "scale:80%"}, MaxSurge: percent("10%"), MaxUnavailable: percent("100%"), Background: "endless", StartingStep: 2, Routing: Hosts, Dynamic: true},
			Faults: []string{"stale:age=2.603s,to=1m17s"},
			Actions: []Action{
				{0, Restart, ""}, {0, SetImage, "4.0.0"}, {11 * time.Second, Restart, ""}, {0, KillPod, "2"}, {26 * time.Second, Undo, ""}, {21 * time.Second, SetImage, "1.0.0"},
			},
		}},
		{"an undo takes the canary before the stable pods that made way are back", History{
			Seed:    827,
			Setup:   Setup{Strategy: Canary, Replicas: 3, Steps: []string{"15", "45", "pause"}, MaxUnavailable: percent("20%"), Routing: Subsets, Dynamic: true},
			Actions: []Action{{0, SetImage, "3.0.0"}, {29 * time.Second, Undo, ""}},
		}},
		{"a second canary sends everything to the one stable pod that is left", History{
			Seed:    1537,
			Setup:   Setup{Strategy: Canary, Replicas: 5, Steps: []string{"85", "pause"}, Routing: Subsets, Dynamic: true},
			Actions: []Action{{0, SetImage, "4.0.0"}, {3 * time.Minute, SetImage, "2.0.0"}},
		}},
		{"a canary is scaled to nothing while all requests go to it", History{
			Seed:    1351,
			Setup:   Setup{Strategy: Canary, Replicas: 6, Steps: []string{"scale:5", "scale:0", "100", "pause"}, Routing: Subsets, Dynamic: true, Jitter: 0.5},
			Actions: []Action{{0, SetImage, "2.0.0"}},
		}},
		{"a step back from 100 % sends requests to a stable version without pods", History{
			Seed:    2796,
			Setup:   Setup{Strategy: Canary, Replicas: 8, Steps: []string{"100", "95", "pause"}, Routing: Hosts, Dynamic: true, Jitter: 0.5},
			Actions: []Action{{0, SetImage, "2.0.0"}},
		}},
		{"fewer replicas let the weight fall back while the stable pods go", History{
			Seed:    3989,
			Setup:   Setup{Strategy: Canary, Replicas: 6, Steps: []string{"85", "header:off", "65", "65", "25", "header:on"}, Routing: Subsets, Dynamic: true, Jitter: 0.5},
			Actions: []Action{{0, SetImage, "3.0.0"}, {12793 * time.Millisecond, Scale, "3"}},
		}},
		{"a restart takes as many pods of each version as may be missing in all", History{
			Seed:    1708,
			Setup:   Setup{Strategy: Canary, Replicas: 9, Steps: []string{"65", "pause"}, Routing: Hosts, Dynamic: true},
			Actions: []Action{{0, SetImage, "2.0.0"}, {83 * time.Second, Restart, ""}},
		}},
	}
}

func podRegressions() []regression {
	zero, three := int32(0), intstr.FromInt32(3)
	return []regression{
		{"stable pods that are not ready yet are given up for a canary that is not ready either", History{
			Seed:  65,
			Setup: Setup{Strategy: Canary, Replicas: 6, Steps: []string{"65", "pause"}, MaxSurge: percent("90%")},
			Actions: []Action{
				{0, SetImage, "4.0.0"},
			},
		}},
		{"a restart takes the pods behind the active Service because the preview has as many", History{
			Seed:  90,
			Setup: Setup{Strategy: BlueGreen, Replicas: 5},
			Actions: []Action{
				{31 * time.Second, SetImage, "4.0.0"}, {0, Restart, ""}, {time.Minute, Restart, ""},
			},
		}},
		{"a restart that has just taken pods lets the sizes count on them", History{
			Seed:    204890,
			Setup:   Setup{Strategy: Canary, Replicas: 6, Steps: []string{"pause", "pause", "35", "75", "0"}},
			Actions: []Action{{0, EditSteps, ""}, {306770 * time.Millisecond, SetImage, "2.0.0"}, {573 * time.Millisecond, Restart, ""}},
		}},
		{"what grew between two pauses by hand is held against the first", History{
			Seed:    42815,
			Setup:   Setup{Strategy: Canary, Replicas: 6, Steps: []string{"85", "pause"}, DeadlineAbort: true, MinReadySeconds: 5, Jitter: 0.5},
			Actions: []Action{{0, SetImage, "3.0.0"}, {0, Pause, ""}, {28632 * time.Millisecond, Promote, ""}, {0, Pause, ""}},
		}},
		{"what grew at a pause step, to the weight of a step that was skipped, is held against a pause by hand", History{
			Seed:    420066,
			Setup:   Setup{Strategy: Canary, Replicas: 5, Steps: []string{"35", "80", "pause", "pause", "90"}, MaxSurge: percent("30%"), MaxUnavailable: percent("0%"), Workload: "never", Extras: Extras{Metadata: true}},
			Actions: []Action{{0, SetImage, "4.0.0"}, {0, Promote, ""}, {0, Promote, ""}, {269 * time.Second, Pause, ""}, {0, KillPod, "11"}},
		}},
		{"a canary that shrinks and grows in one instant counts a pod that is on its way out", History{
			Seed:    441953,
			Setup:   Setup{Strategy: Canary, Replicas: 2, Steps: []string{"90", "80", "35", "20", "10"}, MaxSurge: &three, Jitter: 0.5, Extras: Extras{Threshold: "50%"}},
			Actions: []Action{{0, SetImage, "4.0.0"}},
		}},
		{"a restart takes a pod that serves because others are about to", History{
			Seed:    1032,
			Setup:   Setup{Strategy: Canary, Replicas: 4, Steps: []string{"35"}, MaxSurge: percent("100%"), MinReadySeconds: 5},
			Actions: []Action{{192940 * time.Millisecond, SetImage, "2.0.0"}, {302 * time.Millisecond, Promote, ""}, {0, Restart, ""}},
		}},
		{"the active ReplicaSet is shrunk to the size of a preview", History{
			Seed:   1862,
			Setup:  Setup{Strategy: BlueGreen, Replicas: 2, AutoPromote: true, AutoPromoteSeconds: 20, Preview: &zero},
			Faults: []string{"crash:p=0.12,restart=4s,to=14m40s", "stale:age=1.97s,to=14m40s"},
			Actions: []Action{
				{0, SetImage, "3.0.0"}, {0, Pause, ""}, {0, SetImage, "2.0.0"},
				{3*time.Minute + 45*time.Second, Promote, ""}, {33 * time.Second, SetImage, "4.0.0"}, {8 * time.Second, SetImage, "2.0.0"},
			},
		}},
		{"an update that is paused by hand completes when more replicas are wanted", History{
			Seed:   5562,
			Setup:  Setup{Strategy: Canary, Replicas: 6, MaxUnavailable: percent("30%"), MinReadySeconds: 5, Jitter: 0.5},
			Faults: []string{"stale:age=2.622s,to=3m39s"},
			Actions: []Action{
				{38924 * time.Millisecond, SetImage, "3.0.0"}, {0, Misbehave, "3.0.0 slow"}, {76338 * time.Millisecond, Pause, ""},
				{67483 * time.Millisecond, Scale, "7"}, {22 * time.Second, Promote, ""},
			},
		}},
		{"a canary that is paused by hand takes over when more replicas are wanted", History{
			Seed:    1540,
			Setup:   Setup{Strategy: Canary, Replicas: 4},
			Actions: []Action{{time.Minute, SetImage, "3.0.0"}, {0, Pause, ""}, {0, Scale, "7"}},
		}},
		{"an inconclusive analysis behind the switch is forgotten at every look", History{
			Seed:    2326,
			Setup:   Setup{Strategy: BlueGreen, Replicas: 2, AutoPromote: true, Post: "quick"},
			Actions: []Action{{0, Metric, "unclear"}, {0, SetImage, "3.0.0"}},
		}},
		{"a promoted blue/green update that waits for its pods says at every look that it is resumed", History{
			Seed:  22009,
			Setup: Setup{Strategy: BlueGreen, Replicas: 3},
			Actions: []Action{
				{10 * time.Second, SetImage, "4.0.0"}, {20 * time.Second, Misbehave, "4.0.0 never"}, {0, Promote, ""},
			},
		}},
		{"a preview that waits for a person becomes a canary, which panics", History{
			Seed:  721819,
			Setup: Setup{Strategy: Canary, Replicas: 3, Steps: []string{"pause"}, Routing: Subsets, Extras: Extras{BothServices: true}},
			Actions: []Action{
				{20 * time.Second, SetImage, "3.0.0"}, {0, ChangeStrategy, "bluegreen"}, {time.Minute, ChangeStrategy, "canary"},
			},
		}},
		{"the only pods that serve go when a preview becomes a canary", History{
			Seed:  742307,
			Setup: Setup{Strategy: Canary, Replicas: 4, Steps: []string{"0", "pause"}, Routing: Hosts, Load: true, Extras: Extras{BothServices: true}},
			Actions: []Action{
				{0, Misbehave, "1.0.0 never"}, {0, ChangeStrategy, "bluegreen"}, {0, SetImage, "2.0.0"}, {4 * time.Minute, ChangeStrategy, "canary pause:54s"},
			},
		}},
		{"an Experiment of a canary goes on when that has become blue/green", History{
			Seed:  711167,
			Setup: Setup{Strategy: Canary, Replicas: 2, Steps: []string{"experiment:61s", "15"}, Extras: Extras{BothServices: true}},
			Actions: []Action{
				{20 * time.Second, SetImage, "3.0.0"}, {10 * time.Second, ChangeStrategy, "bluegreen"}, {0, Abort, ""},
			},
		}},
		{"an update that was given up before it had a ReplicaSet begins when the pause ends, for its steps were edited before", History{
			Seed:  805380,
			Setup: Setup{Strategy: Canary, Replicas: 8, Steps: []string{"50", "pause"}, Routing: Subsets, Extras: Extras{Patience: 5 * time.Second, Crowd: true}},
			Actions: []Action{
				{0, Pause, ""}, {0, SetImage, "3.0.0"}, {0, EditSteps, "35,pause"}, {0, Abort, ""}, {0, Promote, ""},
			},
		}},
		{"requests are lost when a canary becomes blue/green while its Experiment has a share", History{
			Seed:  7,
			Setup: Setup{Strategy: Canary, Replicas: 4, Steps: []string{"experiment:61s:w10", "15"}, Routing: Hosts, Load: true, Extras: Extras{BothServices: true}},
			Actions: []Action{
				{20 * time.Second, SetImage, "3.0.0"}, {20 * time.Second, ChangeStrategy, "bluegreen auto"},
			},
		}},
		{"the same with subsets, and back", History{
			Seed:  808448,
			Setup: Setup{Strategy: Canary, Replicas: 4, Steps: []string{"experiment:61s:w10", "15"}, Routing: Subsets, Load: true, Extras: Extras{BothServices: true}},
			Actions: []Action{
				{20 * time.Second, SetImage, "3.0.0"}, {20 * time.Second, ChangeStrategy, "bluegreen auto"}, {time.Minute, ChangeStrategy, "canary 35,pause"},
			},
		}},
		{"an undo takes the pods away that the stable subset selects still", History{
			Seed:  824277,
			Setup: Setup{Strategy: Canary, Replicas: 7, Steps: []string{"100", "30"}, Routing: Subsets, Extras: Extras{Threshold: "0%"}},
			Actions: []Action{
				{0, SetImage, "4.0.0"}, {0, Quota, "3"}, {4*time.Minute + 41*time.Second, SetImage, "1.0.0"}, {0, EditSteps, "0"},
			},
		}},
		{"a held canary becomes all of a larger Rollout when what it replaces has taken the place of the stable pods", History{
			Seed:  849102,
			Setup: Setup{Strategy: Canary, Replicas: 2, Steps: []string{"100", "pause", "50"}, Extras: Extras{BothServices: true}},
			Actions: []Action{
				{0, SetImage, "4.0.0"}, {34 * time.Second, SetImage, "3.0.0"}, {0, Pause, ""}, {0, Autoscale, "6"}, {time.Minute, Metric, "good"},
			},
		}},
		{"the delay of a blue/green ReplicaSet outlives the strategy, and the progress deadline waits for its end", History{
			Seed:  861233,
			Setup: Setup{Strategy: Canary, Replicas: 7, Extras: Extras{BothServices: true}},
			Actions: []Action{
				{0, SetImage, "4.0.0"}, {0, ChangeStrategy, "bluegreen auto"}, {12 * time.Second, Misbehave, "4.0.0 never"}, {0, ChangeStrategy, "canary"},
			},
		}},
	}
}
