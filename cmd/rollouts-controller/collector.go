package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// collectAt makes the garbage collector run when the heap has grown by this many
	// per cent: the caches are most of it, and memory is what a controller is billed
	// for. GOGC decides where it is set.
	collectAt = 50
	// room is how many bytes a heap may grow by at least. Of a small one collectAt is
	// little, and each collection also looks at what does not depend on the size.
	room = 4 << 20
)

// percentFor is the growth of a heap, in per cent, at which it is collected next, if so
// many bytes of it live.
func percentFor(live uint64) int {
	return max(collectAt, int(room*100/max(live, 1<<20)))
}

// sparingly sets the growth anew after each collection, beginning with this one.
func sparingly() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	debug.SetGCPercent(percentFor(live[0].Value.Uint64()))
	// What nobody holds ends with the next collection.
	runtime.AddCleanup(&struct{ _ *byte }{}, func(struct{}) { sparingly() }, struct{}{})
}
