package mesh

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aviary-rollouts/aviary/sim/wildcard"
)

// Behaviour says how the containers of an image answer, from a time on and for
// some requests. Where nothing is said, they answer well, and as they are asked:
// /status/503 with status 503, /delay/200 after 200 ms.
type Behaviour struct {
	// From is when this begins; zero means that it was always so.
	From time.Time
	// Query restricts it to requests whose query has this parameter, as in
	// "fail=true".
	Query string
	// ErrorRate is the share of requests that fail, from 0 to 1.
	ErrorRate float64
	// ErrorCode is the status of those; 0 means 500.
	ErrorCode int
	// Latency is how long answers take; zero means a median of 5 ms.
	Latency Latency
	// Body is what an answer says; {status} and {version} in it stand for the
	// status code and the tag of the image.
	Body string
}

// applies reports whether it holds for a request at a time.
func (b *Behaviour) applies(now time.Time, query string) bool {
	return !b.From.After(now) && (b.Query == "" || strings.Contains("&"+query+"&", "&"+b.Query+"&"))
}

// imageRules are in the order in which they were set.
type imageRules []imageRule

type imageRule struct {
	pattern    string
	behaviours []Behaviour
}

func (r *imageRules) set(pattern string, behaviours []Behaviour) {
	*r = slices.DeleteFunc(*r, func(x imageRule) bool { return x.pattern == pattern })
	*r = append(*r, imageRule{pattern, slices.Clone(behaviours)})
}

// of returns what an image does with a request: the last behaviour that applies
// of the pattern that was set last.
func (r imageRules) of(image string, now time.Time, query string) Behaviour {
	for _, rule := range slices.Backward(r) {
		if !wildcard.Match(rule.pattern, image) {
			continue
		}
		for _, b := range slices.Backward(rule.behaviours) {
			if b.applies(now, query) {
				return b
			}
		}
	}
	return Behaviour{}
}

// next returns the first time after now at which a behaviour begins; zero if
// none does.
func (r imageRules) next(now time.Time) (at time.Time) {
	for _, rule := range r {
		for _, b := range rule.behaviours {
			if b.From.After(now) && (at.IsZero() || b.From.Before(at)) {
				at = b.From
			}
		}
	}
	return at
}

// answer is what a request to a pod leads to: status code, or with a
// probability errorCode.
type answer struct {
	code, errorCode int
	errorRate       float64
	latency         Latency
	body            string
}

// answer applies a behaviour to a path.
//
//	/status/404        404
//	/delay/300         200 after 300 ms
//	/reviews/0         200
func (b Behaviour) answer(path string) answer {
	a := answer{
		code: http.StatusOK, errorCode: cmp.Or(b.ErrorCode, http.StatusInternalServerError), errorRate: b.ErrorRate,
		latency: b.Latency.orDefault(), body: b.Body,
	}
	word, value, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	number, err := strconv.Atoi(value)
	switch {
	case err != nil:
	case word == "status" && number >= 100 && number <= 599:
		a.code = number
	case word == "delay" && number > 0:
		delay := time.Duration(number) * time.Millisecond
		a.latency.P50 += delay
		if a.latency.P99 > 0 {
			a.latency.P99 += delay
		}
	}
	return a
}

// failed reports whether users see a status as a failure.
func failed(code int) bool { return code >= http.StatusInternalServerError }

// tag returns the part of an image after its last colon: its version.
func tag(image string) string {
	name := image[strings.LastIndex(image, "/")+1:]
	_, version, _ := strings.Cut(name, ":")
	return version
}
