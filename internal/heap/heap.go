// Package heap decides when the garbage of a program is collected, by how much of its
// heap lives: a percentage that suits a small heap wastes memory on a large one, and a
// fixed limit makes a program that needs more do nothing but collect.
package heap

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

var (
	mu     sync.Mutex
	growth func(live uint64) int // nil until the first call of Collect
)

// Collect lets the heap grow by so many per cent before it is collected as percent says
// of the bytes that live, which is asked after each collection, beginning now. A later
// call replaces an earlier one. Whoever sets GOGC should be obeyed: do not call it then.
func Collect(percent func(live uint64) int) {
	mu.Lock()
	first := growth == nil
	growth = percent
	mu.Unlock()
	if first {
		follow()
		return
	}
	set()
}

func set() {
	mu.Lock()
	defer mu.Unlock()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	debug.SetGCPercent(growth(live[0].Value.Uint64()))
}

// follow sets the percentage now and after each collection.
func follow() {
	set()
	// What nobody holds ends with the next collection.
	runtime.AddCleanup(&struct{ _ *byte }{}, func(struct{}) { follow() }, struct{}{})
}
