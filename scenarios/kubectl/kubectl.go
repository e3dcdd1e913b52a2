package kubectl

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

// Kubectl is what a verb needs.
type Kubectl struct {
	// Client reads and writes as the user.
	Client client.Client
	// Clock tells the time that ages are counted to.
	Clock clock.Clock
	// Namespace is the namespace of the command line.
	Namespace string
	// EnforceNamespace is set if the command line named the namespace, so that
	// files which name another are refused.
	EnforceNamespace bool
	// Files opens what -f names: a file, or the files of a folder.
	Files func(name string) ([]File, error)
	// Out receives what the real program prints on its standard output and on
	// its standard error.
	Out io.Writer
}

// File is a file that -f names.
type File struct {
	Name string
	Data []byte
}

// Verb runs one verb on the words that follow it. Its error is what the real
// program would print.
type Verb func(ctx context.Context, k *Kubectl, args []string) error

// flags returns an empty flag set that reports errors as kubectl does.
func flags(verb string) *pflag.FlagSet {
	f := pflag.NewFlagSet(verb, pflag.ContinueOnError)
	f.SortFlags = false
	f.Usage = func() {}
	f.SetOutput(io.Discard)
	return f
}

// parse reads the flags; what is left are the arguments.
func parse(f *pflag.FlagSet, args []string) ([]string, error) {
	if err := f.Parse(args); err != nil {
		return nil, fmt.Errorf("error: %w; the kubectl of scenarios knows for %s: %s", err, f.Name(), flagNames(f))
	}
	return f.Args(), nil
}

func flagNames(f *pflag.FlagSet) string {
	names := []string{"-n"}
	f.VisitAll(func(flag *pflag.Flag) {
		if flag.Shorthand != "" {
			names = append(names, "-"+flag.Shorthand)
		} else {
			names = append(names, "--"+flag.Name)
		}
	})
	return strings.Join(names, ", ")
}

func (k *Kubectl) printf(format string, args ...any) { fmt.Fprintf(k.Out, format, args...) }

// get reads one object.
func (k *Kubectl) get(ctx context.Context, r resource, name string, more ...client.GetOption) (*unstructured.Unstructured, error) {
	obj := &unstructured.Unstructured{}
	obj.SetGroupVersionKind(r.gvk)
	if err := k.Client.Get(ctx, k.key(r, name), obj, more...); err != nil {
		return nil, serverError(err)
	}
	return obj, nil
}

func (k *Kubectl) key(r resource, name string) client.ObjectKey {
	if r.clusterScoped {
		return client.ObjectKey{Name: name}
	}
	return client.ObjectKey{Namespace: k.Namespace, Name: name}
}

// list reads the objects of a kind that the selector matches.
func (k *Kubectl) list(ctx context.Context, r resource, selector string, allNamespaces bool, more ...client.ListOption) ([]unstructured.Unstructured, error) {
	s, err := labels.Parse(selector)
	if err != nil {
		return nil, fmt.Errorf("error: %w", err)
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(r.gvk.GroupVersion().WithKind(r.gvk.Kind + "List"))
	o := &client.ListOptions{LabelSelector: s}
	if !r.clusterScoped && !allNamespaces {
		o.Namespace = k.Namespace
	}
	if err := k.Client.List(ctx, list, append(more, o)...); err != nil {
		return nil, serverError(err)
	}
	return list.Items, nil
}

// targets reads the objects that "KIND NAME...", "KIND/NAME..." or "KIND -l x"
// name.
func (k *Kubectl) targets(ctx context.Context, args []string, selector string, all bool) ([]target, error) {
	refs, err := parseRefs(args)
	if err != nil {
		return nil, err
	}
	var found []target
	for _, ref := range refs {
		switch {
		case ref.name != "":
			obj, err := k.get(ctx, ref.resource, ref.name)
			if err != nil {
				return found, err
			}
			found = append(found, target{ref.resource, obj})
		case selector != "" || all:
			items, err := k.list(ctx, ref.resource, selector, false)
			if err != nil {
				return found, err
			}
			for i := range items {
				found = append(found, target{ref.resource, &items[i]})
			}
		default:
			return nil, fmt.Errorf("error: resource(s) were provided, but no name was specified")
		}
	}
	return found, nil
}

// target is an object with its kind.
type target struct {
	resource resource
	object   *unstructured.Unstructured
}

// name returns "rollout.argoproj.io/mock-server".
func (t target) name() string { return t.resource.prefix() + "/" + t.object.GetName() }

// fieldOwner and validation are what kubectl sends with every write.
const fieldOwner = client.FieldOwner("kubectl")

var validation = client.FieldValidation(metav1.FieldValidationStrict)
