package store

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Op is one call of a client, as hooks see it.
type Op struct {
	// Client is the name of the caller.
	Client string
	// Verb is get, list, watch, create, update, patch, delete or
	// deletecollection.
	Verb string
	// Kind is the kind as the caller asked for it.
	Kind schema.GroupVersionKind
	// Key names the object; its Name is empty for lists and for creations
	// with a generated name.
	Key types.NamespacedName
	// Subresource is empty, or status, scale or eviction.
	Subresource string
	// Object is what the caller passed, for writes. Hooks must not modify it.
	Object client.Object
}

// Write reports whether the call may change something.
func (o Op) Write() bool { return o.Verb != "get" && o.Verb != "list" && o.Verb != "watch" }

// String names the call in one line: "update Rollout default/web status".
func (o Op) String() string {
	text := o.Verb + " " + o.Kind.Kind + " " + o.Key.String()
	if o.Subresource != "" {
		text += " " + o.Subresource
	}
	return text
}

// Hooks run around every call of a client. They are how faults are injected
// and how an admission policy refuses.
type Hooks struct {
	// Before runs first; an error from it is returned to the caller and
	// nothing else happens.
	Before func(op Op) error
	// After runs when the call has succeeded; an error from it is returned to
	// the caller as if the answer had been lost, with the effect in place. What
	// the caller passed is as it was.
	After func(op Op) error
}

func (h Hooks) applyToClient(a *actor) { a.hooks = append(a.hooks, h) }

// ClientOption configures one client.
type ClientOption interface{ applyToClient(*actor) }

type clientOption func(*actor)

func (f clientOption) applyToClient(a *actor) { f(a) }

// AsUser makes a client behave as one that a person uses: it is not cached, so
// that typed objects come back without TypeMeta as they do from a live API
// server, and custom resources that it writes are pruned, defaulted and
// validated with their definition.
func AsUser() ClientOption {
	return clientOption(func(a *actor) { a.user, a.admitted = true, true })
}

// Admitted makes the custom resources that a client writes be validated as
// those of users are, which a real API server does for every writer. It costs
// about a millisecond for each write and serves to catch a controller that
// writes what its own definition forbids.
func Admitted() ClientOption { return clientOption(func(a *actor) { a.admitted = true }) }

// Strict makes unknown fields an error instead of dropping them, unless a call
// says otherwise by client.FieldValidation. It is the default of kubectl.
func Strict() ClientOption {
	return clientOption(func(a *actor) { a.validation = metav1.FieldValidationStrict })
}

// ReadsFrom makes a client read at the revision that view returns, as from a
// cache that lags; its writes meet the present. A revision beyond the present
// means the present.
func ReadsFrom(view func() Revision) ClientOption {
	return clientOption(func(a *actor) {
		a.view = func(schema.GroupVersionKind) Revision { return view() }
	})
}

// ReadsKindsFrom is ReadsFrom for caches that lag by kind, as the informers of
// a real controller do.
func ReadsKindsFrom(view func(schema.GroupVersionKind) Revision) ClientOption {
	return clientOption(func(a *actor) { a.view = view })
}

// Shares makes a client share memory with the store, for models that are called
// so often that copies would take most of the time of a run: objects of the
// stored Go type are not copied on their way in or out. The caller modifies
// neither what is inside the objects that it gets nor, later, what is inside
// those that it wrote; fields of the object itself it may set.
func Shares() ClientOption { return clientOption(func(a *actor) { a.shares = true }) }

// SharesAnswers makes the answers of writes share memory with the store, as
// Shares does, but nothing else: for a client that reads and writes much, and looks at
// no more of an answer than who it is about.
func SharesAnswers() ClientOption { return clientOption(func(a *actor) { a.sharesAnswers = true }) }

// SharesStatus makes the statuses that a client writes share memory with the store, as
// Shares does: for one that makes each status anew and leaves it alone from then on.
func SharesStatus() ClientOption { return clientOption(func(a *actor) { a.sharesStatus = true }) }

// actor is one client of the store.
type actor struct {
	store         *Store
	name          string
	user          bool // a live client: typed reads have no TypeMeta
	admitted      bool // custom resources are pruned, defaulted, validated
	shares        bool // objects of the stored type are not copied
	sharesAnswers bool // those that come back from writes are not
	sharesStatus  bool // the statuses of those that are written are not
	validation    string
	view          func(schema.GroupVersionKind) Revision
	hooks         []Hooks
}

var _ client.WithWatch = (*actor)(nil)

// Client returns a client for one actor. Its name appears in the trace. It
// reads the present unless an option says otherwise, and typed objects come
// back with their TypeMeta, as from a manager's cached client.
func (s *Store) Client(name string, o ...ClientOption) client.WithWatch {
	a := &actor{store: s, name: name}
	for _, opt := range o {
		opt.applyToClient(a)
	}
	return a
}

// do runs one call between the hooks.
func (a *actor) do(ctx context.Context, op Op, call func() error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	op.Client = a.name
	a.store.catchUp(op.Kind.GroupKind())
	for _, hooks := range [2][]Hooks{a.store.hooks, a.hooks} {
		for _, h := range hooks {
			if h.Before == nil {
				continue
			}
			if err := h.Before(op); err != nil {
				return err
			}
		}
	}
	if err := call(); err != nil {
		return err
	}
	for _, hooks := range [2][]Hooks{a.hooks, a.store.hooks} {
		for _, h := range hooks {
			if h.After == nil {
				continue
			}
			if err := h.After(op); err != nil {
				return err
			}
		}
	}
	return nil
}

// write runs one write between the hooks. What was stored is handed to answer if the
// answer arrives: a caller who does not get it knows no more than before.
func (a *actor) write(ctx context.Context, op Op, call func() (client.Object, error), answer func(stored client.Object) error) error {
	var stored client.Object
	err := a.do(ctx, op, func() (err error) { stored, err = call(); return err })
	if err != nil {
		return err
	}
	return answer(stored)
}

// Scheme returns the scheme of the store.
func (a *actor) Scheme() *runtime.Scheme { return a.store.scheme }

// RESTMapper returns a mapper for the kinds of the scheme, for those declared
// in Options.APIResources and, by guessing, for any other kind.
func (a *actor) RESTMapper() meta.RESTMapper { return a.store.restMapper() }

// GroupVersionKindFor returns the kind of an object.
func (a *actor) GroupVersionKindFor(obj runtime.Object) (schema.GroupVersionKind, error) {
	gvk, _, err := a.store.kindOf(obj)
	return gvk, err
}

// IsObjectNamespaced reports whether objects of the kind live in namespaces.
func (a *actor) IsObjectNamespaced(obj runtime.Object) (bool, error) {
	_, t, err := a.store.kindOf(obj)
	if err != nil {
		return false, err
	}
	return !t.facts.clusterScoped, nil
}

// Status returns the writer of the status subresource.
func (a *actor) Status() client.SubResourceWriter { return a.SubResource("status") }

// SubResource returns a client for status, scale or eviction. Calls on any
// other subresource fail with NotFound.
func (a *actor) SubResource(name string) client.SubResourceClient {
	return &subresource{actor: a, name: name}
}

// isPartial reports whether the caller wants metadata alone.
func isPartial(obj runtime.Object) bool {
	switch obj.(type) {
	case *metav1.PartialObjectMetadata, *metav1.PartialObjectMetadataList:
		return true
	}
	return false
}

// isTyped reports whether obj is a Go type of the scheme.
func isTyped(obj runtime.Object) bool {
	if _, ok := obj.(runtime.Unstructured); ok {
		return false
	}
	return !isPartial(obj)
}

// keyIn returns the key of an object in a table: cluster-scoped objects have
// no namespace.
func (t *table) keyIn(key types.NamespacedName) types.NamespacedName {
	if t.facts.clusterScoped {
		key.Namespace = ""
	}
	return key
}

// answer copies a stored object into the object of the caller of a write, who
// keeps the TypeMeta that it had, as with controller-runtime's client.
func (a *actor) answer(t *table, stored, out client.Object) error {
	share := a.shares || a.sharesAnswers
	if kind, ok := out.GetObjectKind().(*metav1.TypeMeta); ok {
		before := *kind
		err := fill(t, stored, out, share)
		*kind = before
		return err
	}
	gvk := out.GetObjectKind().GroupVersionKind()
	if err := fill(t, stored, out, share); err != nil {
		return err
	}
	if _, ok := out.(*unstructured.Unstructured); !ok || !gvk.Empty() {
		giveKind(out, gvk)
	}
	return nil
}
