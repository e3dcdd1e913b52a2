package console

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/sim/fault"
	"github.com/aviary-rollouts/aviary/sim/world"
)

func harnessCommands() []Command {
	return []Command{
		{Name: "@image", Syntax: "PATTERN BEHAVIOUR...", Kind: Harness, needs: machines, run: setImage,
			Help: "Says how containers behave whose image matches; `*` stands for any text, as in `'*:2.0.0'`. Behaviours: " + strings.Join(behaviourNames(), ", ") + ". Pods that run follow at once; those of a Job end by themselves, at once or after `run-for`."},
		{Name: "@crash", Syntax: "POD | SELECTOR [N]", Kind: Harness, needs: machines, run: crashPods,
			Help: "Makes the containers of a pod, or of the first N pods with such labels (default: all), exit with an error once."},
		{Name: "@quota", Syntax: "PODS | none", Kind: Harness, needs: quotas, run: setQuota,
			Help: "Allows the namespace that many pods at most."},
		{Name: "@node", Syntax: "NAME fails | recovers", Kind: Harness, needs: machines, run: setNode,
			Help: "Makes a node fall silent, or come back. The nodes are node-1, node-2 and node-3."},
		{Name: "@controller", Syntax: "stops | starts", Kind: Harness, needs: controller, run: setController,
			Help: "Kills the rollouts controller with all that it had in memory, or starts it again."},
		{Name: "@fault", Syntax: "FORM | off", Kind: Harness, needs: faults, run: addFault,
			Help: "Troubles the controller from now on, as in `@fault crash:after=3,restart=5s` or `@fault conflict:p=0.3`; off ends all. Families: " + strings.Join(fault.Families(), ", ") + "."},
		{Name: "@quiet", Kind: Harness, needs: quiet, run: checkQuiet,
			Help: "Fails if looking again at every object makes any controller write anything."},
		{Name: "@trace", Syntax: "[N]", Kind: Harness, reads: true, needs: tracing, run: trace,
			Help: "Prints what happened so far, or the last N lines of it: seconds since the start, who, what."},
	}
}

// tool names something that a backend may lack.
type tool struct {
	name string
	has  func(backend.Tools) bool
}

var (
	traffic    = &tool{"a mesh that takes requests", func(t backend.Tools) bool { return t.Traffic != nil }}
	outside    = &tool{"a gateway that takes requests", func(t backend.Tools) bool { return t.Traffic != nil && t.Outside }}
	machines   = &tool{"nodes and containers that can be made to fail", func(t backend.Tools) bool { return t.Machines != nil }}
	quotas     = &tool{"quotas", func(t backend.Tools) bool { return t.Quotas != nil }}
	servers    = &tool{"servers of its own for measurements", func(t backend.Tools) bool { return t.Servers != nil }}
	controller = &tool{"a controller that can be killed", func(t backend.Tools) bool { return t.Controller != nil }}
	faults     = &tool{"faults", func(t backend.Tools) bool { return t.Faults != nil }}
	quiet      = &tool{"a look at every write", func(t backend.Tools) bool { return t.Quiet != nil }}
	tracing    = &tool{"a trace", func(t backend.Tools) bool { return t.Trace != nil }}
)

// tools are those of the backend.
func (c *call) tools() backend.Tools { return c.console.Backend.Tools() }

// behaviours are the words of @image in the order in which help lists them.
var behaviours = []struct {
	name string
	set  func(b *world.ImageBehaviour, d time.Duration)
	time bool // the word is followed by =DURATION
}{
	{"healthy", func(*world.ImageBehaviour, time.Duration) {}, false},
	{"pull-error", func(b *world.ImageBehaviour, _ time.Duration) { b.PullError = true }, false},
	{"crash-loop", func(b *world.ImageBehaviour, _ time.Duration) { b.CrashLoop = true }, false},
	{"never-ready", func(b *world.ImageBehaviour, _ time.Duration) { b.NeverReady = true }, false},
	{"ready-after", func(b *world.ImageBehaviour, d time.Duration) { b.ReadyAfter = d }, true},
	{"run-for", func(b *world.ImageBehaviour, d time.Duration) { b.RunFor = d }, true},
	{"fail-at", func(b *world.ImageBehaviour, d time.Duration) { b.FailAt = d }, true},
}

func behaviourNames() []string {
	var names []string
	for _, b := range behaviours {
		name := "`" + b.name
		if b.time {
			name += "=DURATION"
		}
		names = append(names, name+"`")
	}
	return names
}

func setImage(ctx context.Context, c *call) error {
	if len(c.args) < 2 {
		return fmt.Errorf("@image: give a pattern and a behaviour, as in @image '*:2.0.0' never-ready")
	}
	var behaviour world.ImageBehaviour
	for _, word := range c.args[1:] {
		if err := addBehaviour(&behaviour, word); err != nil {
			return err
		}
	}
	return c.tools().Machines.SetImage(ctx, c.args[0], behaviour)
}

func addBehaviour(to *world.ImageBehaviour, word string) error {
	name, value, hasValue := strings.Cut(word, "=")
	for _, b := range behaviours {
		if b.name != name || b.time != hasValue {
			continue
		}
		var d time.Duration
		if b.time {
			var err error
			if d, err = parseDuration(value); err != nil || d <= 0 {
				return fmt.Errorf("@image: %s: %q is not a duration: write 20s", name, value)
			}
		}
		b.set(to, d)
		return nil
	}
	return fmt.Errorf("@image: unknown behaviour %q; there are %s", word, strings.Join(behaviourNames(), ", "))
}

// crashPods crashes one pod by name, or several by label in the order of their
// names.
func crashPods(ctx context.Context, c *call) error {
	if len(c.args) < 1 || len(c.args) > 2 {
		return fmt.Errorf("@crash: give a pod or a label selector, as in @crash app=mock-server 2")
	}
	namespace := cmp.Or(c.namespace, corev1.NamespaceDefault)
	if !strings.Contains(c.args[0], "=") {
		return c.tools().Machines.CrashPod(ctx, types.NamespacedName{Namespace: namespace, Name: c.args[0]})
	}
	selector, err := labels.Parse(c.args[0])
	if err != nil {
		return fmt.Errorf("@crash: %w", err)
	}
	var pods corev1.PodList
	if err := c.console.Backend.Client().List(ctx, &pods, client.InNamespace(namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return fmt.Errorf("@crash: list pods: %w", err)
	}
	n, err := countOf(c.args[1:], len(pods.Items))
	if err != nil || n > len(pods.Items) {
		return fmt.Errorf("@crash: %s of the %d pods with labels %s cannot crash", strings.Join(c.args[1:], ""), len(pods.Items), selector)
	}
	for i := range pods.Items[:n] {
		if err := c.tools().Machines.CrashPod(ctx, client.ObjectKeyFromObject(&pods.Items[i])); err != nil {
			return fmt.Errorf("@crash: %w", err)
		}
	}
	return nil
}

// countOf reads an optional number.
func countOf(args []string, otherwise int) (int, error) {
	if len(args) == 0 {
		return otherwise, nil
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is not a number", args[0])
	}
	return n, nil
}

func setQuota(ctx context.Context, c *call) error {
	namespace := cmp.Or(c.namespace, corev1.NamespaceDefault)
	if len(c.args) == 1 && c.args[0] == "none" {
		return c.tools().Quotas.SetQuota(ctx, namespace, -1)
	}
	n, err := countOf(c.args, -1)
	if err != nil || n < 0 || len(c.args) != 1 {
		return fmt.Errorf("@quota: give a number of pods, or none")
	}
	return c.tools().Quotas.SetQuota(ctx, namespace, n)
}

func setNode(ctx context.Context, c *call) error {
	if len(c.args) == 2 {
		switch c.args[1] {
		case "fails":
			return c.tools().Machines.FailNode(ctx, c.args[0])
		case "recovers":
			return c.tools().Machines.RecoverNode(ctx, c.args[0])
		}
	}
	return fmt.Errorf("@node: write @node node-1 fails, or recovers")
}

func setController(ctx context.Context, c *call) error {
	switch strings.Join(c.args, " ") {
	case "stops":
		return c.tools().Controller.Kill(ctx)
	case "starts":
		return c.tools().Controller.Revive(ctx)
	}
	return fmt.Errorf("@controller: write @controller stops, or starts")
}

func addFault(_ context.Context, c *call) error {
	text := strings.Join(c.args, " ")
	if text == "off" {
		c.tools().Faults.Off()
		return nil
	}
	f, err := fault.Parse(text)
	if err != nil {
		return fmt.Errorf("@fault: %w", err)
	}
	c.tools().Faults.Add(f)
	return nil
}

func checkQuiet(ctx context.Context, c *call) error {
	if err := c.tools().Quiet.CheckQuiet(ctx); err != nil {
		return fmt.Errorf("@quiet: %w", err)
	}
	return nil
}

func trace(_ context.Context, c *call) error {
	lines := c.tools().Trace.TraceLines()
	n, err := countOf(c.args, len(lines))
	if err != nil {
		return fmt.Errorf("@trace: %w", err)
	}
	for _, line := range lines[max(0, len(lines)-n):] {
		fmt.Fprintln(c.out, line)
	}
	return nil
}
