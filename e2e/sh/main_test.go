package main

import (
	"bytes"
	"context"
	"testing"
)

func TestRun(t *testing.T) {
	for _, c := range []struct {
		args     []string
		code     int
		out, err string
	}{
		{[]string{"-c", "exit 0"}, 0, "", ""},
		{[]string{"-c", "sleep 0.01; exit 3"}, 3, "", ""},
		{[]string{"-c", "sleep 0 && echo done"}, 0, "done\n", ""},
		{[]string{"-c", "sleep soon"}, 1, "", "sleep: [\"soon\"]: give a number of seconds\n"},
		{[]string{"-c", "if"}, 2, "", "sh: script:1:1: `if` must be followed by a statement list\n"},
		{[]string{"script.sh"}, 2, "", "sh: [\"script.sh\"]: give -c and a script\n"},
	} {
		var out, problems bytes.Buffer
		code := run(context.Background(), c.args, &out, &problems)
		if code != c.code || out.String() != c.out || problems.String() != c.err {
			t.Errorf("sh %q: %d, %q, %q; want %d, %q, %q", c.args, code, &out, &problems, c.code, c.out, c.err)
		}
	}
}

// A pod that is deleted while its script sleeps does not last until it is killed.
func TestRunEndsWhenToldTo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, problems bytes.Buffer
	if code := run(ctx, []string{"-c", "sleep 1000"}, &out, &problems); code != 143 {
		t.Errorf("exit code %d, want 143; %s", code, &problems)
	}
}
