package cli

import (
	"github.com/spf13/pflag"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Connection finds the cluster that the flags of the command line name.
type Connection interface {
	// AddFlags registers the flags that all commands inherit. One of them
	// must be -n, --namespace.
	AddFlags(*pflag.FlagSet)
	// Client returns a client; it is asked once the flags are parsed.
	Client() (client.Client, error)
	// Namespace returns the namespace to work in.
	Namespace() (string, error)
}

// fixed is a cluster that is given: only the namespace can be chosen.
type fixed struct {
	client    client.Client
	namespace string
}

// AddFlags registers -n.
func (f *fixed) AddFlags(flags *pflag.FlagSet) {
	if f.namespace == "" {
		f.namespace = "default"
	}
	flags.StringVarP(&f.namespace, "namespace", "n", f.namespace, "If present, the namespace scope for this CLI request")
}

// Client returns the given client.
func (f *fixed) Client() (client.Client, error) { return f.client, nil }

// Namespace returns that of -n, or the given one.
func (f *fixed) Namespace() (string, error) { return f.namespace, nil }

// cluster is where a command works.
func (p *plugin) cluster() (client.Client, string, error) {
	c, err := p.Connect.Client()
	if err != nil {
		return nil, "", err
	}
	namespace, err := p.Connect.Namespace()
	return c, namespace, err
}
