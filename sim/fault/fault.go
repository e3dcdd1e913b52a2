package fault

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// Fault is one thing that goes wrong. A value belongs to one run: it counts
// and draws as the run goes on.
type Fault interface {
	// String returns the form that Parse reads.
	fmt.Stringer
	// Attach binds the fault to a run, whose clock and randomness it uses, and to the
	// API server.
	Attach(k *kernel.Kernel, s *store.Store)
	// Before sees a call on its way to the API server. An error is the
	// server's answer, and nothing else happens. A *Crash kills the caller.
	Before(op store.Op) error
	// After sees a call that succeeded. An error takes the place of the
	// answer; what was done stays done. A *Crash kills the caller.
	After(op store.Op) error
}

// Crash is the error by which a fault kills the controller.
type Crash struct {
	// Restart is the time until a new process is there.
	Restart time.Duration
}

// Error says that the process died.
func (c *Crash) Error() string { return fmt.Sprintf("the controller died, back in %s", c.Restart) }

// Lag is how far a view is behind: by this many revisions or by this much
// time, whichever is less. The zero Lag is the present.
type Lag struct {
	Revisions store.Revision
	Age       time.Duration
}

// Lagging is a fault that makes reads and events late.
type Lagging interface {
	Fault
	// Lag returns how far behind the view of a kind is now; of all kinds the most
	// if the kind is empty.
	Lag(kind string) Lag
}

// window is the time in which a fault is there, from the start of the run.
type window struct {
	from, to time.Duration // to 0: for ever
	kernel   *kernel.Kernel
	rng      *rand.Rand
}

func (w *window) attach(k *kernel.Kernel, family string) {
	w.kernel, w.rng = k, k.Rand("fault/"+family)
}

func (w *window) open() bool {
	at := w.kernel.Now().Sub(w.kernel.Start())
	return at >= w.from && (w.to == 0 || at < w.to)
}

// chance draws from the family's stream if the window is open.
func (w *window) chance(p float64) bool { return w.open() && w.rng.Float64() < p }

func (w *window) suffix() string {
	s := ""
	if w.from > 0 {
		s += ",from=" + w.from.String()
	}
	if w.to > 0 {
		s += ",to=" + w.to.String()
	}
	return s
}

// Families lists the names of the fault families, sorted.
func Families() []string {
	var names []string
	for name := range families {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// family is how the faults of one name are made: from a form, or drawn.
type family struct {
	parse func(*form) Fault
	draw  func(*rand.Rand, window) Fault
}

var families = map[string]family{
	"crash":      {parseCrash, drawCrash},
	"conflict":   {parseConflict, drawConflict},
	"stale":      {parseStale, drawStale},
	"lost-reply": {parseLostReply, drawLostReply},
	"refuse":     {parseRefuse, drawRefuse},
}

// Draw returns a fault of a family with parameters from rng, which ends at the
// time until after the start of the run. The error names the families.
func Draw(name string, rng *rand.Rand, until time.Duration) (Fault, error) {
	f, ok := families[name]
	if !ok {
		return nil, unknown(name)
	}
	return f.draw(rng, window{to: until}), nil
}

func unknown(name string) error {
	return fmt.Errorf("fault %q: no such family; there are %s", name, strings.Join(Families(), ", "))
}

// Parse reads the text form of a fault: "family:key=value,...". The error names
// the part that cannot be read and what would be accepted.
func Parse(text string) (Fault, error) {
	name, rest, _ := strings.Cut(strings.TrimSpace(text), ":")
	f, ok := families[name]
	if !ok {
		return nil, unknown(name)
	}
	frm := &form{text: text, values: map[string]string{}}
	for _, pair := range strings.FieldsFunc(rest, func(r rune) bool { return r == ',' }) {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, fmt.Errorf("fault %q: %q is not of the form key=value", text, pair)
		}
		frm.values[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	fault := f.parse(frm)
	return fault, frm.finish()
}

// form is the key=value part of a text form. It remembers the first error.
type form struct {
	text   string
	values map[string]string
	err    error
}

func (f *form) take(key string) (value string, ok bool) {
	value, ok = f.values[key]
	delete(f.values, key)
	return value, ok
}

func (f *form) fail(key, value, want string) {
	if f.err == nil {
		f.err = fmt.Errorf("fault %q: %s=%s: write %s", f.text, key, value, want)
	}
}

func (f *form) int(key string, def int) int {
	value, ok := f.take(key)
	if !ok {
		return def
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		f.fail(key, value, "a number such as 3")
	}
	return n
}

func (f *form) duration(key string, def time.Duration) time.Duration {
	value, ok := f.take(key)
	if !ok {
		return def
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		f.fail(key, value, "a duration such as 5s")
	}
	return d
}

func (f *form) probability(key string, def float64) float64 {
	value, ok := f.take(key)
	if !ok {
		return def
	}
	p, err := strconv.ParseFloat(value, 64)
	if err != nil || !(p >= 0 && p <= 1) {
		f.fail(key, value, "a probability from 0 to 1")
	}
	return p
}

func (f *form) window() window {
	return window{from: f.duration("from", 0), to: f.duration("to", 0)}
}

func (f *form) finish() error {
	if f.err == nil && len(f.values) > 0 {
		var keys []string
		for key := range f.values {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		f.err = fmt.Errorf("fault %q: unknown key %q", f.text, keys[0])
	}
	return f.err
}

// number prints a probability without trailing zeroes.
func number(p float64) string { return strconv.FormatFloat(p, 'g', -1, 64) }

// drawn rounds a random number in [low, high) to a hundredth, to be readable.
func drawn(rng *rand.Rand, low, high float64) float64 {
	return float64(int((low+rng.Float64()*(high-low))*100)) / 100
}
