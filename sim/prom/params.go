package prom

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
)

// readInstant reads the parameters of /api/v1/query. The error is the text that
// a Prometheus server answers.
func readInstant(r *http.Request, now time.Time) (q question, limit int, err error) {
	if limit, err = readLimit(r); err != nil {
		return q, 0, err
	}
	q.text, q.start = r.FormValue("query"), now
	if text := r.FormValue("time"); text != "" {
		if q.start, err = parseTime(text); err != nil {
			return q, 0, invalid("time", fmt.Errorf("invalid time value for 'time': %w", err))
		}
	}
	return q, limit, readCommon(r, &q)
}

// readRange reads the parameters of /api/v1/query_range.
func readRange(r *http.Request) (q question, limit int, err error) {
	if limit, err = readLimit(r); err != nil {
		return q, 0, err
	}
	q.text = r.FormValue("query")
	if q.start, err = parseTime(r.FormValue("start")); err != nil {
		return q, 0, invalid("start", err)
	}
	if q.end, err = parseTime(r.FormValue("end")); err != nil {
		return q, 0, invalid("end", err)
	}
	if q.end.Before(q.start) {
		return q, 0, invalid("end", errors.New("end timestamp must not be before start time"))
	}
	if q.step, err = parseDuration(r.FormValue("step")); err != nil {
		return q, 0, invalid("step", err)
	}
	if q.step <= 0 {
		return q, 0, invalid("step", errors.New("zero or negative query resolution step widths are not accepted. Try a positive integer"))
	}
	if q.end.Sub(q.start)/q.step > 11000 {
		return q, 0, errors.New("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)")
	}
	return q, limit, readCommon(r, &q)
}

// readCommon reads what both endpoints know. The timeout is checked and then
// ignored: a query takes no virtual time.
func readCommon(r *http.Request, q *question) (err error) {
	if text := r.FormValue("timeout"); text != "" {
		if _, err := parseDuration(text); err != nil {
			return invalid("timeout", err)
		}
	}
	if text := r.FormValue("lookback_delta"); text != "" {
		if q.lookback, err = parseDuration(text); err != nil {
			return fmt.Errorf("error parsing lookback delta duration: %w", err)
		}
	}
	return nil
}

func readLimit(r *http.Request) (int, error) {
	text := r.FormValue("limit")
	if text == "" {
		return 0, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil {
		return 0, invalid("limit", err)
	}
	if limit < 0 {
		return 0, invalid("limit", errors.New("limit must be non-negative"))
	}
	return limit, nil
}

func invalid(parameter string, err error) error {
	return fmt.Errorf("invalid parameter %q: %w", parameter, err)
}

// parseTime reads seconds since 1970, of which thousandths count, or a time as
// in RFC 3339.
func parseTime(text string) (time.Time, error) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		whole, part := math.Modf(seconds)
		part = math.Round(part*1000) / 1000
		return time.Unix(int64(whole), int64(part*float64(time.Second))).UTC(), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("cannot parse %q to a valid timestamp", text)
}

// parseDuration reads seconds or a duration like 1m30s.
func parseDuration(text string) (time.Duration, error) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		ns := seconds * float64(time.Second)
		if ns > float64(math.MaxInt64) || ns < float64(math.MinInt64) {
			return 0, fmt.Errorf("cannot parse %q to a valid duration. It overflows int64", text)
		}
		return time.Duration(ns), nil
	}
	if d, err := model.ParseDuration(text); err == nil {
		return time.Duration(d), nil
	}
	return 0, fmt.Errorf("cannot parse %q to a valid duration", text)
}
