package route

import (
	"fmt"
	"time"

	faultv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/fault/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// Fault is what a VirtualService lets go wrong on purpose.
type Fault struct {
	delay   time.Duration
	delayed chance
	status  int
	aborted chance
}

// faultFilter is the key of a route's settings for the fault filter.
const faultFilter = "envoy.filters.http.fault"

// faultOf reads the faults of a route; nil if there are none.
func faultOf(filters map[string]*anypb.Any) (*Fault, error) {
	config := filters[faultFilter]
	if config == nil {
		return nil, nil
	}
	var f faultv3.HTTPFault
	if err := config.UnmarshalTo(&f); err != nil {
		return nil, fmt.Errorf("%s: %w", faultFilter, err)
	}
	fault := &Fault{}
	if d := f.GetDelay(); d != nil {
		fault.delay, fault.delayed = d.GetFixedDelay().AsDuration(), chanceOf(d.GetPercentage())
	}
	if a := f.GetAbort(); a != nil {
		fault.status, fault.aborted = int(a.GetHttpStatus()), chanceOf(a.GetPercentage())
	}
	return fault, nil
}

// Draw decides what happens to one request: how long it waits, and with which
// status it ends then, if not 0.
func (f *Fault) Draw(draw func(uint64) uint64) (delay time.Duration, status int) {
	if f == nil {
		return 0, 0
	}
	if f.delay > 0 && f.delayed.happens(draw) {
		delay = f.delay
	}
	if f.status > 0 && f.aborted.happens(draw) {
		status = f.status
	}
	return delay, status
}
