package check

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// once: a step of an update has one Experiment and one AnalysisRun, the update
// one background run, an analysis of an Experiment one run, however often the
// controller dies. Only a person has them done again: by a retry, a promotion, a
// change of the spec, or by deleting what there was.
type once struct {
	wishes map[types.UID][]time.Time // when people wrote to an owner
	made   map[purpose]madeSince     // what was made for a purpose
}

// purpose is what something is made for: an owner, and the name that tells the
// revision and the step, without the number that a second try has: the
// web-abc-2-0 of web-abc-2-0.1.
type purpose struct {
	kind  string
	owner types.UID
	name  string
}

// madeSince is the name of what was made, and how much of what people had written then the
// controller had surely seen.
type madeSince struct {
	name string
	seen int
}

// NewOnce returns the check that nothing is made twice.
func NewOnce() Check {
	return &once{wishes: map[types.UID][]time.Time{}, made: map[purpose]madeSince{}}
}

func (c *once) Name() string { return "once" }

func (c *once) Event(s *State, change Change) error {
	if uid := change.Object.GetUID(); change.ByUser {
		c.wishes[uid] = append(c.wishes[uid], s.Now)
		if key, ok := purposeOf(change.Object); ok && change.Deleted && c.made[key].name == change.Object.GetName() {
			delete(c.made, key)
		}
		return nil
	}
	if change.Old != nil || change.Deleted {
		return nil
	}
	if key, ok := purposeOf(change.Object); ok {
		return c.create(s, key, change.Object)
	}
	return nil
}

// purposeOf is what an object is made for; false if nothing is made for its owner.
func purposeOf(obj client.Object) (purpose, bool) {
	kind := ""
	switch obj.(type) {
	case *v1alpha1.AnalysisRun:
		kind = v1alpha1.KindAnalysisRun
	case *v1alpha1.Experiment:
		kind = v1alpha1.KindExperiment
	}
	owner := metav1.GetControllerOfNoCopy(obj)
	if kind == "" || owner == nil {
		return purpose{}, false
	}
	return purpose{kind, owner.UID, firstName(obj.GetName())}, true
}

func (c *once) create(s *State, key purpose, obj client.Object) error {
	owner := metav1.GetControllerOfNoCopy(obj)
	wishes := c.wishes[owner.UID]
	now := madeSince{name: obj.GetName()}
	for now.seen < len(wishes) && !wishes[now.seen].After(s.Now.Add(-s.Lag)) {
		now.seen++
	}
	if was, ok := c.made[key]; ok && was.seen == len(wishes) {
		return fmt.Errorf("%s %s/%s: %s %s is there for the same purpose, and nobody asked for a second one",
			owner.Kind, obj.GetNamespace(), owner.Name, key.kind, was.name+" and "+now.name)
	}
	c.made[key] = now
	return nil
}

// firstName drops the number of a later try.
func firstName(name string) string {
	i := strings.LastIndex(name, ".")
	if i < 0 {
		return name
	}
	if _, err := strconv.Atoi(name[i+1:]); err != nil {
		return name
	}
	return name[:i]
}

func (c *once) Instant(*State) error { return nil }
