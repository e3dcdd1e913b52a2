package localplane

import (
	"context"
	"fmt"
	"slices"
	"syscall"
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
// connections stay open and nothing answers. [Plane.Resume] lets it go on.
func (p *Plane) Pause(name string) error { return p.signal(name, syscall.SIGSTOP) }

// Resume lets a program go on after [Plane.Pause].
func (p *Plane) Resume(name string) error { return p.signal(name, syscall.SIGCONT) }

func (p *Plane) signal(name string, s syscall.Signal) error {
	process, err := p.process(name)
	if err != nil {
		return err
	}
	return process.signal(s)
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
