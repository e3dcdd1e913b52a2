package replay

import (
	"testing"
	"time"

	"github.com/aviary-rollouts/aviary/sim"
)

// at is so many seconds after some beginning.
func at(seconds int) time.Time { return time.Unix(int64(seconds), 0) }

func TestNeeded(t *testing.T) {
	for name, c := range map[string]struct {
		from, to int
		events   []int
		waits    [][2]int
		want     time.Duration
	}{
		"nothing happens":               {0, 3600, nil, nil, settling},
		"a short sleep stays":           {0, 3, nil, nil, 3 * time.Second},
		"until the last event":          {0, 3600, []int{2, 20}, nil, 20*time.Second + settling},
		"an event at the end needs all": {0, 60, []int{60}, nil, time.Minute},
		"a pause that ends in it":       {0, 3600, []int{1800}, [][2]int{{0, 1800}}, 1800*time.Second + settling},
		"a pause that ends later":       {0, 100, nil, [][2]int{{40, 200}}, settling + 60*time.Second},
		"waits that overlap count once": {0, 100, nil, [][2]int{{10, 50}, {40, 60}}, settling + 50*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			var events []time.Time
			for _, e := range c.events {
				events = append(events, at(e))
			}
			var waits []sim.Wait
			for _, w := range c.waits {
				waits = append(waits, sim.Wait{From: at(w[0]), To: at(w[1])})
			}
			if got := needed(at(c.from), at(c.to), events, waits); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
