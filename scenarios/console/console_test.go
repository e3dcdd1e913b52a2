package console

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/scenarios/kubectl"
	"github.com/aviary-rollouts/aviary/scenarios/transcript"
	"github.com/aviary-rollouts/aviary/sim"
)

func newConsole(t *testing.T) *Console {
	t.Helper()
	b, err := backend.NewSim(sim.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return New(b, SectionFiles(&transcript.File{}))
}

// run types one line and returns what it prints.
func run(t *testing.T, c *Console, line string) (string, error) {
	t.Helper()
	call, err := c.Parse(line)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	var out bytes.Buffer
	err = call.Run(t.Context(), &out)
	return out.String(), err
}

func TestParseRefuses(t *testing.T) {
	c := newConsole(t)
	for line, want := range map[string]string{
		"":                     "there is no command",
		"helm install x":       `unknown command "helm"; scenarios know kubectl, sleep, curl, hey, @image, @crash, @quota, @node, @controller, @fault, @quiet, @trace, @repeat, @load, @answers, @serve, @traffic`,
		"kubectl explain x":    `unknown command "kubectl explain x"; scenarios know kubectl apply,`,
		"kubectl get pods | x": `"|" means something to a shell`,
		"kubectl get pods -n":  "flag needs an argument: -n",
		"@Image x":             `unknown command "@Image"`,
	} {
		_, err := c.Parse(line)
		if err == nil || !strings.HasPrefix(strings.TrimPrefix(err.Error(), "error: "), want) {
			t.Errorf("%q: got %v, want %s", line, err, want)
		}
	}
}

func TestParseKnowsWhatReads(t *testing.T) {
	c := newConsole(t)
	for line, want := range map[string]bool{
		"kubectl get pods":                                   true,
		"kubectl -n a describe service b":                    true,
		"kubectl argo rollouts get rollout a":                true,
		"kubectl argo rollouts --namespace a get rollout b":  true,
		"kubectl argo rollouts list rollouts":                true,
		"@trace":                                             true,
		"kubectl argo rollouts promote a":                    false,
		"kubectl argo rollouts set image a b=c":              false,
		"kubectl argo rollouts status a":                     false,
		"kubectl argo rollouts status a --watch=false":       true,
		"kubectl --namespace=a apply -f b":                   false,
		"kubectl set image deployment/a b=c --namespace a-b": false,
		"sleep 1": false,
	} {
		call, err := c.Parse(line)
		if err != nil || call.Reads != want {
			t.Errorf("%q: reads is %v (%v)", line, call.Reads, err)
		}
	}
}

func TestTakeNamespace(t *testing.T) {
	for line, want := range map[string]string{
		"kubectl get pods":             "|kubectl get pods",
		"kubectl -n a get pods":        "a|kubectl get pods",
		"kubectl -na get pods":         "a|kubectl get pods",
		"kubectl get pods -n=a":        "a|kubectl get pods",
		"kubectl get --namespace a po": "a|kubectl get po",
		"kubectl get --no-headers":     "|kubectl get --no-headers",
		"kubectl exec a -- ls -n b":    "|kubectl exec a -- ls -n b",
	} {
		rest, namespace, err := takeNamespace(strings.Fields(line))
		if got := namespace + "|" + strings.Join(rest, " "); err != nil || got != want {
			t.Errorf("%q: got %q (%v), want %q", line, got, err, want)
		}
	}
}

// TestBadWords checks that every word answers a mistake with the remedy.
func TestBadWords(t *testing.T) {
	c := newConsole(t)
	for line, want := range map[string]string{
		"sleep":                         "sleep: give one duration, as in sleep 30s",
		"sleep soon":                    `sleep: "soon" is not a duration: write 30s, 5m or 1h30m`,
		"sleep -1s":                     `sleep: "-1s" is not a duration: write 30s, 5m or 1h30m`,
		"@image x":                      "@image: give a pattern and a behaviour",
		"@image x sad":                  `@image: unknown behaviour "sad"; there are`,
		"@image x ready-after":          `@image: unknown behaviour "ready-after"`,
		"@image x ready-after=later":    `@image: ready-after: "later" is not a duration: write 20s`,
		"@crash":                        "@crash: give a pod or a label selector",
		"@crash nope":                   "crash pod default/nope: no node runs it",
		"@crash app=x 3":                "@crash: 3 of the 0 pods with labels app=x cannot crash",
		"@quota":                        "@quota: give a number of pods, or none",
		"@quota many":                   "@quota: give a number of pods, or none",
		"@node node-1":                  "@node: write @node node-1 fails, or recovers",
		"@controller waits":             "@controller: write @controller stops, or starts",
		"@fault thunder":                `@fault: fault "thunder": no such family`,
		"@trace x":                      `@trace: "x" is not a number`,
		"@repeat 3":                     "@repeat: give a number and a command",
		"@repeat x sleep 1":             `@repeat: "x" is not a number`,
		"@repeat 2 every=0s sleep 1":    "@repeat: every=0s: write every=1s",
		"@repeat 2 jump":                `unknown command "jump"`,
		"@load x curl y":                `@load: "x" is not a number of requests per second: write @load 20`,
		"@load 5 hey y":                 `@load: "hey y" is not a curl command`,
		"@load 5 curl -s":               "@load: curl: no URL",
		"@answers x":                    "@answers: give a pattern and what its images do",
		"@answers x error-rate=2":       "@answers: error-rate=2: write a share from 0% to 100%, as in error-rate=10%",
		"@answers x error-code=200":     "@answers: error-code=200: an error has a status from 400 to 599, as in error-code=503",
		"@answers x sad":                `@answers: unknown word "sad"; there are healthy, `,
		"@serve x":                      "@serve: give a host and what it answers",
		"@serve x status=7":             "@serve: status=7: write status=503",
		"@serve x step=0s":              "@serve: step=0s: write step=1m",
		"@serve x values=1+":            `@serve: answer 1: values "1+"`,
		"@serve x sad":                  `@serve: unknown word "sad"; there are path=, status=, values=, step= and body=`,
		"hey -z 1m":                     "hey: no URL",
		"hey http://nowhere.example":    "hey: send to http://nowhere.example: could not resolve host: nowhere.example",
		"curl http://nowhere":           "curl: (6) send to http://nowhere: could not resolve host: nowhere",
		"kubectl exec shell":            "error: you must specify a pod and at least one command",
		"kubectl exec shell -- curl x":  `Error from server (NotFound): pods "shell" not found`,
		"kubectl apply -f x":            `error: the path "x" does not exist; the scenario has no files`,
		"kubectl argo rollouts pause x": `Error: rollouts.argoproj.io "x" not found`,
	} {
		out, err := run(t, c, line)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", line, err, want)
		}
		if err != nil && out != err.Error()+"\n" {
			t.Errorf("%q printed %q, the error is %q", line, out, err)
		}
	}
}

// TestStatusWaitsWithoutEnd checks that a command that waits for what never
// comes gives up.
func TestStatusWaitsWithoutEnd(t *testing.T) {
	b, err := backend.NewSim(sim.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	manifest := `{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web"}, "spec": {"paused": true,
		"selector": {"matchLabels": {"app": "web"}}, "strategy": {"canary": {}},
		"template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}}}`
	c := New(b, func(name string) ([]kubectl.File, error) {
		return []kubectl.File{{Name: name, Data: []byte(manifest)}}, nil
	})
	if out, err := run(t, c, "kubectl apply -f web.json"); err != nil {
		t.Fatal(out)
	}
	if err := b.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, c, "kubectl argo rollouts status web")
	const want = "Paused - manually paused\nError: nothing came of waiting for so long; give --timeout\n"
	if d := cmp.Diff(want, out); err == nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
}

// TestEveryCommandIsDescribed checks the rows of the table.
func TestEveryCommandIsDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Table() {
		if seen[c.Name] || c.Help == "" || !strings.HasSuffix(c.Help, ".") || c.run == nil {
			t.Errorf("%q: described by %q, or there twice", c.Name, c.Help)
		}
		if seen[c.Name] = true; strings.HasPrefix(c.Name, "@") != (c.Kind == Harness) {
			t.Errorf("%q: words of the harness, and only they, begin with @", c.Name)
		}
	}
}
