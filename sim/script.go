package sim

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/sim/metricservice"
	"github.com/aviary-rollouts/aviary/sim/prom"
)

// Script is a server that says what it was told to: a metric endpoint, a
// SkyWalking backend. Register it with [Network.Handle].
type Script struct {
	clock   clock.Clock
	answers []Answer
}

// Answer is what a scripted server says from a time on.
type Answer struct {
	// From is when it begins; zero means from the making of the script on.
	From time.Time
	// Path restricts it to requests of this path; empty means any.
	Path string
	// Service restricts it to requests for this service of package metricservice,
	// and answers in its form where there is no Body; empty means any server.
	Service string
	// Asks restricts it to requests that hold this text, in the query of their
	// address or in their body; empty means any.
	Asks string
	// Status is the status code; 0 means 200.
	Status int
	// ContentType is application/json if empty.
	ContentType string
	// Body is sent as it is, but for {value}, which stands for a number that
	// changes with time.
	Body string
	// Values are the numbers, Step apart from From on, in the notation of
	// promtool's unit tests: "0.95x5 0.5x10", "100-5x10". Where there is none
	// ("_"), and before, {value} is null; the last one stays.
	Values string
	// Step is the time from one value to the next; 0 means 1 minute.
	Step time.Duration

	numbers []prom.Sample
}

// NewScript returns a server with answers; of several that apply to a request
// the last counts. The error names the answer whose values cannot be read.
func NewScript(c clock.Clock, answers ...Answer) (*Script, error) {
	s := &Script{clock: c, answers: slices.Clone(answers)}
	for i := range s.answers {
		a := &s.answers[i]
		if a.From.IsZero() {
			a.From = c.Now()
		}
		if a.Step == 0 {
			a.Step = time.Minute
		}
		if a.Values == "" {
			continue
		}
		numbers, err := prom.ParseValues(a.Values)
		if err != nil {
			return nil, fmt.Errorf("answer %d: %w", i+1, err)
		}
		a.numbers = numbers
	}
	return s, nil
}

// ServeHTTP answers one request; one that nothing was said about is not found.
func (s *Script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now, question, text := s.clock.Now(), metricservice.In(r), asked(r)
	for _, a := range slices.Backward(s.answers) {
		if a.From.After(now) || a.Path != "" && a.Path != r.URL.Path || a.Service != "" && a.Service != question.Kind || !strings.Contains(text, a.Asks) {
			continue
		}
		number := a.value(now)
		body, kind := strings.ReplaceAll(a.Body, "{value}", number), a.ContentType
		if a.Body == "" && a.Service != "" {
			body, kind = question.Answer(number)
		}
		w.Header().Set("Content-Type", cmp.Or(kind, "application/json"))
		if a.Status != 0 {
			w.WriteHeader(a.Status)
		}
		_, _ = w.Write([]byte(body)) // the reader is in memory, or gone
		return
	}
	http.NotFound(w, r)
}

// asked is what a request asks for, in its address and in its body.
func asked(r *http.Request) string {
	query, err := url.QueryUnescape(r.URL.RawQuery)
	if err != nil {
		query = r.URL.RawQuery
	}
	if r.Body == nil {
		return query
	}
	body, _ := io.ReadAll(r.Body) // it is in memory
	return query + "\n" + strings.ReplaceAll(string(body), `\"`, `"`)
}

// value writes the number of a time as JSON does, which has no NaN.
func (a *Answer) value(now time.Time) string {
	if len(a.numbers) == 0 {
		return "null"
	}
	i := min(int(now.Sub(a.From)/a.Step), len(a.numbers)-1)
	if n := a.numbers[i]; !n.Omitted && n.Value-n.Value == 0 { // neither NaN nor infinite
		return strconv.FormatFloat(n.Value, 'g', -1, 64)
	}
	return "null"
}
