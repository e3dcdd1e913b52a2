package lint

import (
	"cmp"
	"fmt"
	"strings"

	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// Crowding is the Experiment of a step that asks for more requests than the canary leaves.
type Crowding struct {
	Step  int // counted from 0
	asked int64
	whole int32
	left  int32
	given []traffic.Destination
}

// String says what becomes of the shares.
func (c Crowding) String() string {
	var given []string
	for _, d := range c.given {
		given = append(given, fmt.Sprintf("%s %d", d.Host, d.Weight))
	}
	return fmt.Sprintf("asks for a weight of %d in all, and of %d the canary leaves %d: its templates get less, in proportion (%s), and the stable version gets nothing",
		c.asked, c.whole, c.left, cmp.Or(strings.Join(given, ", "), "nothing"))
}

// Crowded finds the steps whose Experiments ask for more requests than the canary leaves.
func Crowded(ro *v1alpha1.Rollout) []Crowding {
	c := ro.Spec.Strategy.Canary
	if c == nil || c.TrafficRouting == nil {
		return nil
	}
	var list []Crowding
	routing := traffic.Routing{MaxWeight: ptr.Deref(c.TrafficRouting.MaxTrafficWeight, 0)}
	whole := routing.Total()
	for i, s := range c.Steps {
		if s.SetWeight != nil {
			routing.CanaryWeight = *s.SetWeight
		}
		if s.Experiment == nil {
			continue
		}
		asked, left := int64(0), max(0, whole-routing.CanaryWeight)
		routing.Additional = nil
		for _, t := range s.Experiment.Templates {
			routing.Additional = append(routing.Additional, traffic.Destination{Host: t.Name, Weight: ptr.Deref(t.Weight, 0)})
			asked += int64(ptr.Deref(t.Weight, 0))
		}
		if asked > int64(left) {
			list = append(list, Crowding{i, asked, whole, left, routing.Split(0).Additional})
		}
	}
	return list
}
