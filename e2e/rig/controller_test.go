package rig

import (
	"strings"
	"testing"
)

// TestPanics: a log tells of a panic that was recovered from, and of one that was not.
func TestPanics(t *testing.T) {
	const recovered = `level=ERROR msg="Observed a panic" controller=service panic="nil"`
	for _, c := range []struct{ log, want string }{
		{"", ""},
		{"level=INFO msg=Starting\nlevel=INFO msg=\"no panic: at all\"\n", ""},
		{"level=INFO msg=Starting\n" + recovered + "\n" + recovered, "tells of 2 panics, the first is:\n  " + recovered},
		{"level=INFO msg=Starting\npanic: assignment to entry in nil map\n\ngoroutine 1 [running]:\n", "tells of 1 panics, the first is:\n  panic: assignment to entry in nil map"},
		{"fatal error: concurrent map writes\n", "tells of 1 panics, the first is:\n  fatal error: concurrent map writes"},
		{recovered + strings.Repeat(" stack", 10000) + "\n" + recovered, "tells of 2 panics"},
	} {
		err := panics(strings.NewReader(c.log))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%.40q: %v", c.log, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 3000):
			t.Errorf("%.40q: %.300v, want %q", c.log, err, c.want)
		}
	}
}
