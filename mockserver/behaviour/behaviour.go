package behaviour

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Behaviour says how one mock server behaves. The zero value answers well and at
// once, and is ready.
type Behaviour struct {
	Answers
	// Ready false makes GET /healthz say 503; nil means ready.
	Ready *bool `json:"ready,omitempty"`
	// Crash ends the process with exit code 1, that long after this was said; nil
	// means never. "0s" is at once.
	Crash *Duration `json:"crash,omitempty"`
	// And holds what is so for some requests only: the last of these that applies
	// to a request counts in place of the answers above.
	And []Answers `json:"and,omitempty"`
}

// Answers says how requests are answered.
type Answers struct {
	// Query restricts it to requests whose raw query has this parameter, as in
	// "fail=true". Empty means all.
	Query string `json:"query,omitempty"`
	// Path restricts it to requests whose path begins with this, as in "/gate/". Empty
	// means all.
	Path string `json:"path,omitempty"`
	// After is how long after this was said it begins to hold.
	After Duration `json:"after,omitempty"`
	// Status is what requests get that ask for none of their own, from 200 to 599; 0 means
	// what the server's paths say.
	Status int `json:"status,omitempty"`
	// ErrorRate is the share of requests that fail, from 0 to 1.
	ErrorRate float64 `json:"errorRate,omitempty"`
	// ErrorCode is the status of those, from 200 to 599; 0 means 500.
	ErrorCode int `json:"errorCode,omitempty"`
	// Latency is the time that half of the answers stay below, P99 the time that
	// 99 in 100 stay below; in between they are spread log-normally. If P99 is not
	// above Latency, all answers take Latency.
	Latency Duration `json:"latency,omitempty"`
	P99     Duration `json:"p99,omitempty"`
	// Body replaces what an answer says; {status} and {version} in it stand for
	// the status code and the version of the server.
	Body string `json:"body,omitempty"`
}

// Duration is a time span that JSON writes as Go does: "1m30s".
type Duration time.Duration

// MarshalJSON writes "200ms".
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads "200ms".
func (d *Duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf(`%s is no duration: write it as "200ms" or "1m30s"`, data)
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf(`%q is no duration: write it as "200ms" or "1m30s"`, text)
	}
	*d = Duration(parsed)
	return nil
}

// Parse reads a behaviour from JSON. It refuses fields that it does not know and
// values that make no sense; the error names the field.
func Parse(data []byte) (Behaviour, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var b Behaviour
	if err := decoder.Decode(&b); err != nil {
		return Behaviour{}, fmt.Errorf("behaviour: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Behaviour{}, errors.New("behaviour: something follows the first JSON object: send one object")
	}
	return b, b.Validate()
}

// Validate says which value makes no sense, and which ones would.
func (b Behaviour) Validate() error {
	if b.Crash != nil && *b.Crash < 0 {
		return fmt.Errorf("behaviour: crash %s lies in the past: give 0s or more", time.Duration(*b.Crash))
	}
	if err := b.Answers.validate(""); err != nil {
		return err
	}
	for i, a := range b.And {
		if err := a.validate(fmt.Sprintf("and[%d].", i)); err != nil {
			return err
		}
	}
	return nil
}

func (a Answers) validate(path string) error {
	if !(a.ErrorRate >= 0 && a.ErrorRate <= 1) {
		return fmt.Errorf("behaviour: %serrorRate %v is no share: give 0 to 1", path, a.ErrorRate)
	}
	if a.ErrorCode != 0 && (a.ErrorCode < 200 || a.ErrorCode > 599) {
		return fmt.Errorf("behaviour: %serrorCode %d: give 200 to 599", path, a.ErrorCode)
	}
	if a.Status != 0 && (a.Status < 200 || a.Status > 599) {
		return fmt.Errorf("behaviour: %sstatus %d: give 200 to 599", path, a.Status)
	}
	if a.Path != "" && a.Path[0] != '/' {
		return fmt.Errorf("behaviour: %spath %q: begin it with /", path, a.Path)
	}
	for _, field := range []struct {
		name  string
		value Duration
	}{{"after", a.After}, {"latency", a.Latency}, {"p99", a.P99}} {
		if field.value < 0 {
			return fmt.Errorf("behaviour: %s%s %s is negative: give 0s or more", path, field.name, time.Duration(field.value))
		}
	}
	return nil
}

// Clone returns a copy that shares nothing with b.
func (b Behaviour) Clone() Behaviour {
	b.And = slices.Clone(b.And)
	if b.Ready != nil {
		ready := *b.Ready
		b.Ready = &ready
	}
	if b.Crash != nil {
		crash := *b.Crash
		b.Crash = &crash
	}
	return b
}

// IsReady says whether /healthz answers 200.
func (b Behaviour) IsReady() bool { return b.Ready == nil || *b.Ready }
