package world

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

func TestTaskOf(t *testing.T) {
	for _, c := range []struct {
		line string
		want ImageBehaviour
	}{
		{"", ImageBehaviour{}},
		{"wget -q http://reviews:9080/reviews/0", ImageBehaviour{}},
		{"sleep 5", ImageBehaviour{RunFor: 5 * time.Second}},
		{"sh -c sleep  0.5 && exit 0", ImageBehaviour{RunFor: 500 * time.Millisecond}},
		{"sh -c sleep 20; exit 1", ImageBehaviour{RunFor: 20 * time.Second, JobFails: true, ExitCode: 1}},
		{"sh -c exit 42", ImageBehaviour{JobFails: true, ExitCode: 42}},
		{"sh -c exit 999", ImageBehaviour{JobFails: true, ExitCode: 255}},
		{"sh -c asleep 20; myexit 1", ImageBehaviour{}},
	} {
		task := taskOf(&corev1.Container{Command: strings.Fields(c.line)})
		if got := task.apply(ImageBehaviour{}); got != c.want {
			t.Errorf("%q: %+v, want %+v", c.line, got, c.want)
		}
		said := ImageBehaviour{RunFor: time.Hour}
		if got := task.apply(said); got != said {
			t.Errorf("%q: %+v, though it was said that %+v", c.line, got, said)
		}
	}
}
