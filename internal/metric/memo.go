package metric

import "sync"

// maxMemo bounds how much is remembered.
const maxMemo = 1024

// Memo remembers what costs many times more to make than to look up. The zero value is
// ready.
type Memo[K comparable, V any] struct {
	mu   sync.Mutex
	made map[K]V
}

// Of returns what belongs to key, and makes it if it is not known. Errors are not
// remembered.
func (m *Memo[K, V]) Of(key K, create func() (V, error)) (V, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.made[key]; ok {
		return v, nil
	}
	v, err := create()
	if err != nil {
		return v, err
	}
	if m.made == nil || len(m.made) >= maxMemo {
		m.made = map[K]V{}
	}
	m.made[key] = v
	return v, nil
}
