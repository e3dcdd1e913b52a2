package history

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Extras are fields of a Rollout that most do without. The zero value is none.
type Extras struct {
	// Metadata gives pods labels and annotations that follow their role.
	Metadata bool
	// AntiAffinity is "preferred" or "required"; empty for none.
	AntiAffinity string
	// Delay is scaleDownDelaySeconds, DelayLimit scaleDownDelayRevisionLimit,
	// History revisionHistoryLimit; nil for the default.
	Delay, DelayLimit, History *int32
	// Window is rollbackWindow.revisions; 0 for none.
	Window int32
	// MirrorFirst puts the mirror route before the header route. Sockets splits the
	// TLS and TCP routes of a further VirtualService, Reserved leaves a tenth of the
	// requests to a subset of the user's own. All of them are of
	// routed canaries.
	MirrorFirst, Sockets, Reserved bool
	// Threshold is replicaProgressThreshold, as "50%" or "2"; empty for none.
	Threshold string
	// BothServices adds the Services of the other strategy.
	BothServices bool
	// Patience is how long numbers in a status may wait, and Crowd lets them wait as they
	// do where many Rollouts are updated at once.
	Patience time.Duration
	Crowd    bool
	// Skew is how much later than pods some proxies hear of routes.
	Skew time.Duration
}

// drawSkew draws from a stream of its own, as drawExtras does. Who sends nothing does not
// see it.
func drawSkew(rng *rand.Rand, s *Setup) {
	if skew := []time.Duration{0, time.Second, 3 * time.Second}[rng.IntN(3)]; s.Load {
		s.Skew = skew
	}
}

// drawPatience draws from a stream of its own, as drawExtras does.
func drawPatience(rng *rand.Rand, e *Extras) {
	switch rng.IntN(4) {
	case 0, 1:
		e.Patience, e.Crowd = 5*time.Second, true
	case 2:
		e.Patience = 5 * time.Second
	}
}

// drawExtras draws from a stream of its own, so that a seed keeps the rest of its
// history. Some of the changes of replicas become those of an autoscaler, and some
// Experiments get Services.
func drawExtras(rng *rand.Rand, h *History) {
	s, e := &h.Setup, &h.Setup.Extras
	one := func(in int) bool { return rng.IntN(in) == 0 }
	few := func(in int, values ...int32) *int32 {
		if !one(in) {
			return nil
		}
		return &values[rng.IntN(len(values))]
	}
	e.Metadata = one(4)
	if one(8) {
		e.AntiAffinity = []string{"preferred", "preferred", "required"}[rng.IntN(3)]
	}
	e.Delay, e.DelayLimit, e.History = few(5, 0, 5, 90), few(6, 0, 1), few(6, 0, 1, 2)
	e.Window = ptr.Deref(few(6, 1, 2), 0)
	if s.Routing != "" {
		e.MirrorFirst, e.Sockets = one(3), one(5)
		e.Reserved = one(4) && s.Routing == Subsets && !s.Second && !e.Sockets
	}
	if s.Dynamic {
		e.Delay = nil // one or the other
	}
	if e.DelayLimit != nil {
		e.History = nil // which must not be smaller
	}
	for i := range h.Actions {
		if h.Actions[i].Verb == Scale && one(2) {
			h.Actions[i].Verb = Autoscale
		}
	}
	for i, step := range s.Steps {
		if strings.HasPrefix(step, "experiment:") && one(3) {
			s.Steps[i] = step + ":" + withServices
		}
	}
	if s.Strategy == Canary && one(4) {
		e.Threshold = []string{"0%", "1%", "50%", "90%", "0", "1", "3"}[rng.IntN(7)]
	}
	if s.Routing != "" && one(6) {
		mistake(rng, h)
	}
}

// mistake lets somebody write a maxTrafficWeight, with which a Rollout that is
// routed by Istio is invalid, in the middle of whatever goes on, and mostly take it
// back later.
func mistake(rng *rand.Rand, h *History) {
	from := rng.IntN(len(h.Actions) + 1)
	h.Actions = slices.Insert(h.Actions, from, Action{After: drawSleep(rng), Verb: EditWhole, Arg: []string{"10", "1000"}[rng.IntN(2)]})
	if rng.IntN(4) > 0 {
		back := from + 1 + rng.IntN(len(h.Actions)-from)
		h.Actions = slices.Insert(h.Actions, back, Action{After: drawSleep(rng), Verb: EditWhole})
	}
}

// drawManaged lets somebody declare fewer managed routes in the middle of whatever goes on,
// and mostly all of them again later. It draws from a stream of its own, so that a seed
// keeps the rest of its history.
func drawManaged(rng *rand.Rand, h *History) {
	if h.Setup.Routing == "" || rng.IntN(5) > 0 {
		return
	}
	from := rng.IntN(len(h.Actions) + 1)
	h.insert(from, Action{After: drawSleep(rng), Verb: EditManaged, Arg: []string{"", headerRoute, mirrorRoute}[rng.IntN(3)]})
	if rng.IntN(3) > 0 {
		back := from + 1 + rng.IntN(len(h.Actions)-from)
		h.insert(back, Action{After: drawSleep(rng), Verb: EditManaged, Arg: headerRoute + "," + mirrorRoute})
	}
}

// withServices is the part of the form of an Experiment that asks for Services.
const withServices = "services"

// String prints those that are there, each after a comma.
func (e Extras) String() string {
	var b strings.Builder
	for _, f := range []struct {
		there bool
		text  string
	}{
		{e.Metadata, "metadata of roles"},
		{e.AntiAffinity != "", "antiAffinity " + e.AntiAffinity},
		{e.Delay != nil, "scaleDownDelaySeconds " + count(e.Delay)},
		{e.DelayLimit != nil, "scaleDownDelayRevisionLimit " + count(e.DelayLimit)},
		{e.History != nil, "revisionHistoryLimit " + count(e.History)},
		{e.Window > 0, fmt.Sprintf("rollbackWindow %d", e.Window)},
		{e.MirrorFirst, "mirror route before header route"},
		{e.Sockets, "TLS and TCP routes"},
		{e.Reserved, "a subset of its own"},
		{e.Threshold != "", "replicaProgressThreshold " + e.Threshold},
		{e.BothServices, "Services of both strategies"},
		{e.Patience > 0, "numbers may wait " + e.Patience.String()},
		{e.Crowd, "as in a crowd"},
		{e.Skew > 0, "proxies up to " + e.Skew.String() + " behind"},
	} {
		if f.there {
			b.WriteString(", " + f.text)
		}
	}
	return b.String()
}

// give sets the fields of a Rollout.
func (e Extras) give(ro *v1alpha1.Rollout) {
	ro.Spec.RevisionHistoryLimit = e.History
	if e.Window > 0 {
		ro.Spec.RollbackWindow = &v1alpha1.RollbackWindowSpec{Revisions: e.Window}
	}
	var old, young *v1alpha1.PodTemplateMetadata
	if e.Metadata {
		old, young = role("old"), role("new")
	}
	if bg := ro.Spec.Strategy.BlueGreen; bg != nil {
		bg.ActiveMetadata, bg.PreviewMetadata, bg.AntiAffinity = old, young, e.antiAffinity()
		bg.ScaleDownDelaySeconds, bg.ScaleDownDelayRevisionLimit = e.Delay, e.DelayLimit
		return
	}
	c := ro.Spec.Strategy.Canary
	c.StableMetadata, c.CanaryMetadata, c.AntiAffinity = old, young, e.antiAffinity()
	c.ReplicaProgressThreshold = threshold(e.Threshold)
	if c.TrafficRouting == nil {
		return
	}
	c.ScaleDownDelaySeconds, c.ScaleDownDelayRevisionLimit = e.Delay, e.DelayLimit
	if e.MirrorFirst {
		slices.Reverse(c.TrafficRouting.ManagedRoutes)
	}
	if e.Reserved {
		c.TrafficRouting.Istio.DestinationRule.AdditionalSubsetNames = []string{partners}
	}
}

// threshold reads "50%" and "2"; nil for nothing.
func threshold(text string) *v1alpha1.ReplicaProgressThreshold {
	number, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseInt(number, 10, 32)
	switch {
	case err != nil:
		return nil
	case percent:
		return &v1alpha1.ReplicaProgressThreshold{Type: v1alpha1.ProgressTypePercentage, Value: int32(n)}
	}
	return &v1alpha1.ReplicaProgressThreshold{Type: v1alpha1.ProgressTypePods, Value: int32(n)}
}

func role(name string) *v1alpha1.PodTemplateMetadata {
	return &v1alpha1.PodTemplateMetadata{Labels: map[string]string{"role": name}, Annotations: map[string]string{"is-" + name: "true"}}
}

func (e Extras) antiAffinity() *v1alpha1.AntiAffinity {
	switch e.AntiAffinity {
	case "preferred":
		return &v1alpha1.AntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: &v1alpha1.PreferredDuringSchedulingIgnoredDuringExecution{Weight: 50}}
	case "required":
		return &v1alpha1.AntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &v1alpha1.RequiredDuringSchedulingIgnoredDuringExecution{}}
	}
	return nil
}

// partners is a subset whose share is its user's business.
const partners = "partners"

// reserve gives a tenth of the requests of the primary route, and a subset, to
// partners.
func reserve(objects []client.Object) error {
	for _, o := range objects {
		u, ok := o.(*unstructured.Unstructured)
		if !ok || u.GetName() != string(Subsets) {
			continue
		}
		path, more := []string{"spec", "subsets"}, any(map[string]any{"name": partners, "labels": map[string]any{"app": "web"}})
		if u.GetKind() == "VirtualService" {
			path = []string{"spec", "http"}
		}
		list, _, err := unstructured.NestedSlice(u.Object, path...)
		if err != nil {
			return err
		}
		if u.GetKind() == "VirtualService" {
			primary := list[len(list)-1].(map[string]any)
			to := primary["route"].([]any)
			to[0].(map[string]any)["weight"] = int64(90)
			primary["route"] = append(to, map[string]any{"destination": map[string]any{"host": "web", "subset": partners}, "weight": int64(10)})
		} else {
			list = append(list, more)
		}
		if err := unstructured.SetNestedSlice(u.Object, list, path...); err != nil {
			return err
		}
	}
	return nil
}
