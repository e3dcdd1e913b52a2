package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/view"
)

const listExample = `  # List rollouts
  kubectl argo rollouts list rollouts

  # List rollouts from all namespaces
  kubectl argo rollouts list rollouts --all-namespaces

  # List rollouts and watch for changes
  kubectl argo rollouts list rollouts --watch`

// lister lists rollouts and remembers what it printed.
type lister struct {
	*plugin
	client     client.Client
	namespace  string // empty: all
	name       string // empty: all
	timestamps bool

	widths  []int
	printed map[string]string // by namespace and name
}

func (p *plugin) listRollouts() *cobra.Command {
	var all, watch, timestamps bool
	var name string
	c := &cobra.Command{
		Use:     "rollouts",
		Aliases: []string{"ro", "rollout"},
		Short:   "List rollouts",
		Long:    "This command lists all of the rollouts for a specified namespace (uses current namespace context if namespace not specified).",
		Example: listExample,
		Args:    needs(0, 0, "flags"),
		RunE: func(c *cobra.Command, _ []string) error {
			cluster, namespace, err := p.cluster()
			if err != nil {
				return err
			}
			if all {
				namespace = ""
			}
			l := &lister{plugin: p, client: cluster, namespace: namespace, name: name, timestamps: timestamps, printed: map[string]string{}}
			if watch {
				return endless(p.watch(c.Context(), 0, func() (bool, error) { return false, l.print(c.Context()) }))
			}
			if err := l.print(c.Context()); err != nil || len(l.printed) > 0 {
				return err
			}
			where := "."
			if !all {
				where = " in " + namespace + " namespace."
			}
			fmt.Fprintln(p.ErrOut, "No resources found"+where)
			return nil
		},
	}
	c.Flags().BoolVarP(&all, "all-namespaces", "A", false, "Include all namespaces")
	c.Flags().StringVar(&name, "name", "", "Only show rollout with specified name")
	c.Flags().BoolVar(&timestamps, "timestamps", false, "Print timestamps on updates")
	c.Flags().BoolVarP(&watch, "watch", "w", false, "Watch for changes")
	return c
}

// print writes the rows that are new or changed since the last call, under a
// header at first.
func (l *lister) print(ctx context.Context) error {
	var list v1alpha1.RolloutList
	if err := l.client.List(ctx, &list, client.InNamespace(l.namespace)); err != nil {
		if meta.IsNoMatchError(err) {
			return fmt.Errorf("the cluster does not know Rollouts: install the CRDs of argoproj.io first (%w)", err)
		}
		return fmt.Errorf("list rollouts: %w", err)
	}
	var rows [][]string
	for i := range list.Items {
		ro := &list.Items[i]
		if l.name != "" && ro.Name != l.name {
			continue
		}
		w, err := workload(ctx, l.client, ro)
		if err != nil {
			return err
		}
		row := l.row(view.Summarize(ro, w))
		id, text := ro.Namespace+"/"+ro.Name, strings.Join(row, " ")
		if l.printed[id] != text {
			l.printed[id] = text
			rows = append(rows, l.stamp(l.Clock.Now().UTC().Format(time.RFC3339), row))
		}
	}
	return l.write(rows)
}

// row is a line of the table: STEP and SET-WEIGHT mean nothing to blue/green.
func (l *lister) row(s view.Summary) []string {
	number := func(n int32) string { return strconv.Itoa(int(n)) }
	step, weight := "-", "-"
	if s.Strategy == view.Canary {
		weight = number(s.SetWeight)
		if s.Step.Count > 0 {
			step = s.Step.String()
		}
	}
	row := []string{
		s.Name, s.Strategy, string(s.Phase), step, weight, fmt.Sprintf("%d/%d", s.Ready, s.Current),
		number(s.Desired), number(s.Updated), number(s.Available),
	}
	if l.namespace == "" {
		row = append([]string{s.Namespace}, row...)
	}
	return row
}

func (l *lister) header() []string {
	header := []string{"NAME", "STRATEGY", "STATUS", "STEP", "SET-WEIGHT", "READY", "DESIRED", "UP-TO-DATE", "AVAILABLE"}
	if l.namespace == "" {
		header = append([]string{"NAMESPACE"}, header...)
	}
	return l.stamp("TIMESTAMP", header)
}

// stamp puts a time before a row if times are asked for.
func (l *lister) stamp(time string, row []string) []string {
	if !l.timestamps {
		return row
	}
	return append([]string{time}, row...)
}

// write writes rows in columns two blanks apart, which never get narrower.
func (l *lister) write(rows [][]string) error {
	if len(rows) == 0 {
		return nil
	}
	if l.widths == nil {
		rows = append([][]string{l.header()}, rows...)
		l.widths = make([]int, len(rows[0]))
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
