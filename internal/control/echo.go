package control

import (
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// staleRetry is when a view that does not yet hold our own writes is looked at
// again, should the change itself not wake us before.
const staleRetry = time.Second

// echoes keeps a controller from looking at an object again because of its own
// writes, when it is known that nothing would come of that look.
//
// A cache that misses a write when the object is looked at for another reason is not
// waited for in vain: see again.
type echoes struct {
	mu       sync.Mutex
	expected map[types.NamespacedName][]echo
}

// echo is a change that a watch will tell of. Told is true once it has.
type echo struct {
	version
	told bool
}

func newEchoes() *echoes { return &echoes{expected: map[types.NamespacedName][]echo{}} }

// expect says that these changes, as the server returned them, need no look at the
// object of key. Of an object that was written more than once each version counts.
func (e *echoes) expect(key types.NamespacedName, written []version) {
	if len(written) == 0 {
		return
	}
	expected := make([]echo, len(written))
	for i, v := range written {
		expected[i].version = v
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.expected[key] = expected
}

// isEcho reports whether a change of obj is an expected one for key. It is so only
// once: a resync tells of the same version again, and is meant to be heard.
func (e *echoes) isEcho(key types.NamespacedName, obj client.Object) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	expected := e.expected[key]
	for i := range expected {
		if last := &expected[i]; !last.told && last.version == versionOf(obj) {
			last.told = true
			return true
		}
	}
	return false
}

// again is when to look once more after a view that was too old to decide from. The
// changes may be what it lacked, so that they are heard from now on; if one was told in
// the meantime, nobody will tell of it again.
func (e *echoes) again(key types.NamespacedName, now time.Time) time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	told := slices.ContainsFunc(e.expected[key], func(last echo) bool { return last.told })
	delete(e.expected, key)
	if told {
		return now
	}
	return now.Add(staleRetry)
}

// forget drops what was noted for key.
func (e *echoes) forget(key types.NamespacedName) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.expected, key)
}
