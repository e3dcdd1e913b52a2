package behaviour

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Request is what matters of a request.
type Request struct {
	// Code is the status that it asks for: 404 for /status/404, else what its path says,
	// as a rule 200.
	Code int
	// Asked says that it asks for that status itself, as /status/404 does.
	Asked bool
	// Delay is what it asks to wait: 200 ms for /delay/200.
	Delay time.Duration
	// Path and Query are those of its URL; the query is raw.
	Path, Query string
	// Age is how long ago the behaviour was said.
	Age time.Duration
}

// Answer is what a request gets.
type Answer struct {
	// Code is the status.
	Code int
	// Injected says that the request failed because the behaviour says so.
	Injected bool
	// Wait is the time until it is answered.
	Wait time.Duration
	// Body is what it says; empty for the usual.
	Body string
}

// Chance gives random numbers: Float64 in [0, 1), NormFloat64 of the standard
// normal distribution. A *rand.Rand of math/rand/v2 is one.
type Chance interface {
	Float64() float64
	NormFloat64() float64
}

// Decide says what a request gets from a server of a version.
func (b Behaviour) Decide(r Request, version string, chance Chance) Answer {
	a := b.answersTo(r)
	out := Answer{Code: r.Code, Wait: r.Delay + a.wait(chance)}
	if a.Status != 0 && !r.Asked {
		out.Code = a.Status
	}
	if a.ErrorRate > 0 && chance.Float64() < a.ErrorRate {
		out.Code, out.Injected = cmp.Or(a.ErrorCode, http.StatusInternalServerError), true
	}
	if a.Body != "" {
		out.Body = strings.NewReplacer("{status}", strconv.Itoa(out.Code), "{version}", version).Replace(a.Body)
	}
	return out
}

// answersTo picks the answers that count for a request: the last of And that
// applies, else those of the behaviour itself, if these apply.
func (b Behaviour) answersTo(r Request) Answers {
	for _, a := range slices.Backward(b.And) {
		if a.appliesTo(r) {
			return a
		}
	}
	if b.Answers.appliesTo(r) {
		return b.Answers
	}
	return Answers{}
}

func (a Answers) appliesTo(r Request) bool {
	asked := a.Query == "" || strings.Contains("&"+r.Query+"&", "&"+a.Query+"&")
	return asked && r.Age >= time.Duration(a.After) && strings.HasPrefix(r.Path, a.Path)
}

// z99 is the number of standard deviations below which 99 % of a normal
// distribution lie.
const z99 = 2.3263478740408408

// longest is the longest wait: with a P99 that is millions of times the median,
// a few answers would outlive the server.
const longest = time.Hour

// defaultMedian goes with a P99 that is given alone, as in the simulator.
const defaultMedian = 5 * time.Millisecond

// wait draws how long an answer takes.
func (a Answers) wait(chance Chance) time.Duration {
	p50, p99 := float64(a.Latency), float64(a.P99)
	if p50 == 0 {
		p50 = min(float64(defaultMedian), p99)
	}
	if p99 <= p50 {
		return time.Duration(p50)
	}
	sigma := math.Log(p99/p50) / z99
	return time.Duration(min(p50*math.Exp(sigma*chance.NormFloat64()), float64(longest)))
}
