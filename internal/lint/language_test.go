package lint

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestQueries reads queries as a server would, with arguments that may be anything.
func TestQueries(t *testing.T) {
	testTexts(t, promQL, map[string]string{
		`sum(rate(requests{app="web",code=~"2.."}[1m])) / sum(rate(requests{app="web"}[1m]))`: "",
		`sum(limitk(5, requests)) by (app)`:                                                   "", // an experimental function
		`rate(requests[5m] smoothed)`:                                                         "",
		// Arguments where they may be.
		`{{args.query}}`: "",
		`{{ args.metric }}{app="{{args.app}}"}[{{args.window}}]`:                 "",
		`sum by ({{args.label}}) (rate(x[{{args.window}}] offset {{args.ago}}))`: "",
		`rate(x{ {{args.matcher}} }[5m]) {{args.op}} {{args.limit}}`:             "",
		`x{app="web"{{args.matchers}}}`:                                          "",
		`{{args.over}}(x{app='{{args.app}}'}[5m])`:                               "",
		`{{args.quantile_of}}(0.9, rate(x[5m]))`:                                 "",
		`histogram_quantile({{args.q}}, {{args.buckets}}) or {{args.otherwise}}`: "",
		// Mistakes.
		"sum(\n  rate(x{app=\"web}[1m])\n)":  "line 2, column 14, in `rate(x{app=\"web}[1m])`: unterminated quoted string; close the quote",
		"sum(\n  rate(x{app=`web}[1m])\n)\n": "line 2, column 14, in `rate(x{app=`web}[1m])`: unterminated raw string; close the quote",
		"sum(rate(x[1m])\n":                  "line 1, column 16, in `sum(rate(x[1m])`: unclosed left parenthesis; close it with )",
		"sum(x))":                            "line 1, column 8, in `sum(x))`: unexpected right parenthesis ')'; it closes none: remove it",
		`x{app="web"`:                        "line 1, column 12, in `x{app=\"web\"`: unexpected end of input inside braces; close them with }",
		`x{app=web}`:                         "line 1, column 7, in `x{app=web}`: unexpected identifier \"web\" in label matching, expected string; put the value in quotes",
		`x{app=“web”}`:                       "line 1, column 7, in `x{app=“web”}`: unexpected character inside braces: '“'; write straight quotes",
		`rate(x)`:                            "line 1, column 6, in `rate(x)`: expected type range vector in call to function \"rate\", got instant vector; give it a range, as in [1m]",
		`sum(x[5m])`:                         "line 1, column 5, in `sum(x[5m])`: expected type instant vector in aggregation expression, got range vector; take a function of it, as in rate(...)",
		`rate(sum(x)[5m])`:                   "line 1, column 12, in `rate(sum(x)[5m])`: ranges only allowed for vector selectors; a range goes to the series, or is one of a subquery, as in [5m:1m]",
		`x = 1`:                              "line 1, column 3, in `x = 1`: unexpected \"=\"; write == to compare",
		`2 > 1`:                              "line 1, column 3, in `2 > 1`: comparisons between scalars must use BOOL modifier; write bool behind the operator, or compare in a condition",
		`x{app=~"("}`:                        "line 1, column 3, in `x{app=~\"(\"}`: error parsing regexp: missing closing ): `(`",
		`x /`:                                "line 1, column 4, in `x /`: unexpected end of input",
		`é + "é" + `:                         "line 1, column 1, in `é + \"é\" +`: unexpected character: 'é'",
		`# only this`:                        "line 1, column 1, in `# only this`: no expression found in input",
		`rat(x[1m])`:                         "unsure: line 1, column 1, in `rat(x[1m])`: unknown function with name \"rat\"; did you mean rate?",
		`keep_last_value(x)`:                 "unsure: line 1, column 1, in `keep_last_value(x)`: unknown function with name \"keep_last_value\"",
		`su(x)`:                              "unsure: line 1, column 1, in `su(x)`: unknown function with name \"su\"; did you mean sum?",
		"sum(x{a=\"{{args.app}}\"}) by (a\n": "line 1, column 31, in `sum(x{a=\"{{args.app}}\"}) by (a`: unclosed left parenthesis; close it with )",
		`x{a="{{args.app}}"}[{{args.window}}] / (`:                  "line 1, column 41, in `x{a=\"{{args.app}}\"}[{{args.window}}] / (`: unclosed left parenthesis; close it with )",
		`x{a="{{args.app}}, b="{{args.version}}"} > {{args.least}}`: "line 1, column 39, in `x{a=\"{{args.app}}, b=\"{{args.version}}\"} > {{args.least}}`: unterminated quoted string; close the quote",
	})
}

func TestConditions(t *testing.T) {
	testTexts(t, conditions, map[string]string{
		`result[0] >= 0.95 && !isNaN(result[0])`:                               "",
		`result[0] >= {{args.least}}`:                                          "",
		`{{args.condition}}`:                                                   "",
		`result.{{args.field}} == "{{args.value}}"`:                            "",
		`result.status startsWith {{args.quoted}}`:                             "",
		`all(result, {# {{args.op}} {{args.least}}})`:                          "",
		`{{args.fn}}(result) < 5 and result[0] {{args.op}} 1`:                  "",
		`result[0] in [{{args.codes}}]`:                                        "",
		`default(result, {{args.otherwise}}) != {{args.never}} || {{args.or}}`: "",
		// Mistakes.
		`result[0] >`:                      "line 1, column 11, in `result[0] >`: unexpected token EOF",
		`len(result == 0`:                  "line 1, column 15, in `len(result == 0`: unexpected token EOF",
		"result[0] > 1 &&\nx < 2":          "line 2, column 1, in `x < 2`: unknown name x",
		`asInt(result) + 1`:                "in `asInt(result) + 1`: expected true or false, got int",
		`result > {{args.least}} and`:      "line 1, column 27, in `result > {{args.least}} and`: unexpected token EOF",
		`asInt(result) + {{args.more}}`:    "",
		`result["{{args.key}}] == "ok"`:    "line 1, column 27, in `result[\"{{args.key}}] == \"ok\"`: unexpected token Identifier(\"ok\")",
		`result {{ args. least }}`:         "line 1, column 8, in `result {{ args. least }}`: unexpected token Bracket(\"{\")",
		`"` + `é` + `" == result && resul`: "line 1, column 18, in `\"é\" == result && resul`: unknown name resul",
	})
}

func TestJSONPaths(t *testing.T) {
	testTexts(t, jsonPaths, map[string]string{
		`{$.data.ok}`:                             "",
		`$.data.ok`:                               "",
		`{$.data.items[{{args.index}}].value}`:    "",
		`{{args.path}}`:                           "",
		`{.a[?(@.b=='{{args.b}}')].c}`:            "",
		`{.a[?(@.b{{args.op}}{{args.c}})]}`:       "",
		`{$.data`:                                 "in `{$.data`: unclosed action",
		`{$.data[0}`:                              "in `{$.data[0}`: unterminated array",
		`{.a[?(@.b=='{{args.b}})].c}`:             "in `{.a[?(@.b=='{{args.b}})].c}`: unterminated filter",
		`{.items[{{args.from}}:{{args.to}}:x:y]}`: "in `{.items[{{args.from}}:{{args.to}}:x:y]}`: invalid array index x:x:x:y",
	})
}

func TestMoments(t *testing.T) {
	testTexts(t, moments, map[string]string{
		`now()`:                            "",
		`now() - duration("5m")`:           "",
		`now() - duration("{{args.ago}}")`: "",
		`now() - {{args.ago}}`:             "",
		`{{args.start}}`:                   "",
		`now() - duration("5 minutes")`:    "in `now() - duration(\"5 minutes\")`: time: unknown unit \" minutes\" in duration \"5 minutes\" (1:9)",
		`now() - 5m`:                       "in `now() - 5m`: bad number syntax: \"5m\" (1:10)",
	})
}

// testTexts reads texts of which nothing is known.
func testTexts(t *testing.T, l *language, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	for written := range want {
		it := text{written: written, language: l}
		got[written] = ""
		if wrong := it.mistake(nil); wrong != nil {
			got[written] = it.describe(wrong)
			if wrong.unsure {
				got[written] = "unsure: " + got[written]
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

// TestKnown puts values in that are known: only what is left is guessed, and the place of
// a mistake is one of the text as it is written.
func TestKnown(t *testing.T) {
	const written = "x{app=\"{{args.app}}\"}\n  > {{args.least}} {{args.more}}"
	for _, c := range []struct {
		name  string
		known map[string]string
		want  string
	}{
		{"nothing", nil, ""},
		{"values that fit", map[string]string{"app": "a long name of an application", "least": "0.5", "more": "or y"}, ""},
		{"a number that is none", map[string]string{"least": "5%", "more": ""}, "line 2, column 33, in `> {{args.least}} {{args.more}}`: unexpected end of input"},
		{"a quote", map[string]string{"app": `"`}, "line 1, column 20, in `x{app=\"{{args.app}}\"}`: unterminated quoted string; close the quote"},
		{"behind a value", map[string]string{"app": "a long name of an application", "least": "0.5", "more": ")"}, "line 2, column 33, in `> {{args.least}} {{args.more}}`: unexpected right parenthesis ')'; it closes none: remove it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			it, got := text{written: written, language: promQL}, ""
			if wrong := it.mistake(c.known); wrong != nil {
				got = it.describe(wrong)
			}
			if got != c.want {
				t.Errorf("got %s\nwant %s", strings.ReplaceAll(got, "\n", `\n`), c.want)
			}
		})
	}
}
