package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/mockserver/behaviour"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/sim/mesh"
	"github.com/aviary-rollouts/aviary/sim/wildcard"
)

// answers tells the mock servers of one scenario how to behave: those that run,
// and each that starts later.
type answers struct {
	scene *backend.Live
	mesh  Mesh
	clock clock.Clock

	mu    sync.Mutex
	rules []answerRule
	told  map[types.UID]int // by pod, the generation of the rules that it knows
	round int               // the generation of the rules
	stop  context.CancelFunc
	work  sync.WaitGroup
}

type answerRule struct {
	pattern    string
	behaviours []mesh.Behaviour
}

// tellEvery is how often the pods are looked at while there are rules.
const tellEvery = 300 * time.Millisecond

// set adds a rule; the pattern that was set last wins.
func (a *answers) set(pattern string, behaviours []mesh.Behaviour) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rules = slices.DeleteFunc(a.rules, func(r answerRule) bool { return r.pattern == pattern })
	a.rules = append(a.rules, answerRule{pattern, slices.Clone(behaviours)})
	a.round++
	if a.stop != nil {
		return
	}
	a.told = map[types.UID]int{}
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	a.work.Go(func() {
		for clock.Wait(ctx, tellEvery) == nil {
			a.tellAll(ctx)
		}
	})
}

// close ends the telling.
func (a *answers) close() {
	a.mu.Lock()
	stop := a.stop
	a.mu.Unlock()
	if stop != nil {
		stop()
		a.work.Wait()
	}
}

// tellAll tells every pod that does not know yet. One that cannot be reached is
// told in the next round.
func (a *answers) tellAll(ctx context.Context) {
	for _, namespace := range a.scene.Namespaces() {
		var pods corev1.PodList
		if a.scene.Client().List(ctx, &pods, client.InNamespace(namespace)) == nil {
			a.tellPods(ctx, pods.Items)
		}
	}
}

func (a *answers) tellPods(ctx context.Context, pods []corev1.Pod) {
	for i := range pods {
		pod := &pods[i]
		address, ok := addressOf(pod)
		a.mu.Lock()
		round := a.round
		known := a.told[pod.UID] == round
		rule, ruled := a.of(pod)
		a.mu.Unlock()
		if !ok || known || !ruled {
			continue
		}
		if a.tell(ctx, address, rule) == nil {
			a.mu.Lock()
			a.told[pod.UID] = round
			a.mu.Unlock()
		}
	}
}

// of returns what a pod should do.
func (a *answers) of(pod *corev1.Pod) ([]mesh.Behaviour, bool) {
	for _, r := range slices.Backward(a.rules) {
		for _, c := range pod.Spec.Containers {
			if wildcard.Match(r.pattern, c.Image) {
				return r.behaviours, true
			}
		}
	}
	return nil, false
}

// addressOf is where a pod serves; ok is false if it does not, or not yet.
func addressOf(pod *corev1.Pod) (address string, ok bool) {
	if pod.Status.PodIP == "" || pod.Status.Phase != corev1.PodRunning {
		return "", false
	}
	for _, c := range pod.Spec.Containers {
		if len(c.Ports) > 0 {
			return net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(int(c.Ports[0].ContainerPort))), true
		}
	}
	return "", false
}

// tell sends a behaviour to one mock server.
func (a *answers) tell(ctx context.Context, address string, rule []mesh.Behaviour) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	body, err := json.Marshal(behaviourOf(rule, a.clock.Now()))
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+address+"/-/behaviour", bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := a.mesh.Transport("").RoundTrip(r)
	if err != nil {
		return err
	}
	_ = answer.Body.Close() // only the status counts
	if answer.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("tell %s how to behave: %s", address, answer.Status)
	}
	return nil
}

// behaviourOf says in the mock server's words what the simulator's say. Times
// become durations from now.
func behaviourOf(rule []mesh.Behaviour, now time.Time) behaviour.Behaviour {
	var b behaviour.Behaviour
	for i, r := range rule {
		answers := behaviour.Answers{
			Query: r.Query, ErrorRate: r.ErrorRate, ErrorCode: r.ErrorCode, Body: r.Body,
			Latency: behaviour.Duration(r.Latency.P50), P99: behaviour.Duration(r.Latency.P99),
		}
		if r.From.After(now) {
			answers.After = behaviour.Duration(r.From.Sub(now))
		}
		if i == 0 && answers.Query == "" && answers.After == 0 {
			b.Answers = answers
			continue
		}
		b.And = append(b.And, answers)
	}
	return b
}
