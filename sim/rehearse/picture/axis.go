package picture

import (
	"fmt"
	"math"
	"time"

	"github.com/aviary-rollouts/aviary/sim/rehearse"
)

// timeAxis places times from 0 to end, in seconds, between two x.
type timeAxis struct {
	end         float64
	left, right float64
}

func (a *timeAxis) x(seconds float64) float64 {
	return a.left + (a.right-a.left)*min(max(seconds, 0), a.end)/a.end
}

// timeSteps are the distances that ticks may have, in seconds.
var timeSteps = []float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 4 * 3600, 6 * 3600, 12 * 3600, 24 * 3600}

// ticks are times for labels that are at least so many pixels apart.
func (a *timeAxis) ticks(apart float64) (ticks []float64) {
	step := timeSteps[len(timeSteps)-1]
	for _, s := range timeSteps {
		if s/a.end*(a.right-a.left) >= apart {
			step = s
			break
		}
	}
	for (a.right-a.left)*step/a.end < apart {
		step *= 2
	}
	for t := 0.0; t <= a.end; t += step {
		ticks = append(ticks, t)
	}
	return ticks
}

func timeText(seconds float64) string {
	return rehearse.Duration(time.Duration(seconds * float64(time.Second))).String()
}

// valueAxis places values between two y, the low one at the bottom.
type valueAxis struct {
	low, high   float64
	bottom, top float64
	ticks       []float64
	unit        string
	// scale makes values of what is shown: 0.001 for milliseconds shown in seconds.
	scale float64
}

func (a *valueAxis) y(value float64) float64 {
	return a.bottom - (a.bottom-a.top)*(min(max(value, a.low), a.high)-a.low)/(a.high-a.low)
}

func (a *valueAxis) label(v float64) string { return fmt.Sprintf("%g%s", v, a.unit) }

// percentages go from 0 to 100.
func percentages(top, bottom float64) valueAxis {
	return valueAxis{0, 100, bottom, top, []float64{0, 50, 100}, "%", 1}
}

// upTo100 are percentages from a round number below the lowest.
func upTo100(lowest, top, bottom float64) valueAxis {
	a := percentages(top, bottom)
	for _, low := range []float64{99, 95, 90, 80, 50} {
		if lowest == 100 || lowest >= low+(100-low)/10 {
			a.low, a.ticks = low, []float64{low, (low + 100) / 2, 100}
			break
		}
	}
	return a
}

// times go from 0 to at least the highest, which is in milliseconds.
func times(highest, top, bottom float64) valueAxis {
	unit, scale := "ms", 1.0
	if highest > 2000 {
		unit, scale = "s", 0.001
	}
	a := counts(math.Ceil(highest*scale), top, bottom)
	a.unit, a.scale = unit, scale
	return a
}

// counts go from 0 to at least the highest, which is a whole number.
func counts(highest, top, bottom float64) valueAxis {
	step := 1.0
	for _, s := range []float64{1, 2, 5} {
		for _, power := range []float64{1, 10, 100, 1000, 10000, 100000} {
			if s*power*4 >= highest && (step*4 < highest || s*power < step) {
				step = s * power
			}
		}
	}
	a := valueAxis{0, step * math.Max(1, math.Ceil(highest/step)), bottom, top, nil, "", 1}
	for v := 0.0; v <= a.high; v += step {
		a.ticks = append(a.ticks, v)
	}
	return a
}
