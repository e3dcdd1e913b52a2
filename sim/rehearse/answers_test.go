package rehearse

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestSlowVersion is Manifest 14, whose analysis asks for failures only, with versions
// that answer slowly.
func TestSlowVersion(t *testing.T) {
	const ms = Duration(time.Millisecond)
	for name, tc := range map[string]struct {
		said   []Behaviour
		want   string
		warned bool
	}{
		"nothing said": {said: []Behaviour{{Image: NewImage, ErrorRate: rate(0)}}},
		"all answers of the new one": {
			said: []Behaviour{{Image: NewImage, P50: 200 * ms}}, warned: true,
			want: "99% of all within 200ms at the worst; those of the old version within 25ms, of the new one within 200ms",
		},
		"some of them, later": {
			said: []Behaviour{{Image: NewImage, P50: 50 * ms, P99: 1000 * ms, After: Duration(time.Minute)}}, warned: true,
			want: "99% of all within 1s at the worst, from 1m40s on; those of the old version within 25ms, of the new one within 1s",
		},
		"both alike": {
			said: []Behaviour{{Image: NewImage, P50: 40 * ms}, {Image: OldImage, P50: 40 * ms}},
			want: "99% of all within 40ms at the worst; those of the old version within 40ms, of the new one within 40ms",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, Options{Objects: objects(t, manifest14), Behaviours: tc.said})
			got := ""
			for _, line := range r.Summary() {
				if line.Name == "Answers" {
					got = line.Text
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if warned(r, "unnoticed", "of its answers take up to") != tc.warned {
				t.Errorf("warnings: %+v", r.Warnings)
			}
		})
	}
}
