package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestDefaults(t *testing.T) {
	f := newFlags()
	if err := f.parse(nil, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"rollout-resync": "900", "qps": "40", "burst": "80", "rollout-threads": "10", "experiment-threads": "10", "analysis-threads": "30",
		"metricsPort": "8090", "healthzPort": "8080", "leader-elect": "true", "leader-election-lease-duration": "15s",
		"leader-election-renew-deadline": "10s", "leader-election-retry-period": "2s", "namespaced": "false", "loglevel": "info", "status-delay": "5s",
	} {
		flag := f.set.Lookup(name)
		if flag == nil || flag.DefValue != want {
			t.Errorf("--%s: %v, want %s", name, flag, want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--instanse-id=x", "unknown flag: --instanse-id; did you mean --instance-id?"},
		{"--frobnicate", "unknown flag: --frobnicate; --help lists the flags"},
		{"run", `unexpected argument "run": the controller takes flags only; --help lists them`},
		{"--rollout-threads=0", "the threads of controller rollout: 0 is less than 1"},
		{"--rollout-resync=-1", "--rollout-resync -1: give a number of seconds, or 0 for never"},
		{"--status-delay=-1s", "--status-delay -1s: give a duration, or 0 for no delay"},
		{"--leader-election-lease-duration=5s", "the lease of 5s must be longer than the renew deadline of 10s, and that longer than the retry period of 2s"},
		{"--controllers=rollout", "--controllers rollout: give analysis, or leave it out to control everything"},
		{"--instance-id=a/b", `--instance-id "a/b" is compared with a label, and can be none: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`},
		{"--metricsPort=99999", "--metricsPort 99999: give a port up to 65535, or 0 for none"},
		{"--healthzPort=-1", "--healthzPort -1: give a port up to 65535, or 0 for none"},
		{"--loglevel=loud", `--loglevel "loud": choose one of trace, debug, info, warn, error`},
		{"--logformat=xml", `--logformat "xml": choose text or json`},
		{"--kubeconfig=/does/not/exist", "find the cluster: stat /does/not/exist: no such file or directory; name it with --kubeconfig"},
	} {
		f, err := read(strings.Fields(c.args), &bytes.Buffer{})
		if err == nil {
			err = run(t.Context(), f, &bytes.Buffer{})
		}
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", c.args, err, c.want)
		}
	}
}

// TestDropIn passes what the Deployment of Argo Rollouts may.
func TestDropIn(t *testing.T) {
	f := newFlags()
	args := "--namespaced --instance-id=blue --controllers=analysis --loglevel=debug --logformat=json --kloglevel=2 --istio-api-version=v1beta1 --alb-ingress-classes=alb " +
		"--nginx-ingress-classes=nginx --service-threads=5 --self-service-notification-enabled --aws-verify-target-group --leader-election-retry-period=1s"
	if err := f.parse(strings.Fields(args), &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	if len(f.controllers) != 1 || !f.namespaced || f.instanceID != "blue" || f.retryPeriod != time.Second {
		t.Errorf("got %+v", f)
	}
}
