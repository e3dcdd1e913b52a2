package main

import "testing"

func TestPercentFor(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{
		{0, 600}, {1 << 20, 600}, {2 << 20, 300}, {6 << 20, 100}, {24 << 20, 50}, {200 << 20, 50},
	} {
		if got := percentFor(c.live); got != c.want {
			t.Errorf("%d bytes live: %d %%, want %d %%", c.live, got, c.want)
		}
	}
}
