//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/e2e-framework/klient"
	"sigs.k8s.io/e2e-framework/klient/wait"
	"sigs.k8s.io/e2e-framework/support"

	"github.com/aviary-rollouts/aviary/e2e/kindcluster"
)

// provider lets e2e-framework create clusters by kind's Go API. Its own provider
// installs and calls the command kind.
type provider struct{ kindcluster.Cluster }

var _ support.E2EClusterProviderWithImageLoader = (*provider)(nil)

func newProvider(kubeconfig, image string, progress io.Writer) *provider {
	return &provider{kindcluster.Cluster{Image: image, Kubeconfig: kubeconfig, Progress: progress}}
}

// WithName implements support.E2EClusterProvider.
func (p *provider) WithName(name string) support.E2EClusterProvider {
	p.Name = name
	return p
}

// WithVersion implements support.E2EClusterProvider: a version is that of an image.
func (p *provider) WithVersion(version string) support.E2EClusterProvider {
	p.Image = "docker.io/kindest/node:" + version
	return p
}

// WithPath implements support.E2EClusterProvider. No command is called.
func (p *provider) WithPath(string) support.E2EClusterProvider { return p }

// WithOpts implements support.E2EClusterProvider.
func (p *provider) WithOpts(opts ...support.ClusterOpts) support.E2EClusterProvider {
	for _, o := range opts {
		o(p)
	}
	return p
}

// SetDefaults implements support.E2EClusterProvider.
func (p *provider) SetDefaults() support.E2EClusterProvider { return p }

// Create implements support.E2EClusterProvider.
func (p *provider) Create(ctx context.Context, args ...string) (string, error) {
	if len(args) > 0 {
		return "", fmt.Errorf("kind's Go API takes no arguments, and got %q", args)
	}
	return p.Kubeconfig, p.Cluster.Create(ctx)
}

// CreateWithConfig implements support.E2EClusterProvider.
func (p *provider) CreateWithConfig(ctx context.Context, file string) (string, error) {
	var err error
	if p.Config, err = os.ReadFile(file); err != nil {
		return "", fmt.Errorf("read the configuration of kind: %w", err)
	}
	return p.Create(ctx)
}

// GetKubeconfig implements support.E2EClusterProvider.
func (p *provider) GetKubeconfig() string { return p.Kubeconfig }

// GenerateKubeconfig implements support.E2EClusterProvider.
func (p *provider) GenerateKubeconfig(...string) (string, error) { return p.Kubeconfig, nil }

// GetKubectlContext implements support.E2EClusterProvider.
func (p *provider) GetKubectlContext() string { return "kind-" + p.Name }

// ExportLogs implements support.E2EClusterProvider.
func (p *provider) ExportLogs(_ context.Context, folder string) error { return p.Logs(folder) }

// Destroy implements support.E2EClusterProvider.
func (p *provider) Destroy(context.Context) error { return p.Delete() }

// WaitForControlPlane waits until every node is ready; kind has waited for the
// control plane alone.
func (p *provider) WaitForControlPlane(ctx context.Context, client klient.Client) error {
	return wait.For(func(ctx context.Context) (bool, error) {
		var nodes corev1.NodeList
		if err := client.Resources().List(ctx, &nodes); err != nil {
			return false, err
		}
		waiting := slices.ContainsFunc(nodes.Items, func(n corev1.Node) bool {
			return !slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
				return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
			})
		})
		return len(nodes.Items) > 0 && !waiting, nil
	}, wait.WithContext(ctx))
}

// KubernetesRestConfig implements support.E2EClusterProvider.
func (p *provider) KubernetesRestConfig() *rest.Config {
	config, err := clientcmd.BuildConfigFromFlags("", p.Kubeconfig)
	if err != nil {
		return nil
	}
	return config
}

// LoadImage implements support.E2EClusterProviderWithImageLoader. Archives are all
// that is loaded, so that no container engine has to hold our images.
func (p *provider) LoadImage(_ context.Context, image string, _ ...string) error {
	return fmt.Errorf("load the image %s: only archives are loaded; make images writes them", image)
}

// LoadImageArchive implements support.E2EClusterProviderWithImageLoader.
func (p *provider) LoadImageArchive(ctx context.Context, archive string, _ ...string) error {
	return p.Load(ctx, archive)
}
