package localplane

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Request is one request to the API, as the audit log has it.
type Request struct {
	// User is who asked.
	User string
	// Verb is that of RBAC: get, list, watch, create, update, patch, delete.
	Verb string
	// Group, Resource and Subresource say of what: apps, replicasets, status.
	Group, Resource, Subresource string
	// Namespace and Name say of which; the name is empty for lists and watches.
	Namespace, Name string
	// Code is the HTTP status of the answer.
	Code int
	// Received is when the apiserver got it.
	Received time.Time
}

// Requests reads the requests of [Options.AuditUsers] so far, in the order in
// which they were answered: a watch that is still open is not among them.
func (p *Plane) Requests() ([]Request, error) {
	file, err := os.Open(p.AuditLog())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // nobody has asked anything
	}
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	defer file.Close()
	return readRequests(file)
}

// auditEvent is what is read of an event of audit.k8s.io/v1.
type auditEvent struct {
	Stage string
	Verb  string
	User  struct{ Username string }

	ObjectRef struct {
		APIGroup, Resource, Subresource, Namespace, Name string
	}
	ResponseStatus           struct{ Code int }
	RequestReceivedTimestamp time.Time
}

// readRequests reads events in JSON, one after the other. The last may be cut
// off where the apiserver is writing it or was killed.
func readRequests(events io.Reader) ([]Request, error) {
	var requests []Request
	for decoder := json.NewDecoder(events); ; {
		var e auditEvent
		err := decoder.Decode(&e)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return requests, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading event %d of the audit log: %w", len(requests)+1, err)
		}
		if e.Stage != "ResponseComplete" {
			continue // a watch has another event when it starts
		}
		requests = append(requests, Request{
			User: e.User.Username, Verb: e.Verb,
			Group: e.ObjectRef.APIGroup, Resource: e.ObjectRef.Resource, Subresource: e.ObjectRef.Subresource,
			Namespace: e.ObjectRef.Namespace, Name: e.ObjectRef.Name,
			Code: e.ResponseStatus.Code, Received: e.RequestReceivedTimestamp,
		})
	}
}
