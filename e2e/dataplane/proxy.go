package dataplane

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
)

// SourceHeader names the source of a request to the proxy. It is not sent on.
const SourceHeader = "X-Aviary-Source"

// ErrorHeader says why the proxy could not send a request: its client would not
// have been able to connect. It begins with NoHost for a name that nobody knows.
const (
	ErrorHeader = "X-Aviary-Error"
	NoHost      = "no host"
)

// Proxy serves other programs: as an HTTP forward proxy (HTTP_PROXY), and its own
// /metrics and /healthz. The source of a request is in its header
// X-Aviary-Source, or in the user of the proxy's URL: with
// HTTP_PROXY=http://default:shell@127.0.0.1:3128 it is default/shell. Without
// either, the client has no sidecar.
func (p *Plane) Proxy() http.Handler {
	own := http.NewServeMux()
	own.Handle("GET /metrics", p.Metrics())
	own.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodConnect:
			p.tunnel(w, r)
		case r.URL.Host == "":
			own.ServeHTTP(w, r)
		default:
			p.pass(w, r)
		}
	})
}

// sourceName reads who sends a request to the proxy.
func sourceName(r *http.Request) (string, error) {
	if name := r.Header.Get(SourceHeader); name != "" {
		return name, nil
	}
	auth := r.Header.Get("Proxy-Authorization")
	if auth == "" {
		return "", nil
	}
	scheme, code, _ := strings.Cut(auth, " ")
	text, err := base64.StdEncoding.DecodeString(code)
	namespace, pod, ok := strings.Cut(string(text), ":")
	if !strings.EqualFold(scheme, "Basic") || err != nil || !ok {
		return "", errors.New("read Proxy-Authorization: write the source as http://NAMESPACE:POD@ADDRESS in HTTP_PROXY")
	}
	return namespace + "/" + pod, nil
}

// pass sends a request of another program. [httputil.ReverseProxy] knows what
// of it concerns the connection only.
func (p *Plane) pass(w http.ResponseWriter, r *http.Request) {
	source, err := sourceName(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	proxy := httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.Out.Host = pr.In.Host
			pr.Out.Header.Del(SourceHeader)
		},
		Transport:     p.Transport(source),
		FlushInterval: -1,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			p.opts.Log.Warn("a request could not be sent", "source", source, "error", err)
			Refuse(w, err)
		},
	}
	proxy.ServeHTTP(w, r)
}

// Refuse answers in the place of whom a request was for, and says why by the
// ErrorHeader.
func Refuse(w http.ResponseWriter, err error) {
	w.Header().Set(ErrorHeader, reasonOf(err))
	http.Error(w, err.Error(), http.StatusBadGateway)
}

// reasonOf is the value of ErrorHeader.
func reasonOf(err error) string {
	reason := strings.Join(strings.Fields(err.Error()), " ") // headers have one line
	if errors.Is(err, ErrNoHost) {
		return NoHost + ": " + reason
	}
	return reason
}

// tunnel connects a client that speaks in secret, to a Service or past the
// cluster. What goes through is neither routed nor counted.
func (p *Plane) tunnel(w http.ResponseWriter, r *http.Request) {
	source, err := sourceName(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	namespace, _, _ := strings.Cut(source, "/")
	upstream, err := p.dial(r, namespace)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer upstream.Close()
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, fmt.Sprintf("take over the connection: %v", err), http.StatusInternalServerError)
		return
	}
	defer client.Close()
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return // the client has gone
	}
	done := make(chan struct{}, 2)
	for _, way := range []struct {
		to   net.Conn
		from io.Reader
	}{{upstream, buffered}, {client, upstream}} {
		go func() {
			_, _ = io.Copy(way.to, way.from) // either end may close it
			done <- struct{}{}
		}()
	}
	<-done
}

func (p *Plane) dial(r *http.Request, namespace string) (net.Conn, error) {
	addresses := []string{p.opts.Map[r.Host]}
	if addresses[0] == "" {
		host, text, err := net.SplitHostPort(r.Host)
		if err != nil {
			return nil, fmt.Errorf("connect to %q: %w", r.Host, err)
		}
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("connect to %q: %w", r.Host, err)
		}
		if addresses, err = p.lookup(host, uint16(port), namespace); err != nil {
			return nil, fmt.Errorf("connect to %q: %w", r.Host, err)
		}
	}
	address := addresses[p.dice.draw(uint64(len(addresses)))]
	return (&net.Dialer{Timeout: p.opts.Connect}).DialContext(r.Context(), "tcp", address)
}
