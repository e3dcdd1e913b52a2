package check

import (
	"fmt"

	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// Quiet checks that an unchanged world means no writes. The caller has let the
// run settle; resync makes every controller look at every object again and
// lets that settle. The error shows the first writes that were made.
func Quiet(k *kernel.Kernel, st *store.Store, resync func() error) error {
	before, lines := st.Revision(), len(k.Trace().Lines())
	if err := resync(); err != nil {
		return fmt.Errorf("quiet: %w", err)
	}
	after := st.Revision()
	if after == before {
		return nil
	}
	text := ""
	for _, line := range k.Trace().Lines()[lines:] {
		if text += "\n  " + line.String(); len(text) > 2000 {
			break
		}
	}
	return fmt.Errorf("quiet: nothing had changed, yet looking again at everything at %s wrote %d times:%s",
		k.Now().Format("15:04:05"), after-before, text)
}
