package lint

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/metric/jsonpath"
)

// language is one that a field of a metric is written in.
type language struct {
	// read says what is wrong with a text, nil if nothing.
	read func(string) *mistake
	// guesses are what an argument may be whose value is not known, the likeliest first.
	guesses []string
	// functions are what it may be before a parenthesis.
	functions []string
}

// mistake is what is wrong with a text.
type mistake struct {
	// at is where, in bytes; -1 if it is about the whole.
	at int
	// why is what is wrong there, remedy what to do if that is known.
	why, remedy string
	// unsure is true if there are servers that would understand it.
	unsure bool
}

// The languages are read as they are when a metric is measured.
var (
	conditions = &language{
		read:      readCondition,
		guesses:   []string{"1", "x", `"x"`, "true", "", "result", "result[0]", ">=", "in", "and", "+"},
		functions: []string{"len", "asFloat", "isNaN", "default", "all", "sum"},
	}
	moments = &language{
		read:      readMoment,
		guesses:   []string{"5m", `"5m"`, `duration("5m")`, "now()", "", "-"},
		functions: []string{"now", "duration", "date"},
	}
	jsonPaths = &language{read: readJSONPath, guesses: []string{"x", "0", "'x'", "", ".x", "$.x", "{$.x}", "[0]", "==", "@.x"}}
)

func readCondition(s string) *mistake {
	_, err := analysis.Condition(s, "")
	if wrong := (*analysis.Misreading)(nil); errors.As(err, &wrong) {
		return &mistake{at: wrong.At, why: wrong.Why}
	}
	return nil
}

// readMoment evaluates an expression at a time that is as good as any.
func readMoment(s string) *mistake {
	if _, err := analysis.Moment(s, time.Unix(0, 0)); err != nil {
		return &mistake{at: -1, why: err.Error()}
	}
	return nil
}

func readJSONPath(s string) *mistake {
	if _, err := jsonpath.Read(s); err != nil {
		return &mistake{at: -1, why: err.Error()}
	}
	return nil
}

// text is a field of a metric that is written in a language.
type text struct {
	// field is its path below the metric.
	field, written string
	language       *language
}

// textsOf lists those that a metric has. A query of SkyWalking is not among them: there
// is no parser of GraphQL here.
func textsOf(m *v1alpha1.Metric) []text {
	list := []text{
		{"successCondition", m.SuccessCondition, conditions},
		{"failureCondition", m.FailureCondition, conditions},
	}
	if p := m.Provider.Prometheus; p != nil {
		list = append(list, text{"provider.prometheus.query", p.Query, promQL})
		if r := p.RangeQuery; r != nil {
			list = append(list, text{"provider.prometheus.rangeQuery.start", r.Start, moments}, text{"provider.prometheus.rangeQuery.end", r.End, moments})
		}
	}
	if w := m.Provider.Web; w != nil {
		list = append(list, text{"provider.web.jsonPath", w.JSONPath, jsonPaths})
	}
	return slices.DeleteFunc(list, func(t text) bool { return t.written == "" })
}

// mistake reads a text with the values of arguments put in. An argument whose value is
// not known is guessed: what is wrong whatever it may be is a mistake. The one is returned
// that the best guess met, apart from those that are about a guess.
func (t text) mistake(known map[string]string) *mistake {
	values, blanks := maps.Clone(known), analysis.Blanks(t.written)
	if values == nil {
		values = map[string]string{}
	}
	var guessed, varied []analysis.Blank
	for _, b := range blanks {
		if _, is := known[b.Name]; is {
			continue
		}
		values[b.Name] = t.language.guesses[0]
		guessed = append(guessed, b)
		same := func(o analysis.Blank) bool { return o.Name == b.Name }
		if !quoted(t.written[:b.From]) && !slices.ContainsFunc(varied, same) {
			varied = append(varied, b)
		}
	}
	if len(varied) > atMost {
		return nil
	}
	var furthest *mistake
	readable := t.vary(blanks, values, varied, func(wrong *mistake) {
		atGuess := slices.ContainsFunc(guessed, func(b analysis.Blank) bool { return b.From == wrong.at })
		if !atGuess && (furthest == nil || wrong.at > furthest.at) {
			furthest = wrong
		}
	})
	if readable {
		return nil
	}
	return furthest
}

// atMost is how many arguments are guessed in one text: each multiplies the attempts.
const atMost = 3

// vary reads a text with one combination of guesses after the other until it can be read.
func (t text) vary(blanks []analysis.Blank, values map[string]string, varied []analysis.Blank, failed func(*mistake)) bool {
	if len(varied) == 0 {
		wrong := t.read(blanks, values)
		if wrong != nil {
			failed(wrong)
		}
		return wrong == nil
	}
	first, guesses := varied[0], t.language.guesses
	if strings.HasPrefix(t.written[first.To:], "(") {
		guesses = append(slices.Clone(guesses), t.language.functions...)
	}
	for _, guess := range guesses {
		values[first.Name] = guess
		if t.vary(blanks, values, varied[1:], failed) {
			return true
		}
	}
	return false
}

// quoted says whether what comes behind a text is in the quotes of its last line: there
// it is as good as any other value.
func quoted(text string) bool {
	in, escaped := rune(0), false
	for _, r := range text[strings.LastIndex(text, "\n")+1:] {
		switch {
		case escaped:
			escaped = false
		case r == '\\' && in != 0 && in != '`':
			escaped = true
		case r == in:
			in = 0
		case in == 0 && strings.ContainsRune("\"'`", r):
			in = r
		}
	}
	return in != 0
}

// read reads a text with values in its blanks. The place of the mistake is one of the
// text as it is written.
func (t text) read(blanks []analysis.Blank, values map[string]string) *mistake {
	var filled strings.Builder
	written := 0 // up to which the text was taken
	for _, b := range blanks {
		filled.WriteString(t.written[written:b.From] + values[b.Name])
		written = b.To
	}
	filled.WriteString(t.written[written:])
	wrong := t.language.read(filled.String())
	if wrong == nil || wrong.at < 0 {
		return wrong
	}
	shift := 0 // how much longer the text is as written, up to here
	for _, b := range blanks {
		if at := wrong.at + shift; at < b.From {
			break
		}
		value := len(values[b.Name])
		if wrong.at+shift < b.From+value {
			wrong.at = b.From
			return wrong
		}
		shift += b.To - b.From - value
	}
	wrong.at += shift
	return wrong
}

// describe says where in the text a mistake is, what it is, and what to do.
func (t text) describe(m *mistake) string {
	s := strings.TrimRight(t.written, " \t\n")
	place := "in "
	line := s
	if m.at >= 0 {
		before := s[:min(m.at, len(s))]
		start := strings.LastIndex(before, "\n") + 1
		line, _, _ = strings.Cut(s[start:], "\n")
		place = fmt.Sprintf("line %d, column %d, in ", 1+strings.Count(before, "\n"), 1+utf8.RuneCountInString(before[start:]))
	}
	said := place + "`" + strings.Join(strings.Fields(line), " ") + "`: " + m.why
	if m.remedy != "" {
		said += "; " + m.remedy
	}
	return said
}
