package world

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Life is one pod as the kubelet of this package plays it, for those who play
// pods of a real cluster: the same stages after the same times, so that a
// scenario sees the same. It asks for nothing and writes nothing; the caller
// tells it what became of the programs that stand for containers, if there are
// any.
type Life struct {
	sandbox   *sandbox
	behaviour func(*container) ImageBehaviour
}

// Program says whether the program of a container has to run.
type Program struct {
	// Container is the name of the container.
	Container string
	// Runs says whether it has to run now.
	Runs bool
	// Run counts its runs from 1: one that differs from the last is another run.
	Run int32
}

// NewLife begins the life of a pod that was bound at a time. behaviour says what
// the containers of an image do; it is asked at each [Life.Advance].
func NewLife(pod *corev1.Pod, bound time.Time, t Timing, ip string, behaviour func(image string) ImageBehaviour) *Life {
	return &Life{
		sandbox:   newSandbox(pod, bound, t.orDefault(), ip),
		behaviour: func(c *container) ImageBehaviour { return behaviour(c.image) },
	}
}

// Advance brings the pod to the present and returns when something changes next
// by itself; zero if nothing does.
func (l *Life) Advance(now time.Time) (wake time.Time) { return l.sandbox.advance(now, l.behaviour) }

// Changed reports whether the status is news since the last [Life.Reported].
func (l *Life) Changed() bool { return l.sandbox.changed }

// Reported notes that the API has been told the present status.
func (l *Life) Reported() { l.sandbox.changed = false }

// Status is what a kubelet reports of the pod at the present. pod has its status
// so far.
func (l *Life) Status(pod *corev1.Pod, hostIP string, now time.Time) corev1.PodStatus {
	return l.sandbox.status(pod, hostIP, now)
}

// Programs lists the containers in the order of the pod, init containers first.
func (l *Life) Programs() []Program {
	list := make([]Program, 0, len(l.sandbox.containers))
	for _, c := range l.sandbox.containers {
		list = append(list, Program{Container: c.name, Runs: c.phase == running, Run: c.restarts + 1})
	}
	return list
}

// SetAnswers says whether the program of a container answers. One that does not
// is not ready, whatever the time; one of which nothing was said is ready when
// its time has come.
func (l *Life) SetAnswers(container string, answers bool) {
	for _, c := range l.sandbox.containers {
		if c.name == container {
			c.silent = !answers
		}
	}
}

// Exit says that the program of a running container has ended by itself. The
// next Advance sees to what follows.
func (l *Life) Exit(container string, code int32) {
	for _, c := range l.sandbox.containers {
		if c.name == container && c.phase == running {
			c.doomed, c.doom = true, code
		}
	}
}

// Crash makes all containers that run exit with an error at the next Advance.
func (l *Life) Crash() { l.sandbox.crash() }

// Terminate notes that the pod is being deleted and returns when its containers
// are gone.
func (l *Life) Terminate(now time.Time, pod *corev1.Pod) time.Time {
	return l.sandbox.terminate(now, pod, l.sandbox.timing)
}

// Kill ends all containers as a signal does that nothing survives (exit code
// 137), for good: the pod's phase is Failed then.
func (l *Life) Kill(now time.Time) {
	const killed = 137
	for _, c := range l.sandbox.containers {
		if c.phase == completed || c.phase == failed {
			continue
		}
		started := c.since
		if c.phase != running {
			started = now
		}
		c.lastExit = exit{started, now, killed}
		c.ready = false
		c.enter(failed, now)
	}
	l.sandbox.changed = true
}

// Images is a list of rules about images, for several pods to share. The zero
// value says that all are healthy. It is not safe for concurrent use.
type Images struct{ rules imageRules }

// Set says how the containers behave whose image matches the pattern, as
// [World.SetImage] does.
func (i *Images) Set(pattern string, b ImageBehaviour) { i.rules.set(pattern, b) }

// Of returns the behaviour of an image.
func (i *Images) Of(image string) ImageBehaviour { return i.rules.of(image) }

// Find returns what the rules say about an image; ok is false if none of them
// matches.
func (i *Images) Find(image string) (b ImageBehaviour, ok bool) { return i.rules.find(image) }
