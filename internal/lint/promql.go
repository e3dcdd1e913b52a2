package lint

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/aviary-rollouts/aviary/internal/manifest"
)

// queries is the parser of Prometheus, with all that a server may be told to understand.
var queries = parser.NewParser(parser.Options{
	EnableExperimentalFunctions: true, ExperimentalDurationExpr: true, EnableExtendedRangeSelectors: true, EnableBinopFillModifiers: true,
})

// callable is what can stand before a parenthesis: functions, and aggregations, which the
// parser does not list.
var callable = append(slices.Sorted(maps.Keys(parser.Functions)),
	"sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values", "bottomk", "topk", "quantile", "limitk", "limit_ratio")

var promQL = &language{
	read: readPromQL,
	guesses: []string{
		"x", "1", "5m", `"x"`, `x="x"`, "", `,x="x"`, "=", ">", "or", "x[5m]", "[5m]", "offset 5m", "by (x)", "bool",
	},
	functions: callable,
}

func readPromQL(s string) *mistake {
	_, err := queries.ParseExpr(s)
	if err == nil {
		return nil
	}
	m := &mistake{at: -1, why: err.Error()}
	if all := (parser.ParseErrors)(nil); errors.As(err, &all) && len(all) > 0 {
		m.at, m.why = int(all[0].PositionRange.Start), all[0].Err.Error()
	}
	for _, r := range remedies {
		if strings.Contains(m.why, r.of) {
			m.remedy = r.remedy
			break
		}
	}
	var name string
	if _, err := fmt.Sscanf(m.why, "unknown function with name %q", &name); err == nil {
		m.unsure = true // servers that only speak like Prometheus have more, older ones other names
		if near := manifest.Nearest(name, callable); near != "" {
			m.remedy = fmt.Sprintf("did you mean %s?", near)
		}
	}
	return m
}

// remedies are what to do about what the parser says.
var remedies = []struct{ of, remedy string }{
	{"unterminated", "close the quote"},
	{"unclosed left parenthesis", "close it with )"},
	{"unexpected right parenthesis", "it closes none: remove it"},
	{"unexpected end of input inside braces", "close them with }"},
	{"expected string", "put the value in quotes"},
	{"expected type range vector", "give it a range, as in [1m]"},
	{"got range vector", "take a function of it, as in rate(...)"},
	{"ranges only allowed for vector selectors", "a range goes to the series, or is one of a subquery, as in [5m:1m]"},
	{"comparisons between scalars must use BOOL", "write bool behind the operator, or compare in a condition"},
	{"'“'", "write straight quotes"},
	{"'”'", "write straight quotes"},
	{`unexpected "="`, "write == to compare"},
}
