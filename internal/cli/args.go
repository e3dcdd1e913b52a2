package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// needs checks the number of arguments, at least least and at most most (-1: no
// limit). If it is wrong, the usage is shown and the error says what is needed.
func needs(least, most int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) >= least && (most < 0 || len(args) <= most) {
			return nil
		}
		fmt.Fprintln(c.ErrOrStderr(), c.UsageString())
		name := strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")
		if len(args) > most && most >= 0 {
			return fmt.Errorf("%s takes %s and nothing else, but got %q, too", name, what, args[most])
		}
		return fmt.Errorf("%s needs %s", name, what)
	}
}

func unknownCommand(c *cobra.Command, word string) error {
	err := fmt.Errorf("unknown command %q for %q; see '%s --help'", word, c.CommandPath(), c.CommandPath())
	if near := c.SuggestionsFor(word); len(near) > 0 {
		err = fmt.Errorf("unknown command %q for %q; did you mean %s?", word, c.CommandPath(), strings.Join(near, " or "))
	}
	return err
}

func flagError(c *cobra.Command, err error) error {
	return fmt.Errorf("%w; see '%s --help'", err, c.CommandPath())
}

// rolloutName reads NAME or rollout/NAME.
func rolloutName(arg string) (string, error) {
	kind, name, qualified := strings.Cut(arg, "/")
	if !qualified {
		return arg, nil
	}
	switch kind {
	case "rollout", "rollouts", "ro", "rollout.argoproj.io", "rollouts.argoproj.io":
		return name, nil
	}
	return "", fmt.Errorf("%q is not a rollout: give its name alone or as rollout/NAME", arg)
}

// rolloutKey reads NAME or rollout/NAME in a namespace.
func rolloutKey(namespace, arg string) (types.NamespacedName, error) {
	name, err := rolloutName(arg)
	return types.NamespacedName{Namespace: namespace, Name: name}, err
}

// completeRollouts offers the names of rollouts to the shell; only for the
// first argument if single is true.
func (p *plugin) completeRollouts(single bool) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if single && len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		cluster, namespace, err := p.cluster()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var list v1alpha1.RolloutList
		if err := cluster.List(c.Context(), &list, client.InNamespace(namespace)); err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var names []string
		for i := range list.Items {
			if strings.HasPrefix(list.Items[i].Name, prefix) {
				names = append(names, list.Items[i].Name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
