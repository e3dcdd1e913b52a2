package store

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// request is one write on its way through the rules.
type request struct {
	actor  *actor
	table  *table
	key    types.NamespacedName
	verb   string
	sub    string // "" or "status"; other subresources become one of these
	strict bool   // unknown fields are an error
	dryRun bool
}

func (a *actor) request(t *table, key types.NamespacedName, verb, validation string, dryRun []string) request {
	if validation == "" {
		validation = a.validation
	}
	return request{
		actor: a, table: t, key: t.keyIn(key), verb: verb,
		strict: validation == metav1.FieldValidationStrict,
		dryRun: slices.Contains(dryRun, metav1.DryRunAll),
	}
}

// Create stores a new object and copies it, as stored, into obj. Errors are
// those of an API server: AlreadyExists, Invalid, BadRequest.
func (a *actor) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	gvk, t, err := a.store.kindOf(obj)
	if err != nil {
		return err
	}
	o := client.CreateOptions{}
	o.ApplyOptions(opts)
	req := a.request(t, client.ObjectKeyFromObject(obj), "create", o.FieldValidation, o.DryRun)
	return a.write(ctx, Op{Verb: "create", Kind: gvk, Key: req.key, Object: obj},
		func() (client.Object, error) { return a.store.create(req, obj) },
		func(stored client.Object) error { return a.answer(t, stored, obj) })
}

func (s *Store) create(req request, in client.Object) (client.Object, error) {
	t := req.table
	obj, err := s.decodeWrite(req, nil, in)
	if err != nil {
		return nil, err
	}
	if err := s.stampNew(req, obj); err != nil {
		return nil, err
	}
	key := client.ObjectKeyFromObject(obj)
	setDefaults(obj)
	prepareCreate(t, obj)
	s.allocate(t, obj, nil)
	if err := s.validateCreate(req, obj); err != nil {
		return nil, err
	}
	if t.head(key) != nil {
		return nil, apierrors.NewAlreadyExists(t.resource, key.Name)
	}
	if req.dryRun {
		return obj, nil
	}
	t.births[key.String()]++
	stored := s.commit(change{table: t, record: t.record(key), kind: watch.Added, object: obj, actor: req.actor.name, verb: "create"})
	s.collectOrphan(t.records[key])
	return stored, nil
}

// stampNew gives a new object its name and its identity.
func (s *Store) stampNew(req request, obj client.Object) error {
	t := req.table
	if obj.GetResourceVersion() != "" {
		return apierrors.NewBadRequest("resourceVersion should not be set on objects to be created")
	}
	switch {
	case t.facts.clusterScoped && obj.GetNamespace() != "":
		return apierrors.NewBadRequest("namespace may not be set on cluster-scoped objects: " + t.gvk.Kind + " " + obj.GetName())
	case !t.facts.clusterScoped && obj.GetNamespace() == "":
		return apierrors.NewBadRequest("an empty namespace may not be set during creation")
	}
	if obj.GetName() == "" && obj.GetGenerateName() != "" {
		obj.SetName(s.generateName(t, obj.GetNamespace(), obj.GetGenerateName()))
	}
	obj.SetUID(s.newUID(t, client.ObjectKeyFromObject(obj)))
	obj.SetCreationTimestamp(s.now())
	obj.SetDeletionTimestamp(nil)
	obj.SetDeletionGracePeriodSeconds(nil)
	obj.SetManagedFields(nil)
	obj.SetSelfLink("")
	obj.SetGeneration(0)
	if t.facts.generation {
		obj.SetGeneration(1)
	}
	return nil
}

// now returns the time of a write as the API stores it, in whole seconds.
func (s *Store) now() metav1.Time { return metav1.NewTime(s.time()).Rfc3339Copy() }

// nameLetters is the alphabet of generated names: no vowels, and none of the
// digits that look like letters.
const nameLetters = "bcdfghjklmnpqrstvwxz2456789"

const (
	suffixLength  = 5
	maxNameLength = 63
)

// generateName appends five letters to a prefix. They depend on the seed, the
// prefix and how many names were generated from it before, not on what else
// happened in the run.
func (s *Store) generateName(t *table, namespace, prefix string) string {
	if len(prefix) > maxNameLength-suffixLength {
		prefix = prefix[:maxNameLength-suffixLength]
	}
	counter := "generate " + namespace + "/" + prefix
	for {
		t.births[counter]++
		_, bits := s.kernel.Hash(t.groupKind + " " + counter + " " + strconv.FormatUint(uint64(t.births[counter]), 10))
		suffix := make([]byte, suffixLength)
		for i := range suffix {
			suffix[i] = nameLetters[bits%uint64(len(nameLetters))]
			bits /= uint64(len(nameLetters))
		}
		name := prefix + string(suffix)
		if t.head(types.NamespacedName{Namespace: namespace, Name: name}) == nil {
			return name
		}
	}
}

// newUID returns a version 4 UUID that depends on the seed, the kind, the name
// and how many objects bore that name before.
func (s *Store) newUID(t *table, key types.NamespacedName) types.UID {
	name := key.String()
	hi, lo := s.kernel.Hash("uid " + t.groupKind + " " + name + " " + strconv.FormatUint(uint64(t.births[name]), 10))
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(0xc<<60) | 0x8<<60
	var bytes [16]byte
	binary.BigEndian.PutUint64(bytes[:8], hi)
	binary.BigEndian.PutUint64(bytes[8:], lo)
	text := make([]byte, 0, 36) // 8-4-4-4-12 digits
	text = append(hex.AppendEncode(text, bytes[:4]), '-')
	text = append(hex.AppendEncode(text, bytes[4:6]), '-')
	text = append(hex.AppendEncode(text, bytes[6:8]), '-')
	text = append(hex.AppendEncode(text, bytes[8:10]), '-')
	text = hex.AppendEncode(text, bytes[10:])
	return types.UID(text)
}
