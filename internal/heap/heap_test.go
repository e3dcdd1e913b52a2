package heap

import (
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"testing"
)

// TestCollect grows a heap, which is collected after less growth then, and by another
// rule after that. It has a process of its own, since what it sets stays set.
func TestCollect(t *testing.T) {
	const inside = "HEAP_TEST"
	if os.Getenv(inside) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCollect$", "-test.count=1")
		cmd.Env = append(os.Environ(), inside+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	Collect(func(live uint64) int {
		if live < 32<<20 {
			return 321
		}
		return 54
	})
	if got := percent(); got != 321 {
		t.Fatalf("a small heap grows by %d %%", got)
	}
	held := make([]byte, 64<<20)
	for percent() != 54 { // until the test's time is up
		runtime.GC()
		runtime.Gosched()
	}
	runtime.KeepAlive(held)
	Collect(func(uint64) int { return 123 })
	if got := percent(); got != 123 {
		t.Errorf("by the second rule it grows by %d %%", got)
	}
	runtime.GC()
	if got := percent(); got != 123 {
		t.Errorf("by the second rule it grows by %d %% later", got)
	}
}

// percent is at which growth the heap is collected.
func percent() int {
	p := debug.SetGCPercent(100)
	debug.SetGCPercent(p)
	return p
}
