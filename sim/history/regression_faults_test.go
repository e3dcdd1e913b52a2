package history

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/aviary-rollouts/aviary/sim"
)

// promotionRegressions are those of promotions that were carried out in part, when
// a write failed.
func promotionRegressions() []regression {
	zero, three, none := intstr.FromInt32(0), int32(3), int32(0)
	return []regression{
		{"a promotion that was carried out but not recorded is taken back", History{
			Seed:   91304,
			Setup:  Setup{Strategy: Canary, Replicas: 6, Steps: []string{"80", "95", "pause", "85"}, MaxSurge: &zero, Background: "tolerant", Routing: Hosts, Dynamic: true, MinPods: 2, MinReadySeconds: 5},
			Faults: []string{"lost-reply:p=0.39,to=11m23s", "stale:revisions=17,age=999ms,to=11m23s"},
			Actions: []Action{
				{173 * time.Second, EditSteps, ""}, {0, FailNode, "node-1"}, {251710 * time.Millisecond, SetImage, "2.0.0"}, {258 * time.Second, SetImage, "1.0.0"},
			},
		}},
		{"an abort gives the new version the share of the one before", History{
			Seed: 6205,
			Setup: Setup{Strategy: Canary, Replicas: 8, Steps: []string{"30", "scale:match", "scale:match", "pause"}, MaxSurge: percent("60%"), MaxUnavailable: percent("50%"),
				Background: "rate", StartingStep: 1, Routing: Hosts, Load: true, Extras: Extras{Metadata: true, Delay: &none}},
			Faults:  []string{"crash:p=0.18,restart=5s,to=11m26s"},
			Actions: []Action{{0, SetImage, "4.0.0"}, {224 * time.Second, SetImage, "3.0.0"}, {0, Abort, ""}, {79 * time.Second, Promote, ""}},
		}},
		{"an undo gets the active Service and is shrunk to a preview at once", History{
			Seed:    405493,
			Setup:   Setup{Strategy: BlueGreen, Replicas: 7, AutoPromote: true, Preview: &three, Post: "tolerant", DeadlineAbort: true},
			Faults:  []string{"refuse:code=500,p=0.38,from=37.8s,to=2m31.2s"},
			Actions: []Action{{43 * time.Second, SetImage, "3.0.0"}, {24253 * time.Millisecond, TerminateRun, "10"}, {0, SetImage, "1.0.0"}},
		}},
		{"a third image meets a promotion whose second VirtualService was refused", History{
			Seed:    204671,
			Setup:   Setup{Strategy: Canary, Replicas: 7, Steps: []string{"80"}, Routing: Hosts, Dynamic: true, Second: true, MinPods: 2, MinReadySeconds: 5},
			Faults:  []string{"conflict:p=0.35,to=4m4s"},
			Actions: []Action{{1087 * time.Millisecond, SetImage, "4.0.0"}, {21 * time.Second, SetImage, "1.0.0"}, {222 * time.Second, SetImage, "2.0.0"}},
		}},
		{"the delay of the old version ends before its promotion of the new one is recorded", History{
			Seed:    209130,
			Setup:   Setup{Strategy: Canary, Replicas: 2, Steps: []string{"15", "20", "15", "5", "pause:60s", "pause:41s"}, MaxSurge: &zero, Routing: Hosts, DeadlineAbort: true, Jitter: 0.5},
			Faults:  []string{"refuse:code=500,p=0.68,from=1m34.8s,to=3m9.6s"},
			Actions: []Action{{0, SetImage, "4.0.0"}, {193525 * time.Millisecond, Abort, ""}},
		}},
	}
}

// staleRegressions are those of decisions from a view that was too old, or of which
// that could not be known.
func staleRegressions() []regression {
	zero, two, three := intstr.FromInt32(0), intstr.FromInt32(2), intstr.FromInt32(3)
	one, none, single, twenty, forty := intstr.FromInt32(1), int32(0), int32(1), int32(20), int32(40)
	return []regression{
		{"a share of an Experiment cannot be recorded until the delay of its pods is over", History{
			Seed: 410613,
			Setup: Setup{Strategy: Canary, Replicas: 7, Steps: []string{"80", "15", "70", "experiment:35s:w10:services", "30", "scale:0"}, MaxSurge: &three, MaxUnavailable: &one,
				Routing: Subsets, Jitter: 0.5},
			Faults:  []string{"conflict:p=0.24,to=6m31s", "conflict:p=0.37,to=6m31s"},
			Actions: []Action{{0, SetImage, "2.0.0"}, {10 * time.Second, SetImage, "4.0.0"}, {133835 * time.Millisecond, Promote, ""}},
		}},
		{"the only pod of an Experiment is killed while nobody looks, and it gets its share afterwards", History{
			Seed: 461342,
			Setup: Setup{Strategy: Canary, Replicas: 1, Steps: []string{"experiment:63s:tolerant:services", "header:on", "scale:10%", "experiment:25s:rate:w15:services", "mirror:off", "pause"},
				MaxUnavailable: &two, Routing: Hosts, Load: true, MinPods: 3, DeadlineAbort: true, Jitter: 0.5,
				Extras: Extras{MirrorFirst: true, Threshold: "1%"}},
			Faults:  []string{"crash:p=0.17,restart=5s,to=6m49s"},
			Actions: []Action{{0, SetImage, "2.0.0"}, {167 * time.Second, Promote, ""}, {16 * time.Second, KillPod, "1"}},
		}},
		{"another image comes before it is on record that the first one is stable", History{
			Seed: 651508,
			Setup: Setup{Strategy: Canary, Replicas: 3, Steps: []string{"10", "experiment:8s:services", "experiment:55s:w20", "35", "pause:45s"}, MaxUnavailable: percent("20%"),
				Routing: Hosts, Dynamic: true, PingPong: true, DeadlineAbort: true, Jitter: 0.5,
				Extras: Extras{Metadata: true, History: &single, Patience: 5 * time.Second, Crowd: true}},
			Faults:  []string{"stale:revisions=7,age=1.996s,to=5m30s"},
			Actions: []Action{{6 * time.Second, SetImage, "3.0.0"}, {237 * time.Millisecond, Undo, ""}},
		}},
		{"a pause is not seen, and two steps take the requests from one another", History{
			Seed: 675859,
			Setup: Setup{Strategy: Canary, Replicas: 3, Steps: []string{"60", "header:on", "45", "25", "scale:match"}, MaxSurge: percent("30%"), Routing: Subsets, DeadlineAbort: true, Jitter: 0.5,
				Extras: Extras{Metadata: true, AntiAffinity: "preferred", Window: 2, Reserved: true, Patience: 5 * time.Second}},
			Faults:  []string{"stale:age=2.831s,AnalysisRun=2.164s,Service=1.631s,VirtualService=0s,to=6m10s"},
			Actions: []Action{{0, SetImage, "2.0.0"}, {16532 * time.Millisecond, Pause, ""}, {49 * time.Second, Experiment, "33s 3.0.0"}},
		}},
		{"a pause is not seen, and two versions take the active Service from one another", History{
			Seed: 672170,
			Setup: Setup{Strategy: BlueGreen, Replicas: 8, AutoPromote: true, Post: "rate", Workload: "never",
				Extras: Extras{Window: 1, Patience: 5 * time.Second, Crowd: true}},
			Faults:  []string{"stale:age=1.872s,AnalysisRun=1.528s,DestinationRule=0s,Job=1.198s,Pod=0s,ReplicaSet=488ms,Rollout=1.809s,Service=0s,to=8m57s"},
			Actions: []Action{{237457 * time.Millisecond, SetImage, "3.0.0"}, {29 * time.Second, Pause, ""}, {time.Second, Misbehave, "3.0.0 errs"}},
		}},
		{"a step that has begun is put on record after somebody paused", History{
			Seed: 651592,
			Setup: Setup{Strategy: Canary, Replicas: 4, Steps: []string{"pause"}, MaxSurge: percent("10%"),
				Extras: Extras{History: &none, Threshold: "3", Patience: 5 * time.Second, Crowd: true}},
			Faults:  []string{"stale:revisions=5,age=518ms,AnalysisRun=0s,DestinationRule=256ms,Experiment=176ms,Job=79ms,Rollout=0s,Service=0s,to=9m50s"},
			Actions: []Action{{0, SetImage, "3.0.0"}, {0, Promote, ""}, {19 * time.Second, SetImage, "1.0.0"}, {0, Promote, ""}, {8297 * time.Millisecond, Pause, ""}},
		}},
		{"what was on its way when a lag ended arrives late", History{
			Seed:    343558,
			Setup:   Setup{Strategy: Canary, Replicas: 7, Steps: []string{"experiment:62s"}, MaxSurge: &two, MinReadySeconds: 5, Extras: Extras{Metadata: true}},
			Faults:  []string{"stale:age=2.682s,to=15m9s"},
			Actions: []Action{{0, SetImage, "3.0.0"}, {0, FailNode, "node-1"}, {10*time.Minute + 995*time.Millisecond, RetryExperiment, "5"}},
		}},
		{"a pod that was evicted and is still seen has others evicted", History{
			Seed:    5394,
			Setup:   Setup{Strategy: Canary, Replicas: 6, Steps: []string{"40", "analysis:rate", "45"}, MaxSurge: &one, MaxUnavailable: percent("0%"), Jitter: 0.5, Extras: Extras{AntiAffinity: "preferred"}},
			Faults:  []string{"stale:revisions=15,age=2.726s,AnalysisRun=0s,DestinationRule=0s,Experiment=2.492s,Job=0s,ReplicaSet=1.025s,Rollout=0s,Service=615ms,VirtualService=1.803s,to=4m13s"},
			Actions: []Action{{0, SetImage, "3.0.0"}, {7 * time.Second, Restart, ""}, {151 * time.Second, CrashPod, "1"}},
		}},
		{"an Experiment gets its share late, when its pod does not serve any more", History{
			Seed: 420309,
			Setup: Setup{Strategy: Canary, Replicas: 4, Steps: []string{"pause:57s", "experiment:37s:w20", "pause:4s"}, MaxUnavailable: percent("50%"), Routing: Subsets, Dynamic: true, Second: true,
				AbortDelay: &twenty, Workload: "progressively"},
			Faults: []string{"lost-reply:p=0.07,to=8m48s"},
			Actions: []Action{
				{243 * time.Second, SetImage, "4.0.0"}, {0, Undo, ""}, {0, Undo, ""}, {0, Promote, ""}, {4 * time.Second, Experiment, "41s:rate 4.0.0"}, {5 * time.Second, Misbehave, "4.0.0 never"},
			},
		}},
		{"requests go back to stable pods that are on their way out, because more were wanted again at once", History{
			Seed: 445990,
			Setup: Setup{Strategy: Canary, Replicas: 5, Steps: []string{"35", "experiment:21s:services", "pause", "mirror:on", "90", "mirror:off"}, MaxSurge: &two, Routing: Subsets, Dynamic: true,
				AbortDelay: &forty, Workload: "progressively", MinReadySeconds: 5, DeadlineAbort: true, Extras: Extras{Reserved: true}},
			Faults: []string{"lost-reply:p=0.14,to=6m49s"},
			Actions: []Action{
				{0, SetImage, "2.0.0"}, {101 * time.Second, EditSteps, "55,0,experiment:51s:tolerant,65,pause:15s,mirror:on"}, {0, PromoteFull, ""}, {0, SetImage, "4.0.0"}, {297 * time.Second, Promote, ""},
			},
		}},
		{"a promotion counts on pods that have just been evicted", History{
			Seed:    7208,
			Setup:   Setup{Strategy: Canary, Replicas: 4, Steps: []string{"35", "95", "70", "pause:27s"}, MaxSurge: percent("30%")},
			Faults:  []string{"stale:age=758ms,AnalysisRun=0s,DestinationRule=23ms,Experiment=0s,Job=0s,Pod=57ms,Rollout=142ms,VirtualService=0s,to=5m16s"},
			Actions: []Action{{61 * time.Second, SetImage, "3.0.0"}, {40525 * time.Millisecond, Restart, ""}, {178 * time.Second, Experiment, "15s 3.0.0"}},
		}},
		{"the stable version makes way for a canary whose Service selects everything", History{
			Seed:    90803,
			Setup:   Setup{Strategy: Canary, Replicas: 7, Steps: []string{"55", "pause:42s"}, MaxSurge: &two, MaxUnavailable: &zero, Routing: Hosts, Dynamic: true, MinPods: 3, Workload: "never", DeadlineAbort: true},
			Faults:  []string{"stale:revisions=40,age=821ms,to=2m10s"},
			Actions: []Action{{0, SetImage, "2.0.0"}, {4 * time.Second, PromoteFull, ""}, {7 * time.Second, Abort, ""}},
		}},
		{"the stable version makes way for a canary that replaces another one and has no subset yet", History{
			Seed:    209217,
			Setup:   Setup{Strategy: Canary, Replicas: 1, Routing: Subsets, Dynamic: true, MinPods: 2, Jitter: 0.5},
			Faults:  []string{"conflict:p=0.41,to=9m4s", "conflict:p=0.46,to=9m4s"},
			Actions: []Action{{213 * time.Second, SetImage, "4.0.0"}, {78385 * time.Millisecond, Scale, "6"}, {0, SetImage, "2.0.0"}},
		}},
		{"a pause, more replicas and an undo come in one view: what is left of the old version grows", History{
			Seed:    90580,
			Setup:   Setup{Strategy: Canary, Replicas: 2, Steps: []string{"100", "mirror:off"}, Routing: Subsets},
			Faults:  []string{"stale:revisions=17,age=616ms,to=1m5s"},
			Actions: []Action{{0, SetImage, "3.0.0"}, {29740 * time.Millisecond, Scale, "8"}, {0, Pause, ""}, {0, SetImage, "1.0.0"}, {11 * time.Second, Resume, ""}},
		}},
		{"an abort takes canary pods while there are no stable ones", History{
			Seed:    201356,
			Setup:   Setup{Strategy: Canary, Replicas: 2, Steps: []string{"mirror:off", "scale:2", "65", "5", "header:off", "header:on"}, Routing: Hosts, Dynamic: true, MinPods: 3, Workload: "never", Jitter: 0.5},
			Actions: []Action{{0, Misbehave, "1.0.0 pull"}, {0, EditSteps, "15,mirror:off,40,experiment:7s:rate:w15"}, {0, SetImage, "4.0.0"}, {249 * time.Second, Abort, ""}},
		}},
		{"pods that are ready but not yet available go with all requests", History{
			Seed:    202789,
			Setup:   Setup{Strategy: Canary, Replicas: 5, Steps: []string{"20", "pause", "50", "pause"}, MaxSurge: &two, MaxUnavailable: &three, Routing: Hosts, Dynamic: true, Second: true, MinPods: 2, MinReadySeconds: 5, Jitter: 0.5},
			Faults:  []string{"stale:age=1.846s,to=8m35s"},
			Actions: []Action{{0, Misbehave, "1.0.0 crash"}, {0, SetImage, "3.0.0"}, {8620 * time.Millisecond, SetImage, "2.0.0"}},
		}},
		{"a step that was taken, but whose record was lost, is taken back", History{
			Seed:    215492,
			Setup:   Setup{Strategy: Canary, Replicas: 3, Steps: []string{"25", "analysis:quick", "mirror:on", "0", "70"}, Routing: Subsets, MinPods: 3, MinReadySeconds: 5, Jitter: 0.5},
			Faults:  []string{"lost-reply:p=0.49,to=3m52s", "stale:revisions=1,age=2.476s,to=3m52s"},
			Actions: []Action{{0, Pause, ""}, {16 * time.Second, Promote, ""}, {0, SetImage, "2.0.0"}, {time.Minute, FailNode, "node-2"}},
		}},
		{"a subset that no revision was given to loses the only pods behind it", History{
			Seed:    401290,
			Setup:   Setup{Strategy: Canary, Replicas: 4, Steps: []string{"scale:0%", "85", "header:on"}, MaxSurge: &three, Routing: Subsets, Dynamic: true, AbortDelay: new(int32), Workload: "never", DeadlineAbort: true},
			Actions: []Action{{0, Misbehave, "1.0.0 never"}, {0, SetImage, "3.0.0"}, {0, PromoteFull, ""}, {40285 * time.Millisecond, SetImage, "4.0.0"}},
		}},
		{"the stable version goes while a canary pod is missing that takes its place", History{
			Seed: 708845,
			Setup: Setup{Strategy: Canary, Replicas: 3, Steps: []string{"25", "analysis:tolerant", "95"}, Routing: Hosts, Dynamic: true, Load: true, MinReadySeconds: 5,
				DeadlineAbort: true, Workload: "onsuccess", Extras: Extras{Sockets: true}},
			Faults:  []string{"lost-reply:p=0.42,to=5m54s"},
			Actions: []Action{{0, Pause, ""}, {0, SetImage, "2.0.0"}, {0, Experiment, "12s:tolerant 2.0.0"}, {20 * time.Second, PromoteFull, ""}, {16 * time.Second, KillPod, "5"}},
		}},
		{"a pod keeps the annotation of a canary because it was refused when its ReplicaSet changed its role", History{
			Seed: 913242,
			Setup: Setup{Strategy: Canary, Replicas: 5, Steps: []string{"25", "pause:23s", "header:off", "pause:59s"}, Routing: Hosts, Dynamic: true, Load: true,
				Extras: Extras{Metadata: true, MirrorFirst: true, Sockets: true}},
			Faults: []string{"stale:revisions=1,age=2.073s,to=11m50s", "conflict:p=0.34,to=11m50s"},
			Actions: []Action{
				{0, Autoscale, "6"}, {0, SetImage, "4.0.0"}, {38 * time.Second, EditSteps, "10,0,85,mirror:on,85,header:on"}, {52855 * time.Millisecond, FailNode, "node-2"},
			},
		}},
		{"a promotion without replicas never gets its subset", History{
			Seed:   916909,
			Setup:  Setup{Strategy: Canary, Replicas: 6, Steps: []string{"scale:match", "65"}, MaxUnavailable: &zero, Routing: Subsets, MinReadySeconds: 5, Jitter: 0.5, Extras: Extras{Reserved: true}},
			Faults: []string{"conflict:p=0.38,to=10m37s", "conflict:p=0.49,to=10m37s"},
			Actions: []Action{
				{283008 * time.Millisecond, SetImage, "2.0.0"}, {147685 * time.Millisecond, Autoscale, "0"}, {0, FailNode, "node-1"}, {133 * time.Second, Restart, ""}, {0, Promote, ""},
			},
		}},
		{"an Experiment gets its share when it cannot be known that its pod failed", History{
			Seed:    940719,
			Setup:   Setup{Strategy: Canary, Replicas: 2, Steps: []string{"mirror:off", "experiment:16s:w5", "scale:1", "header:off"}, Routing: Hosts, Dynamic: true, Second: true, DeadlineAbort: true},
			Faults:  []string{"stale:age=2.63s,to=5m50s", "conflict:p=0.41,to=5m50s"},
			Actions: []Action{{67 * time.Second, SetImage, "2.0.0"}, {16 * time.Second, Misbehave, "1.0.0 crash"}, {267 * time.Second, Undo, ""}},
		}},
		{"replicas go down and up again before the first is seen", History{
			Seed:    213287,
			Setup:   Setup{Strategy: Canary, Replicas: 5, Steps: []string{"30", "pause", "experiment:15s:tolerant", "pause", "70", "80"}, MinReadySeconds: 5, DeadlineAbort: true, Jitter: 0.5},
			Faults:  []string{"stale:age=2.218s,to=7m47s"},
			Actions: []Action{{455835 * time.Millisecond, Scale, "1"}, {57 * time.Millisecond, Scale, "4"}},
		}},
	}
}

// TestBrokenFirstVersion: a first version that never serves can be replaced by one
// that does, however its requests are routed, and in no more time than usual.
func TestBrokenFirstVersion(t *testing.T) {
	for _, routing := range []Routing{"", Hosts, Subsets} {
		for _, dynamic := range []bool{false, true} {
			h := History{
				Setup:   Setup{Strategy: Canary, Replicas: 4, Steps: []string{"25", "pause:10s", "50"}, Routing: routing, Dynamic: dynamic && routing != ""},
				Actions: []Action{{0, Misbehave, "1.0.0 never"}, {0, SetImage, "2.0.0"}, {time.Minute, Metric, "good"}},
			}
			r, err := Run(h, sim.Options{})
			if err != nil {
				t.Errorf("%s%v", h, err)
				continue
			}
			promoted := false
			for _, line := range r.Sim.Trace().Lines() {
				promoted = promoted || strings.Contains(line.String(), "RolloutCompleted default/web: Rollout completed update to revision 2")
				if strings.Contains(line.String(), "history metric good") && !promoted {
					t.Errorf("%sa minute later revision 2 is not promoted", h)
				}
			}
		}
	}
}
