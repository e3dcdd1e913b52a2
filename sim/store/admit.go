package store

import (
	"maps"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// hasSchema reports whether the custom resource in a request is to be checked
// with its definition.
func (s *Store) hasSchema(req request) bool {
	return s.opts.Schemas != nil && req.actor.admitted && req.table.facts.custom
}

// schemaFor returns what the custom resource in a request is to be checked with;
// nil if with nothing.
func (s *Store) schemaFor(req request) (*customSchema, error) {
	if !s.hasSchema(req) {
		return nil, nil
	}
	custom, err := s.opts.Schemas.lookup(req.table.gvk)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	return custom, nil
}

// decodeWrite makes the private copy of an object that is to be stored. What a
// user writes is pruned, defaulted and validated while it is still JSON, since
// a value of the wrong type has to be reported by the schema and would not fit
// into the Go type. cur is the object that it replaces, nil if it is new.
func (s *Store) decodeWrite(req request, cur, in client.Object) (client.Object, error) {
	t := req.table
	custom, err := s.schemaFor(req)
	if err != nil {
		return nil, err
	}
	if custom == nil {
		return decode(req, in)
	}
	if cur == nil {
		return s.opts.Schemas.once(req, in, func() (client.Object, error) { return custom.decodeNew(req, in) })
	}
	content, err := contentOf(in)
	if err != nil {
		return nil, badObject(t, err)
	}
	old, err := t.contentOf(cur)
	if err != nil {
		return nil, badObject(t, err)
	}
	return custom.decode(req, content, old, cur)
}

// decodeNew decodes an object that replaces none.
func (c *customSchema) decodeNew(req request, in client.Object) (client.Object, error) {
	content, err := contentOf(in)
	if err != nil {
		return nil, badObject(req.table, err)
	}
	return c.decode(req, content, nil, nil)
}

// decode admits content and decodes it into the form in which the table stores
// it, but for what a write leaves as it is. Content may share memory with old, which
// is that of cur and not written to; both are nil for a new object.
func (c *customSchema) decode(req request, content, old map[string]any, cur client.Object) (client.Object, error) {
	if err := c.admit(req, content, old); err != nil {
		return nil, err
	}
	t := req.table
	switch {
	case t.layout.goType == nil: // the setters of metadata write into it
		if meta, ok := content["metadata"].(map[string]any); ok {
			content["metadata"] = maps.Clone(meta)
		}
	case old != nil && t.facts.status == statusSubresource && req.sub == "status":
		delete(content, "spec")
	case old != nil && t.facts.status == statusSubresource:
		delete(content, "status")
	}
	if old == nil || t.layout.goType == nil {
		return decodeContent(t, content, false)
	}
	next, canonical, err := t.graft(content, old, cur)
	if err == nil && req.sub == "" {
		t.known = knownContent{next, canonical}
	}
	return next, err
}

// admit prunes, defaults and validates content, of which only the part counts
// that the request may write.
func (c *customSchema) admit(req request, content, old map[string]any) error {
	t := req.table
	content["apiVersion"], content["kind"] = t.gvk.GroupVersion().String(), t.gvk.Kind
	if err := c.normalize(content, old, req.strict); err != nil {
		return badObject(t, err)
	}
	switch {
	case req.sub == "status":
		for key := range content {
			if key != "metadata" && key != "status" {
				delete(content, key)
			}
		}
		for key, value := range old {
			if key != "metadata" && key != "status" {
				content[key] = value
			}
		}
	case c.status && old["status"] != nil:
		content["status"] = old["status"]
	case c.status:
		delete(content, "status")
	}
	if errs := c.validate(content, old); len(errs) > 0 {
		return apierrors.NewInvalid(t.gvk.GroupKind(), nameIn(content), errs)
	}
	return nil
}

func nameIn(content map[string]any) string {
	meta, _ := content["metadata"].(map[string]any)
	name, _ := meta["name"].(string)
	return name
}
