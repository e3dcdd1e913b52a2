package nodeagent

import (
	"cmp"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/sim/world"
)

// player plays one pod: its life, and the processes that stand for its
// containers.
type player struct {
	agent    *Agent
	key      types.NamespacedName
	uid      types.UID
	ip       string
	commands map[string]command // of the containers that have a process

	mu       sync.Mutex // guards what follows
	life     *world.Life
	programs map[string]*program
	reported *corev1.PodStatus // what the API was told last; nil: nothing, or it may have been overruled
	stopping bool              // processes were told to stop
	killed   bool              // the life was ended by force
	removed  bool              // the pod was deleted by us
	left     bool
}

func newPlayer(a *Agent, key types.NamespacedName, pod *corev1.Pod, ip string) *player {
	p := &player{agent: a, key: key, uid: pod.UID, ip: ip, commands: map[string]command{}, programs: map[string]*program{}}
	p.life = world.NewLife(pod, a.clock.Now(), a.options.Timing, ip, func(image string) world.ImageBehaviour {
		return a.behaviourOf(pod.Namespace, image)
	})
	if a.options.Program == "" {
		return p
	}
	for i := range pod.Spec.Containers {
		if c := &pod.Spec.Containers[i]; serves(c) {
			p.commands[c.Name] = commandOf(pod, c, ip)
			p.life.SetAnswers(c.Name, false)
		}
	}
	return p
}

// obey starts and ends processes as the life of the pod says. It reports whether
// the life was told something: that a process does not answer yet, or that one
// could not be started.
func (p *player) obey() (told bool) {
	for _, want := range p.life.Programs() {
		c, ok := p.commands[want.Container]
		if !ok {
			continue
		}
		present := p.programs[want.Container]
		if present != nil && (!want.Runs || present.run != want.Run) {
			present.kill()
			delete(p.programs, want.Container)
			p.life.SetAnswers(want.Container, false)
			present, told = nil, true
		}
		if present != nil || !want.Runs || p.stopping {
			continue
		}
		started, err := p.start(c, want.Run)
		if err != nil {
			p.agent.options.Log.Warn("node agent: a process did not start", "pod", p.key.String(), "container", c.container, "error", err)
			p.life.Exit(want.Container, cannotRun)
			told = true
			continue
		}
		p.programs[want.Container] = started
	}
	return told
}

// cannotRun is the exit code of a command that cannot be executed.
const cannotRun = 126

// ended hears that a process has ended by itself.
func (p *player) ended(x *program, code int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.programs[x.container] != x || p.stopping {
		return
	}
	delete(p.programs, x.container)
	p.life.SetAnswers(x.container, false)
	p.life.Exit(x.container, int32(cmp.Or(code, 1)))
	p.agent.queue.Add(p.key)
}

// answers hears whether a process answers.
func (p *player) answers(x *program, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.programs[x.container] != x || p.stopping {
		return
	}
	p.life.SetAnswers(x.container, ok)
	p.agent.queue.Add(p.key)
}

// stop tells the processes to end in good order.
func (p *player) stop() {
	if p.stopping {
		return
	}
	p.stopping = true
	for _, x := range p.programs {
		x.terminate()
	}
}

// kill ends the processes at once.
func (p *player) kill() {
	p.stopping = true
	for name, x := range p.programs {
		x.kill()
		delete(p.programs, name)
	}
}

// leave ends the processes and gives the address back.
func (p *player) leave(a addresses) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kill()
	if p.left {
		return nil
	}
	p.left = true
	return a.give(p.ip)
}
