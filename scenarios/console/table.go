package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/scenarios/kubectl"
	"github.com/aviary-rollouts/aviary/scenarios/transcript"
)

// Kind says how a command touches the world.
type Kind int

// The kinds of commands.
const (
	// Reads: the command only looks. It is evaluated at a settled point.
	Reads Kind = iota
	// Writes: the command changes objects, once.
	Writes
	// Waits: the command lets time pass.
	Waits
	// Sends: the command sends requests to the applications.
	Sends
	// Harness: the command exists in the simulator only.
	Harness
)

// Command is one row of the table.
type Command struct {
	// Name is the words that call the command: "kubectl get".
	Name string
	// Syntax is what follows them: "KIND [NAME] [-o FORM]".
	Syntax string
	// Help is a sentence or two.
	Help string
	// Kind says how the command touches the world.
	Kind Kind
	// reads is set for a word of the harness that only looks.
	reads bool
	// sends is set for a word of the harness that sends requests.
	sends bool
	// alike compares lines of its output where chance decides; nil for lines
	// in which nothing but ages may differ.
	alike func(want, got string) bool
	// mixed compares whole outputs where chance decides who answers; nil where it
	// does not.
	mixed func(want, got []string) bool
	// needs is what the backend has to have; nil for nothing.
	needs *tool
	// run runs the command on the words after Name.
	run func(ctx context.Context, c *call) error
}

// call is one run of a command.
type call struct {
	console   *Console
	args      []string
	namespace string // of the command line; empty if it names none
	out       io.Writer
}

// Table is every command that a scenario can use.
func Table() []Command {
	return slices.Concat(kubectlCommands(), pluginCommands(), timeCommands(), trafficCommands(), harnessCommands(), trafficWords())
}

func kubectlCommands() []Command {
	return []Command{
		{Name: "kubectl apply", Syntax: "-f FILE...", Kind: Writes, run: verb(kubectl.Apply),
			Help: "Creates objects, or changes them to what the files say. FILE is a file or a folder. " +
				"It is the client-side apply: what was in the file the last time and no longer is gets removed."},
		{Name: "kubectl delete", Syntax: "-f FILE... | KIND NAME... | KIND -l SELECTOR | KIND --all [--ignore-not-found] [--cascade=orphan]", Kind: Writes, run: verb(kubectl.Delete),
			Help: "Deletes objects; what they own goes too."},
		{Name: "kubectl scale", Syntax: "KIND NAME --replicas=N", Kind: Writes, run: verb(kubectl.Scale),
			Help: "Sets spec.replicas."},
		{Name: "kubectl patch", Syntax: "KIND NAME [--type merge|json|strategic] -p PATCH [--subresource status]", Kind: Writes, run: verb(kubectl.Patch),
			Help: "Changes an object. Custom resources need --type merge or json."},
		{Name: "kubectl annotate", Syntax: "KIND NAME KEY=VALUE... KEY-... [--overwrite]", Kind: Writes, run: verb(kubectl.Annotate),
			Help: "Sets and removes annotations."},
		{Name: "kubectl label", Syntax: "KIND NAME KEY=VALUE... KEY-... [--overwrite]", Kind: Writes, run: verb(kubectl.Label),
			Help: "Sets and removes labels."},
		{Name: "kubectl set image", Syntax: "deployment/NAME CONTAINER=IMAGE...", Kind: Writes, run: verb(kubectl.SetImage),
			Help: "Changes the images of a Deployment, a ReplicaSet or a Pod; for a Rollout the plugin has a command of that name."},
		{Name: "kubectl get", Syntax: "KIND [NAME...] [-o wide|yaml|json|name|jsonpath=TEMPLATE] [-l SELECTOR] [--field-selector FIELD=VALUE,...] [-A] [--no-headers]", Kind: Reads, run: verb(kubectl.Get),
			Help: "Lists objects. Several kinds are separated by commas."},
		{Name: "kubectl describe", Syntax: "service | virtualservice | destinationrule | ... NAME", Kind: Reads, run: verb(kubectl.Describe),
			Help: "Shows a Service with its selector and its endpoints, and custom resources field by field."},
	}
}

func timeCommands() []Command {
	return []Command{
		{Name: "sleep", Syntax: "DURATION", Kind: Waits, run: sleep,
			Help: "Lets time pass: 30, 30s, 5m, 1h30m."},
	}
}

// Console understands command lines. It implements transcript.Interpreter.
type Console struct {
	// Backend is the cluster that the commands act on.
	Backend backend.Backend
	// Files opens what kubectl's -f names.
	Files func(name string) ([]kubectl.File, error)

	table []Command
	// names are the words of their names.
	names [][]string
	// counted is what @traffic has shown already.
	counted counts
	// loads are those that @load stops.
	loads []backend.Load
}

// New returns a console on a backend.
func New(b backend.Backend, files func(name string) ([]kubectl.File, error)) *Console {
	c := &Console{Backend: b, Files: files, table: Table()}
	for _, command := range c.table {
		c.names = append(c.names, strings.Fields(command.Name))
	}
	return c
}

// Parse understands one command line. The error says what is wrong with it.
func (c *Console) Parse(line string) (transcript.Call, error) {
	words, err := splitWords(line)
	if err != nil {
		return transcript.Call{}, err
	}
	return c.parseWords(words)
}

// parseWords understands a command line that is cut into words.
func (c *Console) parseWords(words []string) (transcript.Call, error) {
	words, namespace, err := takeNamespace(words)
	if err != nil {
		return transcript.Call{}, err
	}
	command, args, ok := c.find(words)
	if !ok {
		return transcript.Call{}, c.unknown(words)
	}
	run := func(ctx context.Context, out io.Writer) error {
		err := command.run(ctx, &call{console: c, args: args, namespace: namespace, out: out})
		if inner := (errPrinted{}); errors.As(err, &inner) {
			return inner.error
		}
		if err != nil && err.Error() != "" { // curl -s fails without a word
			fmt.Fprintln(out, err)
		}
		return err
	}
	reads := command.Kind == Reads || command.reads || command.Kind == Waits && slices.Contains(args, "--watch=false")
	call := transcript.Call{Reads: reads, Sleeps: command.Name == "sleep", Sends: command.Kind == Sends || command.sends, Alike: command.alike, Mixed: command.mixed, Run: run}
	if command.needs != nil {
		call.Disturbs = command.needs == controller || command.Name == "@node"
	}
	if command.needs != nil && !command.needs.has(c.Backend.Tools()) {
		call.Missing = command.needs.name
	}
	return call, nil
}

// find returns the command with the longest name that the line begins with,
// and the words after it.
func (c *Console) find(words []string) (found Command, args []string, ok bool) {
	longest := 0
	for i, name := range c.names {
		if len(name) > longest && len(words) >= len(name) && slices.Equal(name, words[:len(name)]) {
			longest, found, args, ok = len(name), c.table[i], words[len(name):], true
		}
	}
	return found, args, ok
}

// unknown says what there is instead: the commands that begin with the same
// word, or else the first words of all.
func (c *Console) unknown(words []string) error {
	if len(words) == 0 {
		return fmt.Errorf("there is no command")
	}
	var near, first []string
	for _, command := range c.table {
		word, _, more := strings.Cut(command.Name, " ")
		if more && word == words[0] {
			near = append(near, command.Name)
		}
		if !slices.Contains(first, word) {
			first = append(first, word)
		}
	}
	if len(near) > 0 {
		return fmt.Errorf("unknown command %q; scenarios know %s", strings.Join(words[:min(len(words), 3)], " "), strings.Join(near, ", "))
	}
	return fmt.Errorf("unknown command %q; scenarios know %s", words[0], strings.Join(first, ", "))
}

// takeNamespace takes the flags -n and --namespace out of a line, wherever they
// stand.
func takeNamespace(words []string) (rest []string, namespace string, err error) {
	for i := 0; i < len(words); i++ {
		word := words[i]
		name, value, hasValue := strings.Cut(word, "=")
		switch {
		case word == "--":
			return append(rest, words[i:]...), namespace, nil
		case name == "-n" || name == "--namespace":
			if !hasValue {
				if i++; i == len(words) {
					return nil, "", fmt.Errorf("error: flag needs an argument: %s", word)
				}
				value = words[i]
			}
			namespace = value
		case strings.HasPrefix(word, "-n") && len(word) > 2 && !strings.HasPrefix(word, "--"):
			namespace = strings.TrimPrefix(word, "-n")
		default:
			rest = append(rest, word)
		}
	}
	return rest, namespace, nil
}
