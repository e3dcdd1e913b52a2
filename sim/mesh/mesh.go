package mesh

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/prom"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// Options describe a mesh. The zero value is one whose proxies follow the
// cluster after 100 ms and which divides requests exactly.
type Options struct {
	// Propagation is the time from a write to the proxies following it; 0
	// means 100 ms, a negative time none.
	Propagation time.Duration
	// Skew makes Services, routes and rules take up to this time longer than
	// endpoints, a different time for each proxy, drawn from the seed: a control
	// plane gathers changes of configuration before it sends them, and tells at
	// once of pods that come and go. So a proxy may learn that pods have gone
	// before it hears that nothing goes there any more.
	Skew time.Duration
	// Random lets chance decide where each request goes and which one fails,
	// instead of dividing them exactly. It draws from the stream "mesh".
	Random bool
	// Strict makes the first lost request a failure of the run.
	Strict bool
	// Tick is the time after which requests are counted while nothing changes;
	// 0 means 1 s.
	Tick time.Duration
	// Window is the resolution of the timeline of reports; 0 means 10 s.
	Window time.Duration
	// Images says how the containers of an image answer, by pattern; see
	// [Mesh.SetImage].
	Images map[string][]Behaviour
	// ScrapeInterval is the time between two scrapes of a proxy; 0 means 15 s.
	ScrapeInterval time.Duration
	// ScrapePhase is when in the interval a target is scraped, by its name
	// "namespace/pod". Nil means that the seed decides, as a server's hash does.
	ScrapePhase func(target string) time.Duration
	// Series is how the database of the scrapes keeps them.
	Series prom.Options
}

func (o Options) orDefault() Options {
	o.Propagation = cmp.Or(o.Propagation, 100*time.Millisecond)
	o.Tick = cmp.Or(max(o.Tick, 0), time.Second)
	o.Window = cmp.Or(max(o.Window, 0), 10*time.Second)
	o.ScrapeInterval = cmp.Or(max(o.ScrapeInterval, 0), prom.DefaultScrapeInterval)
	return o
}

// Mesh carries requests. It is used from the kernel's one thread.
type Mesh struct {
	opts    Options
	kernel  *kernel.Kernel
	store   *store.Store
	db      *prom.DB
	scraper *prom.Scraper
	random  *rand.Rand // nil if requests are divided exactly

	awake   bool
	flowed  time.Time // up to when requests are sent
	sending time.Time // up to when those are sent that are on their way
	waiting time.Time // since when requests are answered but not noted; zero if all are
	stamp   int64     // grows with every change that plans depend on
	cluster tables
	pods    map[types.UID]*pod
	proxies []*proxy
	loads   []*Load
	single  single
	images  imageRules

	portions map[string]*portion
	shapes   map[Latency]*shape

	total        Count
	versions     []versionTally
	destinations []DestinationCount
	windows      []Window
	lost         []Loss
	lostMore     int64
}

// New returns a mesh over the objects of a store.
func New(k *kernel.Kernel, st *store.Store, o Options) *Mesh {
	o = o.orDefault()
	m := &Mesh{
		opts: o, kernel: k, store: st, db: prom.NewDB(o.Series), flowed: k.Now(),
		cluster: newTables(), pods: map[types.UID]*pod{},
		portions: map[string]*portion{}, shapes: map[Latency]*shape{},
	}
	if o.Random {
		m.random = k.Rand("mesh")
	}
	phase := o.ScrapePhase
	if phase == nil {
		phase = func(target string) time.Duration {
			_, bits := k.Hash("mesh/scrape " + target)
			return time.Duration(bits % uint64(o.ScrapeInterval)).Truncate(time.Millisecond)
		}
	}
	m.scraper = prom.NewScraper(m.db, o.ScrapeInterval, phase)
	for _, pattern := range sortedKeys(o.Images) {
		m.images.set(pattern, o.Images[pattern])
	}
	if o.Strict {
		k.OnInstant(m.CheckLost)
	}
	return m
}

// Series is the database that scrapes fill. Who queries it calls CatchUp first.
func (m *Mesh) Series() *prom.DB { return m.db }

// CatchUp counts the requests and makes the scrapes up to now. The mesh does
// both when somebody looks, so that nothing runs in between.
func (m *Mesh) CatchUp() { m.catchUp(m.kernel.Now()) }

// SetImage says how containers answer whose image matches the pattern, from now
// on. In a pattern, * stands for any text: "*:2.0.0". The pattern that was set
// last counts; setting it again replaces what was said, and without behaviours
// its images answer well. Of several behaviours the last that applies counts.
func (m *Mesh) SetImage(pattern string, behaviours ...Behaviour) {
	m.cut(m.kernel.Now())
	m.images.set(pattern, behaviours)
	m.stale()
}

// CheckLost returns an error that tells of the first losses, if there are any.
func (m *Mesh) CheckLost() error {
	m.CatchUp()
	if len(m.lost) == 0 {
		return nil
	}
	var lines []string
	for _, l := range m.lost[:min(len(m.lost), 5)] {
		lines = append(lines, l.String())
	}
	return fmt.Errorf("requests were lost: %s", strings.Join(lines, "; "))
}

// stale makes all plans be made anew.
func (m *Mesh) stale() {
	m.note()
	m.stamp++
}

// cut counts everything up to now, which is about to change something.
func (m *Mesh) cut(now time.Time) {
	m.catchUp(now)
	m.flow(now)
}

// catchUp makes, in order, the steps that lie before now. It does not send what
// is due since the last step: looking must not change what happens.
func (m *Mesh) catchUp(now time.Time) {
	for m.awake && !m.kernel.Interrupted() {
		step, news := m.nextStep()
		until := now
		if !step.IsZero() {
			until = clock.Earlier(step, now)
		}
		if m.tick(until) {
			continue // a load has ended, which may have been the next step
		}
		scrape, scrapes := m.scraper.Next()
		switch {
		case scrapes && !scrape.After(now) && (step.IsZero() || scrape.Before(step)):
			m.scraper.Run(scrape)
		case step.IsZero() || step.After(now):
			m.note()
			return
		default:
			m.flow(step)
			if news {
				m.hear()
			}
		}
	}
}

// tick sends the requests of all full ticks up to a time, or up to the next scrape,
// and reports whether a load has ended by that.
func (m *Mesh) tick(until time.Time) (ended bool) {
	loads, start := len(m.loads), m.kernel.Start()
	if loads == 0 {
		return false
	}
	t := start.Add(m.flowed.Sub(start).Truncate(m.opts.Tick))
	for len(m.loads) == loads {
		t = t.Add(m.opts.Tick)
		scrape, scrapes := m.scraper.Next()
		if t.After(until) || scrapes && scrape.Before(t) {
			return false
		}
		m.flow(t)
	}
	return true
}

// nextStep returns when something changes next, other than that a tick ends: news
// reach a proxy or an image, or a load ends. It is zero if nothing does.
func (m *Mesh) nextStep() (at time.Time, news bool) {
	earlier := func(t time.Time) bool { return at.IsZero() || t.Before(at) }
	for _, p := range m.proxies {
		if t, ok := p.next(); ok && earlier(t) {
			at, news = t, true
		}
	}
	if t := m.images.next(m.flowed); !t.IsZero() && earlier(t) {
		at, news = t, true
	}
	for _, l := range m.loads {
		if t, ok := l.until(); ok && earlier(t) {
			at, news = t, false
		}
	}
	return at, news
}

// hear lets the proxies and images take notice of what begins now.
func (m *Mesh) hear() {
	for _, p := range m.proxies {
		p.hear(m.flowed)
	}
	m.stale()
}

func (m *Mesh) portionOf(id string) *portion {
	p := m.portions[id]
	if p == nil {
		p = &portion{}
		m.portions[id] = p
	}
	return p
}

// Errors of a client that cannot connect.
var (
	// ErrNoHost means that the name is neither a Service nor a host of a route.
	ErrNoHost = errors.New("could not resolve host")
	// ErrNoPort means that nothing listens on the port.
	ErrNoPort = errors.New("connection refused")
)

// arrive comes to the instant in which something is sent.
func (m *Mesh) arrive() {
	m.wake()
	m.cut(m.kernel.Now())
	m.sending = m.flowed
}

// connect finds the proxy of a request.
func (m *Mesh) connect(r *Request) (*proxy, target, error) {
	t, err := r.target()
	if err != nil {
		return nil, t, err
	}
	p := m.proxyOf(r.Client)
	if key, ok := p.view.resolve(t.asked(), p.namespace); ok && !p.gateway {
		svc := p.view.service(key)
		for i := range svc.Spec.Ports {
			if svc.Spec.Ports[i].Port == t.port {
				return p, t, nil
			}
		}
		return nil, t, fmt.Errorf("%w: Service %s has no port %d", ErrNoPort, key, t.port)
	}
	if len(m.routesFor(p, &t)) == 0 {
		return nil, t, fmt.Errorf("%w: %s", ErrNoHost, t.asked())
	}
	return p, t, nil
}

// Response is the answer to one request.
type Response struct {
	// Status is the status code; 0 for what is not HTTP.
	Status int
	// Lost is set if the request reached no application.
	Lost Reason
	// Pod, Image and Version say who answered; Version is the tag of the image.
	Pod, Image, Version string
	// Body is what the image is set to say.
	Body string
}

// from notes who answered.
func (r *Response) from(e *end) {
	r.Pod, r.Image, r.Version = e.pod.object.Name, e.image, tag(e.image)
	r.Body = e.answer.body
	if strings.Contains(r.Body, "{") {
		r.Body = strings.NewReplacer("{status}", fmt.Sprint(r.Status), "{version}", r.Version).Replace(r.Body)
	}
}

// Do sends one request now. The error says why the client could not connect; a
// request that a proxy refuses is answered.
func (m *Mesh) Do(r Request) (Response, error) {
	m.arrive()
	s := &m.single
	if !s.stillFits(&r, m.stamp) {
		p, t, err := m.connect(&r)
		if err != nil {
			return Response{}, fmt.Errorf("send to %s: %w", r.URL, err)
		}
		*s = single{request: r, proxy: p, target: t, plan: m.planFor(p, &t)}
	}
	to := tally{last: &Response{}}
	m.send(s.proxy, &s.target, s.plan, 1, &to)
	m.notePlan(s.plan, &to, m.window(m.flowed))
	return *to.last, nil
}
