package scale

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"golang.org/x/sync/errgroup"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/e2e/localplane"
	"github.com/aviary-rollouts/aviary/e2e/nodeagent"
	"github.com/aviary-rollouts/aviary/e2e/rig"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/manifest"
)

// Options describe a measurement.
type Options struct {
	// Rollouts is how many there are; 0 means 200.
	Rollouts int
	// Namespaces is how many they are spread over; 0 means 10.
	Namespaces int
	// Idle is for how long nothing changes in the end; 0 means 20 s.
	Idle time.Duration
	// Dir is the folder for state and logs; empty means a temporary one.
	Dir string
	// Controller is the binary under test; empty means ours. It reaches the API
	// with its own limits on requests, unless ControllerArgs say otherwise.
	Controller     string
	ControllerArgs []string
	// Progress gets lines while things happen; nil gets none.
	Progress io.Writer
}

// pods is what each Rollout wants.
const pods = 5

// atATime is how many objects the user writes at the same time.
const atATime = 8

// bench is a measurement under way.
type bench struct {
	Options
	rig   *rig.Local
	api   client.WithWatch
	clock clock.Clock
}

// Run measures. The error says that it could not, or that a Rollout did not get
// where it should.
func Run(ctx context.Context, o Options) (report Report, err error) {
	o.Rollouts, o.Namespaces, o.Idle = cmp.Or(o.Rollouts, 200), cmp.Or(o.Namespaces, 10), cmp.Or(o.Idle, 20*time.Second)
	o.Progress = cmp.Or(o.Progress, io.Discard)
	if o.Rollouts < 0 || o.Namespaces < 0 {
		return Report{}, fmt.Errorf("%d Rollouts in %d namespaces: there must be at least one of each", o.Rollouts, o.Namespaces)
	}
	b := &bench{Options: o, clock: clock.Real{}}
	b.rig, err = rig.StartLocal(ctx, rig.Options{
		Dir: o.Dir, Bare: true, Audit: true, Controller: o.Controller, ControllerArgs: o.ControllerArgs, Progress: o.Progress,
		Nodes: nodeagent.Options{Nodes: 10, PodsPerNode: 20 + o.Rollouts*pods*2/10},
	})
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, b.rig.Stop()) }()
	if b.api, err = connect(b.rig.Plane); err != nil {
		return Report{}, err
	}
	report = Report{Rollouts: o.Rollouts, Namespaces: o.Namespaces}
	for _, phase := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"created", b.create}, {"updated", b.update}, {"settling", b.settle}, {"idle", b.idle},
	} {
		p, err := b.measure(ctx, phase.name, phase.do)
		if err != nil {
			return report, err
		}
		report.Phases = append(report.Phases, p)
	}
	return report, nil
}

// connect is the user's way to the API, without limits.
func connect(plane *localplane.Plane) (client.WithWatch, error) {
	scheme, err := manifest.Scheme()
	if err != nil {
		return nil, err
	}
	config := plane.Config()
	config.QPS, config.Burst = -1, -1
	api, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("connect to the control plane: %w", err)
	}
	return api, nil
}

// measure does something, and says what it cost the controller.
func (b *bench) measure(ctx context.Context, name string, do func(context.Context) error) (Phase, error) {
	fmt.Fprintf(b.Progress, "%d Rollouts: %s\n", b.Rollouts, name)
	before, err := usageOf(b.rig.Controller.Process())
	if err != nil {
		return Phase{}, err
	}
	start := b.clock.Now()
	if err := do(ctx); err != nil {
		return Phase{}, errors.Join(fmt.Errorf("%s: %w", name, err), b.rig.Controller.Err(), b.rig.Plane.Err())
	}
	end := b.clock.Now()
	after, err := usageOf(b.rig.Controller.Process())
	if err != nil {
		return Phase{}, errors.Join(err, b.rig.Controller.Err())
	}
	requests, err := b.rig.Plane.Requests()
	if err != nil {
		return Phase{}, err
	}
	p := Phase{Name: name, Wall: end.Sub(start), CPU: after.cpu - before.cpu, Peak: after.peak}
	for _, r := range requests {
		if !r.Received.Before(start) && r.Received.Before(end) {
			p.count(r)
		}
	}
	return p, nil
}

func (b *bench) namespace(i int) string { return fmt.Sprintf("bench-%d", i%b.Namespaces) }

// create makes everything and waits until all pods are there.
func (b *bench) create(ctx context.Context) error {
	for i := range b.Namespaces {
		n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: b.namespace(i)}}
		if err := b.api.Create(ctx, n); err != nil {
			return fmt.Errorf("create namespace %s: %w", n.Name, err)
		}
	}
	err := b.each(ctx, func(ctx context.Context, i int) error { return b.api.Create(ctx, rollout(b.namespace(i), i, "web:1")) })
	if err != nil {
		return err
	}
	return b.await(ctx, "web:1")
}

// update changes all images and waits until all pods have theirs.
func (b *bench) update(ctx context.Context) error {
	if err := b.setImage(ctx, "web:2"); err != nil {
		return err
	}
	return b.await(ctx, "web:2")
}

// setImage changes all images.
func (b *bench) setImage(ctx context.Context, image string) error {
	patch := client.RawPatch(types.JSONPatchType, fmt.Appendf(nil, `[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":%q}]`, image))
	return b.each(ctx, func(ctx context.Context, i int) error { return b.api.Patch(ctx, rollout(b.namespace(i), i, ""), patch) })
}

// quietFor is for how long nothing is written before we call it quiet.
const quietFor = 15 * time.Second

// settle waits until the controller writes nothing any more: the last pods of the
// old version end after the Rollout is healthy, and counts of Events follow.
func (b *bench) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for {
		requests, err := b.rig.Plane.Requests()
		if err != nil {
			return err
		}
		quiet := b.clock.Now().Add(-quietFor)
		if !slices.ContainsFunc(requests, func(r localplane.Request) bool {
			return changes[r.Verb] && r.Resource != "leases" && r.Received.After(quiet)
		}) {
			return nil
		}
		if err := clock.Wait(ctx, time.Second); err != nil {
			return fmt.Errorf("the controller still writes, though nothing changes: %w", err)
		}
	}
}

// idle lets time pass in which nothing changes.
func (b *bench) idle(ctx context.Context) error { return clock.Wait(ctx, b.Idle) }

// each does something to all Rollouts.
func (b *bench) each(ctx context.Context, do func(context.Context, int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atATime)
	for i := range b.Rollouts {
		group.Go(func() error {
			if err := do(ctx, i); err != nil {
				return fmt.Errorf("rollout %s/%s: %w", b.namespace(i), nameOf(i), err)
			}
			return nil
		})
	}
	return group.Wait()
}

// await waits until every Rollout is healthy with an image.
func (b *bench) await(ctx context.Context, image string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute+time.Duration(b.Rollouts)*time.Second)
	defer cancel()
	healthy := map[client.ObjectKey]bool{}
	for len(healthy) < b.Rollouts {
		if err := b.follow(ctx, image, healthy); err != nil {
			return fmt.Errorf("%d of %d Rollouts are healthy with image %s: %w", len(healthy), b.Rollouts, image, err)
		}
	}
	return nil
}

// follow notes who is healthy until all are or the watch ends.
func (b *bench) follow(ctx context.Context, image string, healthy map[client.ObjectKey]bool) error {
	var list v1alpha1.RolloutList
	if err := b.api.List(ctx, &list); err != nil {
		return fmt.Errorf("list the Rollouts: %w", err)
	}
	for i := range list.Items {
		note(&list.Items[i], image, healthy)
	}
	w, err := b.api.Watch(ctx, &list, &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.ResourceVersion}})
	if err != nil {
		return fmt.Errorf("watch the Rollouts: %w", err)
	}
	defer w.Stop()
	for len(healthy) < b.Rollouts {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case event, open := <-w.ResultChan():
			if !open {
				return nil // the server ends watches from time to time
			}
			if ro, ok := event.Object.(*v1alpha1.Rollout); ok {
				note(ro, image, healthy)
			}
		}
	}
	return nil
}

// note says whether a Rollout has reached an image.
func note(ro *v1alpha1.Rollout, image string, healthy map[client.ObjectKey]bool) {
	if ro.Spec.Template.Spec.Containers[0].Image == image && ro.Status.ObservedGeneration == fmt.Sprint(ro.Generation) &&
		ro.Status.Phase == v1alpha1.RolloutPhaseHealthy {
		healthy[client.ObjectKeyFromObject(ro)] = true
	}
}
