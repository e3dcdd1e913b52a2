//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/scenarios"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/scenarios/replay"
)

// most bounds the whole of the play, by which the last outcome is there.
const most = 3 * time.Hour

// A spec for each scenario. They are played together, as many at a time as
// E2E_WORKERS says, each in namespaces of its own; a spec waits for the outcome of
// its own.
var _ = ginkgo.Describe("scenarios", ginkgo.Ordered, ginkgo.ContinueOnFailure, func() {
	found, err := replay.All(scenarios.FS)
	if err != nil {
		panic(err) // the files are part of this program
	}
	outcomes := map[string]chan replay.Outcome{}
	var asked []replay.Scenario
	ginkgo.BeforeAll(func() {
		ctx, stop := context.WithCancel(context.Background())
		ginkgo.DeferCleanup(stop)
		go play(ctx, asked, outcomes)
	})
	for _, s := range found {
		if !ask.only.MatchString(s.Name) || !labelled(path.Dir(s.Name)) {
			continue
		}
		asked = append(asked, s)
		outcome := make(chan replay.Outcome, 1)
		outcomes[s.Name] = outcome
		ginkgo.It(s.Name, ginkgo.Label(path.Dir(s.Name)), func(ctx ginkgo.SpecContext) {
			var o replay.Outcome
			gomega.Eventually(ctx, outcome).WithTimeout(most).Should(gomega.Receive(&o))
			switch o.Verdict() {
			case replay.Skipped:
				ginkgo.Skip(o.Result.Skipped)
			case replay.Failed:
				ginkgo.Fail(told(&o))
			}
		})
	}
})

// labelled says whether the specs of a feature were asked for.
func labelled(feature string) bool {
	suite, _ := ginkgo.GinkgoConfiguration()
	return suite.LabelFilter == "" || ginkgo.Label(feature).MatchesLabelFilter(suite.LabelFilter)
}

// play plays scenarios, and keeps what is left of those that fail.
func play(ctx context.Context, asked []replay.Scenario, outcomes map[string]chan replay.Outcome) {
	player := replay.Player{
		Open:  func() (backend.Backend, error) { return cluster.Open() },
		Clock: clock.Real{}, Longest: ask.longest,
		Closing: func(o *replay.Outcome, b backend.Backend) { o.Err = errors.Join(o.Err, keep(ctx, o, b)) },
	}
	progress := replay.Text{Out: os.Stderr, Time: "real"} // specs report in their order, which says little while they run
	player.PlayAll(ctx, asked, ask.workers, func(o *replay.Outcome) {
		progress.Write(o)
		outcomes[o.Scenario.Name] <- *o
	})
}

// keep records the objects of a scenario that has failed.
func keep(ctx context.Context, o *replay.Outcome, b backend.Backend) error {
	live, ok := b.(*backend.Live)
	if !ok || o.Err == nil && o.Verdict() != replay.Failed {
		return nil
	}
	return cluster.Record(ctx, live, folderOf(o))
}

// folderOf is where what is left of a scenario is kept.
func folderOf(o *replay.Outcome) string {
	return filepath.Join(ask.artifacts, strings.ReplaceAll(o.Scenario.Name, "/", "_"))
}

// told says what a scenario did, and writes its whole transcript into a file.
func told(o *replay.Outcome) string {
	var short, long bytes.Buffer
	(&replay.Text{Out: &short, Time: "real"}).Write(o)
	(&replay.Text{Out: &long, Time: "real", Verbose: true}).Write(o)
	file := filepath.Join(folderOf(o), "transcript.txt")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err.Error()
	}
	if err := os.WriteFile(file, long.Bytes(), 0o644); err != nil {
		return err.Error()
	}
	return short.String() + "\nthe whole transcript: " + file
}
