package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/sim/mesh"
)

func trafficCommands() []Command {
	return []Command{
		{Name: "kubectl exec", Syntax: "[-it] POD -- curl URL ... | hey URL ...", Kind: Sends, needs: traffic, run: execInPod,
			Help: "Sends requests from a pod, which has to run. It knows no other programs."},
		{Name: "curl", Syntax: "[-s] [-o FILE] [-w FORMAT] [-f] [-H HEADER] [-X METHOD] URL", Kind: Sends, needs: outside, run: curlOutside,
			Help: "Sends one request from outside the cluster, through a gateway, and prints the body of the answer: what `@answers` says. " +
				"-w knows %{http_code} and \\n. Limits of time, as -m, are taken and never strike: an answer takes no time here."},
		{Name: "hey", Syntax: "[-z DURATION] [-n REQUESTS] [-c WORKERS] [-q RATE] [-m METHOD] [-H HEADER] URL", Kind: Sends, needs: outside, run: heyOutside,
			Help: "Sends requests from outside, in the background as from another terminal: for a duration, or 200 of them. It prints nothing; `@traffic` counts, and `@load off` is ctrl-c."},
	}
}

// execInPod runs a program in a pod.
func execInPod(ctx context.Context, c *call) error {
	from, command, err := readExec(ctx, c.console.Backend.Client(), c.args, c.namespace)
	if err != nil {
		return err
	}
	err = runProgram(ctx, c, command, from)
	if e := (*exitError)(nil); errors.As(err, &e) {
		return e.in("command terminated with exit code %d")
	}
	return err
}

// readExec reads what follows kubectl exec: the pod, which has to run, and the
// command.
func readExec(ctx context.Context, user client.Client, args []string, namespace string) (pod types.NamespacedName, command []string, err error) {
	flags := args
	if i := slices.Index(args, "--"); i >= 0 {
		flags, command = args[:i], args[i+1:]
	}
	pod.Namespace = cmp.Or(namespace, corev1.NamespaceDefault)
	for i := 0; i < len(flags); i++ {
		switch word := flags[i]; {
		case word == "-c" || word == "--container":
			i++ // any container of a pod is behind the same proxy
		case slices.Contains([]string{"-i", "-t", "-it", "-ti", "--stdin", "--tty"}, word):
		case strings.HasPrefix(word, "-") || pod.Name != "":
			return pod, nil, fmt.Errorf("error: kubectl exec: %q is not understood; write kubectl exec -it POD -- curl URL", word)
		default:
			pod.Name = strings.TrimPrefix(word, "pod/")
		}
	}
	if pod.Name == "" || len(command) == 0 {
		return pod, nil, fmt.Errorf("error: you must specify a pod and at least one command for the container, as in kubectl exec -it shell -- curl URL")
	}
	return pod, command, checkRuns(ctx, user, pod)
}

// curlOf reads the request of "curl ..." or of "kubectl exec POD -- curl ...".
func curlOf(ctx context.Context, user client.Client, words []string, namespace string) (mesh.Request, error) {
	var from types.NamespacedName
	if len(words) > 2 && words[0] == "kubectl" && words[1] == "exec" {
		var err error
		if from, words, err = readExec(ctx, user, words[2:], namespace); err != nil {
			return mesh.Request{}, err
		}
	}
	if words[0] != "curl" {
		return mesh.Request{}, fmt.Errorf("%q is not a curl command", strings.Join(words, " "))
	}
	return mesh.ParseCurl(words[1:], from)
}

// checkRuns returns the error of kubectl exec for a pod that does not run.
func checkRuns(ctx context.Context, user client.Client, key types.NamespacedName) error {
	var pod corev1.Pod
	switch err := user.Get(ctx, key, &pod, client.UnsafeDisableDeepCopy); { // it is only looked at
	case apierrors.IsNotFound(err):
		return fmt.Errorf("Error from server (NotFound): pods %q not found", key.Name)
	case err != nil:
		return fmt.Errorf("get pod %s: %w", key, err)
	case pod.Status.Phase != corev1.PodRunning:
		return fmt.Errorf("error: cannot exec into a container in a pod that is not running; current phase is %s", pod.Status.Phase)
	}
	return nil
}

func runProgram(ctx context.Context, c *call, command []string, from types.NamespacedName) error {
	switch program, args := command[0], command[1:]; program {
	case "curl":
		return curl(ctx, c, args, from)
	case "hey":
		return hey(ctx, c, args, from)
	default:
		return fmt.Errorf("%s: pods know curl and hey here", program)
	}
}

func curlOutside(ctx context.Context, c *call) error {
	return runProgram(ctx, c, slices.Insert(slices.Clone(c.args), 0, "curl"), types.NamespacedName{})
}

func heyOutside(ctx context.Context, c *call) error {
	return runProgram(ctx, c, slices.Insert(slices.Clone(c.args), 0, "hey"), types.NamespacedName{})
}

// hey starts a load that nobody waits for.
func hey(ctx context.Context, c *call, args []string, from types.NamespacedName) error {
	source, err := mesh.ParseHey(args, from)
	if err != nil {
		return err
	}
	l, err := c.tools().Traffic.Start(ctx, source)
	if err != nil {
		return fmt.Errorf("hey: %w", err)
	}
	c.console.loads = append(c.console.loads, l)
	return nil
}

// exitError is the end of a program that did not succeed.
type exitError struct {
	code int
	text string // what the program printed before; may be empty
}

func (e *exitError) Error() string { return e.text }

// in adds a line with the exit code, as a program does that runs another.
func (e *exitError) in(format string) error {
	line := fmt.Sprintf(format, e.code)
	if e.text != "" {
		line = e.text + "\n" + line
	}
	return errors.New(line)
}

// curl sends one request and prints the answer.
func curl(ctx context.Context, c *call, args []string, from types.NamespacedName) error {
	request, err := mesh.ParseCurl(args, from)
	if err != nil {
		return err
	}
	o := readCurlOutput(mesh.CurlWords(args))
	response, err := c.tools().Traffic.Do(ctx, request)
	if err != nil {
		return o.failure(err)
	}
	if o.fail && response.Status >= 400 {
		return o.exit(22, "The requested URL returned error: %d", response.Status)
	}
	if o.file == "" && response.Body != "" {
		fmt.Fprintln(c.out, response.Body)
	}
	if o.format != "" {
		code := fmt.Sprintf("%03d", response.Status)
		fmt.Fprint(c.out, strings.NewReplacer("%{http_code}", code, "%{response_code}", code, `\n`, "\n").Replace(o.format))
	}
	return nil
}

// curlOutput is what the flags of curl say about its output.
type curlOutput struct {
	silent, fail bool
	file, format string
}

// readCurlOutput reads flags that mesh.ParseCurl has found to be well formed.
func readCurlOutput(args []string) (o curlOutput) {
	for i, word := range args {
		value := ""
		if i+1 < len(args) {
			value = args[i+1]
		}
		switch word {
		case "-s", "--silent":
			o.silent = true
		case "-f", "--fail":
			o.fail = true
		case "-o", "--output":
			o.file = value
		case "-w", "--write-out":
			o.format = value
		}
	}
	return o
}

func (o curlOutput) exit(code int, format string, args ...any) error {
	e := &exitError{code: code}
	if !o.silent {
		e.text = fmt.Sprintf("curl: (%d) ", code) + fmt.Sprintf(format, args...)
	}
	return e
}

// failure turns an error of the mesh into curl's.
func (o curlOutput) failure(err error) error {
	switch {
	case errors.Is(err, mesh.ErrNoHost):
		return o.exit(6, "%v", err)
	case errors.Is(err, mesh.ErrNoPort):
		return o.exit(7, "%v", err)
	}
	return o.exit(3, "%v", err)
}
