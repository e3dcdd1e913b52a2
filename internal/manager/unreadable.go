package manager

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// unreadable keeps objects out of the cache that the Go types cannot read. Our
// definitions let none in, but those of another controller did: a pause of 3000000000
// seconds, or memory of 512MB. One of them would fail the list of its kind, and with it
// all Rollouts of the cluster.
//
// For the controllers such an object is as one of another controller: not there in the
// cache, which they never take for the whole truth. What is to be let go of because
// its Rollout is gone is looked up in the API server first.
//
// To try each object costs as much as reading it, so that this is only done once
// a list has failed.
type unreadable struct {
	decoder runtime.Decoder
	log     logr.Logger
	met     atomic.Bool // there may be one
}

func newUnreadable(scheme *runtime.Scheme, log logr.Logger) *unreadable {
	return &unreadable{decoder: serializer.NewCodecFactory(scheme).UniversalDeserializer(), log: log}
}

// newCache makes a cache that goes without the objects that cannot be read.
func (u *unreadable) newCache(config *rest.Config, o cache.Options) (cache.Cache, error) {
	sifting := *o.HTTPClient
	next := sifting.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	sifting.Transport = roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil || !u.met.Load() || resp.StatusCode != http.StatusOK || !strings.Contains(req.URL.Path, "/apis/"+v1alpha1.GroupName+"/") {
			return resp, err
		}
		if err := u.sift(req, resp); err != nil {
			return nil, err
		}
		return resp, nil
	})
	o.HTTPClient, o.DefaultWatchErrorHandler = &sifting, u.failed
	return cache.New(config, o)
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// failed is told why a list or a watch has ended. What is neither an answer of the API
// server nor trouble of the network may be an object that cannot be read.
func (u *unreadable) failed(ctx context.Context, r *toolscache.Reflector, err error) {
	answer, network := apierrors.APIStatus(nil), (*url.Error)(nil)
	if !errors.As(err, &answer) && !errors.As(err, &network) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		u.met.Store(true)
	}
	toolscache.DefaultWatchErrorHandler(ctx, r, err)
}

// sift takes what cannot be read out of an answer.
func (u *unreadable) sift(req *http.Request, resp *http.Response) error {
	if req.URL.Query().Get("watch") == "true" {
		resp.Body = &siftedWatch{unreadable: u, body: resp.Body, events: json.NewDecoder(resp.Body)}
		resp.ContentLength = -1
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	if closeErr := resp.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("read the answer to %s: %w", req.URL.Path, err)
	}
	if body, err = u.list(body); err != nil {
		return fmt.Errorf("look for what cannot be read in the answer to %s: %w", req.URL.Path, err)
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// list returns a list without the objects that cannot be read.
func (u *unreadable) list(body []byte) ([]byte, error) {
	var list map[string]json.RawMessage
	var items []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, err
	}
	if len(list["items"]) == 0 { // it is a single object
		return body, nil
	}
	if err := json.Unmarshal(list["items"], &items); err != nil {
		return nil, err
	}
	kept, err := json.Marshal(slices.DeleteFunc(items, func(item json.RawMessage) bool { return !u.reads(item) }))
	if err != nil {
		return nil, err
	}
	list["items"] = kept
	return json.Marshal(list)
}

// reads reports whether an object can be read, and tells in the log of one that cannot.
func (u *unreadable) reads(object []byte) bool {
	_, _, err := u.decoder.Decode(object, nil, nil)
	if err == nil {
		return true
	}
	var of metav1.PartialObjectMetadata
	if json.Unmarshal(object, &of) != nil {
		return true // it is no object: let who asked for it say so
	}
	u.log.Error(err, "An object cannot be read: put its field right. Until then it is left alone",
		"kind", of.Kind, "namespace", of.Namespace, "name", of.Name, "field", u.fieldOf(object))
	return false
}

// fieldOf is the field of an object that cannot be read; if there are several, the one
// that they are all in.
func (u *unreadable) fieldOf(object []byte) string {
	var content any
	if err := json.Unmarshal(object, &content); err != nil {
		return ""
	}
	return strings.TrimPrefix(culprit(content, func() bool {
		text, err := json.Marshal(content)
		if err == nil {
			_, _, err = u.decoder.Decode(text, nil, nil)
		}
		return err == nil
	}), ".")
}

// culprit is the path of the smallest part without which the whole can be read.
func culprit(part any, reads func() bool) string {
	switch part := part.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(part)) {
			value := part[key]
			delete(part, key)
			found := reads()
			part[key] = value
			if found {
				return "." + key + culprit(value, reads)
			}
		}
	case []any:
		for i, value := range part {
			part[i] = nil
			found := reads()
			part[i] = value
			if found {
				return fmt.Sprintf("[%d]%s", i, culprit(value, reads))
			}
		}
	}
	return ""
}

// siftedWatch is the body of a watch without what cannot be read.
type siftedWatch struct {
	*unreadable
	body   io.ReadCloser
	events *json.Decoder
	rest   []byte
}

// Close ends the watch.
func (w *siftedWatch) Close() error { return w.body.Close() }

// Read waits for the next event.
func (w *siftedWatch) Read(p []byte) (int, error) {
	for len(w.rest) == 0 {
		var event watchEvent
		if err := w.events.Decode(&event); err != nil {
			return 0, err // as it is: a watch that ends is no failure
		}
		text, err := w.event(event)
		if err != nil {
			return 0, err
		}
		w.rest = text
	}
	n := copy(p, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

type watchEvent struct {
	Type   watch.EventType `json:"type"`
	Object json.RawMessage `json:"object"`
}

// event is what becomes of an event: an object that can be read no more is gone from
// the cache, as it is from a list. It is nothing for one that was never there.
func (w *siftedWatch) event(event watchEvent) ([]byte, error) {
	switch event.Type {
	case watch.Added, watch.Modified, watch.Deleted:
		if w.reads(event.Object) {
			break
		}
		if event.Type == watch.Added {
			return nil, nil
		}
		var of metav1.PartialObjectMetadata
		if err := json.Unmarshal(event.Object, &of); err != nil {
			return nil, err
		}
		rest, err := json.Marshal(of)
		if err != nil {
			return nil, err
		}
		event = watchEvent{Type: watch.Deleted, Object: rest}
	}
	return json.Marshal(event)
}
