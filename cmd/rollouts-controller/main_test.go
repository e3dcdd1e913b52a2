package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestStopBeforeTheServerAnswers: a controller that is asked to stop before it could begin
// stops as one that has worked.
func TestStopBeforeTheServerAnswers(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		stop()
		<-r.Context().Done()
	}))
	defer server.Close()
	f, err := read([]string{"--server=" + server.URL, "--namespace=shop"}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if err := run(ctx, f, &log); err != nil {
		t.Error(err)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if last := lines[len(lines)-1]; !strings.Contains(last, "msg=Stopped") {
		t.Errorf("the last line is %q", last)
	}
}

// TestTheLastLine is one of the log, as far as it is known how to write that.
func TestTheLastLine(t *testing.T) {
	of := func(args ...string) *flags {
		f, err := read(args, &bytes.Buffer{})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for _, c := range []struct {
		f    *flags
		want string
	}{
		{nil, "rollouts-controller: lost the lease\n"},
		{of("--logformat=xml"), "rollouts-controller: lost the lease\n"},
		{of(), `level=ERROR msg=Failed err="lost the lease"` + "\n"},
		{of("--logformat=json"), `"level":"ERROR","msg":"Failed","err":"lost the lease"}` + "\n"},
	} {
		var out bytes.Buffer
		report(&out, c.f, errors.New("lost the lease"))
		if got := out.String(); !strings.HasSuffix(got, c.want) || strings.Count(got, "\n") != 1 {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
