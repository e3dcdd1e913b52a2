package kubectl

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/duration"
)

// table says how a kind is listed. Cells of wide columns come last.
type table struct {
	columns []string
	wide    []string
	row     func(v view) []string
	// less orders the rows; nil keeps the order by name.
	compare func(a, b *unstructured.Unstructured) int
}

// view is what a row is made of.
type view struct {
	obj *unstructured.Unstructured
	now time.Time
}

var tables = map[string]table{
	"Rollout": {columns: []string{"NAME", "DESIRED", "CURRENT", "UP-TO-DATE", "AVAILABLE", "AGE"}, row: func(v view) []string {
		return []string{v.name(), v.get("spec", "replicas"), v.get("status", "replicas"), v.get("status", "updatedReplicas"),
			v.get("status", "availableReplicas"), v.age()}
	}},
	"AnalysisRun": {columns: []string{"NAME", "STATUS", "AGE"}, row: func(v view) []string {
		return []string{v.name(), v.get("status", "phase"), v.age()}
	}},
	"Experiment": {columns: []string{"NAME", "STATUS", "AGE"}, row: func(v view) []string {
		return []string{v.name(), v.get("status", "phase"), v.age()}
	}},
	"Pod": {columns: []string{"NAME", "READY", "STATUS", "RESTARTS", "AGE"},
		wide: []string{"IP", "NODE", "NOMINATED NODE", "READINESS GATES"}, row: podRow},
	"ReplicaSet": {columns: []string{"NAME", "DESIRED", "CURRENT", "READY", "AGE"},
		wide: []string{"CONTAINERS", "IMAGES", "SELECTOR"}, row: func(v view) []string {
			row := []string{v.name(), v.count("spec", "replicas"), v.count("status", "replicas"), v.count("status", "readyReplicas"), v.age()}
			return append(row, v.containers()...)
		}},
	"Deployment": {columns: []string{"NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"},
		wide: []string{"CONTAINERS", "IMAGES", "SELECTOR"}, row: func(v view) []string {
			ready := v.count("status", "readyReplicas") + "/" + v.count("spec", "replicas")
			row := []string{v.name(), ready, v.count("status", "updatedReplicas"), v.count("status", "availableReplicas"), v.age()}
			return append(row, v.containers()...)
		}},
	"Service": {columns: []string{"NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"}, wide: []string{"SELECTOR"}, row: func(v view) []string {
		return []string{v.name(), v.get("spec", "type"), orNone(v.get("spec", "clusterIP")), "<none>", v.ports(), v.age(), orNone(v.stringMap("spec", "selector"))}
	}},
	"Endpoints": {columns: []string{"NAME", "ENDPOINTS", "AGE"}, row: func(v view) []string {
		return []string{v.name(), orNone(firstOf(endpointAddresses(v.obj))), v.age()}
	}},
	"Event": {columns: []string{"LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"}, row: eventRow, compare: func(a, b *unstructured.Unstructured) int {
		return lastSeen(a).Compare(lastSeen(b))
	}},
	"Job":  {columns: []string{"NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE"}, row: jobRow},
	"Node": {columns: []string{"NAME", "AGE"}, row: func(v view) []string { return []string{v.name(), v.age()} }},
}

var plainTable = table{columns: []string{"NAME", "AGE"}, row: func(v view) []string { return []string{v.name(), v.age()} }}

// printTables prints one table for each kind, with a blank line between them.
func (k *Kubectl) printTables(groups []group, o getOptions) error {
	w := tabwriter.NewWriter(k.Out, 6, 4, 3, ' ', 0)
	for i, g := range groups {
		if i > 0 {
			fmt.Fprintln(w)
		}
		k.printTable(w, g, o)
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func (k *Kubectl) printTable(w *tabwriter.Writer, g group, o getOptions) {
	t, ok := tables[g.resource.gvk.Kind]
	if !ok {
		t = plainTable
	}
	columns := t.columns
	if o.output == "wide" {
		columns = slices.Concat(t.columns, t.wide)
	}
	if !o.noHeaders {
		fmt.Fprintln(w, strings.Join(withNamespace("NAMESPACE", columns, o), "\t"))
	}
	if t.compare != nil {
		slices.SortStableFunc(g.items, func(a, b unstructured.Unstructured) int { return t.compare(&a, &b) })
	}
	for i := range g.items {
		row := t.row(view{&g.items[i], k.Clock.Now()})[:len(columns)]
		if g.mixed {
			row[0] = g.resource.prefix() + "/" + row[0]
		}
		fmt.Fprintln(w, strings.Join(withNamespace(g.items[i].GetNamespace(), row, o), "\t"))
	}
}

func withNamespace(namespace string, cells []string, o getOptions) []string {
	if !o.allNamespaces {
		return cells
	}
	return slices.Insert(slices.Clone(cells), 0, namespace)
}

func (v view) name() string { return v.obj.GetName() }

func (v view) age() string { return since(v.obj.GetCreationTimestamp().Time, v.now) }

// since returns an age as kubectl prints it, "<unknown>" for no time.
func since(t, now time.Time) string {
	if t.IsZero() {
		return "<unknown>"
	}
	return duration.HumanDuration(now.Sub(t))
}

// get returns a field as text, empty if it is not there.
func (v view) get(path ...string) string {
	value, ok, _ := unstructured.NestedFieldNoCopy(v.obj.Object, path...)
	if !ok || value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

// count returns a number, "0" if it is not there.
func (v view) count(path ...string) string {
	if s := v.get(path...); s != "" {
		return s
	}
	return "0"
}

// stringMap returns "a=b,c=d" in the order of the keys.
func (v view) stringMap(path ...string) string {
	m, _, _ := unstructured.NestedStringMap(v.obj.Object, path...)
	return formatMap(m)
}

func formatMap(m map[string]string) string {
	var parts []string
	for key, value := range m {
		parts = append(parts, key+"="+value)
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

func orNone(s string) string {
	if s == "" {
		return "<none>"
	}
	return s
}

// containers returns the wide cells of a workload.
func (v view) containers() []string {
	list, _, _ := unstructured.NestedSlice(v.obj.Object, "spec", "template", "spec", "containers")
	var names, images []string
	for _, c := range list {
		if c, ok := c.(map[string]any); ok {
			names = append(names, fmt.Sprint(c["name"]))
			images = append(images, fmt.Sprint(c["image"]))
		}
	}
	return []string{strings.Join(names, ","), strings.Join(images, ","), v.stringMap("spec", "selector", "matchLabels")}
}

// ports returns "8080/TCP" or "80:30080/TCP" for each port of a service.
func (v view) ports() string {
	list, _, _ := unstructured.NestedSlice(v.obj.Object, "spec", "ports")
	var ports []string
	for _, p := range list {
		p, ok := p.(map[string]any)
		if !ok {
			continue
		}
		text := fmt.Sprint(p["port"])
		if node, ok := p["nodePort"]; ok && fmt.Sprint(node) != "0" {
			text += ":" + fmt.Sprint(node)
		}
		ports = append(ports, text+"/"+protocol(p))
	}
	return orNone(strings.Join(ports, ","))
}

func protocol(port map[string]any) string {
	if s, ok := port["protocol"].(string); ok && s != "" {
		return s
	}
	return string(corev1.ProtocolTCP)
}

// firstOf shows up to three addresses and counts the rest.
func firstOf(addresses []string) string {
	if len(addresses) <= 3 {
		return strings.Join(addresses, ",")
	}
	return strings.Join(addresses[:3], ",") + " + " + strconv.Itoa(len(addresses)-3) + " more..."
}

func eventRow(v view) []string {
	kind, name := v.get("involvedObject", "kind"), v.get("involvedObject", "name")
	return []string{since(lastSeen(v.obj), v.now), v.get("type"), v.get("reason"), strings.ToLower(kind) + "/" + name, strings.TrimSpace(v.get("message"))}
}

// lastSeen returns when an event was last seen.
func lastSeen(event *unstructured.Unstructured) time.Time {
	for _, field := range []string{"lastTimestamp", "eventTime", "firstTimestamp"} {
		text, _, _ := unstructured.NestedString(event.Object, field)
		if t, err := time.Parse(time.RFC3339, text); err == nil {
			return t
		}
	}
	return event.GetCreationTimestamp().Time
}

func jobRow(v view) []string {
	status := "Running"
	conditions, _, _ := unstructured.NestedSlice(v.obj.Object, "status", "conditions")
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["status"] == string(corev1.ConditionTrue) && (c["type"] == "Complete" || c["type"] == "Failed") {
			status = fmt.Sprint(c["type"])
		}
	}
	completions := v.count("status", "succeeded") + "/" + orOne(v.get("spec", "completions"))
	return []string{v.name(), status, completions, v.jobDuration(), v.age()}
}

func orOne(s string) string {
	if s == "" {
		return "1"
	}
	return s
}

func (v view) jobDuration() string {
	start, err := time.Parse(time.RFC3339, v.get("status", "startTime"))
	if err != nil {
		return ""
	}
	end, err := time.Parse(time.RFC3339, v.get("status", "completionTime"))
	if err != nil {
		end = v.now
	}
	return duration.HumanDuration(end.Sub(start))
}
