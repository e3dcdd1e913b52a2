package replay

import (
	"testing"
	"time"

	"github.com/aviary-rollouts/aviary/scenarios/backend"
)

// A rehearsal tells of each sleep how many pods are ready at its end, for how long, and
// how many are starting; not of other commands.
func TestRehearsalNotesReadyPods(t *testing.T) {
	table, err := rehearse(t.Context(), Scenario{Name: "pods", Data: []byte(`# Two pods, then three.
$ kubectl apply -f web.yaml
$ sleep 30s
$ kubectl scale rollout web --replicas=3
$ sleep 10s
$ kubectl scale rollout web --replicas=5
$ sleep 2s

-- web.yaml --
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "example.com/web:v1"}]}
  strategy: {canary: {}}
`)})
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[int]*backend.Readiness{2: nil, 3: {Count: 2}, 4: nil, 5: {Count: 3}, 7: {Count: 3, Starting: 2}} {
		got := table.Paces[line].Ready
		if (got == nil) != (want == nil) || got != nil && (got.Count != want.Count || got.Starting != want.Starting) {
			t.Errorf("line %d: %+v, want %+v", line, got, want)
		}
	}
	if first, second := table.Paces[3].Ready.Lag, table.Paces[5].Ready.Lag; first < 20*time.Second || first >= 30*time.Second || second < 5*time.Second || second >= 10*time.Second {
		t.Errorf("the pods became ready %s and %s before the sleeps ended, want a few seconds after they began", first, second)
	}
}
