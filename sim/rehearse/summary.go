package rehearse

import (
	"fmt"
	"strings"
)

// loadText says what users send, and what was chosen for them; empty if nothing.
func (r *Report) loadText() string {
	t := r.Traffic
	if t == nil {
		return ""
	}
	text := fmt.Sprintf("Load: %s requests a second to %s", number64(t.Rate), t.URL)
	var chosen []string
	if t.RateChosen {
		chosen = append(chosen, "a rate made up for the rehearsal, since something has to be measured; choose with --load RATE[@HOST:PORT/PATH]")
	}
	if t.ServiceAdded {
		chosen = append(chosen, "a Service made up as well, since none of the files leads to the pods")
	}
	if len(chosen) > 0 {
		text += " (" + strings.Join(chosen, "; ") + ")"
	}
	return text + "."
}

// number64 writes a rate: "50", "0.5".
func number64(f float64) string { return strings.TrimSuffix(fmt.Sprintf("%g", f), ".0") }

// behavioursText says how images answer; empty if nobody said anything.
func (r *Report) behavioursText() string {
	var texts []string
	for _, b := range r.Behaviours {
		texts = append(texts, b.String())
	}
	if len(texts) == 0 {
		return ""
	}
	return "Behaviour: " + strings.Join(texts, "; ") + "."
}

// Summary says in a few lines what the update meant for users: how long it took,
// what they sent, what failed and how long it took, how many met the new version, how many pods it
// took. It is empty if there was no update.
func (r *Report) Summary() []Line {
	if !r.Updated() {
		return nil
	}
	lines := []Line{{"Outcome", r.endText()}}
	if t := r.Traffic; t != nil {
		lines = append(lines,
			Line{"Requests", t.requestsText()},
			Line{"Failed", t.failedText()},
			Line{"Exposed", t.exposedText(r.Outcome.Verdict)})
		if text := t.answersText(); text != "" {
			lines = append(lines, Line{"Answers", text})
		}
	}
	text := fmt.Sprintf("at most %d at once for %s", r.Pods.MostWithEnding, count(r.Replicas, "replica"))
	if r.Pods.FewestReady >= 0 {
		text += fmt.Sprintf(", never fewer than %d ready", r.Pods.FewestReady)
	}
	return append(lines, Line{"Pods", text})
}

// Line is one line of a summary.
type Line struct{ Name, Text string }

// endText is "aborted after 1m34s".
func (r *Report) endText() string {
	switch r.Outcome.Verdict {
	case Promoted, Aborted:
		return fmt.Sprintf("%s after %s%s", r.Outcome.Verdict, r.Outcome.Took, r.mistakeText())
	case Waiting:
		return fmt.Sprintf("waits for a person since %s%s", r.Outcome.Took, r.stepText())
	}
	return fmt.Sprintf("unfinished: %s%s", r.Outcome.status(), r.stepText())
}

// mistakeText says that an end tells nothing of the new version; empty if it does.
func (r *Report) mistakeText() string {
	if len(r.Mistakes()) == 0 || r.Outcome.Verdict != Aborted {
		return ""
	}
	if refused.MatchString(r.Outcome.Message) {
		return ", as every version would be: the experiment has a mistake"
	}
	return ", as every version would be: the analysis has a mistake"
}

func (t *Traffic) requestsText() string {
	if t.NewRequests == 0 {
		return fmt.Sprintf("%s in %s, none of them to the new version", thousands(t.Requests), t.Span)
	}
	return fmt.Sprintf("%s in %s, of which the new version got %s (%s)",
		thousands(t.Requests), t.Span, thousands(t.NewRequests), percent(ratio(t.NewRequests, t.Requests)))
}

func (t *Traffic) failedText() string {
	if t.Failed == 0 {
		return "none"
	}
	var parts []string
	if t.NewFailed == t.Failed {
		parts = append(parts, "all because of the new version")
	} else if t.NewFailed > 0 {
		parts = append(parts, thousands(t.NewFailed)+" because of the new version")
	}
	if rest := t.Failed - t.NewFailed - t.Lost; rest > 0 {
		parts = append(parts, thousands(rest)+" answered so by the old one")
	}
	if t.Lost > 0 {
		parts = append(parts, thousands(t.Lost)+" lost on the way")
	}
	return fmt.Sprintf("%s (%s of all), %s", thousands(t.Failed), percent(ratio(t.Failed, t.Requests)), strings.Join(parts, ", "))
}

func (t *Traffic) exposedText(verdict string) string {
	text := fmt.Sprintf("at most %s of requests at a time went to the new version", percent(t.PeakTrial))
	if t.PeakTrial == 0 {
		text = "no request went to the new version"
	}
	if verdict == Promoted {
		text += " before it was promoted; all have gone there since"
	}
	if f := t.Failing(); f > 0 && verdict != Aborted {
		text += fmt.Sprintf("; at the end %s requests still fail every minute", thousands(int64(60*f)))
	}
	return text
}

func ratio(n, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// lost warns of requests that reached nobody, each reason once.
func (r *Report) lost() {
	if r.Traffic == nil {
		return
	}
	sums := map[string]int64{}
	var order []TrafficLoss
	for _, l := range r.Traffic.Losses {
		key := l.Destination + l.Reason
		if sums[key] == 0 {
			order = append(order, l)
		}
		sums[key] += l.Requests
	}
	for _, l := range order {
		_, words, _ := strings.Cut(l.Reason, ": ")
		r.warn("lost", 0, "%s of users to %s are lost from %s on: %s", count64(sums[l.Destination+l.Reason], "request"), l.Destination, l.At, words)
	}
}

func count64(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(n) + " " + noun + "s"
}
