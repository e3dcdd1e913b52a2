package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aviary-rollouts/aviary/internal/cli"
	"github.com/aviary-rollouts/aviary/internal/clock"
)

// apiServer answers discovery and knows one Rollout, shop/web. It returns the
// writes that it got.
func apiServer(t *testing.T) (url string, writes *[]string) {
	const resources = `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"argoproj.io/v1alpha1","resources":[` +
		`{"name":"rollouts","singularName":"rollout","namespaced":true,"kind":"Rollout","verbs":["get","list","patch"]},` +
		`{"name":"rollouts/status","singularName":"","namespaced":true,"kind":"Rollout","verbs":["patch"]},` +
		`{"name":"experiments","singularName":"experiment","namespaced":true,"kind":"Experiment","verbs":["get","list","patch"]}]}`
	const groups = `{"kind":"APIGroupList","apiVersion":"v1","groups":[{"name":"argoproj.io",` +
		`"versions":[{"groupVersion":"argoproj.io/v1alpha1","version":"v1alpha1"}],` +
		`"preferredVersion":{"groupVersion":"argoproj.io/v1alpha1","version":"v1alpha1"}}]}`
	const web = `{"apiVersion":"argoproj.io/v1alpha1","kind":"Rollout","metadata":{"name":"web","namespace":"shop","resourceVersion":"7"},` +
		`"spec":{"paused":true,"strategy":{"canary":{}}},"status":{"phase":"Paused","observedGeneration":"0","pauseConditions":[{"reason":"CanaryPauseStep","startTime":"2025-12-01T12:00:00Z"}]}}`
	const rollouts = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts"
	const experiments = "/apis/argoproj.io/v1alpha1/namespaces/shop/experiments"
	const experiment = `{"apiVersion":"argoproj.io/v1alpha1","kind":"Experiment","metadata":{"name":"web","namespace":"shop"}}`
	answers := map[string]string{
		"GET /api":                          `{"kind":"APIVersions","versions":["v1"]}`,
		"GET /api/v1":                       `{"kind":"APIResourceList","groupVersion":"v1","resources":[]}`,
		"GET /apis":                         groups,
		"GET /apis/argoproj.io/v1alpha1":    resources,
		"GET " + rollouts:                   `{"apiVersion":"argoproj.io/v1alpha1","kind":"RolloutList","items":[` + web + `]}`,
		"GET " + rollouts + "/web":          web,
		"PATCH " + rollouts + "/web":        web,
		"PATCH " + rollouts + "/web/status": web,
		"GET " + experiments + "/web":       experiment,
		"PATCH " + experiments + "/web":     experiment,
	}
	writes = &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.Method+" "+r.URL.Path]
		if r.Method == http.MethodPatch {
			body, _ := io.ReadAll(r.Body)
			*writes = append(*writes, fmt.Sprintf("%s %s %s", strings.TrimPrefix(r.URL.Path, rollouts), r.Header.Get("Content-Type"), body))
		}
		w.Header().Set("Content-Type", "application/json")
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			answer = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404,` +
				`"message":"rollouts.argoproj.io \"wbe\" not found","details":{"name":"wbe","group":"argoproj.io","kind":"rollouts"}}`
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL, writes
}

// run types a command in a shell whose kubeconfig names the server.
func run(t *testing.T, url string, args ...string) (string, error) {
	return runWith(t, cli.Options{Connect: newKubeconfig(context.Background()), Clock: clock.Real{}, Wait: clock.Wait}, url, args...)
}

// runWith is run with other options.
func runWith(t *testing.T, o cli.Options, url string, args ...string) (string, error) {
	dir, err := os.MkdirTemp("", "kubeconfig")
	if err != nil {
		t.Fatal(err)
	}
	// What was given up may still write to its cache, so that it cannot be a TempDir.
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	file := filepath.Join(dir, "config")
	config := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: %q}}],
contexts: [{name: c, context: {cluster: c, namespace: shop}}]}`, url)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", file)
	var out bytes.Buffer
	o.Out, o.ErrOut = &out, &out
	root := cli.New(o)
	root.SetArgs(append(args, "--cache-dir", dir))
	err = root.ExecuteContext(context.Background())
	return out.String(), err
}

// TestWritesGoToTheRightPlace looks at the requests themselves.
func TestWritesGoToTheRightPlace(t *testing.T) {
	const merge = "application/merge-patch+json"
	for _, c := range []struct {
		args  string
		wants []string
	}{
		{"abort web", []string{`/web/status ` + merge + ` {"status":{"abort":true}}`}},
		{"retry rollout web", []string{`/web/status ` + merge + ` {"status":{"abort":false}}`}},
		{"pause web", []string{`/web ` + merge + ` {"spec":{"paused":true}}`}},
		{"promote web", []string{
			`/web/status ` + merge + ` {"metadata":{"resourceVersion":"7"},"status":{"pauseConditions":null}}`,
			`/web ` + merge + ` {"spec":{"paused":false}}`,
		}},
		// An Experiment has no status subresource.
		{"retry experiment web", []string{`/apis/argoproj.io/v1alpha1/namespaces/shop/experiments/web ` + merge + ` {"spec":{"terminate":null},"status":null}`}},
		{"terminate experiment web", []string{`/apis/argoproj.io/v1alpha1/namespaces/shop/experiments/web ` + merge + ` {"spec":{"terminate":true}}`}},
		{"status web -w=false", nil},
	} {
		t.Run(c.args, func(t *testing.T) {
			url, writes := apiServer(t)
			if _, err := run(t, url, strings.Fields(c.args)...); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.wants, *writes, cmp.Transformer("nil", func(s []string) string { return strings.Join(s, "\n") })); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConnectionErrors(t *testing.T) {
	url, _ := apiServer(t)
	for _, c := range []struct{ args, want string }{
		{"status wbe", `rollouts.argoproj.io "wbe" not found: namespace "shop" has web`},
		{"status web --context d", `read the kubeconfig: context "d" does not exist`},
		{"status web --loglevel loud", `--loglevel "loud": choose one of trace, debug, info, warn, warning, error, fatal, panic`},
		{"status web --server http://127.0.0.1:1", "is the cluster up, and do --kubeconfig and --context name the right one?"},
	} {
		_, err := run(t, url, strings.Fields(c.args)...)
		if err == nil || !strings.Contains(advise(err).Error(), c.want) {
			t.Errorf("%s: error %v, want %s", c.args, err, c.want)
		}
	}
}

// TestKnownFlags expects the flags that scripts pass.
func TestKnownFlags(t *testing.T) {
	root := cli.New(cli.Options{Connect: newKubeconfig(context.Background()), Clock: clock.Real{}})
	for _, name := range []string{
		"as", "as-group", "cache-dir", "certificate-authority", "client-certificate", "client-key", "cluster", "context",
		"insecure-skip-tls-verify", "kloglevel", "kubeconfig", "loglevel", "namespace", "request-timeout", "server",
		"tls-server-name", "token", "user",
	} {
		if root.PersistentFlags().Lookup(name) == nil {
			t.Errorf("no flag --%s", name)
		}
	}
}

func TestVersionIsNeverEmpty(t *testing.T) {
	v := buildVersion()
	for _, s := range []string{v.Version, v.BuildDate, v.GitCommit, v.GitTreeState, v.GoVersion, v.Compiler, v.Platform} {
		if s == "" {
			t.Errorf("an empty field in %+v", v)
		}
	}
}
