package control

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/rollout"
	"github.com/aviary-rollouts/aviary/internal/traffic"
	"github.com/aviary-rollouts/aviary/internal/traffic/istio"
	"github.com/aviary-rollouts/aviary/internal/validate"
)

// outlook is what follows from one generation of a spec together with the objects
// that it names: what is in force in the router, and what is wrong. Routes and
// templates change far less often than pods, and reading a split out of a
// VirtualService and validating templates takes longer than the decision.
type outlook struct {
	of        []version // what it was made from, in the order of the spec
	routing   *traffic.Observed
	invalid   string
	templates bool // only what is wrong with templates makes it invalid
}

// version tells one state of one object from every other.
type version struct {
	uid      types.UID
	resource string
}

// versionOf is empty for an object that was not found.
func versionOf(obj client.Object) version {
	return version{obj.GetUID(), obj.GetResourceVersion()}
}

// judge completes what was observed with the state of routing and the first
// problem, and remembers them for as long as nothing that they depend on changes.
// Of the status that is which Service of a ping-pong pair is the stable one.
func (s *sight) judge() {
	f, o := s.facts, &s.Observed
	of := make([]version, 0, len(f.services)+len(s.routes.VirtualServices)+len(s.templates)+3)
	of = append(of, version{resource: string(o.Rollout.Status.Canary.StablePingPong)}, s.workload)
	for _, named := range f.services {
		v := version{}
		if svc := o.Services[named.Name]; svc != nil {
			v = versionOf(svc)
		}
		of = append(of, v)
	}
	for _, vs := range s.routes.VirtualServices {
		v := version{}
		if vs != nil {
			v = versionOf(vs)
		}
		of = append(of, v)
	}
	if s.routes.DestinationRule != nil {
		of = append(of, versionOf(s.routes.DestinationRule))
	}
	of = append(of, s.templates...)
	// Which kinds the cluster knows has no version.
	lasts := len(s.routes.Unserved) == 0
	if f.outlook == nil || !lasts || !slices.Equal(f.outlook.of, of) {
		f.outlook = f.look(o, s.refs, s.routes)
		f.outlook.of = of
	}
	o.Invalid, o.InvalidTemplates = f.outlook.invalid, f.outlook.templates
	if f.outlook.routing != nil {
		seen := *f.outlook.routing
		o.Routing = &seen
	}
}

// look finds out what judge remembers.
func (f *specFacts) look(o *rollout.Observed, refs validate.Refs, routes istio.Objects) *outlook {
	found := &outlook{}
	var wrong field.ErrorList
	if routedByIstio(o.Rollout) {
		seen, ro := istio.Observe(o.Rollout, routes), o.Rollout
		seen.Agrees = func(want traffic.Routing) bool { return istio.Agrees(ro, routes, want) }
		found.routing = &seen
		if seen.Problem != "" {
			wrong = istio.Validate(o.Rollout, routes)
		}
	}
	if found.invalid = f.firstProblem(o, refs, wrong); found.invalid == "" {
		if wrong = validate.Templates(o.Rollout, o.Templates); len(wrong) > 0 {
			found.invalid, found.templates = wrong[0].Error(), true
		}
	}
	return found
}

// firstProblem is the first error of validation but for templates of analyses, the most
// fundamental first: the spec by itself, what it refers to if the spec makes sense, routes,
// what this version cannot do; empty if there is none.
func (f *specFacts) firstProblem(o *rollout.Observed, refs validate.Refs, routes field.ErrorList) string {
	problems := f.problems
	if len(problems) == 0 {
		problems = validate.References(o.Rollout, refs)
	}
	if len(problems) == 0 {
		problems = routes
	}
	if len(problems) == 0 {
		return rollout.Unsupported(o.Rollout)
	}
	return problems[0].Error()
}

// noting is a reader of templates that notes the versions of what it reads.
type noting struct {
	client.Reader
	versions []version
}

// Get reads one template; one that is not there has no version.
func (n *noting) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	err := n.Reader.Get(ctx, key, obj, opts...)
	if err == nil {
		n.versions = append(n.versions, versionOf(obj))
	}
	return err
}

var _ client.Reader = (*noting)(nil)
