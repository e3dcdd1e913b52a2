package history

// Shrink returns the shortest history that it can find which still fails:
// it drops runs of actions, then single ones, then faults, and shortens the
// sleeps that are left, as long as fails says that the rest goes on failing.
// It calls fails at most budget times.
func Shrink(h History, fails func(History) bool, budget int) History {
	try := func(candidate History) bool {
		if budget <= 0 {
			return false
		}
		budget--
		return fails(candidate)
	}
	for size := len(h.Actions) / 2; size > 0; size /= 2 {
		for at := 0; at+size <= len(h.Actions); {
			if smaller := h.without(at, size); try(smaller) {
				h = smaller
			} else {
				at += size
			}
		}
	}
	for at := 0; at < len(h.Faults); {
		smaller := h
		smaller.Faults = append(append([]string{}, h.Faults[:at]...), h.Faults[at+1:]...)
		if try(smaller) {
			h = smaller
		} else {
			at++
		}
	}
	for at := range h.Actions {
		shorter := h.without(0, 0)
		shorter.Actions[at].After = 0
		if h.Actions[at].After > 0 && try(shorter) {
			h = shorter
		}
	}
	return h
}

// without returns a copy lacking n actions from at. Their sleeps are kept by
// the action that follows, so that the others happen when they did.
func (h History) without(at, n int) History {
	actions := append([]Action{}, h.Actions[:at]...)
	rest := append([]Action{}, h.Actions[at+n:]...)
	for _, dropped := range h.Actions[at : at+n] {
		if len(rest) > 0 {
			rest[0].After += dropped.After
		}
	}
	h.Actions = append(actions, rest...)
	return h
}
