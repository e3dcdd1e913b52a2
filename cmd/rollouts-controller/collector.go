package main

const (
	// collectAt makes the garbage collector run when the heap has grown by this many
	// per cent: the caches are most of it, and memory is what a controller is billed
	// for. GOGC decides where it is set.
	collectAt = 50
	// room is how many bytes a heap may grow by at least. Of a small one collectAt is
	// little, and each collection also looks at what does not depend on the size.
	room = 6 << 20
)

// percentFor is the growth of a heap, in per cent, at which it is collected next, if so
// many bytes of it live.
func percentFor(live uint64) int {
	return max(collectAt, int(room*100/max(live, 1<<20)))
}
