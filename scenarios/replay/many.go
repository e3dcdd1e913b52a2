package replay

import (
	"bytes"
	"context"
	"strings"
	"sync"

	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/scenarios/console"
	"github.com/aviary-rollouts/aviary/scenarios/kubectl"
	"github.com/aviary-rollouts/aviary/scenarios/transcript"
	"github.com/aviary-rollouts/aviary/sim"
)

// Where scenarios share a cluster, most have nothing to do with each other. Some
// use what there is once: those with servers of their own, or with templates for
// the whole cluster, are played one after the other beside the rest; those that
// kill the controller, last and alone.

// sharing is what a scenario shares with others on its cluster.
type sharing int

const (
	nothing sharing = iota
	oneOfMany
	all
)

// PlayAll plays scenarios, with so many at a time on a cluster that they share,
// or in turn, and tells of each as it ends. The outcomes are in the order of the scenarios;
// those that an interrupt left out are zero.
func (p *Player) PlayAll(ctx context.Context, scenarios []Scenario, workers int, ended func(*Outcome)) []Outcome {
	outcomes := make([]Outcome, len(scenarios))
	var mu sync.Mutex
	play := func(i int) {
		if ctx.Err() != nil {
			return
		}
		o := p.Play(ctx, scenarios[i])
		mu.Lock()
		defer mu.Unlock()
		outcomes[i] = o
		ended(&outcomes[i])
	}
	if workers <= 1 {
		for i := range scenarios {
			play(i)
		}
		return outcomes
	}
	groups := map[sharing][]int{}
	for i := range scenarios {
		s := sharingOf(scenarios[i])
		groups[s] = append(groups[s], i)
	}
	var work sync.WaitGroup
	queue := make(chan int)
	for range workers - 1 {
		work.Go(func() {
			for i := range queue {
				play(i)
			}
		})
	}
	work.Go(func() {
		for _, i := range groups[oneOfMany] {
			play(i)
		}
	})
	for _, i := range groups[nothing] {
		queue <- i
	}
	close(queue)
	work.Wait()
	for _, i := range groups[all] {
		play(i)
	}
	return outcomes
}

// sharingOf reads from the commands of a scenario what it shares. A broken one
// shares nothing: it will not be played.
func sharingOf(s Scenario) sharing {
	file, err := transcript.Parse(s.Path(), s.Data)
	if err != nil {
		return nothing
	}
	cluster, err := backend.NewSim(sim.Options{})
	if err != nil {
		return nothing
	}
	open := console.SectionFiles(file, s.folders()...)
	words := console.New(cluster, open)
	found := nothing
	for i := range file.Parts {
		c := file.Parts[i].Command
		if c == nil {
			continue
		}
		call, err := words.Parse(c.Text())
		switch {
		case err != nil:
		case call.Disturbs:
			return all
		case call.Shares, namesClusterTemplate(c.Text(), open):
			found = oneOfMany
		}
	}
	return found
}

// namesClusterTemplate reports whether a command applies a file with a template
// for the whole cluster.
func namesClusterTemplate(line string, open func(string) ([]kubectl.File, error)) bool {
	words := strings.Fields(line)
	for i, word := range words {
		if word != "-f" || i+1 == len(words) {
			continue
		}
		files, err := open(words[i+1])
		if err != nil {
			continue
		}
		for _, f := range files {
			if bytes.Contains(f.Data, []byte("kind: ClusterAnalysisTemplate")) {
				return true
			}
		}
	}
	return false
}
