package localplane

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
)

// binaries are the folders of the built programs; empty for what is left out.
type binaries struct{ kubernetes, istiod, prometheus string }

// etcd keeps the objects. Nothing has to survive a crash of the machine, so it
// does not wait for the disk.
func (p *Plane) etcd() program {
	client, peer := "http://"+local(p.ports.etcd), "http://"+local(p.ports.etcdPeer)
	return program{
		name: "etcd", path: filepath.Join(p.binaries.kubernetes, "etcd"),
		args: []string{
			"--data-dir", p.folder.join("etcd"),
			"--listen-client-urls", client, "--advertise-client-urls", client,
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--initial-cluster", "default=" + peer,
			"--unsafe-no-fsync",
			"--quota-backend-bytes", "8589934592",
			"--log-level", "warn",
		},
		ready: p.answers(client + "/readyz"),
	}
}

// apiserver serves the API with RBAC, and knows users by their certificates.
func (p *Plane) apiserver() program {
	s := program{
		name: "kube-apiserver", path: filepath.Join(p.binaries.kubernetes, "kube-apiserver"),
		args: []string{
			"--etcd-servers", "http://" + local(p.ports.etcd),
			"--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1",
			"--secure-port", strconv.Itoa(p.ports.apiserver),
			"--tls-cert-file", p.folder.join(serverCert), "--tls-private-key-file", p.folder.join(serverKey),
			"--client-ca-file", p.folder.join(caCert),
			"--authorization-mode", "RBAC",
			"--service-cluster-ip-range", "10.96.0.0/16",
			"--service-account-issuer", "https://kubernetes.default.svc",
			"--service-account-key-file", p.folder.join(accountPublic),
			"--service-account-signing-key-file", p.folder.join(accountKey),
			"--allow-privileged=true",
			"--endpoint-reconciler-type", "none", // an endpoint at 127.0.0.1 is refused
			"--max-requests-inflight", "2000", "--max-mutating-requests-inflight", "1000",
		},
		ready: p.answers(p.host() + "/readyz"),
	}
	if p.options.GOGC > 0 {
		s.env = append(s.env, "GOGC="+strconv.Itoa(p.options.GOGC))
	}
	if len(p.options.AuditUsers) > 0 {
		s.args = append(s.args,
			"--audit-policy-file", p.folder.join(auditPolicy),
			"--audit-log-path", p.AuditLog(),
			"--audit-log-maxsize", "2000", // MB, so that it stays one file
		)
	}
	return s
}

// controllerManager runs Kubernetes' own controllers, but those that have
// nothing to do here. Its client limits are out of the way, or they would be
// what a test under load measures.
func (p *Plane) controllerManager() program {
	return program{
		name: "kube-controller-manager", path: filepath.Join(p.binaries.kubernetes, "kube-controller-manager"),
		args: []string{
			"--kubeconfig", p.Kubeconfig(),
			"--secure-port", "0",
			"--leader-elect=false",
			"--service-account-private-key-file", p.folder.join(accountKey),
			"--root-ca-file", p.folder.join(caCert),
			"--node-monitor-grace-period", "300s",
			"--controllers", "*,-persistentvolume-binder-controller,-persistentvolume-attach-detach-controller," +
				"-persistentvolume-expander-controller,-horizontal-pod-autoscaler-controller,-ttl-controller",
			"--kube-api-qps", "3000", "--kube-api-burst", "6000",
			"--concurrent-replicaset-syncs", "40", "--concurrent-deployment-syncs", "20", "--concurrent-job-syncs", "20",
			"--concurrent-gc-syncs", "60", "--concurrent-service-endpoint-syncs", "10",
		},
		ready: p.hasDefaultServiceAccount,
	}
}

// scheduler binds pods to nodes.
func (p *Plane) scheduler() program {
	return program{
		name: "kube-scheduler", path: filepath.Join(p.binaries.kubernetes, "kube-scheduler"),
		args: []string{"--config", p.folder.join(schedulerConfig), "--secure-port", "0"},
	}
}

// istiod serves routes and endpoints over xDS without TLS. It has no webhooks
// and signs no certificates: nothing here would ask for them.
func (p *Plane) istiod() program {
	return program{
		name: "istiod", path: filepath.Join(p.binaries.istiod, "istiod"),
		args: []string{
			"discovery", "--kubeconfig", p.Kubeconfig(),
			"--grpcAddr", local(p.ports.istiod), "--httpAddr", local(p.ports.istiodHTTP),
			"--httpsAddr", "", "--secureGRPCAddr", "",
			"--monitoringAddr", local(p.ports.istiodMonitoring),
			"--ctrlz_port", "0", "--profile=false",
			"--domain", "cluster.local",
		},
		env: []string{
			"POD_NAMESPACE=" + istioNamespace, "POD_NAME=istiod-0", "SERVICE_ACCOUNT=istiod",
			"REVISION=default", "CLUSTER_ID=Kubernetes",
			"ENABLE_CA_SERVER=false", "PILOT_CERT_PROVIDER=none", "EXTERNAL_ISTIOD=false",
			"INJECTION_WEBHOOK_CONFIG_NAME=", "VALIDATION_WEBHOOK_CONFIG_NAME=",
			"PILOT_ENABLE_GATEWAY_API=false",
		},
		ready: p.answers("http://" + local(p.ports.istiodHTTP) + "/ready"),
	}
}

// prometheus scrapes what the options name.
func (p *Plane) prometheus() program {
	return program{
		name: "prometheus", path: filepath.Join(p.binaries.prometheus, "prometheus"),
		args: []string{
			"--config.file", p.folder.join(prometheusConfig),
			"--storage.tsdb.path", p.folder.join("prometheus", "data"),
			"--storage.tsdb.no-lockfile",
			"--web.listen-address", local(p.ports.prometheus),
			"--web.enable-lifecycle",
			"--log.level", "warn",
		},
		ready: p.answers(p.Prometheus() + "/-/ready"),
	}
}

// answers asks a URL of the plane until it answers with 200.
func (p *Plane) answers(url string) func(context.Context) error {
	var transport http.Transport
	if strings.HasPrefix(url, "https:") {
		certificate, err := tls.X509KeyPair(p.adminPair.cert, p.adminPair.key)
		if err != nil {
			return func(context.Context) error { return fmt.Errorf("reading the certificate of %s: %w", admin, err) }
		}
		transport.TLSClientConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, RootCAs: p.authority.pool()}
	}
	transport.DisableKeepAlives = true // the next answer may come from another process
	client := http.Client{Transport: &transport}
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			body, _ := io.ReadAll(io.LimitReader(response.Body, 2000))
			return fmt.Errorf("%s said %s: %s", url, response.Status, body)
		}
		return nil
	}
}
