package world

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// task is what the command of a Job's container says about its end. It is read,
// not run: no program exists.
type task struct {
	runs time.Duration
	code int32
}

var (
	sleeping = regexp.MustCompile(`\bsleep\s+([0-9]+(?:\.[0-9]+)?)`)
	exiting  = regexp.MustCompile(`\bexit\s+([0-9]+)`)
)

// taskOf reads the command of a container:
//
//	["sh", "-c", "sleep 20; exit 1"]     20 s, code 1
//	["sleep", "5"]                       5 s, code 0
func taskOf(c *corev1.Container) (t task) {
	line := strings.Join(slices.Concat(c.Command, c.Args), " ")
	if m := sleeping.FindStringSubmatch(line); m != nil {
		seconds, _ := strconv.ParseFloat(m[1], 64)
		t.runs = time.Duration(seconds * float64(time.Second))
	}
	if m := exiting.FindStringSubmatch(line); m != nil {
		code, _ := strconv.ParseUint(m[1], 10, 8)
		t.code = int32(code)
	}
	return t
}

// apply puts what the command says where nothing is said of the image.
func (t task) apply(b ImageBehaviour) ImageBehaviour {
	if b != (ImageBehaviour{}) {
		return b
	}
	b.RunFor, b.JobFails, b.ExitCode = t.runs, t.code != 0, t.code
	return b
}
