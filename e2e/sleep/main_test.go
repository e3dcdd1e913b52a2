package main

import (
	"math"
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for _, c := range []struct {
		args []string
		want time.Duration
		bad  bool
	}{
		{nil, math.MaxInt64, false},
		{[]string{"infinity"}, math.MaxInt64, false},
		{[]string{"1.5"}, 1500 * time.Millisecond, false},
		{[]string{"0"}, 0, false},
		{[]string{"-1"}, 0, true},
		{[]string{"soon"}, 0, true},
		{[]string{"1e300"}, 0, true},
		{[]string{"1", "2"}, 0, true},
	} {
		got, err := duration(c.args)
		if got != c.want || (err != nil) != c.bad {
			t.Errorf("sleep %q: %v, %v", c.args, got, err)
		}
	}
}
