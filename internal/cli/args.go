package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/ops"
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

// noun is a kind of objects as people name it.
type noun struct {
	ops.Kind
	// phrase is the name with its article, for sentences.
	phrase string
	// words are the names that may stand before a slash: rollout/web.
	words []string
}

var (
	rollout     = noun{ops.Rollouts, "a rollout", []string{"rollout", "ro", "rollouts"}}
	experiment  = noun{ops.Experiments, "an experiment", []string{"experiment", "exp", "experiments"}}
	analysisRun = noun{ops.AnalysisRuns, "an analysisrun", []string{"analysisrun", "ar", "analysisruns"}}
)

// one and some are what a command needs, for needs.
func (n noun) one() string  { return "the name of " + n.phrase }
func (n noun) some() string { return "the names of one or more " + n.Name + "s" }

// aliases are the words that may stand for the first one in a command.
func (n noun) aliases() []string { return n.words[1:] }

// key reads NAME or KIND/NAME in a namespace.
func (n noun) key(namespace, arg string) (types.NamespacedName, error) {
	word, name, qualified := strings.Cut(arg, "/")
	if !qualified {
		return types.NamespacedName{Namespace: namespace, Name: arg}, nil
	}
	if !slices.Contains(n.words, strings.TrimSuffix(word, "."+v1alpha1.GroupName)) {
		return types.NamespacedName{}, fmt.Errorf("%q is not %s: give its name alone or as %s/NAME", arg, n.phrase, n.Name)
	}
	return types.NamespacedName{Namespace: namespace, Name: name}, nil
}

// complete offers the names of objects to the shell; only for the first
// argument if single is true.
func (p *plugin) complete(n noun, single bool) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if single && len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		cluster, namespace, err := p.cluster()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		names, err := n.Names(c.Context(), cluster, namespace)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, prefix) }), cobra.ShellCompDirectiveNoFileComp
	}
}
