package fault

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// refuse makes the API server turn writes away, or some of them. Reads go on, as they come from
// a cache.
type refuse struct {
	window
	code int
	p    float64
	// verb and kind say which calls; empty for all.
	verb, kind string
}

// Refusing makes each write fail with an HTTP status, 429 or 500, with
// probability p.
func Refusing(code int, p float64) Fault { return &refuse{code: code, p: p} }

func parseRefuse(f *form) Fault {
	r := &refuse{code: f.int("code", 429), p: f.probability("p", 1), window: f.window()}
	if r.code != 403 && r.code != 429 && r.code != 500 {
		f.fail("code", fmt.Sprint(r.code), "403, 429 or 500")
	}
	r.verb, _ = f.take("verb")
	if r.verb != "" && !slices.Contains(writing, r.verb) {
		f.fail("verb", r.verb, "one of "+strings.Join(writing, ", "))
	}
	r.kind, _ = f.take("kind")
	return r
}

// writing are the verbs that may change something.
var writing = []string{"create", "update", "patch", "delete", "deletecollection"}

// drawRefuse closes the window early: nobody's API server is away for ever.
func drawRefuse(rng *rand.Rand, w window) Fault {
	span := w.to - w.from
	w.from += span / 10 * (1 + time.Duration(rng.IntN(5)))
	w.to = w.from + span/10*(1+time.Duration(rng.IntN(3)))
	return &refuse{window: w, code: []int{429, 500}[rng.IntN(2)], p: drawn(rng, 0.3, 1)}
}

func (r *refuse) String() string {
	which := ""
	if r.verb != "" {
		which = ",verb=" + r.verb
	}
	if r.kind != "" {
		which += ",kind=" + r.kind
	}
	return fmt.Sprintf("refuse:code=%d,p=%s%s%s", r.code, number(r.p), which, r.suffix())
}

func (r *refuse) Attach(k *kernel.Kernel, _ *store.Store) { r.attach(k, "refuse") }

func (r *refuse) Before(op store.Op) error {
	if !op.Write() || r.verb != "" && op.Verb != r.verb || r.kind != "" && op.Kind.Kind != r.kind || !r.chance(r.p) {
		return nil
	}
	switch r.code {
	case 403:
		return apierrors.NewForbidden(resourceOf(op), op.Key.Name, errors.New("a policy of this cluster does not allow it"))
	case 429:
		return apierrors.NewTooManyRequests("the server has received too many requests and has asked us to try again later", 1)
	}
	return apierrors.NewInternalError(errors.New("etcdserver: leader changed"))
}

func (r *refuse) After(store.Op) error { return nil }
