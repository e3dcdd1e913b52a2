package nodeagent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/mockserver/behaviour"
)

const (
	// eager is the time between two questions to a process that has not answered
	// yet, patient that to one which has.
	eager   = 50 * time.Millisecond
	patient = 2 * time.Second
	// probeTimeout is how long an answer may take.
	probeTimeout = time.Second
	// failureThreshold is how often in a row a process that was ready may not answer
	// in time before it is not ready any more, as with kubelets: a machine that has
	// other things to do for a second is no failure.
	failureThreshold = 3
)

// program is a process that stands for a container.
type program struct {
	command
	player  *player
	run     int32
	process *os.Process
	gone    chan struct{} // closed when it has ended
	close   context.CancelFunc
	client  *http.Client

	told chan int // holds which answers it has been told, see answers.go
}

// start starts the process of a container. What it does until it answers is told
// to the player.
func (p *player) start(c command, run int32) (*program, error) {
	options := p.agent.options
	cmd := exec.Command(options.Program)
	told, env := p.agent.answers.environment(c.image)
	drain := "DRAIN=" + (p.agent.termination() / 2).String()
	cmd.Env = append(append([]string{drain}, env...), c.environment...)
	cmd.SysProcAttr = ownGroup()
	output, err := p.output(c.container)
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = output, output
	if err := p.agent.launcher.start(cmd); err != nil {
		_ = output.Close()
		return nil, err
	}
	_ = output.Close() // the process has its own
	ctx, cancel := context.WithCancel(context.Background())
	x := &program{
		command: c, player: p, run: run, process: cmd.Process, gone: make(chan struct{}), close: cancel, told: make(chan int, 1),
		client: &http.Client{Timeout: probeTimeout, Transport: &http.Transport{DisableKeepAlives: true}},
	}
	x.told <- told
	go func() {
		err := cmd.Wait()
		close(x.gone)
		cancel()
		p.ended(x, exitCode(err))
	}()
	go x.watch(ctx)
	return x, nil
}

// output is where a process prints to: a file for each container of each pod.
func (p *player) output(container string) (*os.File, error) {
	if p.agent.options.Logs == "" {
		return os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	}
	name := strings.Join([]string{p.key.Namespace, p.key.Name, container}, "_") + ".log"
	return os.OpenFile(filepath.Join(p.agent.options.Logs, name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
}

// exitCode is the code that a process ended with; 128 and its number for a
// signal, as a shell says it.
func exitCode(err error) int {
	exit := (*exec.ExitError)(nil)
	if !errors.As(err, &exit) {
		return 0
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}

// watch asks the process whether it is ready until it ends, and passes on what
// is news.
func (x *program) watch(ctx context.Context) {
	ready, silent, pause := false, 0, eager
	for clock.Wait(ctx, pause) == nil {
		now, err := x.ready(ctx)
		if now {
			pause = patient
			if told, _ := x.tell(ctx); told { // what could not be told is tried again
				now, err = x.ready(ctx)
			}
		}
		if err == nil {
			silent = 0
		} else if silent++; silent < failureThreshold {
			continue
		}
		if now != ready && ctx.Err() == nil {
			ready = now
			x.player.answers(x, ready)
		}
	}
}

// ready asks the process whether it is ready. The error is that it does not answer.
func (x *program) ready(ctx context.Context) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+x.address+"/healthz", nil)
	if err != nil {
		return false, err
	}
	response, err := x.client.Do(request)
	if err != nil {
		return false, err
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK, nil
}

// put tells the process how to behave.
func (x *program) put(ctx context.Context, b behaviour.Behaviour) error {
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+x.address+"/-/behaviour", strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	response, err := x.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return fmt.Errorf("pod %s: PUT /-/behaviour: %s: %s", x.player.key, response.Status, why)
	}
	return nil
}

// terminate asks the process to end in good order.
func (x *program) terminate() { signalGroup(x.process, syscall.SIGTERM) }

// kill ends the process and waits until it is gone.
func (x *program) kill() {
	x.close()
	signalGroup(x.process, syscall.SIGKILL)
	<-x.gone
}
