package localplane

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

// RestartAPIServer kills the apiserver, starts it again at the same address and
// waits until it serves: every watch breaks, requests in flight are lost.
func (p *Plane) RestartAPIServer(ctx context.Context) error {
	return p.Restart(ctx, "kube-apiserver")
}

// Restart kills a program by its name, as [Plane.Programs] gives it, starts it
// again with the same flags and waits until it is ready.
func (p *Plane) Restart(ctx context.Context, name string) error {
	old, err := p.process(name)
	if err != nil {
		return err
	}
	old.kill()
	again, err := p.start(old.program)
	if err != nil {
		return err
	}
	p.forget(old)
	return again.await(ctx)
}

// Pause stops a program where it stands, as a machine that hangs would: its
// connections stay open and nothing answers. It returns when every thread of the
// program stands. [Plane.Resume] lets it go on.
func (p *Plane) Pause(ctx context.Context, name string) error {
	process, err := p.process(name)
	if err != nil {
		return err
	}
	if err := process.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for !standsStill(process.cmd.Process.Pid) {
		if err := clock.Wait(ctx, time.Millisecond); err != nil {
			return fmt.Errorf("waiting until %s stands still: %w", name, err)
		}
	}
	return nil
}

// Resume lets a program go on after [Plane.Pause].
func (p *Plane) Resume(name string) error {
	process, err := p.process(name)
	if err != nil {
		return err
	}
	return process.signal(syscall.SIGCONT)
}

// Programs lists the process ids of what runs, by name: etcd, kube-apiserver,
// kube-controller-manager, kube-scheduler, istiod, prometheus.
func (p *Plane) Programs() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := map[string]int{}
	for _, process := range p.running {
		ids[process.name] = process.cmd.Process.Pid
	}
	return ids
}

// process finds a running program.
func (p *Plane) process(name string) (*process, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for _, process := range p.running {
		if process.name == name {
			return process, nil
		}
		names = append(names, process.name)
	}
	return nil, fmt.Errorf("no program %q in the plane, which has %q", name, names)
}

// forget drops a process that has ended from the plane.
func (p *Plane) forget(old *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = slices.DeleteFunc(p.running, func(process *process) bool { return process == old })
}
