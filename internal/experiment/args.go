package experiment

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// tag is where an argument of an analysis wants to know something about the
// Experiment. Other texts in double braces are left alone.
var tag = regexp.MustCompile(`\{\{\s*((?:templates|experiment)\.[^\s{}]*)\s*\}\}`)

// arguments fills in what arguments ask about the Experiment:
//
//	{{templates.canary.podTemplateHash}}   65c7c65dd7
//	{{templates.canary.replicaset.name}}   web-65c7c65dd7-2-0-canary
//	{{experiment.availableAt}}             2026-01-05T09:00:04Z
//	{{experiment.finishedAt}}              the same, with the duration added
func (d *decision) arguments(args []v1alpha1.Argument) ([]v1alpha1.Argument, error) {
	var filled []v1alpha1.Argument
	for _, arg := range args {
		arg := *arg.DeepCopy()
		if arg.Value != nil {
			value, err := fill(*arg.Value, d.fact)
			if err != nil {
				return nil, fmt.Errorf("argument %q: %w", arg.Name, err)
			}
			arg.Value = &value
		}
		filled = append(filled, arg)
	}
	return filled, nil
}

// fill replaces the tags of a text.
func fill(text string, fact func(string) (string, error)) (string, error) {
	var failed error
	text = tag.ReplaceAllStringFunc(text, func(match string) string {
		value, err := fact(tag.FindStringSubmatch(match)[1])
		if err != nil && failed == nil {
			failed = err
		}
		return value
	})
	return text, failed
}

// fact is what a tag stands for.
func (d *decision) fact(name string) (string, error) {
	unknown := fmt.Errorf("failed to resolve {{%s}}", name)
	if of, ok := strings.CutPrefix(name, "experiment."); ok {
		if d.status.AvailableAt == nil {
			return "", unknown
		}
		available := d.status.AvailableAt.UTC()
		length, err := d.spec.Duration.Duration()
		switch {
		case of == "availableAt":
			return available.Format(time.RFC3339), nil
		case of == "finishedAt" && err == nil && d.spec.Duration != "":
			return available.Add(length).Format(time.RFC3339), nil
		}
		return "", unknown
	}
	for _, v := range d.versions {
		switch strings.TrimPrefix(name, "templates."+v.spec.Name+".") {
		case "podTemplateHash":
			return v.status.PodTemplateHash, nil
		case "replicaset.name":
			return v.name, nil
		}
	}
	return "", unknown
}
