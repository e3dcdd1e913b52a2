package localplane

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shell starts a shell script as a program of a plane.
func shell(t *testing.T, script string) *process {
	t.Helper()
	l := newLauncher()
	t.Cleanup(l.close)
	p, err := l.start(program{name: "script", path: "/bin/sh", args: []string{"-c", script}}, filepath.Join(t.TempDir(), "logs", "script.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

func TestDeathShowsLastLines(t *testing.T) {
	p := shell(t, "echo the disk is full >&2; exit 3")
	<-p.exited
	err := p.death()
	if err == nil {
		t.Fatal("a program that ended by itself is no error")
	}
	for _, want := range []string{"script", "exit status 3", "the disk is full", p.log} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
}

func TestKillIsNoDeath(t *testing.T) {
	p := shell(t, "sleep 1000")
	if err := p.death(); err != nil {
		t.Fatalf("while it runs: %v", err)
	}
	p.kill()
	if err := p.death(); err != nil {
		t.Errorf("after we ended it: %v", err)
	}
}

// What a program has started ends with it.
func TestKillEndsTheGroup(t *testing.T) {
	p := shell(t, "sleep 1000 & sleep 1000")
	group := p.cmd.Process.Pid
	if err := syscall.Kill(-group, 0); err != nil {
		t.Fatalf("the program leads no group: %v", err)
	}
	p.kill()
	p.ready = func(context.Context) error { // the kernel may still be at it
		if err := syscall.Kill(-group, 0); !errors.Is(err, syscall.ESRCH) {
			return errors.New("somebody of the group is alive")
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := p.await(ctx); err != nil {
		t.Error(err)
	}
}

func TestAwait(t *testing.T) {
	flag := filepath.Join(t.TempDir(), "ready")
	exists := func(context.Context) error {
		_, err := os.Stat(flag)
		return err
	}
	late := shell(t, "touch "+flag+"; sleep 1000")
	late.ready = exists
	if err := late.await(context.Background()); err != nil {
		t.Errorf("a program that becomes ready: %v", err)
	}
	never := errors.New("not yet")
	dead := shell(t, "echo listen: address already in use; exit 1")
	dead.ready = func(context.Context) error { return never }
	if err := dead.await(context.Background()); err == nil || !strings.Contains(err.Error(), "start again") {
		t.Errorf("a program whose port was taken: error %v gives no remedy", err)
	}
	slow := shell(t, "echo still loading; sleep 1000")
	slow.ready = dead.ready
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := slow.await(ctx); !errors.Is(err, context.Canceled) || !errors.Is(err, never) {
		t.Errorf("a program that is given up: error %v", err)
	}
}

func TestStartNamesTheProgram(t *testing.T) {
	l := newLauncher()
	defer l.close()
	_, err := l.start(program{name: "etcd", path: "/nowhere/etcd"}, filepath.Join(t.TempDir(), "etcd.log"))
	if err == nil || !strings.Contains(err.Error(), "starting etcd") {
		t.Errorf("error %v", err)
	}
}

func TestTail(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	if got := tail(file, 2); got != "(empty)" {
		t.Errorf("of no file: %q", got)
	}
	if err := os.WriteFile(file, []byte("a\nb\nc\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := tail(file, 2); got != "b\nc" {
		t.Errorf("the last two lines are %q", got)
	}
	if got := tail(file, 9); got != "a\nb\nc" {
		t.Errorf("the last nine lines of three are %q", got)
	}
}
