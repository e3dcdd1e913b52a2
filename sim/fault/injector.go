package fault

import (
	"errors"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// Injector applies several faults to one client, in their order.
type Injector struct {
	kernel *kernel.Kernel
	store  *store.Store
	faults []Fault
}

// NewInjector binds the faults to a run and its API server.
func NewInjector(k *kernel.Kernel, s *store.Store, faults ...Fault) *Injector {
	i := &Injector{kernel: k, store: s}
	for _, f := range faults {
		i.Add(f)
	}
	return i
}

// Add binds one more fault to the run, from now on.
func (i *Injector) Add(f Fault) {
	f.Attach(i.kernel, i.store)
	i.faults = append(i.faults, f)
}

// Off ends all faults that were added so far.
func (i *Injector) Off() { i.faults = nil }

// Before asks the faults whether a call reaches the API server.
func (i *Injector) Before(op store.Op) error { return i.ask(op, Fault.Before) }

// After asks the faults whether the answer of a call reaches its caller.
func (i *Injector) After(op store.Op) error { return i.ask(op, Fault.After) }

func (i *Injector) ask(op store.Op, question func(Fault, store.Op) error) error {
	for _, f := range i.faults {
		if err := question(f, op); err != nil {
			i.kernel.Trace().AddWords("fault", familyOf(f), op.String(), "->", short(err))
			return err
		}
	}
	return nil
}

// Lag returns the largest lag of all faults for a kind, or for any kind if it is
// empty; the zero Lag without any.
func (i *Injector) Lag(kind string) (most Lag) {
	for _, f := range i.faults {
		if l, ok := f.(Lagging); ok {
			if lag := l.Lag(kind); lag.Age > most.Age {
				most = lag
			}
		}
	}
	return most
}

// familyOf is the first word of a fault's form.
func familyOf(f Fault) string {
	name, _, _ := strings.Cut(f.String(), ":")
	return name
}

// short names an error in one word for the trace.
func short(err error) string {
	var crash *Crash
	if errors.As(err, &crash) {
		return "crash"
	}
	return string(apierrors.ReasonForError(err))
}
