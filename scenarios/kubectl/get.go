package kubectl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/util/jsonpath"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// getOptions are the flags of get.
type getOptions struct {
	output        string
	selector      string
	fields        string
	noHeaders     bool
	allNamespaces bool
}

// Get lists objects, as a table or in another form.
func Get(ctx context.Context, k *Kubectl, args []string) error {
	var o getOptions
	f := flags("get")
	f.StringVarP(&o.output, "output", "o", "", "")
	f.StringVarP(&o.selector, "selector", "l", "", "")
	f.StringVar(&o.fields, "field-selector", "", "")
	f.BoolVar(&o.noHeaders, "no-headers", false, "")
	f.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "")
	args, err := parse(f, args)
	if err != nil {
		return err
	}
	if _, err := fields.ParseSelector(o.fields); err != nil {
		return fmt.Errorf("error: --field-selector %s: %w", o.fields, err)
	}
	print, err := k.printer(o)
	if err != nil {
		return err
	}
	refs, err := parseRefs(args)
	if err != nil {
		return err
	}
	groups, failure := k.read(ctx, refs, o)
	if len(groups) > 0 {
		if err := print(groups, len(refs) == 1 && refs[0].name != ""); err != nil {
			return err
		}
	} else if failure == nil {
		k.printNothing(refs[0].resource, o)
	}
	return failure
}

// fieldsOf is a field selector that was found to be well formed.
func fieldsOf(text string) client.ListOption {
	if text == "" {
		return &client.ListOptions{}
	}
	return client.MatchingFieldsSelector{Selector: fields.ParseSelectorOrDie(text)}
}

func (k *Kubectl) printNothing(r resource, o getOptions) {
	if r.clusterScoped || o.allNamespaces {
		k.printf("No resources found\n")
	} else {
		k.printf("No resources found in %s namespace.\n", k.Namespace)
	}
}

// group is a run of objects of one kind.
type group struct {
	resource resource
	items    []unstructured.Unstructured
	mixed    bool // other kinds are printed too
}

// read reads what the command line names, to be printed and not changed. An object
// that is not there does not keep the others from being printed; its error is
// returned with them.
func (k *Kubectl) read(ctx context.Context, refs []ref, o getOptions) ([]group, error) {
	var groups []group
	var failures []error
	for _, ref := range refs {
		var items []unstructured.Unstructured
		var err error
		if ref.name == "" {
			items, err = k.list(ctx, ref.resource, o.selector, o.allNamespaces, fieldsOf(o.fields), client.UnsafeDisableDeepCopy)
		} else {
			var obj *unstructured.Unstructured
			if obj, err = k.get(ctx, ref.resource, ref.name, client.UnsafeDisableDeepCopy); err == nil {
				items = append(items, *obj)
			}
		}
		if err != nil {
			failures = append(failures, err)
		}
		if len(items) == 0 {
			continue
		}
		if n := len(groups); n > 0 && groups[n-1].resource == ref.resource {
			groups[n-1].items = append(groups[n-1].items, items...)
			continue
		}
		groups = append(groups, group{resource: ref.resource, items: items})
	}
	for i := range groups {
		groups[i].mixed = len(groups) > 1
	}
	return groups, errors.Join(failures...)
}

// printer returns the function for -o. single is true if one object was asked
// for by name.
func (k *Kubectl) printer(o getOptions) (func(groups []group, single bool) error, error) {
	format, argument, _ := strings.Cut(o.output, "=")
	switch format {
	case "", "wide":
		return func(groups []group, _ bool) error { return k.printTables(groups, o) }, nil
	case "name":
		return func(groups []group, _ bool) error { return k.printNames(groups) }, nil
	case "json":
		return func(groups []group, single bool) error {
			data, err := json.MarshalIndent(content(groups, single), "", "    ")
			k.printf("%s\n", data)
			return err
		}, nil
	case "yaml":
		return func(groups []group, single bool) error {
			data, err := yaml.Marshal(content(groups, single))
			k.printf("%s", data)
			return err
		}, nil
	case "jsonpath":
		return k.jsonPathPrinter(argument)
	}
	return nil, fmt.Errorf("error: unable to match a printer suitable for the output format %q, allowed formats are: json,jsonpath,name,wide,yaml", o.output)
}

// jsonPathPrinter prints what a template such as {.items[*].metadata.name}
// finds. The braces and the leading dot may be left out.
func (k *Kubectl) jsonPathPrinter(template string) (func(groups []group, single bool) error, error) {
	if template == "" {
		return nil, errors.New("error: template format specified but no template given: -o jsonpath={.spec.replicas}")
	}
	if !strings.Contains(template, "{") {
		template = "{." + strings.TrimPrefix(template, ".") + "}"
	}
	path := jsonpath.New("output").AllowMissingKeys(true)
	if err := path.Parse(template); err != nil {
		return nil, fmt.Errorf("error: error parsing jsonpath %s, %w", template, err)
	}
	return func(groups []group, single bool) error {
		var out bytes.Buffer
		if err := path.Execute(&out, content(groups, single)); err != nil {
			return fmt.Errorf("error: error executing jsonpath %q: %w", template, err)
		}
		k.printf("%s\n", strings.TrimRight(out.String(), "\n"))
		return nil
	}, nil
}

// content returns one object, or a List of all.
func content(groups []group, single bool) map[string]any {
	if single {
		return groups[0].items[0].Object
	}
	items := []any{}
	for _, g := range groups {
		for i := range g.items {
			items = append(items, g.items[i].Object)
		}
	}
	return map[string]any{"apiVersion": "v1", "kind": "List", "items": items, "metadata": map[string]any{"resourceVersion": ""}}
}

func (k *Kubectl) printNames(groups []group) error {
	for _, g := range groups {
		for i := range g.items {
			k.printf("%s/%s\n", g.resource.prefix(), g.items[i].GetName())
		}
	}
	return nil
}
