package prom

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

const host = "http://prometheus.istio-system.svc.cluster.local:9090"

// server returns a server over series whose time is five minutes after the
// start.
func server(t testing.TB, series ...string) *Server {
	return NewServer(pinned(t, series...), clock.Func(func() time.Time { return at(5*time.Minute + 250*time.Millisecond) }))
}

// send makes one request and returns the status and the body.
func send(t *testing.T, s http.RoundTripper, method, path string, params ...string) (int, string) {
	t.Helper()
	form := url.Values{}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader(form.Encode())
	} else {
		path += "?" + form.Encode()
	}
	r, err := http.NewRequestWithContext(t.Context(), method, host+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := s.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// The expected answers were checked against the description of the HTTP API;
// 1767603900.25 is the time of the server.
func TestServer(t *testing.T) {
	s := server(t, `x{a="1"} 0+15x40`, `x{a="\"<2>\n"} 1x20 NaN`, `y 0+3x20`)
	const instant, steps = "/api/v1/query", "/api/v1/query_range"
	for _, tc := range []struct {
		name   string
		path   string
		params []string
		status int
		want   string
	}{
		{"scalar", instant, []string{"query", "scalar(x{a=\"1\"})"}, 200,
			`{"status":"success","data":{"resultType":"scalar","result":[1767603900.25,"300"]}}`},
		{"scalar of nothing", instant, []string{"query", "scalar(nothing)"}, 200,
			`{"status":"success","data":{"resultType":"scalar","result":[1767603900.25,"NaN"]}}`},
		{"infinite, at a time in seconds", instant, []string{"query", "-1/0", "time", "1767603600"}, 200,
			`{"status":"success","data":{"resultType":"scalar","result":[1767603600,"-Inf"]}}`},
		{"time as in RFC 3339", instant, []string{"query", "time()", "time", "2026-01-05T09:00:01.005Z"}, 200,
			`{"status":"success","data":{"resultType":"scalar","result":[1767603601.005,"1767603601.005"]}}`},
		{"vector", instant, []string{"query", `x{a="1"}`}, 200,
			`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"x","a":"1"},"value":[1767603900.250,"300"]}]}}`},
		{"empty vector", instant, []string{"query", "nothing"}, 200,
			`{"status":"success","data":{"resultType":"vector","result":[]}}`},
		{"odd label", instant, []string{"query", `x{a!="1"}`, "time", "1767603600"}, 200,
			`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"x","a":"\"<2>\n"},"value":[1767603600,"1"]}]}}`},
		{"matrix", instant, []string{"query", `x{a="1"}[30s]`}, 200,
			`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"x","a":"1"},"values":[[1767603885,"285"],[1767603900,"300"]]}]}}`},
		{"string", instant, []string{"query", `"<a>"`}, 200,
			`{"status":"success","data":{"resultType":"string","result":[1767603900.25,"\u003ca\u003e"]}}`},
		{"limit", instant, []string{"query", "sum by (a) (x)", "limit", "1", "time", "1767603600"}, 200,
			`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"1"},"value":[1767603600,"0"]}]},"warnings":["results truncated due to limit"]}`},
		{"hint", instant, []string{"query", "rate(y[1m])"}, 200,
			`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1767603900.250,"0.19999999999999998"]}]},` +
				`"infos":["PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"y\" (1:6)"]}`},
		{"range", steps, []string{"query", `sum(x{a="1"})`, "start", "1767603600", "end", "1767603630", "step", "15s"}, 200,
			`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1767603600,"0"],[1767603615,"15"],[1767603630,"30"]]}]}}`},
		{"range of a scalar", steps, []string{"query", "1", "start", "0", "end", "1", "step", "1"}, 200,
			`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[0,"1"],[1,"1"]]}]}}`},

		{"missing quote", instant, []string{"query", "sum(x{a=\"1})"}, 400,
			`{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:9: parse error: unterminated quoted string"}`},
		{"behind a path", "/prom/api/v1/query", []string{"query", "1", "time", "1"}, 200,
			`{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}`},
		{"no query", instant, nil, 400,
			`{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": unknown position: parse error: no expression found in input"}`},
		{"bad time", instant, []string{"query", "1", "time", "noon"}, 400,
			`{"status":"error","errorType":"bad_data","error":"invalid parameter \"time\": invalid time value for 'time': cannot parse \"noon\" to a valid timestamp"}`},
		{"bad timeout", instant, []string{"query", "1", "timeout", "1e400"}, 400,
			`{"status":"error","errorType":"bad_data","error":"invalid parameter \"timeout\": cannot parse \"1e400\" to a valid duration"}`},
		{"bad limit", instant, []string{"query", "1", "limit", "-1"}, 400,
			`{"status":"error","errorType":"bad_data","error":"invalid parameter \"limit\": limit must be non-negative"}`},
		{"bad lookback", instant, []string{"query", "1", "lookback_delta", "x"}, 400,
			`{"status":"error","errorType":"bad_data","error":"error parsing lookback delta duration: cannot parse \"x\" to a valid duration"}`},
		{"execution", instant, []string{"query", "x * on () y"}, 422, `{"status":"error","errorType":"execution",`},
		{"range of a range", steps, []string{"query", "x[1m]", "start", "0", "end", "1", "step", "1"}, 400,
			`{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": invalid expression type \"range vector\" for range query, must be Scalar or instant Vector"}`},
		{"end before start", steps, []string{"query", "1", "start", "2", "end", "1", "step", "1"}, 400,
			`{"status":"error","errorType":"bad_data","error":"invalid parameter \"end\": end timestamp must not be before start time"}`},
		{"no step", steps, []string{"query", "1", "start", "0", "end", "1"}, 400,
			`{"status":"error","errorType":"bad_data","error":"invalid parameter \"step\": cannot parse \"\" to a valid duration"}`},
		{"step 0", steps, []string{"query", "1", "start", "0", "end", "1", "step", "0"}, 400,
			`{"status":"error","errorType":"bad_data","error":"invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer"}`},
		{"too many steps", steps, []string{"query", "1", "start", "0", "end", "11001", "step", "1"}, 400,
			`{"status":"error","errorType":"bad_data","error":"exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"}`},
		{"another endpoint", "/api/v1/rules", nil, 404, "404 page not found\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				status, body := send(t, s, method, tc.path, tc.params...)
				if strings.HasSuffix(tc.want, ",") && strings.HasPrefix(body, tc.want) {
					body = tc.want // the text is the engine's
				}
				if status != tc.status || body != tc.want {
					t.Errorf("%s: status %d, want %d: %s", method, status, tc.status, cmp.Diff(tc.want, body))
				}
			}
		})
	}
	if status, _ := send(t, s, http.MethodDelete, instant, "query", "1"); status != http.StatusMethodNotAllowed {
		t.Errorf("DELETE: status %d", status)
	}
}

// The official client understands the answers.
func TestOfficialClient(t *testing.T) {
	s := server(t, `x{a="1"} 0+15x40`)
	caughtUp := 0
	s.BeforeQuery(func() { caughtUp++ })
	client, err := api.NewClient(api.Config{Address: host, RoundTripper: s})
	if err != nil {
		t.Fatal(err)
	}
	prometheus := v1.NewAPI(client)
	ask := func(query string) (model.Value, error) {
		value, _, err := prometheus.Query(context.Background(), query, at(time.Minute))
		return value, err
	}
	value, err := ask(`scalar(sum(rate(nothing[1m])) / sum(rate(nothing[1m])))`)
	if scalar, ok := value.(*model.Scalar); err != nil || !ok || !math.IsNaN(float64(scalar.Value)) {
		t.Errorf("scalar: %v, %v", value, err)
	}
	value, err = ask(`x`)
	if vector, ok := value.(model.Vector); err != nil || !ok || len(vector) != 1 || vector[0].Value != 60 || vector[0].Metric["a"] != "1" {
		t.Errorf("vector: %v, %v", value, err)
	}
	_, err = ask(missingQuote)
	var answer *v1.Error
	want := `invalid parameter "query": 9:30: parse error: unterminated quoted string`
	if !errors.As(err, &answer) || answer.Type != v1.ErrBadData || answer.Msg != want {
		t.Errorf("a missing quote: %v", err)
	}
	value, _, err = prometheus.QueryRange(context.Background(), "x", v1.Range{Start: start, End: at(time.Minute), Step: 30 * time.Second})
	if matrix, ok := value.(model.Matrix); err != nil || !ok || len(matrix) != 1 || len(matrix[0].Values) != 3 {
		t.Errorf("matrix: %v, %v", value, err)
	}
	if caughtUp != 4 {
		t.Errorf("caught up %d times before 4 queries", caughtUp)
	}
}
