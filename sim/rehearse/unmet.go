package rehearse

import "slices"

// unmet finds behaviours that no request met: their image answers nobody, or nobody went
// there any more when they began.
func (r *Report) unmet(e *evidence) {
	for _, b := range r.Behaviours {
		images := imagesOf(b.Image, e.updating, r.Images)
		switch {
		case r.Traffic == nil:
			r.warn("unmet", 0, "nobody sends requests, so that nobody sees that %s; see --load", b)
		case !r.Traffic.met(b, images):
			r.warn("unmet", 0, "no request met what was said, that %s: requests were answered by %s", b, r.Traffic.answering())
		}
	}
}

// met is true if a request came to one of the images after a behaviour had begun, or the
// copy of one at any time.
func (t *Traffic) met(b Behaviour, images []string) bool {
	for i, v := range t.Versions {
		if !slices.Contains(images, v.Image) {
			continue
		}
		if v.mirrored > 0 || slices.ContainsFunc(t.Windows, func(w TrafficWindow) bool {
			return w.Versions[i].Requests > 0 && w.At+Duration(window) > b.After
		}) {
			return true
		}
	}
	return false
}

// answering lists the images that answered requests.
func (t *Traffic) answering() string {
	var images []string
	for _, v := range t.Versions {
		if v.Requests > 0 && !slices.Contains(images, v.Image) {
			images = append(images, v.Image)
		}
	}
	if len(images) == 0 {
		return "none"
	}
	return listed(images)
}
