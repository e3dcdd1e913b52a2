package metricservice

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/metric/datadog"
	"github.com/aviary-rollouts/aviary/internal/metric/graphite"
	"github.com/aviary-rollouts/aviary/internal/metric/influxdb"
	"github.com/aviary-rollouts/aviary/internal/metric/newrelic"
	"github.com/aviary-rollouts/aviary/internal/metric/wavefront"
)

// Kinds are the services, as the field of a metric's provider names them.
var Kinds = []string{datadog.Kind, graphite.Kind, influxdb.Kind, newrelic.Kind, wavefront.Kind}

// Known is true for one of [Kinds].
func Known(kind string) bool { return slices.Contains(Kinds, kind) }

// Question is what a service is asked.
type Question struct {
	// Kind is one of [Kinds].
	Kind string
	// Text is the query, or where that is hidden in a request all that holds it.
	Text string
	// V2 is true for the second API of Datadog.
	V2 bool
}

// Of is the question of a provider; the zero Question if it asks none of the
// services.
func Of(p v1alpha1.MetricProvider) Question {
	switch {
	case p.Datadog != nil:
		return Question{datadog.Kind, p.Datadog.Query, p.Datadog.APIVersion == "v2"}
	case p.Graphite != nil:
		return Question{graphite.Kind, p.Graphite.Query, false}
	case p.Influxdb != nil:
		return Question{influxdb.Kind, p.Influxdb.Query, false}
	case p.NewRelic != nil:
		return Question{newrelic.Kind, p.NewRelic.Query, false}
	case p.Wavefront != nil:
		return Question{wavefront.Kind, p.Wavefront.Query, false}
	}
	return Question{}
}

// In recognises the question in a request, whatever its host; the zero Question if
// it is for none of the services. The request can be read again.
func In(r *http.Request) Question {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body) // it is in memory
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	switch path := r.URL.Path; {
	case r.Header.Get("DD-API-KEY") != "":
		return Question{datadog.Kind, r.URL.Query().Get("query") + string(body), strings.HasPrefix(path, "/api/v2/")}
	case r.Header.Get("API-Key") != "":
		var asked struct {
			Variables struct {
				NRQL string `json:"nrql"`
			} `json:"variables"`
		}
		_ = json.Unmarshal(body, &asked) // another text is no NRQL
		return Question{newrelic.Kind, asked.Variables.NRQL, false}
	case strings.HasSuffix(path, "/api/v2/chart/api"):
		return Question{wavefront.Kind, r.URL.Query().Get("q"), false}
	case strings.HasSuffix(path, "/api/v2/query"):
		return Question{influxdb.Kind, string(body), false}
	case strings.HasSuffix(path, "/render") && r.URL.Query().Has("target"):
		return Question{graphite.Kind, strings.Join(r.URL.Query()["target"], " "), false}
	}
	return Question{}
}

// Answer is what the service answers if its query yields a number, which is a text
// as JSON has it, "0.97"; null is no data. It returns the body and its type.
func (q Question) Answer(number string) (body, contentType string) {
	contentType = "application/json"
	none := number == "null"
	switch {
	case q.Kind == datadog.Kind && q.V2:
		body = fmt.Sprintf(`{"data":{"attributes":{"columns":[{"values":[%s]}]}}}`, number)
	case q.Kind == datadog.Kind && none:
		body = `{"status":"ok","series":[]}`
	case q.Kind == datadog.Kind:
		body = fmt.Sprintf(`{"status":"ok","series":[{"pointlist":[[0,%s]]}]}`, number)
	case q.Kind == graphite.Kind:
		body = fmt.Sprintf(`[{"target":"scripted","datapoints":[[%s,0]]}]`, number)
	case q.Kind == newrelic.Kind && none:
		body = results(`[]`)
	case q.Kind == newrelic.Kind:
		body = results(fmt.Sprintf(`[{%q:%s}]`, column(q.Text), number))
	case q.Kind == wavefront.Kind && none:
		body = `{"timeseries":[]}`
	case q.Kind == wavefront.Kind:
		body = fmt.Sprintf(`{"timeseries":[{"data":[[0,%s]]}]}`, number)
	case q.Kind == influxdb.Kind && none:
		return "", "text/csv"
	case q.Kind == influxdb.Kind:
		return fmt.Sprintf("#datatype,string,long,double\r\n#group,false,false,false\r\n#default,_result,,\r\n,result,table,_value\r\n,,0,%s\r\n", number), "text/csv"
	}
	return body, contentType
}

// results is the answer of New Relic around the rows.
func results(rows string) string {
	return `{"data":{"actor":{"account":{"nrql":{"results":` + rows + `}}}}}`
}

var (
	alias    = regexp.MustCompile(`(?i)\bAS\s+(?:'([^']+)'|"([^"]+)"|` + "`([^`]+)`" + `|(\w+))`)
	function = regexp.MustCompile(`(?i)\bSELECT\s+(\w+)\s*\(\s*(?:([\w.]+)\s*[,)])?`)
)

// column is what New Relic calls the first thing that a query selects: the name after
// AS, else the function with the attribute, "average.duration", or the function alone,
// "count".
func column(nrql string) string {
	if m := alias.FindStringSubmatch(nrql); m != nil {
		return strings.Join(m[1:], "")
	}
	m := function.FindStringSubmatch(nrql)
	switch {
	case m == nil:
		return "result"
	case m[2] == "":
		return m[1]
	}
	return m[1] + "." + m[2]
}
