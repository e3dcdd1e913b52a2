//go:build e2e && linux

package scale

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/client-go/tools/leaderelection"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/e2e/nodeagent"
	"github.com/aviary-rollouts/aviary/e2e/rig"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/manager"
)

// requestsAtMost is how many requests an update in trouble may take: about twenty are
// what it takes without, a loop that runs hot makes thousands.
const requestsAtMost = 120

// TestTrouble updates all Rollouts of a real control plane while something goes wrong.
// Nothing may be lost, nothing may be made twice, no request may be repeated without
// end, and afterwards everything is as if nothing had happened.
func TestTrouble(t *testing.T) {
	b, server := startBench(t)
	if err := b.create(t.Context()); err != nil {
		t.Fatal(err)
	}
	images := 1
	for _, c := range []struct {
		name string
		make func(*bench, *testing.T)
	}{
		{"the controller is killed at random", (*bench).killAtRandom},
		{"the API server is restarted", (*bench).restartServer},
		{"the API server stands still", (*bench).pauseServer},
		{"the API server refuses", func(b *bench, t *testing.T) { b.pass(t, 20*time.Second, func() { server.set(sometimes(0.3)) }) }},
		{"the API server is slow", func(b *bench, t *testing.T) { b.pass(t, 20*time.Second, func() { server.set(slowly) }) }},
		{"the leader is lost", (*bench).loseLeader},
	} {
		t.Run(c.name, func(t *testing.T) {
			images++
			image := fmt.Sprintf("web:%d", images)
			begin := b.clock.Now()
			if err := b.setImage(t.Context(), image); err != nil {
				t.Fatal(err)
			}
			c.make(b, t)
			refused := server.set(nil)
			if err := b.await(t.Context(), image); err != nil {
				t.Fatal(err)
			}
			took := b.clock.Now().Sub(begin)
			if err := b.settle(t.Context()); err != nil {
				t.Error(err)
			}
			b.holdSets(t, images)
			asked := b.asked(t, begin)
			t.Logf("%d Rollouts in %s, %d requests, %d more refused on the way", b.Rollouts, took.Round(time.Second), asked, refused)
			if asked > requestsAtMost*b.Rollouts {
				t.Errorf("%d requests for %d Rollouts: something runs hot", asked, b.Rollouts)
			}
		})
	}
}

// startBench starts a control plane whose controller reaches the API server through a
// proxy that can refuse.
func startBench(t *testing.T) (*bench, *refusing) {
	t.Helper()
	server, listener, err := newRefusing(1)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{Options: Options{Rollouts: 20, Namespaces: 4, Progress: t.Output()}, clock: clock.Real{}}
	b.rig, err = rig.StartLocal(t.Context(), rig.Options{
		Bare: true, Audit: true, ControllerArgs: []string{"--server", server.address}, Progress: t.Output(),
		Nodes: nodeagent.Options{Nodes: 4, PodsPerNode: 110},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.rig.Stop(); err != nil {
			t.Error(err)
		}
		_ = listener.Close()
	})
	if err := server.lead(listener, b.rig.Plane.ConfigFor(rig.Account)); err != nil {
		t.Fatal(err)
	}
	if b.api, err = connect(b.rig.Plane); err != nil {
		t.Fatal(err)
	}
	return b, server
}

// pass lets a time pass in which something is wrong.
func (b *bench) pass(t *testing.T, d time.Duration, begin func()) {
	t.Helper()
	begin()
	if err := clock.Wait(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

// killAtRandom kills the controller again and again while the update goes on.
func (b *bench) killAtRandom(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
	defer cancel()
	kills, err := b.rig.Controller.KillAtRandom(ctx, 1500*time.Millisecond, rand.New(rand.NewPCG(7, 0)))
	t.Logf("the controller was killed %d times", kills)
	if err != nil || kills < 5 {
		t.Errorf("killed %d times: %v", kills, err)
	}
}

// restartServer takes the API server away twice.
func (b *bench) restartServer(t *testing.T) {
	for range 2 {
		b.pass(t, 4*time.Second, func() {})
		if err := b.rig.Plane.RestartAPIServer(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// pauseServer lets the API server hang with its connections open.
func (b *bench) pauseServer(t *testing.T) {
	b.pass(t, 4*time.Second, func() {})
	if err := b.rig.Plane.Pause(t.Context(), "kube-apiserver"); err != nil {
		t.Fatal(err)
	}
	b.pass(t, 10*time.Second, func() {})
	if err := b.rig.Plane.Resume("kube-apiserver"); err != nil {
		t.Fatal(err)
	}
}

// loseLeader ends the controller of the rig, starts two with a lease between them, and
// kills the one that has it.
func (b *bench) loseLeader(t *testing.T) {
	if err := b.rig.Controller.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.rig.Controller.Revive(context.Background()); err != nil {
			t.Error(err)
		}
	})
	const lease, retry = 4 * time.Second, time.Second
	leader := b.elected(t, "leader", lease, retry)
	first := b.lease(t, func(l *coordinationv1.Lease) bool { return l.Spec.HolderIdentity != nil })
	b.elected(t, "other", lease, retry)
	b.pass(t, 5*time.Second, func() {})
	if err := leader.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	last := b.lease(t, func(*coordinationv1.Lease) bool { return true })
	second := b.lease(t, func(l *coordinationv1.Lease) bool { return *l.Spec.HolderIdentity != *first.Spec.HolderIdentity })
	silence := second.Spec.AcquireTime.Sub(last.Spec.RenewTime.Time).Round(time.Millisecond)
	t.Logf("the other took over after %s of silence", silence)
	// The other counts from when it saw the last renewal, and looks that often.
	const looks = time.Duration(float64(retry) * (1 + leaderelection.JitterFactor))
	if *last.Spec.HolderIdentity != *first.Spec.HolderIdentity || silence > lease+2*looks {
		t.Errorf("with a lease of %s, looked at each %s at least, %s took over from %s after %s", lease, looks, *second.Spec.HolderIdentity, *last.Spec.HolderIdentity, silence)
	}
}

// elected starts a controller that takes part in the election, until the test ends.
func (b *bench) elected(t *testing.T, name string, lease, retry time.Duration) *exec.Cmd {
	t.Helper()
	kubeconfig, err := b.rig.Plane.KubeconfigFor(rig.Account)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(b.rig.Plane.Dir(), "logs", name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() // the process has its own
	cmd := exec.Command(filepath.Join(b.rig.Plane.Dir(), "bin", "rollouts-controller"), "--kubeconfig", kubeconfig, "--metricsPort=0", "--healthzPort=0",
		"--leader-election-namespace=argo-rollouts", "--leader-election-lease-duration", lease.String(),
		"--leader-election-renew-deadline", (lease - retry).String(), "--leader-election-retry-period", retry.String())
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // one is killed by the test
		_ = cmd.Wait()
	})
	return cmd
}

// lease waits until the lease of the leader is as wanted.
func (b *bench) lease(t *testing.T, wanted func(*coordinationv1.Lease) bool) *coordinationv1.Lease {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		l := &coordinationv1.Lease{}
		err := b.api.Get(ctx, client.ObjectKey{Namespace: "argo-rollouts", Name: manager.LockName}, l)
		if err == nil && wanted(l) {
			return l
		}
		if err := clock.Wait(ctx, 100*time.Millisecond); err != nil {
			t.Fatalf("the lease does not become what it should: %+v: %v", l.Spec, err)
		}
	}
}

// holdSets checks that each Rollout has one ReplicaSet for each image so far, and all
// its pods in the newest.
func (b *bench) holdSets(t *testing.T, images int) {
	t.Helper()
	for i := range b.Rollouts {
		var list appsv1.ReplicaSetList
		if err := b.api.List(t.Context(), &list, client.InNamespace(b.namespace(i)), client.MatchingLabels{"app": nameOf(i)}); err != nil {
			t.Fatal(err)
		}
		var seen []string
		newest := fmt.Sprintf("web:%d", images)
		for _, rs := range list.Items {
			image, want := rs.Spec.Template.Spec.Containers[0].Image, int32(0)
			if image == newest {
				want = pods
			}
			if *rs.Spec.Replicas != want || rs.Status.AvailableReplicas != want {
				t.Errorf("%s/%s of %s has %d of %d pods, want %d", rs.Namespace, rs.Name, image, rs.Status.AvailableReplicas, *rs.Spec.Replicas, want)
			}
			seen = append(seen, image)
		}
		if slices.Sort(seen); len(seen) != images || len(slices.Compact(seen)) != images {
			t.Errorf("%s/%s has ReplicaSets of %q, want one for each of %d images", b.namespace(i), nameOf(i), seen, images)
		}
	}
}

// asked counts the controller's requests since a time.
func (b *bench) asked(t *testing.T, since time.Time) (n int) {
	t.Helper()
	requests, err := b.rig.Plane.Requests()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range requests {
		if r.Received.After(since) && r.Resource != "leases" {
			n++
		}
	}
	return n
}
