package kernel

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
)

// Line is one thing that happened.
type Line struct {
	// At is the virtual time.
	At time.Time
	// Text says what happened, in one line.
	Text string
}

// String prints the time of day to the millisecond and the text.
func (l Line) String() string { return l.At.Format("15:04:05.000") + " " + l.Text }

// Trace is the record of a run. It is on from the start; [Trace.SetEnabled]
// turns it off for runs whose record nobody reads.
type Trace struct {
	kernel  *Kernel
	enabled bool
	lines   []Line
}

// Enabled reports whether lines are kept. A caller that would have to format a
// line asks first.
func (t *Trace) Enabled() bool { return t.enabled }

// SetEnabled starts or stops the keeping of lines.
func (t *Trace) SetEnabled(on bool) { t.enabled = on }

// Add appends a line at the present time. It does nothing if the trace is off.
func (t *Trace) Add(line string) {
	if !t.enabled {
		return
	}
	t.lines = append(t.lines, Line{At: t.kernel.now, Text: line})
	if n := len(t.lines); n > t.kernel.limits.TraceLines {
		t.kernel.Fail(&LimitError{Limit: "lines of the trace", Count: n, Max: t.kernel.limits.TraceLines})
	}
}

// AddWords appends a line of words joined by blanks; empty words are left out.
// Nothing is joined if the trace is off.
func (t *Trace) AddWords(words ...string) {
	if !t.enabled {
		return
	}
	length := len(words)
	for _, w := range words {
		length += len(w)
	}
	var b strings.Builder
	b.Grow(length)
	for _, w := range words {
		if w == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w)
	}
	t.Add(b.String())
}

// Lines returns the lines so far. The caller must not modify them.
func (t *Trace) Lines() []Line { return t.lines }

// Hash returns a hexadecimal digest of the times and texts of all lines. Two
// runs with the same seed have the same digest.
func (t *Trace) Hash() string {
	h := sha256.New()
	var at [8]byte
	for _, l := range t.lines {
		binary.BigEndian.PutUint64(at[:], uint64(l.At.UnixNano()))
		h.Write(at[:])
		h.Write([]byte(l.Text))
		h.Write([]byte{'\n'})
	}
	return hex.EncodeToString(h.Sum(nil))
}
