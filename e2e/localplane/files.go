package localplane

import (
	"fmt"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"
)

// The files that programs read, relative to the plane's folder.
const (
	adminKubeconfig  = "kubeconfig"
	caCert           = "pki/ca.crt"
	serverCert       = "pki/apiserver.crt"
	serverKey        = "pki/apiserver.key"
	accountKey       = "pki/service-account.key"
	accountPublic    = "pki/service-account.pub"
	schedulerConfig  = "scheduler.yaml"
	auditPolicy      = "audit/policy.yaml"
	prometheusConfig = "prometheus/prometheus.yml"
)

// files makes all of them.
func (p *Plane) files() (map[string][]byte, error) {
	server, err := p.authority.server()
	if err != nil {
		return nil, err
	}
	private, public, err := serviceAccountKeys()
	if err != nil {
		return nil, err
	}
	kubeconfig, err := kubeconfigOf(p.Config(), admin)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{
		adminKubeconfig: kubeconfig,
		caCert:          p.authority.ca(),
		serverCert:      server.cert, serverKey: server.key,
		accountKey: private, accountPublic: public,
	}
	for name, content := range map[string]any{
		schedulerConfig:  schedulerSettings(p.Kubeconfig()),
		auditPolicy:      auditSettings(p.options.AuditUsers),
		prometheusConfig: p.prometheusSettings(p.options.Scrape),
	} {
		if files[name], err = yaml.Marshal(content); err != nil {
			return nil, fmt.Errorf("encoding %s: %w", name, err)
		}
	}
	return files, nil
}

// kubeconfigOf is what kubectl reads to be a user.
func kubeconfigOf(config *rest.Config, user string) ([]byte, error) {
	const name = "aviary-local"
	return clientcmd.Write(clientcmdapi.Config{
		CurrentContext: name,
		Clusters:       map[string]*clientcmdapi.Cluster{name: {Server: config.Host, CertificateAuthorityData: config.CAData}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{user: {ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}},
		Contexts:       map[string]*clientcmdapi.Context{name: {Cluster: name, AuthInfo: user, Namespace: "default"}},
	})
}

// object is YAML of somebody else's schema.
type object = map[string]any

func schedulerSettings(kubeconfig string) object {
	return object{
		"apiVersion":       "kubescheduler.config.k8s.io/v1",
		"kind":             "KubeSchedulerConfiguration",
		"clientConnection": object{"kubeconfig": kubeconfig, "qps": 3000, "burst": 6000},
		"leaderElection":   object{"leaderElect": false},
	}
}

// auditSettings keep one line of each request of some users, and nothing else.
func auditSettings(users []string) object {
	return object{
		"apiVersion": "audit.k8s.io/v1",
		"kind":       "Policy",
		"omitStages": []string{"RequestReceived"},
		"rules":      []object{{"level": "Metadata", "users": users}, {"level": "None"}},
	}
}

// validate says what is wrong with the options, and fills in what is left open.
func (o Options) validate() (Options, error) {
	if o.ScrapeInterval == 0 {
		o.ScrapeInterval = 5 * time.Second
	}
	if o.ScrapeInterval < time.Second {
		return o, fmt.Errorf("Options.ScrapeInterval is %s: Prometheus needs 1s or more here, or scrapes overtake each other", o.ScrapeInterval)
	}
	if err := checkTargets(o.Scrape); err != nil {
		return o, fmt.Errorf("Options.Scrape: %w", err)
	}
	if !o.Prometheus && (len(o.Scrape) > 0 || o.ScrapePods) {
		return o, fmt.Errorf("Options.Scrape and ScrapePods need Prometheus: set Options.Prometheus")
	}
	return o, nil
}
