package analysis

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Judge says what a value means. The zero Judge has no conditions and finds
// every value good. It may be used from several goroutines.
type Judge struct {
	success, failure *condition
}

// condition is an expression over result that is true or false.
type condition struct {
	field, text string
	program     *vm.Program
}

// environment is what a condition can name beside the functions.
type environment struct {
	Result any              `expr:"result"`
	Now    func() time.Time `expr:"now"`
}

// functions are what conditions can call beside what the language has. Its own
// now() would read the clock of the machine.
var functions = []expr.Option{
	expr.Env(environment{}),
	expr.DisableBuiltin("now"),
	expr.Function("asInt", unary(asInt), new(func(any) int)),
	expr.Function("asFloat", unary(asFloat), new(func(any) float64)),
	expr.Function("isNaN", unary(isNaN), new(func(any) bool)),
	expr.Function("isInf", unary(isInf), new(func(any) bool)),
	expr.Function("isNil", unary(isNil), new(func(any) bool)),
	expr.Function("default", orDefault, new(func(any, any) any)),
}

// Misreading is why a condition is none.
type Misreading struct {
	field, text string
	// Why is what is wrong.
	Why string
	// At is where in the text, in bytes; -1 if it is about the whole.
	At int
	// where is the same for people.
	where string
}

func (m *Misreading) Error() string {
	return fmt.Sprintf("%s %q: %s%s", m.field, m.text, m.Why, m.where)
}

// Condition compiles the two conditions of a metric; either may be empty. The
// error is a [*Misreading].
func Condition(success, failure string) (Judge, error) {
	var j Judge
	var err error
	if j.success, err = compile("successCondition", success); err != nil {
		return Judge{}, err
	}
	if j.failure, err = compile("failureCondition", failure); err != nil {
		return Judge{}, err
	}
	return j, nil
}

func compile(field, text string) (*condition, error) {
	if text == "" {
		return nil, nil
	}
	program, err := expr.Compile(text, functions...)
	if err != nil {
		return nil, misread(field, text, err)
	}
	if t := program.Node().Type(); t != nil && t.Kind() != reflect.Interface && t.Kind() != reflect.Bool {
		return nil, &Misreading{field: field, text: text, Why: fmt.Sprintf("expected true or false, got %s", t), At: -1}
	}
	return &condition{field: field, text: text, program: program}, nil
}

// misread makes a misreading of an error of expr.
func misread(field, text string, err error) *Misreading {
	m := &Misreading{field: field, text: text, Why: firstLine(err), At: -1}
	if at := (*file.Error)(nil); errors.As(err, &at) {
		runes := []rune(text)
		m.At = len(string(runes[:min(at.From, len(runes))]))
		if where := fmt.Sprintf(" (%d:%d)", at.Line, at.Column+1); strings.HasSuffix(m.Why, where) {
			m.Why, m.where = strings.TrimSuffix(m.Why, where), where
		}
	}
	return m
}

// Phase judges a value; now is what now() in a condition returns.
//
//	success  failure  phase
//	-        -        Successful
//	true     -        Successful
//	false    -        Failed
//	-        true     Failed
//	-        false    Successful
//	any      true     Failed
//	true     false    Successful
//	false    false    Inconclusive
//
// A condition that cannot be evaluated gives an error and the phase Error.
func (j Judge) Phase(value any, now time.Time) (v1alpha1.AnalysisPhase, error) {
	good, err := j.success.holds(value, now)
	if err != nil {
		return v1alpha1.AnalysisPhaseError, err
	}
	bad, err := j.failure.holds(value, now)
	if err != nil {
		return v1alpha1.AnalysisPhaseError, err
	}
	switch {
	case bad:
		return v1alpha1.AnalysisPhaseFailed, nil
	case good, j.success == nil:
		return v1alpha1.AnalysisPhaseSuccessful, nil
	case j.failure == nil:
		return v1alpha1.AnalysisPhaseFailed, nil
	}
	return v1alpha1.AnalysisPhaseInconclusive, nil
}

// holds evaluates a condition; one that is not there does not hold.
func (c *condition) holds(value any, now time.Time) (bool, error) {
	if c == nil {
		return false, nil
	}
	out, err := expr.Run(c.program, environment{Result: value, Now: func() time.Time { return now }})
	if err != nil {
		return false, fmt.Errorf("%s %q: %s%s", c.field, c.text, firstLine(err), hint(value, err))
	}
	yes, ok := out.(bool)
	if !ok {
		return false, fmt.Errorf("%s %q: expected true or false, got %T", c.field, c.text, out)
	}
	return yes, nil
}

// hint is how to write a condition that bears having no data, or a list of values.
func hint(value any, err error) string {
	if value == nil {
		return "; the provider returned nothing: default(result, 0) stands in for it"
	}
	v := reflect.ValueOf(value)
	switch {
	case v.Kind() != reflect.Slice:
		return ""
	case v.Len() == 0:
		return "; the provider returned no data: test len(result) > 0 first"
	case strings.Contains(err.Error(), "invalid operation: []"):
		return "; the provider returned a list: result[0] is its first value"
	}
	return ""
}

// Moment evaluates an expression that yields a time, such as the start of a
// range query: now() - duration("5m").
func Moment(text string, now time.Time) (time.Time, error) {
	program, err := expr.Compile(text, functions...)
	if err != nil {
		return time.Time{}, errors.New(firstLine(err))
	}
	out, err := expr.Run(program, environment{Now: func() time.Time { return now }})
	if err != nil {
		return time.Time{}, errors.New(firstLine(err))
	}
	t, ok := out.(time.Time)
	if !ok {
		return time.Time{}, fmt.Errorf("expected a time, as of now() or date(\"2006-01-02\"), got %T", out)
	}
	return t, nil
}

// firstLine leaves out the picture of the source that expr draws below.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// unary makes a function of one argument what expr wants. That there is one
// argument was checked when the condition was compiled.
func unary[T any](fn func(any) (T, error)) func(...any) (any, error) {
	return func(params ...any) (any, error) { return fn(params[0]) }
}

func asInt(v any) (int, error) {
	if s, ok := v.(string); ok {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil {
			return 0, fmt.Errorf("asInt: %q is not a whole number", s)
		}
		return n, nil
	}
	f, err := number("asInt", v)
	if err != nil {
		return 0, err
	}
	if math.IsNaN(f) || f >= math.MaxInt64 || f <= math.MinInt64 {
		return 0, fmt.Errorf("asInt: %v is not a whole number", f)
	}
	return int(f), nil
}

func asFloat(v any) (float64, error) {
	if s, ok := v.(string); ok {
		f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil {
			return 0, fmt.Errorf("asFloat: %q is not a number", s)
		}
		return f, nil
	}
	return number("asFloat", v)
}

func isNaN(v any) (bool, error) {
	f, err := number("isNaN", v)
	return math.IsNaN(f), err
}

func isInf(v any) (bool, error) {
	f, err := number("isInf", v)
	return math.IsInf(f, 0), err
}

func isNil(v any) (bool, error) { return v == nil, nil }

// orDefault returns its first argument, or its second if the first is nil.
func orDefault(params ...any) (any, error) {
	if params[0] == nil {
		return params[1], nil
	}
	return params[0], nil
}

// number turns any number into a float64; fn is the name for errors.
func number(fn string, v any) (float64, error) {
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return float64(r.Int()), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return float64(r.Uint()), nil
	case reflect.Float32, reflect.Float64:
		return r.Float(), nil
	case reflect.Slice, reflect.Array:
		return 0, fmt.Errorf("%s: a list is not a number: take one of its values, as result[0]", fn)
	}
	return 0, fmt.Errorf("%s: %v (%T) is not a number", fn, v, v)
}
