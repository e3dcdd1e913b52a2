package cli

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const listExample = `  # List rollouts
  kubectl argo rollouts list rollouts

  # List experiments
  kubectl argo rollouts list experiments`

func (p *plugin) list() *cobra.Command {
	c := group("list <rollout|experiment>", "List rollouts or experiments", listExample)
	c.Long = `This command consists of multiple subcommands which can be used to lists all of the
rollouts or experiments for a specified namespace (uses current namespace context if namespace not specified).`
	c.AddCommand(p.listRollouts(), p.listExperiments())
	return c
}

// lister lists objects and remembers what it printed.
type lister struct {
	*plugin
	// columns are the names of the columns, without those of namespace and time.
	columns []string
	// read reads the objects of a namespace, or of all if it is empty.
	read func(ctx context.Context, c client.Client, namespace string) ([]entry, error)

	all, watch, timestamps bool

	widths  []int
	printed map[string]string // what an entry is about, by namespace and name
}

// entry is an object in a list.
type entry struct {
	namespace, name string
	// cells are what the columns say.
	cells []string
	// state is what must change for the entry to be printed again.
	state string
}

// command completes a command that lists.
func (l *lister) command(c *cobra.Command) *cobra.Command {
	c.Args = needs(0, 0, "flags")
	c.RunE = func(c *cobra.Command, _ []string) error { return l.run(c.Context()) }
	c.Flags().BoolVarP(&l.all, "all-namespaces", "A", false, "Include all namespaces")
	c.Flags().BoolVarP(&l.watch, "watch", "w", false, "Watch for changes")
	return c
}

func (l *lister) run(ctx context.Context) error {
	cluster, namespace, err := l.cluster()
	if err != nil {
		return err
	}
	where := " in " + namespace + " namespace."
	if l.all {
		namespace, where = "", "."
	}
	l.printed, l.widths = map[string]string{}, nil
	if l.watch {
		return endless(l.plugin.watch(ctx, 0, func(ctx context.Context) (bool, error) { return false, l.print(ctx, cluster, namespace) }))
	}
	if err := l.print(ctx, cluster, namespace); err != nil || len(l.printed) > 0 {
		return err
	}
	fmt.Fprintln(l.ErrOut, "No resources found"+where)
	return nil
}

// print writes the rows that are new or changed since the last call, under a
// header at first.
func (l *lister) print(ctx context.Context, c client.Client, namespace string) error {
	entries, err := l.read(ctx, c, namespace)
	if err != nil {
		return err
	}
	now := l.Clock.Now().UTC().Format(time.RFC3339)
	var rows [][]string
	for _, e := range entries {
		id := e.namespace + "/" + e.name
		if old, known := l.printed[id]; known && old == e.state {
			continue
		}
		l.printed[id] = e.state
		rows = append(rows, l.row(now, e.namespace, append([]string{e.name}, e.cells...)))
	}
	return l.write(rows)
}

// row puts the time and the namespace before what every row has, if they are
// asked for.
func (l *lister) row(time, namespace string, cells []string) []string {
	if l.all {
		cells = append([]string{namespace}, cells...)
	}
	if l.timestamps {
		cells = append([]string{time}, cells...)
	}
	return cells
}

// write writes rows in columns two blanks apart, which never get narrower.
func (l *lister) write(rows [][]string) error {
	if len(rows) == 0 {
		return nil
	}
	if l.widths == nil {
		header := l.row("TIMESTAMP", "NAMESPACE", append([]string{"NAME"}, l.columns...))
		rows = append([][]string{header}, rows...)
		l.widths = make([]int, len(header))
	}
	for _, row := range rows {
		for i, cell := range row {
			l.widths[i] = max(l.widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		last := len(row) - 1
		for i, cell := range row[:last] {
			fmt.Fprintf(&b, "%-*s", l.widths[i]+2, cell)
		}
		b.WriteString(row[last] + "\n")
	}
	_, err := fmt.Fprint(l.Out, b.String())
	return err
}
