package rehearse

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aviary-rollouts/aviary/sim/mesh"
)

// Traffic is what users sent during the update, and what became of it.
type Traffic struct {
	// URL is where requests went, Rate how many a second.
	URL  string  `json:"url"`
	Rate float64 `json:"rate"`
	// RateChosen and URLChosen are true for what nobody asked for, ServiceAdded
	// if the Service of the URL is in none of the files.
	RateChosen   bool `json:"rateChosen"`
	URLChosen    bool `json:"urlChosen"`
	ServiceAdded bool `json:"serviceAdded"`
	// Span is the time that is counted: from the start of the update to a
	// little after its end.
	Span Duration `json:"span"`
	// Requests is all that users sent. Lost counts what reached no pod, Failed
	// what users saw fail, the lost ones included.
	Requests int64 `json:"requests"`
	Failed   int64 `json:"failed"`
	Lost     int64 `json:"lost"`
	// NewRequests went to the new version, NewFailed failed there.
	NewRequests int64 `json:"newRequests"`
	NewFailed   int64 `json:"newFailed"`
	// PeakNew is the highest share of requests that went to the new version at any
	// moment, from 0 to 1: by the weights and the pods then, however short it was.
	PeakNew float64 `json:"peakNew"`
	// PeakTrial is the same for the time before the promotion, which begins when
	// the last step that waits for something is over; without one it is PeakNew.
	PeakTrial float64 `json:"peakTrial"`
	// Versions sent answers. They are in the order in which they were first seen.
	Versions []VersionTraffic `json:"versions"`
	// Windows count by time; each lasts 10 s.
	Windows []TrafficWindow `json:"windows"`
	// Losses say what was lost and why, the oldest first, at most 20.
	Losses []TrafficLoss `json:"losses,omitempty"`
}

// VersionTraffic is what one version did.
type VersionTraffic struct {
	// Name is "revision 2", or "experiment canary" for pods of an Experiment.
	Name string `json:"name"`
	// Revision is 0 for pods that belong to no revision.
	Revision int64  `json:"revision,omitempty"`
	Image    string `json:"image"`
	// New is true for the version that the update brings.
	New      bool  `json:"new"`
	Requests int64 `json:"requests"`
	Failed   int64 `json:"failed"`

	mirrored int64 // copies of requests that it got
}

// TrafficWindow is 10 s of requests.
type TrafficWindow struct {
	At      Duration `json:"at"`
	Seconds float64  `json:"seconds"`
	// Versions count in the order of Traffic.Versions.
	Versions []Requests `json:"versions"`
	Lost     int64      `json:"lost"`
	// P99 is how long 99 in 100 of all answers took at most; 0 if there were none,
	// or if nobody said how long any image takes.
	P99 Duration `json:"p99,omitempty"`
}

// Requests counts requests and those that failed.
type Requests struct {
	Requests int64 `json:"requests"`
	Failed   int64 `json:"failed"`
	// P99 is that of a TrafficWindow for these requests.
	P99 Duration `json:"p99,omitempty"`
}

// TrafficLoss is requests that were lost for one reason.
type TrafficLoss struct {
	At          Duration `json:"at"`
	To          Duration `json:"to"`
	Requests    int64    `json:"requests"`
	Destination string   `json:"destination"`
	Reason      string   `json:"reason"`
}

// maxLosses bounds the list of losses in a report.
const maxLosses = 20

// WindowWidth is how long a [TrafficWindow] lasts.
const WindowWidth = window

// count fills in what became of the requests since the update began.
func (r *rehearsal) count(report *Report) error {
	t := report.Traffic
	if t == nil {
		return nil
	}
	end := r.sim.Now().Add(tail)
	for _, b := range r.Behaviours { // one that begins later is of interest, if the version is still there
		if begins := r.observer.began.Add(time.Duration(b.After) + tail); report.Outcome.Verdict != Aborted && begins.After(end) {
			end = begins
		}
	}
	if rest := end.Sub(r.observer.began) % window; rest > 0 {
		end = end.Add(window - rest)
	}
	if err := r.sim.Sleep(end.Sub(r.sim.Now())); err != nil {
		return r.broken(err)
	}
	t.Span = Duration(end.Sub(r.observer.began))
	seen := r.sim.Mesh().Report()
	t.versions(&seen, report)
	for i := range seen.Timeline {
		if w := &seen.Timeline[i]; !w.Start.Before(r.observer.began) {
			t.add(w, r.observer.began)
		}
	}
	t.peaks(r.load.Divisions(), r.observer.began.Add(time.Duration(report.trial())), report.Outcome.Verdict == Promoted)
	t.losses(seen.Lost, r.observer.began)
	return r.measureAnswers(t)
}

// peaks finds the highest shares of the new version. A trial that ended with the
// promotion counts up to its end.
func (t *Traffic) peaks(divisions []mesh.Division, trial time.Time, promoted bool) {
	for _, d := range divisions {
		fresh := 0.0
		for i, share := range d.Shares {
			if t.Versions[i].New {
				fresh += share
			}
		}
		t.PeakNew = max(t.PeakNew, fresh)
		if !promoted || d.From.Before(trial) {
			t.PeakTrial = max(t.PeakTrial, fresh)
		}
	}
}

// trial is how long a version that was promoted was on trial: until the last step was
// over that waits for something, or, if there is none, until the end.
func (r *Report) trial() Duration {
	rows := r.Timeline
	for i := len(rows) - 2; i >= 0 && r.lastHold > 0; i-- {
		if int(rows[i].Step) < r.lastHold {
			return rows[i+1].At
		}
	}
	return r.Outcome.Took
}

// versions lists who answered.
func (t *Traffic) versions(seen *mesh.Report, report *Report) {
	for _, v := range seen.Versions {
		x := VersionTraffic{Image: v.Image, mirrored: v.Mirrored, Name: nameOf(v.Version, report), Revision: report.revisionOf(v.Hash)}
		if x.Revision > 0 {
			x.Name = fmt.Sprintf("revision %d", x.Revision)
		}
		x.New = x.Revision > report.FirstDeploy.Stable || slices.ContainsFunc(report.Images, func(c ImageChange) bool {
			return x.Revision == 0 && c.To == v.Image && c.To != c.From
		})
		t.Versions = append(t.Versions, x)
	}
}

var experimentWorkload = regexp.MustCompile(`^[a-z0-9]+-\d+-\d+-(.+)$`)

// nameOf names pods that belong to no revision.
func nameOf(v mesh.Version, report *Report) string {
	if m := experimentWorkload.FindStringSubmatch(strings.TrimPrefix(v.Workload, report.Rollout+"-")); m != nil {
		return "experiment " + m[1]
	}
	return v.Workload
}

// revisionOf is the revision whose pods have a hash; 0 if none has.
func (r *Report) revisionOf(hash string) int64 {
	for _, row := range r.Timeline {
		for _, p := range row.Revisions {
			if p.ReplicaSet == r.Rollout+"-"+hash {
				return p.Revision
			}
		}
	}
	return 0
}

// add counts one window.
func (t *Traffic) add(w *mesh.Window, began time.Time) {
	at := Duration(w.Start.Sub(began))
	row := TrafficWindow{At: at, Seconds: at.Seconds(), Lost: w.Lost, Versions: make([]Requests, len(t.Versions))}
	for i, c := range w.Versions {
		row.Versions[i] = Requests{Requests: c.Requests, Failed: c.Failed}
		t.Versions[i].Requests += c.Requests
		t.Versions[i].Failed += c.Failed
		t.Requests += c.Requests
		t.Failed += c.Failed
		if t.Versions[i].New {
			t.NewRequests += c.Requests
			t.NewFailed += c.Failed
		}
	}
	t.Requests += w.Lost
	t.Failed += w.Lost
	t.Lost += w.Lost
	t.Windows = append(t.Windows, row)
}

func (t *Traffic) losses(lost []mesh.Loss, began time.Time) {
	for _, l := range lost {
		if l.To.After(began) && len(t.Losses) < maxLosses {
			t.Losses = append(t.Losses, TrafficLoss{
				At: Duration(max(l.From.Sub(began), 0)), To: Duration(l.To.Sub(began)), Requests: l.Requests,
				Destination: l.Destination, Reason: string(l.Reason),
			})
		}
	}
}

// Failing is how many requests a second failed in the last full window.
func (t *Traffic) Failing() float64 {
	if len(t.Windows) == 0 {
		return 0
	}
	last := t.Windows[len(t.Windows)-1]
	failed := last.Lost
	for _, v := range last.Versions {
		failed += v.Failed
	}
	return float64(failed) / window.Seconds()
}

// percent writes a share from 0 to 1: "10%", "0.5%", "<0.01%".
func percent(share float64) string {
	p := 100 * share
	switch {
	case p > 0 && p < 0.01:
		return "<0.01%"
	case p >= 99.995 && p < 100:
		return ">99.99%"
	}
	digits := math.Pow(10, float64(min(2, max(0, 2-int(math.Floor(math.Log10(max(p, 0.01))))))))
	return strconv.FormatFloat(math.Round(p*digits)/digits, 'f', -1, 64) + "%"
}

// thousands writes a number with commas: "12,345".
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
