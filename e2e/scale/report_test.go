package scale

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aviary-rollouts/aviary/e2e/localplane"
)

// TestReport counts the requests of two updates.
func TestReport(t *testing.T) {
	updated := Phase{Name: "updated", Wall: 31 * time.Second, CPU: 30 * time.Millisecond}
	for _, r := range []struct {
		verb, resource, subresource string
		code, times                 int
	}{
		{"update", "rollouts", "status", 200, 16}, {"patch", "replicasets", "", 200, 9}, {"patch", "replicasets", "", 409, 1},
		{"get", "secrets", "", 200, 2}, {"watch", "pods", "", 200, 5}, {"create", "events", "", 201, 6}, {"patch", "events", "", 200, 4},
	} {
		for range r.times {
			updated.count(localplane.Request{Verb: r.verb, Resource: r.resource, Subresource: r.subresource, Code: r.code})
		}
	}
	report := Report{Rollouts: 2, Namespaces: 1, Phases: []Phase{updated, {Name: "idle", Peak: 64 << 20}}}
	var missed []string
	for _, l := range report.Lines() {
		if l.Missed() {
			missed = append(missed, l.What)
		}
	}
	if want := []string{"an update: writes of a status"}; !cmp.Equal(missed, want) {
		t.Errorf("missed: %q, want %q", missed, want)
	}
	var b strings.Builder
	if err := report.Write(&b); err != nil {
		t.Fatal(err)
	}
	const want = `2 Rollouts of 5 pods in 1 namespaces

                                     measured  at most
all updates                          31.0 s
an update: requests besides Events   14.0      15
an update: writes of a status        8.0       7        missed
an update: Events                    3.0       8
an update: changed counts of Events  2.0
an update: processor                 15.0 ms   20 ms
idle: writes                         0.0       0
idle: processor                      0.0 ms
memory at its highest                64.0 MiB

requests of all updates  for each Rollout  in all
update rollouts/status   8.00              16
patch replicasets        5.00              10
create events            3.00              6
watch pods               2.50              5
patch events             2.00              4
get secrets              1.00              2
of these refused         0.50              1
`
	if diff := cmp.Diff(want, strip(b.String())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// strip removes the spaces at the ends of lines.
func strip(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}
