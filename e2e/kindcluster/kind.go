package kindcluster

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/cluster/nodeutils"
)

// threeNodes is the cluster of the source document: a control plane and two
// workers.
//
//go:embed three-nodes.yaml
var threeNodes []byte

// Cluster is a cluster of kind.
type Cluster struct {
	// Name is the cluster's.
	Name string
	// Image is the image of its nodes; empty means the one that belongs to this
	// version of kind, which is pulled.
	Image string
	// Kubeconfig is the file that is written.
	Kubeconfig string
	// Config is a configuration of kind; nil means three nodes.
	Config []byte
	// Progress gets kind's lines; nil gets none.
	Progress io.Writer
}

// ready is how long the control plane may take to come up.
const ready = 5 * time.Minute

// provider finds the container engine.
func (c *Cluster) provider() (*cluster.Provider, error) {
	engine, err := cluster.DetectNodeProvider()
	if err != nil {
		return nil, fmt.Errorf("kind needs a container engine, and none answers: start Docker (by hand: setsid dockerd), Podman or nerdctl, or give KUBECONFIG of a cluster: %w", err)
	}
	return cluster.NewProvider(engine, cluster.ProviderWithLogger(lines{c.Progress})), nil
}

// Create creates the cluster, and does nothing but write the kubeconfig if there
// is one of this name.
func (c *Cluster) Create(ctx context.Context) error {
	p, err := c.provider()
	if err != nil {
		return err
	}
	names, err := p.List()
	if err != nil {
		return fmt.Errorf("list the clusters of kind (is the container engine running?): %w", err)
	}
	if slices.Contains(names, c.Name) {
		if err := p.ExportKubeConfig(c.Name, c.Kubeconfig, false); err != nil {
			return fmt.Errorf("write the kubeconfig of the cluster %s: %w", c.Name, err)
		}
		return nil
	}
	config := c.Config
	if config == nil {
		config = threeNodes
	}
	options := []cluster.CreateOption{
		cluster.CreateWithRawConfig(config), cluster.CreateWithKubeconfigPath(c.Kubeconfig), cluster.CreateWithWaitForReady(ready),
		cluster.CreateWithDisplayUsage(false), cluster.CreateWithDisplaySalutation(false),
	}
	if c.Image != "" {
		options = append(options, cluster.CreateWithNodeImage(c.Image))
	}
	created := make(chan error, 1)
	go func() { created <- p.Create(c.Name, options...) }() // kind knows no context
	select {
	case err = <-created:
	case <-ctx.Done():
		err = errors.Join(ctx.Err(), <-created)
	}
	if err != nil {
		return fmt.Errorf("create the cluster %s of nodes %q: %w", c.Name, c.Image, errors.Join(err, c.Delete()))
	}
	return nil
}

// Load puts the images of an archive, as docker save writes it, on every node.
func (c *Cluster) Load(ctx context.Context, archive string) error {
	p, err := c.provider()
	if err != nil {
		return err
	}
	nodes, err := p.ListInternalNodes(c.Name)
	if err != nil {
		return fmt.Errorf("list the nodes of the cluster %s: %w", c.Name, err)
	}
	for _, node := range nodes {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		file, err := os.Open(archive)
		if err != nil {
			return fmt.Errorf("load images (make images builds them): %w", err)
		}
		err = nodeutils.LoadImageArchive(node, file)
		_ = file.Close() // it was only read
		if err != nil {
			return fmt.Errorf("load %s into the node %s: %w", archive, node, err)
		}
	}
	return nil
}

// Logs writes what the nodes have logged into a folder.
func (c *Cluster) Logs(folder string) error {
	p, err := c.provider()
	if err != nil {
		return err
	}
	if err := p.CollectLogs(c.Name, folder); err != nil {
		return fmt.Errorf("collect the logs of the cluster %s: %w", c.Name, err)
	}
	return nil
}

// Delete deletes the cluster, if there is one.
func (c *Cluster) Delete() error {
	p, err := c.provider()
	if err != nil {
		return err
	}
	if err := p.Delete(c.Name, c.Kubeconfig); err != nil {
		return fmt.Errorf("delete the cluster %s: %w", c.Name, err)
	}
	return nil
}
