//go:build e2e && linux

package localplane

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

// asParent makes this test binary a program that starts a plane and waits.
const asParent = "AVIARY_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(asParent) != "" {
		if err := parent(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// parent starts a plane, prints its programs and waits for its end, which comes
// from outside. It handles no signal itself.
func parent() error {
	p, err := Start(context.Background(), Options{Progress: os.Stderr})
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(p.Programs()); err != nil {
		return err
	}
	if err := p.Wait(); err != nil {
		return err
	}
	_ = clock.Wait(context.Background(), patience) // the signal is on its way to us
	return errors.New("the plane has ended, and no signal came")
}

// However the process that started a plane ends, its programs end with it. Only
// when it is killed outright does its folder stay.
func TestProgramsEndWithTheirParent(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGKILL} {
		t.Run(s.String(), func(t *testing.T) {
			temporary := t.TempDir()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), asParent+"=1", "TMPDIR="+temporary)
			cmd.Stderr = t.Output()
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, readErr := bufio.NewReader(stdout).ReadBytes('\n')
			if err := cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != s {
				t.Errorf("the parent ended with %v, not of the signal", cmd.ProcessState)
			}
			ids := map[string]int{}
			if err := json.Unmarshal(line, &ids); err != nil || len(ids) != 4 {
				t.Fatalf("the parent started %q (%v, %v)", line, err, readErr)
			}
			for name, id := range ids {
				eventually(t, name, func(context.Context) error {
					if err := syscall.Kill(id, 0); !errors.Is(err, syscall.ESRCH) {
						return fmt.Errorf("process %d is alive", id)
					}
					return nil
				})
			}
			left, err := filepath.Glob(filepath.Join(temporary, "*"))
			if err != nil || len(left) > 0 && s != syscall.SIGKILL {
				t.Errorf("left: %q (%v)", left, err)
			}
		})
	}
}
