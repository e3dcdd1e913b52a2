package fault

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// refuse makes the API server turn writes away. Reads go on, as they come from
// a cache.
type refuse struct {
	window
	code int
	p    float64
}

// Refusing makes each write fail with an HTTP status, 429 or 500, with
// probability p.
func Refusing(code int, p float64) Fault { return &refuse{code: code, p: p} }

func parseRefuse(f *form) Fault {
	r := &refuse{code: f.int("code", 429), p: f.probability("p", 1), window: f.window()}
	if r.code != 429 && r.code != 500 {
		f.fail("code", fmt.Sprint(r.code), "429 or 500")
	}
	return r
}

// drawRefuse closes the window early: nobody's API server is away for ever.
func drawRefuse(rng *rand.Rand, w window) Fault {
	span := w.to - w.from
	w.from += span / 10 * (1 + time.Duration(rng.IntN(5)))
	w.to = w.from + span/10*(1+time.Duration(rng.IntN(3)))
	return &refuse{window: w, code: []int{429, 500}[rng.IntN(2)], p: drawn(rng, 0.3, 1)}
}

func (r *refuse) String() string {
	return fmt.Sprintf("refuse:code=%d,p=%s%s", r.code, number(r.p), r.suffix())
}

func (r *refuse) Attach(k *kernel.Kernel) { r.attach(k, "refuse") }

func (r *refuse) Before(op store.Op) error {
	if !op.Write() || !r.chance(r.p) {
		return nil
	}
	if r.code == 429 {
		return apierrors.NewTooManyRequests("the server has received too many requests and has asked us to try again later", 1)
	}
	return apierrors.NewInternalError(errors.New("etcdserver: leader changed"))
}

func (r *refuse) After(store.Op) error { return nil }
