package sim_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/ops"
	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/fault"
	"github.com/aviary-rollouts/aviary/sim/world"
)

// A canary of five pods goes to 20 % and waits; somebody promotes it, and the
// remaining steps take half a minute. All of it happens in a few milliseconds.
//
// canary() in fixture_test.go is the Rollout with its two Services; say prints
// the virtual time, the phase and the pods.
func Example() {
	ctx := context.Background()
	s, err := sim.New(sim.Options{Objects: canary()})
	must(err)
	say(s, "deployed")
	must(s.Sleep(4 * time.Second))
	say(s, "ready")

	must(ops.SetImage(ctx, s.Client(), mockServer, ops.ContainerImage{Container: "mock-server", Image: image + "2.0.0"}))
	must(s.Settle())
	say(s, "new image")
	must(s.Sleep(time.Hour))
	say(s, "an hour later")

	must(ops.Promote(ctx, s.Client(), mockServer, false))
	must(s.Sleep(30 * time.Second))
	say(s, "promoted")
	must(s.Sleep(time.Minute))
	say(s, "done")

	// Output:
	// 09:00:00 deployed      Progressing (updated replicas are still becoming available), 5 pods of 1.0.0
	// 09:00:04 ready         Healthy, 5 pods of 1.0.0
	// 09:00:04 new image     Progressing (more replicas need to be updated), 5 pods of 1.0.0, 1 pods of 2.0.0
	// 10:00:04 an hour later Paused (CanaryPauseStep), 4 pods of 1.0.0, 1 pods of 2.0.0
	// 10:00:34 promoted      Paused (CanaryPauseStep), 3 pods of 1.0.0, 2 pods of 2.0.0
	// 10:01:34 done          Healthy, 5 pods of 2.0.0
}

// The world misbehaves: version 2.0.0 crashes, so its canary never becomes
// available, and the five pods that serve stay.
func Example_badImage() {
	s, err := sim.New(sim.Options{Objects: canary()})
	must(err)
	s.World().SetImage("*:2.0.0", world.ImageBehaviour{CrashLoop: true})
	must(s.Sleep(10 * time.Second))

	must(ops.SetImage(context.Background(), s.Client(), mockServer, ops.ContainerImage{Container: "mock-server", Image: image + "2.0.0"}))
	degraded := func() bool { return phaseOf(s) == v1alpha1.RolloutPhaseDegraded }
	must(s.RunUntil(degraded, time.Hour))
	say(s, "gave up")

	must(ops.Undo(context.Background(), s.Client(), mockServer, 0))
	must(s.Sleep(10 * time.Second))
	say(s, "undone")

	// Output:
	// 09:10:10 gave up       Degraded (ProgressDeadlineExceeded: ReplicaSet "mock-server-7c6fcfb847" has timed out progressing.), 5 pods of 1.0.0, 1 pods of 2.0.0
	// 09:10:20 undone        Healthy, 5 pods of 1.0.0
}

// The controller dies after each of its first writes, its cache lags, and the
// API server is busy. A fault that has an end must leave no trace in the end.
func Example_faults() {
	var faults []fault.Fault
	for _, text := range []string{"crash:p=0.3,restart=2s,to=2m", "stale:age=500ms,to=2m", "refuse:code=429,p=0.5,to=2m"} {
		f, err := fault.Parse(text)
		must(err)
		faults = append(faults, f)
	}
	s, err := sim.New(sim.Options{Seed: 1, Objects: blueGreen(), Faults: faults})
	must(err)
	must(ops.SetImage(context.Background(), s.Client(), mockServer, ops.ContainerImage{Container: "mock-server", Image: image + "2.0.0"}))
	must(s.Sleep(10 * time.Minute))
	say(s, "in spite of all")

	// Output:
	// 09:10:00 in spite of all Paused (BlueGreenPause), 5 pods of 1.0.0, 5 pods of 2.0.0
}

// A trace tells who wrote what, and why: here what the controller made of a
// new Rollout.
func ExampleSim_Trace() {
	s, err := sim.New(sim.Options{Objects: canary()})
	must(err)
	for _, line := range s.Trace().Lines() {
		if strings.Contains(line.Text, sim.ControllerName+" create") || strings.HasPrefix(line.Text, "event") || strings.Contains(line.Text, "replicas 0 -> 5") {
			fmt.Println(line)
		}
	}
	must(s.CheckQuiet()) // looking again at everything writes nothing

	// Output:
	// 09:00:00.000 rollouts-controller create ReplicaSet default/mock-server-6579c6cc98 rv=13 replicas none -> 5
	// 09:00:00.000 event Normal RolloutUpdated default/mock-server: Rollout updated to revision 1
	// 09:00:00.000 event Normal NewReplicaSetCreated default/mock-server: Created ReplicaSet mock-server-6579c6cc98 (revision 1)
	// 09:00:00.000 event Normal RolloutCompleted default/mock-server: Rollout completed update to revision 1 (6579c6cc98): Initial deploy
	// 09:00:00.000 event Normal ScalingReplicaSet default/mock-server: Scaled up ReplicaSet mock-server-6579c6cc98 (revision 1) from 0 to 5
}

// must ends an example that does not go as told. A failed simulation stays
// failed, so a test may also look at the last error alone.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// say prints one line about the Rollout.
func say(s *sim.Sim, when string) {
	ro, err := ops.Get(context.Background(), s.Client(), mockServer)
	if err != nil {
		fmt.Println(err)
		return
	}
	state := string(ro.Status.Phase)
	if ro.Status.Message != "" {
		state += " (" + ro.Status.Message + ")"
	}
	fmt.Printf("%s %-13s %s%s\n", s.Now().Format(time.TimeOnly), when, state, podsByVersion(s))
}
