package behaviour

import (
	"fmt"
	"strconv"
	"time"
)

// Environment is the variable that holds a whole behaviour as JSON.
const Environment = "MOCK_BEHAVIOUR"

// variables set one field each, on top of what Environment says.
var variables = []struct {
	name string
	set  func(b *Behaviour, text string) error
}{
	{"MOCK_ERROR_RATE", func(b *Behaviour, text string) (err error) {
		b.ErrorRate, err = strconv.ParseFloat(text, 64)
		return err
	}},
	{"MOCK_ERROR_CODE", func(b *Behaviour, text string) (err error) {
		b.ErrorCode, err = strconv.Atoi(text)
		return err
	}},
	{"MOCK_LATENCY", func(b *Behaviour, text string) error { return setDuration(&b.Latency, text) }},
	{"MOCK_P99", func(b *Behaviour, text string) error { return setDuration(&b.P99, text) }},
	{"MOCK_AFTER", func(b *Behaviour, text string) error { return setDuration(&b.After, text) }},
	{"MOCK_QUERY", func(b *Behaviour, text string) error { b.Query = text; return nil }},
	{"MOCK_BODY", func(b *Behaviour, text string) error { b.Body = text; return nil }},
	{"MOCK_READY", func(b *Behaviour, text string) error {
		ready, err := strconv.ParseBool(text)
		b.Ready = &ready
		return err
	}},
	{"MOCK_CRASH", func(b *Behaviour, text string) error {
		b.Crash = new(Duration)
		return setDuration(b.Crash, text)
	}},
}

func setDuration(to *Duration, text string) error {
	d, err := time.ParseDuration(text)
	*to = Duration(d)
	return err
}

// FromEnvironment reads the behaviour that a process starts with. lookup is
// os.LookupEnv; an empty variable says nothing. The error names the variable.
func FromEnvironment(lookup func(string) (string, bool)) (Behaviour, error) {
	var b Behaviour
	if text, _ := lookup(Environment); text != "" {
		var err error
		if b, err = Parse([]byte(text)); err != nil {
			return Behaviour{}, fmt.Errorf("environment variable %s: %w", Environment, err)
		}
	}
	for _, v := range variables {
		text, _ := lookup(v.name)
		if text == "" {
			continue
		}
		if err := v.set(&b, text); err != nil {
			return Behaviour{}, fmt.Errorf("environment variable %s=%s: %w", v.name, text, err)
		}
	}
	return b, b.Validate()
}
