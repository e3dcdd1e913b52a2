package route

import (
	"net/http"
	"slices"
	"strings"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

// Retry says which failures are tried again. The zero value tries nothing again.
type Retry struct {
	// Times is how often at most.
	Times int
	// PerTry bounds one attempt; 0 means only the timeout of the route does.
	PerTry time.Duration

	on      map[string]bool
	codes   []uint32
	base    time.Duration
	longest time.Duration
}

func retryOf(p *routev3.RetryPolicy) Retry {
	if p == nil {
		return Retry{}
	}
	r := Retry{
		Times: 1, PerTry: p.GetPerTryTimeout().AsDuration(), on: map[string]bool{}, codes: p.GetRetriableStatusCodes(),
		base: 25 * time.Millisecond,
	}
	if n := p.GetNumRetries(); n != nil {
		r.Times = int(n.GetValue())
	}
	for name := range strings.SplitSeq(p.GetRetryOn(), ",") {
		r.on[strings.TrimSpace(name)] = true
	}
	if b := p.GetRetryBackOff(); b != nil {
		r.base = b.GetBaseInterval().AsDuration()
		r.longest = b.GetMaxInterval().AsDuration()
	}
	if r.longest == 0 {
		r.longest = 10 * r.base
	}
	return r
}

// Failure is how an attempt ended without an answer.
type Failure int

// The failures.
const (
	// Refused means that there was no connection.
	Refused Failure = iota
	// Unsent means that the connection was closed before the request was read.
	Unsent
	// Reset means that the connection broke before an answer.
	Reset
	// Late means that an attempt took longer than PerTry.
	Late
)

// Fails reports whether an attempt that failed so is tried again.
func (r Retry) Fails(f Failure) bool {
	switch f {
	case Refused:
		return r.any("connect-failure", "5xx", "gateway-error", "reset")
	case Unsent:
		// Envoy hears of a connection that its peer will close before the peer
		// does so; a client of net/http does not, and sends once more.
		return r.any("connect-failure", "reset-before-request", "5xx", "gateway-error", "reset")
	}
	return r.any("5xx", "gateway-error", "reset")
}

// Answers reports whether an attempt that was answered so is tried again.
func (r Retry) Answers(status int) bool {
	switch {
	case r.on["retriable-status-codes"] && slices.Contains(r.codes, uint32(status)):
		return true
	case status >= 500 && r.on["5xx"]:
		return true
	case status >= http.StatusBadGateway && status <= http.StatusGatewayTimeout && r.on["gateway-error"]:
		return true
	}
	return status == http.StatusConflict && r.on["retriable-4xx"]
}

func (r Retry) any(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return r.on[name] })
}

// BackOff is the time before the n-th retry, from 1: up to base * (2^n - 1), and
// up to the longest, by chance.
//
//	base 25 ms: the 1st after 0 to 25 ms, the 2nd after 0 to 75 ms
func (r Retry) BackOff(n int, draw func(uint64) uint64) time.Duration {
	most := min(r.base*time.Duration(1<<min(n, 20)-1), r.longest)
	if most <= 0 {
		return 0
	}
	return time.Duration(draw(uint64(most)))
}
