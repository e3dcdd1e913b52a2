package rehearse

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/aviary-rollouts/aviary/sim/mesh"
	"github.com/aviary-rollouts/aviary/sim/wildcard"
)

// Words that stand for an image of the update.
const (
	NewImage = "new"
	OldImage = "old"
)

// Behaviour says one thing about how an image answers: ErrorRate or Latency.
type Behaviour struct {
	// Image is NewImage, OldImage or an image, in which * stands for any text.
	Image string `json:"image"`
	// After is when it begins, counted from the start of the update; 0 means
	// that it was always so.
	After Duration `json:"after"`
	// ErrorRate is the share of requests that fail with status 500, from 0 to
	// 1; nil if this is about latency.
	ErrorRate *float64 `json:"errorRate,omitempty"`
	// P50 is how long half of the answers take, P99 how long 99 in 100 take at
	// most. If P99 is 0, all answers take P50.
	P50 Duration `json:"p50,omitempty"`
	P99 Duration `json:"p99,omitempty"`
}

// String says it in words: "new fails 10% of its requests from 1m on".
func (b Behaviour) String() string {
	text := fmt.Sprintf("%s answers in %s", b.Image, b.P50)
	switch {
	case b.ErrorRate != nil:
		text = fmt.Sprintf("%s fails %s of its requests", b.Image, percent(*b.ErrorRate))
	case b.P99 > 0:
		text += fmt.Sprintf(" (99%% within %s)", b.P99)
	}
	if b.After > 0 {
		text += fmt.Sprintf(" from %s on", b.After)
	}
	return text
}

// ParseFail reads which image fails what share of its requests, and from when
// on: "new=10%", "web:2.0=0.5%@1m", "new=100%@after 90s". The error says what to
// write.
func ParseFail(text string) (Behaviour, error) {
	b, value, err := parseBehaviour(text, "new=10%")
	if err != nil {
		return b, err
	}
	number, isPercent := strings.CutSuffix(value, "%")
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !isPercent || !(n >= 0 && n <= 100) {
		return b, fmt.Errorf("%q is no share of requests; write a percentage from 0%% to 100%%, for example %s=10%%", value, b.Image)
	}
	n /= 100
	b.ErrorRate = &n
	return b, nil
}

// ParseLatency reads how long an image takes to answer: "new=200ms" for all
// answers, "new=200ms,p99=1s" for a median and a 99th percentile, and from when
// on: "new=2s@5m". The error says what to write.
func ParseLatency(text string) (Behaviour, error) {
	first, rest, spread := strings.Cut(text, ",")
	if spread && !strings.HasPrefix(rest, "p99=") {
		return Behaviour{}, fmt.Errorf("%q after the comma is not understood; write for example new=200ms,p99=1s", rest)
	}
	p99, after, timed := strings.Cut(strings.TrimPrefix(rest, "p99="), "@")
	if timed {
		first += "@" + after
	}
	b, value, err := parseBehaviour(first, "new=200ms")
	if err != nil {
		return b, err
	}
	if b.P50, err = parseTime(value); err == nil && spread {
		b.P99, err = parseTime(p99)
	}
	if err == nil && spread && b.P99 <= b.P50 {
		err = fmt.Errorf("the 99th percentile %s must be longer than the median %s", b.P99, b.P50)
	}
	return b, err
}

// parseBehaviour takes "IMAGE=VALUE@TIME" apart. An image may hold an @ itself.
func parseBehaviour(text, example string) (b Behaviour, value string, err error) {
	i := strings.LastIndex(text, "=")
	if i <= 0 || i == len(text)-1 {
		return b, "", fmt.Errorf("%q is not IMAGE=VALUE; write for example %s, or %s@1m for from 1m after the start of the update on", text, example, example)
	}
	b.Image = text[:i]
	value, after, timed := strings.Cut(text[i+1:], "@")
	if timed {
		b.After, err = parseTime(strings.TrimPrefix(strings.TrimSpace(after), "after "))
	}
	return b, strings.TrimSpace(value), err
}

func parseTime(text string) (Duration, error) {
	d, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is no time; write a time above 0, for example 200ms, 90s or 2m", text)
	}
	return Duration(d), nil
}

// behave tells the images how to answer during an update that begins at a time. The
// error names an image that no container has.
func (r *rehearsal) behave(changes []ImageChange, begin time.Time) error {
	if len(changes) == 0 {
		return nil // no container has the name: setting the image will be refused
	}
	said := map[string][]Behaviour{} // by image, in the order in which it was said
	var order []string
	for _, b := range r.Behaviours {
		found := imagesOf(b.Image, r.updating, changes)
		if len(found) == 0 {
			return inputf("no container runs the image %q; write new, old, or an image such as %s", b.Image, changes[0].To)
		}
		for _, image := range found {
			if len(said[image]) == 0 {
				order = append(order, image)
			}
			said[image] = append(said[image], b)
		}
	}
	for _, image := range order {
		r.sim.Mesh().SetImage(image, timeline(said[image], begin)...)
	}
	return nil
}

// imagesOf are the images that a word or a pattern stands for, each once, of those
// before and after an update.
func imagesOf(word string, before []corev1.Container, changes []ImageChange) (found []string) {
	add := func(image string, meant bool) {
		if meant && !slices.Contains(found, image) {
			found = append(found, image)
		}
	}
	for _, c := range changes {
		add(c.To, word == NewImage || wildcard.Match(word, c.To))
		add(c.From, word == OldImage || wildcard.Match(word, c.From))
	}
	for _, c := range before {
		add(c.Image, wildcard.Match(word, c.Image))
	}
	return found
}

// timeline turns what is said about an image, error rates and latencies in any
// order, into what holds from each time on. Of two that begin at one time, what was said
// later holds.
func timeline(said []Behaviour, began time.Time) []mesh.Behaviour {
	said = slices.Clone(said)
	slices.SortStableFunc(said, func(a, b Behaviour) int { return cmp.Compare(a.After, b.After) })
	var list []mesh.Behaviour
	var now mesh.Behaviour
	for _, b := range said {
		if b.ErrorRate != nil {
			now.ErrorRate = *b.ErrorRate
		} else {
			now.Latency = mesh.Latency{P50: time.Duration(b.P50), P99: time.Duration(b.P99)}
		}
		if b.After > 0 {
			now.From = began.Add(time.Duration(b.After))
		}
		list = append(list, now)
	}
	return list
}
