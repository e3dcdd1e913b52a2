package nodeagent

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"sync"
	"syscall"

	"github.com/aviary-rollouts/aviary/mockserver/behaviour"
	"github.com/aviary-rollouts/aviary/sim/wildcard"
)

// answers are rules for how the processes of images answer, in the order in
// which they were set.
type answers struct {
	mu      sync.Mutex
	rules   []answerRule
	version int // counts changes
}

type answerRule struct {
	pattern   string
	behaviour behaviour.Behaviour
}

func (a *answers) set(pattern string, b behaviour.Behaviour) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rules = slices.DeleteFunc(a.rules, func(r answerRule) bool { return r.pattern == pattern })
	a.rules = append(a.rules, answerRule{pattern, b.Clone()})
	a.version++
}

// of returns the behaviour of an image and the version of the rules. said is
// false if no rule speaks of it: then a process behaves as its environment says.
func (a *answers) of(image string) (version int, b behaviour.Behaviour, said bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range slices.Backward(a.rules) {
		if wildcard.Match(r.pattern, image) {
			return a.version, r.behaviour.Clone(), true
		}
	}
	return a.version, behaviour.Behaviour{}, false
}

// environment is how a process is told before it starts.
func (a *answers) environment(image string) (version int, env []string) {
	version, b, said := a.of(image)
	if !said {
		return version, nil
	}
	text, err := json.Marshal(b)
	if err != nil {
		return version - 1, nil // it will be told when it answers
	}
	return version, []string{behaviour.Environment + "=" + string(text)}
}

// SetAnswers says how processes answer whose image matches the pattern, from now
// on: those that run are told before it returns, later ones start with it. In a
// pattern, * stands for any text; the one that was set last wins. The error joins
// what processes said that could not be told.
func (a *Agent) SetAnswers(ctx context.Context, pattern string, b behaviour.Behaviour) error {
	if err := b.Validate(); err != nil {
		return err
	}
	a.answers.set(pattern, b)
	var group sync.WaitGroup
	programs := a.running()
	failures := make([]error, len(programs))
	for i, x := range programs {
		group.Go(func() {
			if wildcard.Match(pattern, x.image) {
				_, failures[i] = x.tell(ctx)
				if ready, err := x.ready(ctx); err == nil {
					x.player.answers(x, ready)
				}
			}
		})
	}
	group.Wait()
	return errors.Join(failures...)
}

// running lists the processes of all pods.
func (a *Agent) running() (list []*program) {
	for _, p := range a.all() {
		p.mu.Lock()
		for _, x := range p.programs {
			list = append(list, x)
		}
		p.mu.Unlock()
	}
	return list
}

// tell brings what the process has been told to the present. A process that is
// still starting, or has just ended, is no failure: it is told when it answers,
// or its successor starts with it. It returns whether there was something to tell.
func (x *program) tell(ctx context.Context) (told bool, err error) {
	before := <-x.told
	version, b, said := x.player.agent.answers.of(x.image)
	if version == before || !said {
		x.told <- version
		return false, nil
	}
	if err := x.put(ctx, b); err != nil {
		x.told <- before
		return false, x.excuse(err)
	}
	x.told <- version
	return true, nil
}

// excuse drops the error of a process that does not listen yet or any more.
func (x *program) excuse(err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
