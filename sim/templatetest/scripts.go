package templatetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/metric/datadog"
	"github.com/aviary-rollouts/aviary/internal/metric/graphite"
	"github.com/aviary-rollouts/aviary/internal/metric/influxdb"
	"github.com/aviary-rollouts/aviary/internal/metric/job"
	"github.com/aviary-rollouts/aviary/internal/metric/newrelic"
	"github.com/aviary-rollouts/aviary/internal/metric/skywalking"
	"github.com/aviary-rollouts/aviary/internal/metric/wavefront"
	"github.com/aviary-rollouts/aviary/internal/metric/web"
	"github.com/aviary-rollouts/aviary/sim/trial"
)

// maxTimes bounds how often an answer is repeated.
const maxTimes = 100_000

// readScripts reads the answers of servers and services and the ends of Jobs, and sees
// that every metric that needs some has some.
func (c *testCase) readScripts(at place, t *trial.Trial) (err error) {
	t.Answers, t.Jobs = map[string][]trial.Answer{}, map[string][]trial.Job{}
	for i, a := range c.Web {
		at := at.field("web[%d]", i)
		answer, err := a.read(at)
		if err := add(at, t.Answers, a.script, answer, err, web.Kind, t.Spec); err != nil {
			return err
		}
	}
	if err := c.readServices(at, t); err != nil {
		return err
	}
	for i, a := range c.SkyWalking {
		at := at.field("skywalking[%d]", i)
		answer, err := a.read(at)
		if err := add(at, t.Answers, a.script, answer, err, skywalking.Kind, t.Spec); err != nil {
			return err
		}
	}
	for i, e := range c.Job {
		at := at.field("job[%d]", i)
		end, err := e.read(at)
		if err := add(at, t.Jobs, e.script, end, err, job.Kind, t.Spec); err != nil {
			return err
		}
	}
	var missing *trial.MissingError
	if errors.As(t.Check(), &missing) {
		return at.problem(missing.Error(), fmt.Sprintf("write one for each measurement under %s; the last one holds for all that follow", missing.Provider))
	}
	return nil
}

// readServices reads the answers of services.
func (c *testCase) readServices(at place, t *trial.Trial) error {
	for _, service := range []struct {
		kind string
		list []serviceAnswer
	}{
		{datadog.Kind, c.Datadog}, {graphite.Kind, c.Graphite}, {influxdb.Kind, c.Influxdb}, {newrelic.Kind, c.NewRelic}, {wavefront.Kind, c.Wavefront},
	} {
		for i, a := range service.list {
			at := at.field("%s[%d]", service.kind, i)
			answer, err := a.read(at)
			if err := add(at, t.Answers, a.script, answer, err, service.kind, t.Spec); err != nil {
				return err
			}
		}
	}
	return nil
}

// add puts an answer into the list of its metric.
func add[T any](at place, lists map[string][]T, s script, item T, err error, kind string, spec v1alpha1.AnalysisRunSpec) error {
	if err != nil {
		return err
	}
	name, err := s.metric(at, kind, spec)
	if err != nil {
		return err
	}
	if s.Times < 0 || s.Times > maxTimes {
		return at.field("times").problem(fmt.Sprintf("times is %d", s.Times), fmt.Sprintf("write a number from 1 to %d", maxTimes))
	}
	lists[name] = append(lists[name], slices.Repeat([]T{item}, max(s.Times, 1))...)
	return nil
}

// metric is the name of the metric that an answer is for.
func (s script) metric(at place, kind string, spec v1alpha1.AnalysisRunSpec) (string, error) {
	var names []string
	for _, m := range spec.Metrics {
		if k, err := analysis.ProviderKind(m.Provider); err == nil && k == kind {
			names = append(names, m.Name)
		}
	}
	switch {
	case len(names) == 0:
		return "", at.problem(fmt.Sprintf("no metric of this test has a %s provider", kind), "remove it")
	case s.Metric == "" && len(names) > 1:
		return "", at.problem("it is not said for which metric this is", "set metric to one of "+strings.Join(names, ", "))
	case s.Metric == "":
		return names[0], nil
	case !slices.Contains(names, s.Metric):
		return "", at.field("metric").problem(fmt.Sprintf("no metric %q has a %s provider", s.Metric, kind), "write "+strings.Join(names, " or "))
	}
	return s.Metric, nil
}

func (a *webAnswer) read(at place) (trial.Answer, error) {
	if a.JSON != nil && a.Body != "" {
		return trial.Answer{}, at.problem("there are both body and json", "keep one of them")
	}
	body := a.Body
	if a.JSON != nil {
		body = string(a.JSON)
	}
	return answer(at, a.Status, body, a.Error)
}

func (a *serviceAnswer) read(at place) (trial.Answer, error) {
	said := a.Body != "" || a.JSON != nil || a.Status != 0 || a.Error != ""
	number := plain(a.Value)
	switch _, err := strconv.ParseFloat(number, 64); {
	case a.Value == nil && !said:
		return trial.Answer{}, at.problem("there is no answer here", "write value, or status, error, json or body")
	case a.Value == nil:
		return a.webAnswer.read(at)
	case said:
		return trial.Answer{}, at.problem("there is more than a value", "keep the value, or what else is said")
	case number != "null" && err != nil:
		return trial.Answer{}, at.field("value").problem(fmt.Sprintf("value is %s", number), "write a number, or null for no data")
	}
	return trial.Answer{Value: number}, nil
}

func (a *skyWalking) read(at place) (trial.Answer, error) {
	reply := map[string]any{}
	switch {
	case len(a.Errors) > 0:
		var errs []map[string]string
		for _, text := range a.Errors {
			errs = append(errs, map[string]string{"message": text})
		}
		reply["errors"] = errs
	case a.Data == nil && a.Error == "" && a.Status == 0:
		return trial.Answer{}, at.problem("there is no answer here", "write data, errors, status or error")
	}
	if a.Data != nil {
		reply["data"] = a.Data
	}
	body, err := json.Marshal(reply)
	if err != nil {
		return trial.Answer{}, at.field("data").problem(err.Error(), "write what the query yields, as a tree")
	}
	return answer(at, a.Status, string(body), a.Error)
}

func answer(at place, status int, body, problem string) (trial.Answer, error) {
	if status != 0 && (status < http.StatusOK || status > 599) {
		return trial.Answer{}, at.field("status").problem(fmt.Sprintf("status is %d", status), "write a code of HTTP from 200 to 599")
	}
	return trial.Answer{Status: status, Body: body, Error: problem}, nil
}

// unpulled are the reasons why an image does not arrive.
var unpulled = []string{"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}

func (e *jobEnd) read(at place) (trial.Job, error) {
	after, err := at.field("after").duration(e.After)
	if err != nil {
		return trial.Job{}, err
	}
	condition := batchv1.JobConditionType(e.Condition)
	switch {
	case (e.Condition == "") == (e.Waiting == ""):
		return trial.Job{}, at.problem("a Job needs either condition or waiting", "write condition: Complete, condition: Failed or waiting: ErrImagePull")
	case e.Condition != "" && condition != batchv1.JobComplete && condition != batchv1.JobFailed:
		return trial.Job{}, at.field("condition").problem(fmt.Sprintf("condition is %q", e.Condition), "write Complete or Failed")
	case e.Waiting != "" && !slices.Contains(unpulled, e.Waiting):
		return trial.Job{}, at.field("waiting").problem(fmt.Sprintf("waiting is %q", e.Waiting), "write "+strings.Join(unpulled, ", "))
	}
	return trial.Job{After: after, Condition: condition, Waiting: e.Waiting}, nil
}
