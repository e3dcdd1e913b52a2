package control

import (
	"reflect"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// forgetAfter bounds how long a write is waited for. An object that was deleted
// by somebody else right after we wrote it never shows up.
const forgetAfter = 5 * time.Second

// freshness tells whether what was read already contains what this process
// wrote. Caches lag behind: a decision made from a view older than our own last
// write would be made twice. A write whose answer is lost counts, for it may have
// been made.
type freshness struct {
	mu     sync.Mutex
	writes map[types.NamespacedName]map[subject]write
	// leaving are the pods that were evicted, and when: an eviction has no version.
	leaving map[types.NamespacedName]map[types.UID]time.Time
}

// subject is an object that was written: by its UID, or by kind and name if its creation
// was not answered.
type subject struct {
	uid  types.UID
	kind reflect.Type
	name string
}

func byUID(obj client.Object) subject { return subject{uid: obj.GetUID()} }

func byName(obj client.Object) subject {
	return subject{kind: reflect.TypeOf(obj), name: obj.GetName()}
}

type write struct {
	version uint64 // 0 for a creation that was not answered
	at      time.Time
}

func newFreshness() *freshness {
	return &freshness{writes: map[types.NamespacedName]map[subject]write{}, leaving: map[types.NamespacedName]map[types.UID]time.Time{}}
}

// wrote notes that obj was written, as returned by the server, on behalf of key.
func (f *freshness) wrote(key types.NamespacedName, obj client.Object, now time.Time) {
	version, err := strconv.ParseUint(obj.GetResourceVersion(), 10, 64)
	if err != nil {
		return // versions that cannot be compared cannot be waited for
	}
	f.expect(key, byUID(obj), write{version, now})
}

func (f *freshness) expect(key types.NamespacedName, what subject, w write) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.writes[key] == nil {
		f.writes[key] = map[subject]write{}
	}
	f.writes[key][what] = w
}

// outdated notes that a write of obj on behalf of key found a newer version than the one
// that was to be replaced, or that its answer was lost. If that one was made, there is a
// newer version, too; if not, none ever shows up, and the time is up after forgetAfter.
func (f *freshness) outdated(key types.NamespacedName, obj client.Object, now time.Time) {
	version, err := strconv.ParseUint(obj.GetResourceVersion(), 10, 64)
	if err != nil || obj.GetUID() == "" {
		return // it replaces no version: it is new, or its content does not depend on one
	}
	f.expect(key, byUID(obj), write{version + 1, now})
}

// maybeMade notes that the answer to the creation of obj on behalf of key was lost. A
// view without it may be too old to know of it, and what is decided from that would be
// beside it.
func (f *freshness) maybeMade(key types.NamespacedName, obj client.Object, now time.Time) {
	f.expect(key, byName(obj), write{at: now})
}

// sees reports whether the objects read for key contain every write noted for it.
func (f *freshness) sees(key types.NamespacedName, read []client.Object, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	pending := f.writes[key]
	if len(pending) == 0 {
		return true
	}
	for _, obj := range read {
		delete(pending, byName(obj))
		version, err := strconv.ParseUint(obj.GetResourceVersion(), 10, 64)
		if w, ok := pending[byUID(obj)]; ok && (err != nil || version >= w.version) {
			delete(pending, byUID(obj))
		}
	}
	for what, w := range pending {
		if now.Sub(w.at) >= forgetAfter {
			delete(pending, what)
		}
	}
	if len(pending) == 0 {
		delete(f.writes, key)
	}
	return len(f.writes[key]) == 0
}

// evicted notes that a pod was evicted on behalf of key.
func (f *freshness) evicted(key types.NamespacedName, pod types.UID, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.leaving[key] == nil {
		f.leaving[key] = map[types.UID]time.Time{}
	}
	f.leaving[key][pod] = now
}

// seesEvictions reports whether every pod that was evicted for key is on its way out, or
// gone, among those read.
func (f *freshness) seesEvictions(key types.NamespacedName, pods []*corev1.Pod, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	stays := map[types.UID]time.Time{}
	for _, pod := range pods {
		if at, ok := f.leaving[key][pod.UID]; ok && pod.DeletionTimestamp == nil && now.Sub(at) < forgetAfter {
			stays[pod.UID] = at
		}
	}
	delete(f.leaving, key)
	if len(stays) > 0 {
		f.leaving[key] = stays
	}
	return len(stays) == 0
}

// forget drops what was noted for key.
func (f *freshness) forget(key types.NamespacedName) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.writes, key)
	delete(f.leaving, key)
}
