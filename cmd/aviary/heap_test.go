package main

import "testing"

func TestPercentFor(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		live, size uint64
		want       int
	}{
		{0, 256 * mib, 800},
		{20 * mib, 256 * mib, 800},
		{64 * mib, 256 * mib, 300},
		{128 * mib, 256 * mib, 100},
		{200 * mib, 256 * mib, 100}, // a limit of 256 MiB would collect all the time
		{900 * mib, 256 * mib, 100},
	} {
		if got := percentFor(c.live, c.size); got != c.want {
			t.Errorf("%d MiB live: %d %%, want %d %%", c.live/mib, got, c.want)
		}
	}
}
