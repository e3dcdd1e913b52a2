package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/mesh"
)

func trafficWords() []Command {
	return []Command{
		{Name: "@repeat", Syntax: "N [every=DURATION] COMMAND", Kind: Harness, sends: true, mixed: alikeAnswers, run: repeat,
			Help: "Runs a command N times, with that time after each; it ends with the first that fails."},
		{Name: "@load", Syntax: "RATE [kubectl exec POD --] curl URL ... | off", Kind: Harness, sends: true, needs: traffic, run: load,
			Help: "Sends the request of a curl command RATE times a second from now on. off ends all loads, those of hey too."},
		{Name: "@answers", Syntax: "PATTERN WORD... [and WORD...]", Kind: Harness, needs: traffic, run: setAnswers,
			Help: "Says how containers answer whose image matches: `healthy`, or " + strings.Join(answerNames(), ", ") +
				". After an `and` follows what goes before it where it applies, as in `body='version {version}' and query=fail=true error-rate=100%`."},
		{Name: "@serve", Syntax: "HOST [path=PATH] [status=CODE] [values=SERIES] [step=DURATION] body=TEXT [and ...] | HOST off", Kind: Harness, needs: servers, run: serve,
			Help: "Answers the controller's requests to a host, for metrics that do not come from Prometheus: `*` stands for any text in HOST, `{value}` in the body " +
				"for a number of SERIES, which is written as in promtool's tests (`9950x10 8000x5`), one a minute or a step. The last answer that fits a request counts."},
		{Name: "@traffic", Kind: Harness, alike: alikeTraffic, mixed: alikeInBetween, needs: traffic, run: showTraffic,
			Help: "Prints the requests since the last @traffic: by pod template, by destination, and how many were lost. A request is lost if no application got it."},
	}
}

// mostRepeats is how often @repeat runs a command: what it prints is kept.
const mostRepeats = 1_000_000

// repeat runs a command several times.
func repeat(ctx context.Context, c *call) error {
	if len(c.args) < 2 {
		return fmt.Errorf("@repeat: give a number and a command, as in @repeat 20 curl http://web.example.com")
	}
	n, err := countOf(c.args[:1], 0)
	if err != nil {
		return fmt.Errorf("@repeat: %w", err)
	}
	if n > mostRepeats {
		return fmt.Errorf("@repeat: %d times is too often; write at most %d, or @load for requests", n, mostRepeats)
	}
	words, pause := c.args[1:], time.Duration(0)
	if text, ok := strings.CutPrefix(words[0], "every="); ok {
		if pause, err = parseDuration(text); err != nil || pause <= 0 {
			return fmt.Errorf("@repeat: every=%s: write every=1s", text)
		}
		words = words[1:]
	}
	if c.namespace != "" {
		words = slices.Concat([]string{"-n", c.namespace}, words)
	}
	run, err := c.console.parseWords(words)
	if err != nil {
		return err
	}
	for range n {
		if err := run.Run(ctx, c.out); err != nil {
			return errPrinted{err}
		}
		if err := c.console.Backend.Sleep(ctx, pause); err != nil {
			return err
		}
	}
	return nil
}

// errPrinted is an error that the command inside has printed.
type errPrinted struct{ error }

// load starts a steady load, or ends all.
func load(ctx context.Context, c *call) error {
	if len(c.args) == 1 && c.args[0] == "off" {
		for _, l := range c.console.loads {
			l.Stop()
		}
		c.console.loads = nil
		return nil
	}
	const remedy = "write @load 20 kubectl exec shell -- curl web:8080, or @load off"
	if len(c.args) < 3 {
		return fmt.Errorf("@load: %s", remedy)
	}
	rate, err := strconv.ParseFloat(c.args[0], 64)
	if err != nil || !(rate > 0) || rate > 1e9 {
		return fmt.Errorf("@load: %q is not a number of requests per second: %s", c.args[0], remedy)
	}
	request, err := curlOf(ctx, c.console.Backend.Client(), c.args[1:], c.namespace)
	if err != nil {
		return fmt.Errorf("@load: %w", err)
	}
	l, err := c.tools().Traffic.Start(ctx, mesh.Source{Request: request, Rate: rate})
	if err != nil {
		return fmt.Errorf("@load: %w", err)
	}
	c.console.loads = append(c.console.loads, l)
	return nil
}

// answerWord is a word of @answers that says one thing about a behaviour.
type answerWord struct {
	name, example string
	set           func(b *mesh.Behaviour, value string, now time.Time) error
}

var answerWords = []answerWord{
	{"error-rate", "10%", func(b *mesh.Behaviour, v string, _ time.Time) (err error) {
		b.ErrorRate, err = parseShare(v)
		return err
	}},
	{"error-code", "503", func(b *mesh.Behaviour, v string, _ time.Time) (err error) {
		if b.ErrorCode, err = strconv.Atoi(v); err == nil && (b.ErrorCode < 400 || b.ErrorCode > 599) {
			err = fmt.Errorf("an error has a status from 400 to 599")
		}
		return err
	}},
	{"latency", "300ms", func(b *mesh.Behaviour, v string, _ time.Time) (err error) {
		b.Latency.P50, err = above0(v)
		return err
	}},
	{"p99", "2s", func(b *mesh.Behaviour, v string, _ time.Time) (err error) {
		b.Latency.P99, err = above0(v)
		return err
	}},
	{"body", "TEXT", func(b *mesh.Behaviour, v string, _ time.Time) error {
		b.Body = v
		return nil
	}},
	{"query", "fail=true", func(b *mesh.Behaviour, v string, _ time.Time) error {
		b.Query = v
		return nil
	}},
	{"after", "2m", func(b *mesh.Behaviour, v string, now time.Time) error {
		d, err := above0(v)
		b.From = now.Add(d)
		return err
	}},
}

func above0(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err == nil && d <= 0 {
		err = errors.New("it must be above 0")
	}
	return d, err
}

func answerNames() (names []string) {
	for _, w := range answerWords {
		names = append(names, "`"+w.name+"="+w.example+"`")
	}
	return names
}

// parseShare reads "10%" or "0.1".
func parseShare(text string) (float64, error) {
	number, percent := strings.CutSuffix(text, "%")
	share, err := strconv.ParseFloat(number, 64)
	if percent {
		share /= 100
	}
	if err != nil || !(share >= 0 && share <= 1) {
		return 0, fmt.Errorf("write a share from 0%% to 100%%")
	}
	return share, nil
}

func setAnswers(ctx context.Context, c *call) error {
	if len(c.args) < 2 {
		return fmt.Errorf("@answers: give a pattern and what its images do, as in @answers '*:2.0.0' error-rate=10%%")
	}
	behaviours := []mesh.Behaviour{{}}
	for _, word := range c.args[1:] {
		switch word {
		case "healthy":
		case "and":
			behaviours = append(behaviours, mesh.Behaviour{})
		default:
			if err := setAnswer(&behaviours[len(behaviours)-1], word, c.console.Backend.Clock().Now()); err != nil {
				return fmt.Errorf("@answers: %w", err)
			}
		}
	}
	for _, b := range behaviours {
		if l := b.Latency; l.P99 > 0 && l.P99 <= l.P50 {
			return fmt.Errorf("@answers: p99=%s must be longer than latency=%s, which half of the answers take", l.P99, l.P50)
		}
	}
	return c.tools().Traffic.SetAnswers(ctx, c.args[0], behaviours)
}

func setAnswer(b *mesh.Behaviour, word string, now time.Time) error {
	name, value, _ := strings.Cut(word, "=")
	for _, w := range answerWords {
		if w.name != name || value == "" {
			continue
		}
		if err := w.set(b, value, now); err != nil {
			return fmt.Errorf("%s: %w, as in %s=%s", word, err, w.name, w.example)
		}
		return nil
	}
	return fmt.Errorf("unknown word %q; there are healthy, %s", word, strings.Join(answerNames(), ", "))
}

// serve answers requests to a host.
func serve(ctx context.Context, c *call) error {
	if len(c.args) == 2 && c.args[1] == "off" {
		return c.tools().Servers.Serve(ctx, c.args[0], nil)
	}
	if len(c.args) < 2 {
		return fmt.Errorf("@serve: give a host and what it answers, as in @serve oap.istio-system values=9950x10 'body={...}', or off")
	}
	answers := []sim.Answer{{}}
	for _, word := range c.args[1:] {
		if word == "and" {
			answers = append(answers, sim.Answer{})
		} else if err := setServed(&answers[len(answers)-1], word); err != nil {
			return fmt.Errorf("@serve: %w", err)
		}
	}
	if err := c.tools().Servers.Serve(ctx, c.args[0], answers); err != nil {
		return fmt.Errorf("@serve: %w", err)
	}
	return nil
}

func setServed(a *sim.Answer, word string) (err error) {
	switch name, value, _ := strings.Cut(word, "="); name {
	case "path":
		a.Path = value
	case "body":
		a.Body = value
	case "values":
		a.Values = value
	case "status":
		if a.Status, err = strconv.Atoi(value); err != nil || a.Status < 100 || a.Status > 599 {
			return fmt.Errorf("%s: write status=503", word)
		}
	case "step":
		if a.Step, err = parseDuration(value); err != nil || a.Step <= 0 {
			return fmt.Errorf("%s: write step=1m", word)
		}
	default:
		return fmt.Errorf("unknown word %q; there are path=, status=, values=, step= and body=", word)
	}
	return nil
}

// counts are the requests by what @traffic shows.
type counts struct {
	versions, destinations map[string]mesh.Count
	lost                   int64
}

// countsOf sums up a report.
func countsOf(r mesh.Report) counts {
	c := counts{versions: map[string]mesh.Count{}, destinations: map[string]mesh.Count{}, lost: r.Total.Lost}
	for _, v := range r.Versions {
		c.versions[versionName(v)] = v.Count
	}
	for _, d := range r.Destinations {
		c.destinations[destinationName(d)] = d.Count
	}
	return c
}

// versionName is the image without its registry, the workload and the hash of
// the pod template, as cells of the table.
func versionName(v mesh.VersionCount) string {
	return strings.Join([]string{v.Image[strings.LastIndex(v.Image, "/")+1:], v.Workload, v.Hash}, "\t")
}

// destinationName is the host, and the subset if there is one.
func destinationName(d mesh.DestinationCount) string {
	name := strings.TrimSuffix(strings.TrimSuffix(d.Host, ".svc.cluster.local"), "."+corev1.NamespaceDefault)
	if d.Subset != "" {
		name += "/" + d.Subset
	}
	return name
}

// showTraffic prints what was sent since the last time.
func showTraffic(ctx context.Context, c *call) error {
	report, err := c.tools().Traffic.Report(ctx)
	if err != nil {
		return fmt.Errorf("@traffic: %w", err)
	}
	before, now := c.console.counted, countsOf(report)
	c.console.counted = now
	var rows []trafficRow
	for _, v := range report.Versions {
		name := versionName(v)
		rows = append(rows, trafficRow{name, since(now.versions[name], before.versions[name])})
	}
	if err := printTraffic(c.out, "IMAGE\tWORKLOAD\tPOD TEMPLATE", rows); err != nil {
		return err
	}
	rows = nil
	for _, d := range report.Destinations {
		name := destinationName(d)
		rows = append(rows, trafficRow{name, since(now.destinations[name], before.destinations[name])})
	}
	fmt.Fprintln(c.out)
	if err := printTraffic(c.out, "DESTINATION", rows); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "\nlost requests: %d\n", now.lost-before.lost)
	return nil
}

func since(now, before mesh.Count) mesh.Count {
	return mesh.Count{Requests: now.Requests - before.Requests, Failed: now.Failed - before.Failed, Lost: now.Lost - before.Lost}
}

type trafficRow struct {
	name string
	mesh.Count
}

// printTraffic prints the rows that have requests, with their shares.
func printTraffic(out io.Writer, title string, rows []trafficRow) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "%s\tREQUESTS\tSHARE\tFAILED\n", title)
	var all int64
	for _, r := range rows {
		all += r.Requests
	}
	for _, r := range rows {
		if r.Requests > 0 {
			fmt.Fprintf(w, "%s\t%d\t%.1f%%\t%d\n", r.name, r.Requests, 100*float64(r.Requests)/float64(all), r.Failed)
		}
	}
	return w.Flush()
}

// alikeTraffic compares two lines of @traffic where requests choose their way
// by chance: a share may be five standard deviations off, and two points for
// what happened while a weight moved. Failures may be as far off; what was lost
// may not.
func alikeTraffic(want, got string) bool {
	wantedName, wanted, isRow := readTrafficRow(want)
	seenName, seen, seenRow := readTrafficRow(got)
	return wantedName == seenName && isRow == seenRow && (!isRow || wanted.near(seen))
}

// alikeInBetween compares outputs of @traffic. A promotion is several writes, and
// between two of them, which is no time in the simulator, some requests take the way
// that the first has opened: what gets none there may get two points of them, and what
// gets all may lack as many. What was lost may not differ.
func alikeInBetween(want, got []string) bool {
	wanted, others := readTrafficRows(want)
	seen, seenOthers := readTrafficRows(got)
	for name := range wanted {
		if _, ok := seen[name]; !ok {
			seen[name] = trafficNumbers{}
		}
	}
	for name, n := range seen {
		if !wanted[name].nearInBetween(n) {
			return false
		}
	}
	return slices.Equal(others, seenOthers)
}

// readTrafficRows reads an output of @traffic: its rows by name, and the other lines.
func readTrafficRows(lines []string) (rows map[string]trafficNumbers, others []string) {
	rows = map[string]trafficNumbers{}
	for _, line := range lines {
		if name, n, ok := readTrafficRow(line); ok {
			rows[name] = n
		} else {
			others = append(others, name)
		}
	}
	return rows, others
}

// readTrafficRow reads a line of @traffic. Other lines have a name only, which is all
// of them.
func readTrafficRow(line string) (name string, n trafficNumbers, ok bool) {
	words := strings.Fields(line)
	cells := len(words) - 3
	if cells < 1 || !strings.HasSuffix(words[cells+1], "%") {
		return strings.Join(words, " "), n, false
	}
	n, err := readTrafficNumbers(words[cells:])
	return strings.Join(words[:cells], " "), n, err == nil
}

// trafficNumbers are those of a line of @traffic.
type trafficNumbers struct{ requests, share, failed float64 }

func readTrafficNumbers(cells []string) (n trafficNumbers, err error) {
	var errs [3]error
	n.requests, errs[0] = strconv.ParseFloat(cells[0], 64)
	n.share, errs[1] = parseShare(cells[1])
	n.failed, errs[2] = strconv.ParseFloat(cells[2], 64)
	return n, errors.Join(errs[:]...)
}

// alikeAnswers compares the answers to as many requests: how many there are of each.
func alikeAnswers(want, got []string) bool {
	wanted, seen, n := tally(want), tally(got), float64(len(want))
	if len(want) != len(got) {
		return false
	}
	for answer := range seen {
		if wanted[answer] == 0 {
			return false
		}
	}
	for answer, times := range wanted {
		if !within(times/n, seen[answer]/n, n) {
			return false
		}
	}
	return true
}

// tally counts equal lines.
func tally(lines []string) map[string]float64 {
	n := map[string]float64{}
	for _, line := range lines {
		n[line]++
	}
	return n
}

// near reports whether chance can have made seen of n.
func (n trafficNumbers) near(seen trafficNumbers) bool {
	if n.requests == 0 || seen.requests == 0 {
		return n.requests == seen.requests
	}
	all := seen.requests / max(seen.share, 1e-9)
	return within(n.share, seen.share, all) && within(n.failed/n.requests, seen.failed/seen.requests, seen.requests)
}

// nearInBetween reports the same where a weight may have been any other for a while.
func (n trafficNumbers) nearInBetween(seen trafficNumbers) bool {
	all := max(1, seen.requests) / max(seen.share, 1e-9)
	return byChance(n.share, seen.share, all) &&
		within(n.failed/max(1, n.requests), seen.failed/max(1, seen.requests), max(1, seen.requests))
}

// within reports whether a share of n requests may come out where p is meant.
// None and all leave nothing to chance.
func within(p, share, n float64) bool {
	if p == 0 || p == 1 {
		return share == p
	}
	return byChance(p, share, n)
}

// byChance allows five standard deviations, and two points for a weight that moves.
func byChance(p, share, n float64) bool { return math.Abs(share-p) <= 5*math.Sqrt(p*(1-p)/n)+0.02 }
