package localplane

import (
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

// unstarted is a plane that has everything but processes.
func unstarted(t *testing.T, options Options) *Plane {
	t.Helper()
	options.Dir = t.TempDir()
	options, err := options.validate()
	if err != nil {
		t.Fatal(err)
	}
	p := &Plane{options: options, binaries: binaries{kubernetes: "/programs/kubernetes", istiod: "/programs/istiod", prometheus: "/programs/prometheus"}}
	if err := p.prepare(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.folder.close() })
	return p
}

func TestEverythingListensOnLoopback(t *testing.T) {
	p := unstarted(t, Options{Istio: true, Prometheus: true, AuditUsers: []string{"controller"}, GOGC: 300})
	seen := map[int]string{}
	for name, port := range map[string]int{
		"etcd": p.ports.etcd, "etcd's peers": p.ports.etcdPeer, "apiserver": p.ports.apiserver, "istiod": p.ports.istiod,
		"istiod's HTTP": p.ports.istiodHTTP, "istiod's metrics": p.ports.istiodMonitoring, "Prometheus": p.ports.prometheus,
	} {
		if port < firstPort || port > lastPort {
			t.Errorf("%s listens on %d, out of %d to %d", name, port, firstPort, lastPort)
		}
		if other, taken := seen[port]; taken {
			t.Errorf("%s and %s share port %d", name, other, port)
		}
		seen[port] = name
	}
	for _, program := range []program{p.etcd(), p.apiserver(), p.controllerManager(), p.scheduler(), p.istiod(), p.prometheus()} {
		line := strings.Join(program.args, " ")
		if strings.Contains(line, "0.0.0.0") || strings.Contains(line, "=:") || strings.Contains(line, " :") {
			t.Errorf("%s listens on all addresses: %s", program.name, line)
		}
	}
	server := p.apiserver()
	if !slices.Contains(server.args, "--audit-log-path") || !slices.Contains(server.env, "GOGC=300") {
		t.Errorf("the apiserver does not obey the options: %q %q", server.args, server.env)
	}
}

func TestKubeconfigsNameTheirUser(t *testing.T) {
	p := unstarted(t, Options{})
	const user = "system:serviceaccount:ns:name"
	path, err := p.KubeconfigFor(user)
	if err != nil {
		t.Fatal(err)
	}
	for file, config := range map[string]struct{ host, user string }{p.Kubeconfig(): {p.host(), admin}, path: {p.host(), user}} {
		got, err := clientcmd.BuildConfigFromFlags("", file)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		cert := parse(t, pair{cert: got.CertData, key: got.KeyData})
		if got.Host != config.host || cert.Subject.CommonName != config.user {
			t.Errorf("%s leads %s to %s, want %s to %s", file, cert.Subject.CommonName, got.Host, config.user, config.host)
		}
	}
}

// A name that no certificate can bear is an error of the requests, not a panic.
func TestNamesThatAreNoText(t *testing.T) {
	p := unstarted(t, Options{})
	const user = "\xff"
	if _, err := p.KubeconfigFor(user); err == nil {
		t.Error("there is a kubeconfig for it")
	}
	client, err := rest.HTTPClientFor(p.ConfigFor(user))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Get(p.host()); err == nil || !strings.Contains(err.Error(), "making a certificate") {
		t.Errorf("a request gets %v", err)
	}
}

// The settings of Prometheus are compared as text: what it makes of them is
// tested with the real one.
func TestPrometheusSettings(t *testing.T) {
	p := unstarted(t, Options{
		Prometheus: true, ScrapeInterval: time.Second,
		Scrape: []Target{{Job: "dataplane", Address: "127.0.0.1:15090"}},
	})
	got, err := yaml.Marshal(p.prometheusSettings(p.options.Scrape))
	if err != nil {
		t.Fatal(err)
	}
	const want = `global:
  evaluation_interval: 1s
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
- honor_labels: true
  job_name: dataplane
  static_configs:
  - targets:
    - 127.0.0.1:15090
`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAuditSettings(t *testing.T) {
	got, err := yaml.Marshal(auditSettings([]string{"controller"}))
	if err != nil {
		t.Fatal(err)
	}
	const want = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages:
- RequestReceived
rules:
- level: Metadata
  users:
  - controller
- level: None
`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestOptionsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		options Options
		want    string
	}{
		"interval too short":         {Options{Prometheus: true, ScrapeInterval: time.Millisecond}, "ScrapeInterval"},
		"target without a job":       {Options{Prometheus: true, Scrape: []Target{{Address: "127.0.0.1:1"}}}, "Options.Scrape: target 0"},
		"two targets of one job":     {Options{Prometheus: true, Scrape: []Target{{"a", "127.0.0.1:1"}, {"a", "127.0.0.1:2"}}}, "Options.Scrape: target 1"},
		"targets, but no Prometheus": {Options{Scrape: []Target{{"a", "127.0.0.1:1"}}}, "set Options.Prometheus"},
		"pods, but no Prometheus":    {Options{ScrapePods: true}, "set Options.Prometheus"},
	} {
		if _, err := test.options.validate(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v does not name %s", name, err, test.want)
		}
	}
}

func TestDecode(t *testing.T) {
	objects, err := decode(strings.NewReader("---\n# nothing\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: b}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(objects) != 2 || objects[0].GetName() != "a" || objects[1].GetName() != "b" {
		t.Errorf("got %v", objects)
	}
	for text, want := range map[string]string{
		"kind: Namespace\nmetadata: {name: a}\n":                       "document 1: an object needs apiVersion",
		"apiVersion: v1\nkind: Namespace\nmetadata: {}\n":              "metadata.name",
		"apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\n{": "document 2",
	} {
		if _, err := decode(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v does not say %q", text, err, want)
		}
	}
}
