package control

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// echoes keeps a controller from looking at an object again because of its own
// writes, when it is known that nothing would come of that look.
//
// A cache that misses a write when the object is looked at for another reason is not
// waited for in vain: see missed.
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

// missed is told that a view was too old to decide from. The changes may be what it
// lacks, so that they are heard again; already reports that one came meanwhile.
func (e *echoes) missed(key types.NamespacedName) (already bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, last := range e.expected[key] {
		already = already || last.told
	}
	delete(e.expected, key)
	return already
}

// forget drops what was noted for key.
func (e *echoes) forget(key types.NamespacedName) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.expected, key)
}
