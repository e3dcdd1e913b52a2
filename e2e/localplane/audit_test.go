package localplane

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReadRequests(t *testing.T) {
	const log = `{"kind":"Event","stage":"ResponseStarted","verb":"watch","user":{"username":"controller"},"objectRef":{"resource":"pods"},"responseStatus":{"code":200}}
{"kind":"Event","stage":"ResponseComplete","verb":"patch","user":{"username":"controller","groups":["system:authenticated"]},"objectRef":{"resource":"rollouts","namespace":"ns","name":"app","apiGroup":"argoproj.io","apiVersion":"v1alpha1","subresource":"status"},"responseStatus":{"metadata":{},"code":409},"requestReceivedTimestamp":"2026-11-27T22:00:00.5Z"}
{"kind":"Event","stage":"Resp`
	got, err := readRequests(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	want := []Request{{
		User: "controller", Verb: "patch", Group: "argoproj.io", Resource: "rollouts", Subresource: "status",
		Namespace: "ns", Name: "app", Code: 409, Received: time.Date(2026, 11, 27, 22, 0, 0, 500_000_000, time.UTC),
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := readRequests(strings.NewReader("{}\nno JSON")); err == nil {
		t.Error("a log that is no JSON is no error")
	}
}
