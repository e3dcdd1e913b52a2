package replay

import (
	"bytes"
	"cmp"
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aviary-rollouts/aviary/scenarios/kubectl"
	"github.com/aviary-rollouts/aviary/scenarios/transcript"
)

// Where scenarios share a cluster, most have nothing to do with each other. Some
// use what there is once: those with templates for the whole cluster are played one
// after the other beside the rest; those that kill the controller, last and alone.

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
	outcomes, tables := make([]Outcome, len(scenarios)), p.Tables
	switch {
	case tables == nil && workers > 1:
		tables = Timetables(ctx, scenarios)
	case tables == nil:
		tables = make([]*Timetable, len(scenarios)) // each is made when its scenario is played
	}
	var mu sync.Mutex
	play := func(i int) {
		if ctx.Err() != nil {
			return
		}
		o := p.follow(ctx, scenarios[i], tables[i])
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
	for i, table := range tables {
		of := nothing
		if table != nil {
			of = table.sharing
		}
		groups[of] = append(groups[of], i)
	}
	longestFirst(groups[nothing], tables)
	together(workers, groups, play)
	for _, i := range groups[all] {
		play(i)
	}
	return outcomes
}

// Timetables rehearses scenarios in the simulator, on all processors. One that cannot be
// rehearsed has none; playing it will say why.
func Timetables(ctx context.Context, scenarios []Scenario) []*Timetable {
	tables := make([]*Timetable, len(scenarios))
	next := atomic.Int64{}
	var work sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		work.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(scenarios); i = int(next.Add(1)) - 1 {
				if table, err := rehearse(ctx, scenarios[i]); err == nil {
					tables[i] = table
				}
			}
		})
	}
	work.Wait()
	return tables
}

// longestFirst sorts scenarios, so that the last to end has not begun late.
func longestFirst(group []int, tables []*Timetable) {
	length := func(i int) time.Duration {
		if tables[i] == nil {
			return 0
		}
		return tables[i].Length
	}
	slices.SortStableFunc(group, func(a, b int) int { return cmp.Compare(length(b), length(a)) })
}

// together plays scenarios that do not disturb each other.
func together(workers int, groups map[sharing][]int, play func(i int)) {
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
}

// sharingOf reads from the commands of a scenario what it shares.
func sharingOf(result *transcript.Result, open func(string) ([]kubectl.File, error)) sharing {
	found := nothing
	for _, step := range result.Steps {
		switch {
		case step.Call.Disturbs:
			return all
		case namesClusterTemplate(step.Command.Text(), open):
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
