package rehearse

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/aviary-rollouts/aviary/internal/manifest"
	"github.com/aviary-rollouts/aviary/internal/ops"
	"github.com/aviary-rollouts/aviary/sim/metricservice"
	"github.com/aviary-rollouts/aviary/sim/prom"
)

// settings is the file of --with: what flags say, and what they have no room
// for. docs/simulate.md describes it.
type settings struct {
	Load         any      `json:"load"` // a number or a text
	Fail         []string `json:"fail"`
	Latency      []string `json:"latency"`
	SetImage     []string `json:"setImage"`
	PromoteAfter string   `json:"promoteAfter"`
	AbortAfter   string   `json:"abortAfter"`
	Until        string   `json:"until"`
	ReadyAfter   string   `json:"readyAfter"`
	Series       []struct {
		Series   string `json:"series"`
		Values   string `json:"values"`
		Interval string `json:"interval"`
	} `json:"series"`
	Answers []struct {
		Host     string `json:"host"`
		Provider string `json:"provider"`
		Path     string `json:"path"`
		Asks     string `json:"asks"`
		Status   int    `json:"status"`
		Body     string `json:"body"`
		Values   any    `json:"values"` // a text, or one number
		Interval string `json:"interval"`
	} `json:"answers"`
	Jobs []struct {
		Image     string `json:"image"`
		After     string `json:"after"`
		Condition string `json:"condition"`
	} `json:"jobs"`
}

// ReadSettings adds what a file says to options. The error names the field.
func ReadSettings(f manifest.File, o *Options) error {
	var s settings
	source, err := manifest.Decode(f, &s)
	if err != nil {
		return err
	}
	steps := []struct {
		field string
		err   error
	}{
		{"load", s.readLoad(o)}, {"fail", readBehaviours(s.Fail, ParseFail, o)}, {"latency", readBehaviours(s.Latency, ParseLatency, o)},
		{"setImage", s.readImages(o)}, {"promoteAfter", span(s.PromoteAfter, &o.PromoteAfter)}, {"abortAfter", span(s.AbortAfter, &o.AbortAfter)},
		{"until", span(s.Until, &o.Until)}, {"readyAfter", span(s.ReadyAfter, &o.ReadyAfter)},
		{"series", s.readSeries(o)}, {"answers", s.readAnswers(o)}, {"jobs", s.readJobs(o)},
	}
	for _, step := range steps {
		if step.err != nil {
			return source.Problem(step.field, step.field+": "+step.err.Error(), "")
		}
	}
	return nil
}

func (s *settings) readLoad(o *Options) error {
	if s.Load == nil {
		return nil
	}
	load, err := ParseLoad(fmt.Sprint(s.Load))
	o.Load = &load
	return err
}

func readBehaviours(texts []string, parse func(string) (Behaviour, error), o *Options) error {
	for _, text := range texts {
		b, err := parse(text)
		if err != nil {
			return err
		}
		o.Behaviours = append(o.Behaviours, b)
	}
	return nil
}

func (s *settings) readImages(o *Options) error {
	for _, text := range s.SetImage {
		image, err := ops.ParseContainerImage(text)
		if err != nil {
			return err
		}
		o.Images = append(o.Images, image)
	}
	return nil
}

func (s *settings) readSeries(o *Options) error {
	for _, x := range s.Series {
		series := Series{Series: x.Series, Values: x.Values}
		if err := span(x.Interval, &series.Interval); err != nil {
			return err
		}
		o.Series = append(o.Series, series)
	}
	return nil
}

func (s *settings) readAnswers(o *Options) error {
	for _, x := range s.Answers {
		a := Answer{Host: x.Host, Provider: x.Provider, Path: x.Path, Asks: x.Asks, Status: x.Status, Body: x.Body, Values: numbers(x.Values)}
		if err := span(x.Interval, &a.Interval); err != nil {
			return err
		}
		switch {
		case a.Host == "" && a.Provider == "":
			return errors.New(`whose? write the host of the server, for example host: smoke.example.com, or provider: datadog`)
		case a.Provider != "" && !metricservice.Known(a.Provider):
			return fmt.Errorf("provider %q is unknown; write %s, or the host of the server", a.Provider, strings.Join(metricservice.Kinds, ", "))
		case a.Status != 0 && (a.Status < 200 || a.Status > 599):
			return fmt.Errorf("status %d is none of an answer; write one from 200 to 599", a.Status)
		case a.Body == "" && a.Values == "" && a.Status == 0:
			return errors.New("nothing is said; write values, body or status")
		}
		if _, err := prom.ParseValues(a.Values); a.Values != "" && err != nil {
			return fmt.Errorf("%w; write numbers as promtool does: 0.99x5 0.5", err)
		}
		o.Answers = append(o.Answers, a)
	}
	return nil
}

// numbers is a text, or a number as one; empty for nothing.
func numbers(values any) string {
	switch v := values.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(values)
}

func (s *settings) readJobs(o *Options) error {
	for _, x := range s.Jobs {
		j := Job{Image: x.Image}
		if err := span(x.After, &j.After); err != nil {
			return err
		}
		switch {
		case x.Image == "":
			return errors.New(`which Jobs? write their image, for example image: "curlimages/*"`)
		case x.Condition == string(batchv1.JobFailed):
			j.Failed = true
		case x.Condition != "" && x.Condition != string(batchv1.JobComplete):
			return fmt.Errorf("condition %q is unknown; write Complete or Failed", x.Condition)
		}
		o.Jobs = append(o.Jobs, j)
	}
	return nil
}

// span reads a time above 0; an empty text leaves what was there.
func span(text string, to *time.Duration) error {
	if text == "" {
		return nil
	}
	d, err := parseTime(text)
	*to = time.Duration(d)
	return err
}
