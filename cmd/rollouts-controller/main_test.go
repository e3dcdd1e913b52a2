package main

import (
	"bytes"
	"context"
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
