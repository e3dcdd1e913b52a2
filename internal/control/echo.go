package control

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// echoes keeps a controller from looking at an object again because of its own
// write of the status, when it is known that nothing would come of that look.
//
// A cache that misses the write when the object is looked at for another reason
// is not waited for in vain: see missed.
type echoes struct {
	mu       sync.Mutex
	expected map[types.NamespacedName]echo
}

// echo is the change that the watch will tell of. Told is true once it has.
type echo struct {
	version
	told bool
}

func newEchoes() *echoes { return &echoes{expected: map[types.NamespacedName]echo{}} }

// expect says that the change to obj, as the server returned it, needs no look.
func (e *echoes) expect(key types.NamespacedName, obj client.Object) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.expected[key] = echo{version: versionOf(obj)}
}

// isEcho reports whether a change is the expected one. It is so only once: a
// resync tells of the same version again, and is meant to be heard.
func (e *echoes) isEcho(obj client.Object) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := client.ObjectKeyFromObject(obj)
	last, ok := e.expected[key]
	if !ok || last.told || last.version != versionOf(obj) {
		return false
	}
	last.told = true
	e.expected[key] = last
	return true
}

// missed is told that a view was too old to decide from. The change may be what it
// lacks, so that it is heard again; already reports that it came in the meantime.
func (e *echoes) missed(key types.NamespacedName) (already bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	already = e.expected[key].told
	delete(e.expected, key)
	return already
}

// forget drops what was noted for key.
func (e *echoes) forget(key types.NamespacedName) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.expected, key)
}
