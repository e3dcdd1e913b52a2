package fault

import (
	"fmt"
	"math/rand/v2"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// lostReply lets a write happen and loses the answer.
type lostReply struct {
	window
	p float64
}

// LostReplies makes each write that succeeded look timed out with probability p.
func LostReplies(p float64) Fault { return &lostReply{p: p} }

func parseLostReply(f *form) Fault {
	return &lostReply{p: f.probability("p", 0.1), window: f.window()}
}

func drawLostReply(rng *rand.Rand, w window) Fault {
	return &lostReply{window: w, p: drawn(rng, 0.05, 0.5)}
}

func (l *lostReply) String() string {
	return fmt.Sprintf("lost-reply:p=%s%s", number(l.p), l.suffix())
}

func (l *lostReply) Attach(k *kernel.Kernel, _ *store.Store) { l.attach(k, "lost-reply") }

func (l *lostReply) Before(store.Op) error { return nil }

func (l *lostReply) After(op store.Op) error {
	if !op.Write() || !l.chance(l.p) {
		return nil
	}
	return apierrors.NewTimeoutError("request did not complete within requested timeout - context deadline exceeded", 0)
}
