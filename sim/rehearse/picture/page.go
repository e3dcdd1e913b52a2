package picture

import (
	"bytes"
	"html/template"
	"regexp"
	"slices"
	"strings"

	"github.com/aviary-rollouts/aviary/sim/rehearse"
)

// pageStyle is for what surrounds the picture.
const pageStyle = `
body{margin:0 auto;padding:16px;max-width:1192px;background:var(--bg);color:var(--fg);font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
h1{font-size:22px;margin:8px 0}h2{font-size:17px;margin:28px 0 8px}
.verdict{display:inline-block;padding:1px 10px;border-radius:12px;border:1px solid;font-weight:600}
.promoted{color:var(--good)}.aborted,.unfinished,.unnoticed{color:var(--bad)}.waiting{color:var(--unsure)}
p.what{margin:2px 0;color:var(--soft);overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:14px 0;padding:12px 14px;background:var(--box);border-radius:8px}
dt{color:var(--soft)}dd{margin:0}
svg.picture{display:block;width:100%;height:auto;margin:8px 0}svg.small{display:none}
@media (max-width:700px){svg.large{display:none}svg.small{display:block}}
ul{padding-left:20px;margin:6px 0}li{margin:4px 0;overflow-wrap:anywhere}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:13.5px}th{text-align:left;color:var(--soft);font-weight:600;white-space:nowrap}
th,td{padding:4px 12px 4px 0;vertical-align:top;border-bottom:1px solid var(--grid)}
td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}td.w{min-width:260px;overflow-wrap:anywhere}
.flag{white-space:nowrap}
td small{display:block;color:var(--soft);font-size:13px}
ul.warnings li::marker{content:"!\2002";color:var(--unsure);font-weight:700}
@media (max-width:700px){.timeline tr:first-child{display:none}.timeline tr{display:flex;flex-wrap:wrap;gap:0 14px;padding:6px 0;border-bottom:1px solid var(--grid)}
.timeline td{border:0;padding:0}.timeline td.n::before{content:attr(title) " ";color:var(--soft);font-size:12px}.timeline td.w{flex-basis:100%;min-width:0}}
.good{color:var(--good)}.bad{color:var(--bad)}.error{color:var(--error)}.unsure{color:var(--unsure)}
`

// page is what the template is filled with.
type page struct {
	*rehearse.Report
	Style         template.CSS
	Charts        template.HTML
	Lines, Titles []string
	Rows          []rehearse.TableRow
	Measured      []measured
	Verdict       *pill
}

// pill is the outcome in a word or two.
type pill struct{ Class, Word string }

// pillOf is nil if there was no update. A promotion is good news only of a version
// that is.
func pillOf(r *rehearse.Report) *pill {
	verdict := r.Outcome.Verdict
	unnoticed := slices.ContainsFunc(r.Warnings, func(f rehearse.Finding) bool { return f.Code == "unnoticed" })
	switch {
	case verdict == "":
		return nil
	case verdict == rehearse.Promoted && unnoticed:
		return &pill{"unnoticed", "promoted, though it fails requests"}
	}
	return &pill{verdict, verdict}
}

// measured is a row of the table of measurements.
type measured struct {
	rehearse.Gathered
	Class string
}

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"flags": flags}).Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Rehearsal of {{.Rollout}}</title>
<style>{{.Style}}</style>
</head>
<body>
<h1>{{.Title}}</h1>
{{with .Verdict}}<p class="verdict {{.Class}}">{{.Word}}</p>
{{end}}{{range .Lines}}<p class="what">{{flags .}}</p>
{{end}}{{with .Failure}}<p class="bad">{{flags .}}.</p>
{{end}}{{with .Summary}}<dl>
{{range .}}<dt>{{.Name}}</dt><dd>{{.Text}}</dd>
{{end}}</dl>
{{end}}{{if .Updated}}<p>{{.Outcome.Text}}</p>
{{end}}{{with .Warnings}}<h2>Warnings</h2>
<ul class="warnings">
{{range .}}<li>{{flags .Text}}.</li>
{{end}}</ul>
{{end}}{{.Charts}}{{with .Notes}}<h2>Notes</h2>
<ul>
{{range .}}<li>{{flags .Text}}.</li>
{{end}}</ul>
{{end}}{{with .Measured}}<h2>Measurements</h2>
<div class="scroll"><table>
<tr><th class="n">Time</th><th>Metric</th><th>Analysis</th><th>Value</th><th>Verdict</th></tr>
{{range .}}<tr><td class="n">{{.At}}</td><td>{{.Metric}}</td><td>{{.Kind}}</td><td>{{.Short}}</td><td class="w"><span class="{{.Class}}">{{.Phase}}</span>{{if .DryRun}} (dry run){{end}}{{with .Message}}<small>{{.}}</small>{{end}}{{if .More}}<small>and {{.More}} more times, up to {{.Until}}</small>{{end}}</td></tr>
{{end}}</table></div>
{{end}}{{with .Rows}}<h2>Timeline</h2>
<p class="what">Pods of a revision are ready/all, those that are ending left out.</p>
<div class="scroll"><table class="timeline">
<tr>{{range $.Titles}}<th class="n">{{.}}</th>{{end}}<th>WHAT HAPPENED</th></tr>
{{range .}}<tr>{{range $i, $cell := .Cells}}<td class="n" title="{{index $.Titles $i}}">{{$cell}}</td>{{end}}<td class="w">{{.Status}}{{range .Lines}}<small>{{.}}</small>{{end}}</td></tr>
{{end}}</table></div>
{{end}}</body>
</html>
`))

// option is one of the command, which a browser would break after a hyphen.
var option = regexp.MustCompile(`(^|[\s(])(--[a-z]+(?:-[a-z]+)*)`)

// flags escapes a text and keeps the options in it in one piece.
func flags(text string) template.HTML {
	return template.HTML(option.ReplaceAllString(template.HTMLEscapeString(text), `$1<span class="flag">$2</span>`))
}

// HTML renders a report as one page that needs nothing else.
func HTML(r *rehearse.Report) []byte {
	titles, rows := r.Table()
	p := page{
		Report: r, Style: template.CSS(style + pageStyle), Charts: charts(r),
		Lines: r.Header()[1:], Titles: titles, Rows: rows, Verdict: pillOf(r),
	}
	for _, m := range r.Gathered() {
		p.Measured = append(p.Measured, measured{m, verdictOf(m.Phase).class})
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		panic(err) // the template fits the type, and the buffer takes everything
	}
	return b.Bytes()
}

// charts is the picture twice: for wide and for narrow windows.
func charts(r *rehearse.Report) template.HTML {
	if !r.Updated() {
		return ""
	}
	var b strings.Builder
	for _, variant := range []struct {
		width float64
		class string
	}{{wideWidth, "picture large"}, {narrowWidth, "picture small"}} {
		elements, height := draw(r, variant.width, false)
		b.WriteString(open(variant.width, height, r, variant.class) + elements + "</svg>\n")
	}
	return template.HTML(b.String()) // every text in it is escaped where it is drawn
}
