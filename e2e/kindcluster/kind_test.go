package kindcluster

import (
	"bytes"
	"strings"
	"testing"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	"sigs.k8s.io/kind/pkg/log"
	"sigs.k8s.io/yaml"
)

// The nodes are those of the source document, and every field is one that kind
// knows.
func TestThreeNodes(t *testing.T) {
	var c v1alpha4.Cluster
	if err := yaml.UnmarshalStrict(threeNodes, &c); err != nil {
		t.Fatal(err)
	}
	var roles []string
	for _, n := range c.Nodes {
		roles = append(roles, string(n.Role))
	}
	if got := strings.Join(roles, " "); got != "control-plane worker worker" {
		t.Errorf("nodes: %s", got)
	}
	if !c.FeatureGates["MutatingAdmissionPolicy"] || len(c.RuntimeConfig) != 1 {
		t.Errorf("the API server does not serve the policy of images: %v %v", c.FeatureGates, c.RuntimeConfig)
	}
}

// What kind tells people goes out, a line each; what it tells its developers does
// not.
func TestLog(t *testing.T) {
	var out bytes.Buffer
	var l log.Logger = lines{&out}
	l.V(0).Info(" • Preparing nodes  \n")
	l.V(0).Infof("%d nodes", 3)
	l.V(1).Infof("running %s", "docker")
	l.Warn("cgroup v1")
	l.Errorf("failed: %s", "no disk")
	if want := "kind: • Preparing nodes\nkind: 3 nodes\nkind: cgroup v1\nkind: failed: no disk\n"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
	l = lines{}
	l.Error("nobody listens") // and nothing panics
	if l.V(0).Enabled() {
		t.Error("somebody listens")
	}
}
