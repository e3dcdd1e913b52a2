package kubectl

import (
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// serverError puts an answer of the API server into kubectl's words:
//
//	Error from server (NotFound): rollouts.argoproj.io "x" not found
//	The Rollout "x" is invalid: spec.replicas: Invalid value: -1: ...
func serverError(err error) error { return serverErrorWhen("", err) }

// serverErrorWhen is serverError with what was being done in front of the
// message.
func serverErrorWhen(doing string, err error) error {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return fmt.Errorf("error: %s%w", doing, err)
	}
	s := status.Status()
	if s.Reason == metav1.StatusReasonInvalid {
		text := "The request is invalid: " + s.Message
		if s.Details != nil && len(s.Details.Causes) > 0 {
			text = invalid(s.Details)
		}
		return &statusError{text, err}
	}
	text := "Error from server: "
	if s.Reason != metav1.StatusReasonUnknown {
		text = fmt.Sprintf("Error from server (%s): ", s.Reason)
	}
	return &statusError{text + doing + s.Message, err}
}

// invalid lists what is wrong with an object, one cause on the same line,
// several below each other.
func invalid(d *metav1.StatusDetails) string {
	text := "The request is invalid: " // of a patch that leaves no object
	if d.Kind != "" || d.Name != "" {
		text = fmt.Sprintf("The %s %q is invalid: ", d.Kind, d.Name)
	}
	if len(d.Causes) == 1 {
		return text + cause(d.Causes[0])
	}
	var b strings.Builder
	b.WriteString(text)
	for _, c := range d.Causes {
		b.WriteString("\n* " + cause(c))
	}
	return b.String()
}

func cause(c metav1.StatusCause) string {
	if c.Field == "" {
		return c.Message
	}
	return c.Field + ": " + c.Message
}

// statusError has kubectl's words for an error of the API server.
type statusError struct {
	text string
	err  error
}

// Error returns what kubectl prints.
func (e *statusError) Error() string { return e.text }

// Unwrap returns the server's answer.
func (e *statusError) Unwrap() error { return e.err }
