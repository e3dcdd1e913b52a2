package main

import (
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestPercentFor(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{
		{0, 400}, {1 << 20, 400}, {2 << 20, 200}, {4 << 20, 100}, {15 << 20, 50}, {200 << 20, 50},
	} {
		if got := percentFor(c.live); got != c.want {
			t.Errorf("%d bytes live: %d %%, want %d %%", c.live, got, c.want)
		}
	}
}

// TestSparingly grows a heap, which is collected after less and less growth then. It has
// a process of its own, since what it sets stays set.
func TestSparingly(t *testing.T) {
	const inside = "SPARINGLY"
	if os.Getenv(inside) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSparingly$", "-test.count=1")
		cmd.Env = append(os.Environ(), inside+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	sparingly()
	was := percent()
	if was <= collectAt {
		t.Fatalf("a small heap grows by %d %%", was)
	}
	held := make([]byte, 64<<20)
	for percent() != collectAt { // until the test's time is up
		runtime.GC()
		runtime.Gosched()
	}
	runtime.KeepAlive(held)
}

// percent is at which growth the heap is collected.
func percent() int {
	p := debug.SetGCPercent(100)
	debug.SetGCPercent(p)
	return p
}
