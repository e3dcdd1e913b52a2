package mesh

import (
	"maps"
	"slices"
)

// single is the last request that was sent by itself, and what the mesh did with it:
// people repeat one command many times.
type single struct {
	request Request
	proxy   *proxy
	target  target
	plan    *plan
}

// stillFits reports whether r would go the same way, as long as the mesh is as stamp says.
func (s *single) stillFits(r *Request, stamp int64) bool {
	return s.plan != nil && s.plan.stamp == stamp && s.request.Client == r.Client && s.request.Method == r.Method &&
		s.request.URL == r.URL && maps.EqualFunc(s.request.Header, r.Header, slices.Equal)
}
