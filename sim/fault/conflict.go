package fault

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// conflict lets somebody else write an object just before a change of it, which is refused
// therefore.
type conflict struct {
	window
	p     float64
	store *store.Store
}

// Conflicts makes each update and patch fail with a conflict with probability p.
func Conflicts(p float64) Fault { return &conflict{p: p} }

func parseConflict(f *form) Fault {
	return &conflict{p: f.probability("p", 0.2), window: f.window()}
}

func drawConflict(rng *rand.Rand, w window) Fault {
	return &conflict{window: w, p: drawn(rng, 0.05, 0.5)}
}

func (c *conflict) String() string {
	return fmt.Sprintf("conflict:p=%s%s", number(c.p), c.suffix())
}

func (c *conflict) Attach(k *kernel.Kernel, s *store.Store) {
	c.attach(k, "conflict")
	c.store = s
}

// Before writes the object and refuses the call. There is a newer version after each
// conflict, which the caller hears of: one without would make callers wait for what never
// comes.
func (c *conflict) Before(op store.Op) error {
	if (op.Verb != "update" && op.Verb != "patch") || !c.chance(c.p) || !c.store.Touch("somebody", op.Kind, op.Key) {
		return nil
	}
	return apierrors.NewConflict(resourceOf(op), op.Key.Name,
		errors.New("the object has been modified; please apply your changes to the latest version and try again"))
}

func (c *conflict) After(store.Op) error { return nil }

// resourceOf names the resource in an error; the plural is the regular one.
func resourceOf(op store.Op) schema.GroupResource {
	return schema.GroupResource{Group: op.Kind.Group, Resource: strings.ToLower(op.Kind.Kind) + "s"}
}
