package rehearse

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/wildcard"
)

// Series is a series of numbers that the simulated Prometheus has beside those
// of the mesh.
type Series struct {
	// Series is its name and labels: `http_requests_total{code="200"}`.
	Series string
	// Values are in the notation of promtool's unit tests, "0+10x60", and begin
	// 5 minutes before the update.
	Values string
	// Interval is the time from one value to the next; 0 means 15 seconds.
	Interval time.Duration
}

// Answer is what a server says that metrics ask by HTTP.
type Answer struct {
	// Host is that of the URL without port; * stands for any text. With a Provider it
	// may be empty, which means any.
	Host string
	// Provider is a service of package metricservice, whose form the answer has if
	// there is no Body; empty for other servers.
	Provider string
	// Path restricts it, and so does Asks, a text in the query that is asked; empty
	// means any.
	Path, Asks string
	// Status is the status code; 0 means 200.
	Status int
	// Body is what is said; {value} in it stands for the number of the time.
	Body string
	// Values are those numbers, in the notation of Series, beginning with the
	// update; the last one stays.
	Values string
	// Interval is the time from one value to the next; 0 means 1 minute.
	Interval time.Duration
}

// script puts the scripted servers in place: one for each host.
func (r *rehearsal) script() error {
	var hosts []string
	for _, a := range r.Answers {
		if !slices.Contains(hosts, a.Host) {
			hosts = append(hosts, a.Host)
		}
	}
	for _, host := range hosts {
		var answers []sim.Answer
		for _, a := range r.Answers {
			if a.Host == host {
				answers = append(answers, sim.Answer{
					Path: a.Path, Service: a.Provider, Asks: a.Asks, Status: a.Status, Body: a.Body, Values: a.Values, Step: a.Interval,
				})
			}
		}
		server, err := sim.NewScript(r.sim.Clock(), answers...)
		if err != nil {
			return inputf("answers: %w", err)
		}
		if host == "" {
			r.scripts = server
			continue
		}
		r.sim.Network().Handle(host, server)
	}
	return nil
}

// pin adds the series.
func (r *rehearsal) pin(start time.Time) error {
	for _, s := range r.Series {
		interval := s.Interval
		if interval == 0 {
			interval = 15 * time.Second
		}
		if err := r.sim.Mesh().Series().Pin(start, interval, s.Series, s.Values); err != nil {
			return inputf("series: %w", err)
		}
	}
	return nil
}

// scripted is true if an answer was given for a URL, or for a service.
func (o Options) scripted(kind, address string) bool {
	u, err := url.Parse(address)
	return slices.ContainsFunc(o.Answers, func(a Answer) bool {
		if a.Provider == kind {
			return true
		}
		return address != "" && a.Provider == "" && err == nil && wildcard.Match(a.Host, u.Hostname()) && (a.Path == "" || a.Path == u.Path)
	}) || strings.Contains(address, "{{") && len(o.Answers) > 0
}
