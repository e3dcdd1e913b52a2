package backend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

// Cluster is a real API server that scenarios are played on, many at a time.
type Cluster struct {
	// Name is "local", "kind", or whatever guards and reports shall call it.
	Name string
	// Killed is true where the controller is killed now and then. What it had not told
	// yet it never tells: Events may be missing.
	Killed bool
	// Config reaches the API server as a user who may do anything.
	Config *rest.Config
	// Scheme holds the types of the objects.
	Scheme *runtime.Scheme
	// Clock tells the time, Wait lets it pass.
	Clock clock.Clock
	Wait  func(ctx context.Context, d time.Duration) error
	// Accounts are service accounts that every namespace of a scenario gets:
	// those that manifests name and that belong to the application's installation.
	Accounts []string
	// Labels are put on the namespaces of scenarios.
	Labels map[string]string
	// CPU is what a container asks for that asks for none, such as "10m"; empty: nothing. All
	// containers of a node that ask for nothing get, together, next to no time when others
	// want it, too: then requests are answered too late, and lost.
	CPU string
	// Patience is how long what a scenario expects may be late; zero means 30 s.
	Patience time.Duration
	// Tools makes the tools for one scenario, which gives them its own names of
	// namespaces. What is returned with them ends them. It may be nil.
	Tools func(*Live) (Tools, func())
	// Used is how many scenarios have been here before, in another process, so
	// that namespaces which are still being deleted are not met again.
	Used int

	scenarios atomic.Int32
	recorder  *recorder
}

// Record begins to record what happens on the cluster, until ctx ends. Scenarios
// can be opened then.
func (c *Cluster) Record(ctx context.Context) error {
	watcher, err := client.NewWithWatch(c.Config, client.Options{Scheme: c.Scheme})
	if err != nil {
		return fmt.Errorf("connect to %s: %w", c.Name, err)
	}
	c.recorder, err = startRecorder(ctx, watcher, c.Clock)
	return err
}

// Pace tells a scenario on a live cluster what the simulator knows about its next
// command.
type Pace struct {
	// Idle is how much of a sleep can be left out.
	Idle time.Duration
	// Since is for how long everything has been as it is, Calm for how long it
	// will be so.
	Since, Calm time.Duration
	// Ready is how pods are at the end of a sleep; nil for other commands.
	Ready *Readiness
}

// Live is a scenario's view of a live cluster.
type Live struct {
	cluster *Cluster
	user    client.WithWatch
	admin   client.Client
	names   *namespaces
	tools   Tools
	end     func()   // ends the tools
	made    []string // namespaces, as the cluster calls them

	mu sync.Mutex // guards made

	number int
	opened time.Time
	record *record
	view   *view // what a command that reads sees; nil for what is

	next    Pace
	due     time.Time     // when, by the scenario's own clock, it is now
	early   time.Duration // how much sooner than in the simulator pods were ready
	settled bool          // what was read since time passed has been quiet
	failed  bool          // something was not as expected in time
	// did is when the last command began that did something, before is the same of
	// the one before it. What is read is later than that.
	did, before time.Time
	matched     time.Time // when what was read last began to be so
}

// pollEvery is how often it is asked for what is not recorded.
const pollEvery = 200 * time.Millisecond

var _ Backend = (*Live)(nil)

// Open returns a view with namespaces of its own.
func (c *Cluster) Open() (*Live, error) {
	number := c.Used + int(c.scenarios.Add(1))
	b := &Live{cluster: c, number: number, opened: c.Clock.Now(), due: c.Clock.Now()}
	b.record = c.recorder.open(number, "-"+tagOf(number))
	b.names = &namespaces{tag: tagOf(number), keep: []string{"istio-system", "kube-system"}, known: map[string]*nameRule{}, prepare: b.makeNamespace}
	admin, err := client.New(c.Config, client.Options{Scheme: c.Scheme})
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", c.Name, err)
	}
	b.admin = admin
	config := rest.CopyConfig(c.Config)
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		b.names.next = next
		return b.names
	})
	if b.user, err = client.NewWithWatch(config, client.Options{Scheme: c.Scheme}); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", c.Name, err)
	}
	if c.Tools != nil {
		b.tools, b.end = c.Tools(b)
	}
	return b, b.names.use(corev1.NamespaceDefault)
}

// makeNamespace creates a namespace and waits until pods can be made in it.
func (b *Live) makeNamespace(name string) error {
	ctx := context.Background()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: b.cluster.Labels}}
	if err := b.admin.Create(ctx, namespace); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	b.mu.Lock()
	b.made = append(b.made, name)
	b.mu.Unlock()
	for _, account := range b.cluster.Accounts {
		err := b.admin.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: account}})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	if b.cluster.CPU != "" {
		if err := b.admin.Create(ctx, leastCPU(name, b.cluster.CPU)); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	account := types.NamespacedName{Namespace: name, Name: "default"}
	return b.poll(ctx, b.patience(), func() bool { return b.admin.Get(ctx, account, &corev1.ServiceAccount{}) == nil })
}

// leastCPU gives each container of a namespace that asks for no processor a little of it.
func leastCPU(namespace, cpu string) *corev1.LimitRange {
	least := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}
	return &corev1.LimitRange{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "cpu"},
		Spec:       corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{Type: corev1.LimitTypeContainer, DefaultRequest: least}}},
	}
}

// Name is that of the cluster.
func (b *Live) Name() string { return b.cluster.Name }

// Is implements [Backend].
func (b *Live) Is(word string) bool {
	return word == b.cluster.Name || word == "killed" && b.cluster.Killed
}

// Client reads and writes as the user. A command that is repeated until it reads
// what is expected reads in the record.
func (b *Live) Client() client.WithWatch {
	if b.view == nil {
		return b.user
	}
	return past{WithWatch: b.user, view: b.view, covers: b.covers}
}

// covers tells whether objects are in the record.
func (b *Live) covers(kind schema.GroupVersionKind, namespace string) bool {
	return b.cluster.recorder.kinds[kind] && !slices.Contains(b.names.keep, namespace)
}

// Clock tells the time of the day, or of what is read in the record.
func (b *Live) Clock() clock.Clock {
	if b.view == nil || b.view.to.IsZero() {
		return b.cluster.Clock
	}
	at := b.view.from
	return clock.Func(func() time.Time { return at })
}

// Tools are what the cluster came with.
func (b *Live) Tools() Tools { return b.tools }

// InCluster returns what a namespace of the scenario is called in the cluster.
func (b *Live) InCluster(namespace string) string { return b.names.inCluster(namespace) }

// ServedAs makes a host the scenario's own, before a manifest names it. It returns
// what the host is called in the cluster.
func (b *Live) ServedAs(host string) string { return b.names.serve(host) }

// Original returns what the scenario calls a namespace of the cluster.
func (b *Live) Original(namespace string) string {
	return strings.TrimSuffix(namespace, "-"+b.names.tag)
}

// WriteRecord writes what happened to the objects of the scenario, a line for each
// change, and why requests were lost, for those who have to find out why it failed.
func (b *Live) WriteRecord(w io.Writer) error {
	if err := b.record.writeTo(w, b.opened); err != nil || b.tools.Traffic == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), writing)
	defer cancel()
	requests, err := b.tools.Traffic.Report(ctx)
	if err != nil {
		return fmt.Errorf("count the requests: %w", err)
	}
	for _, l := range requests.Lost {
		_, err := fmt.Fprintf(w, "lost: %d requests, told from %.3fs to %.3fs: %s\n", l.Requests, l.From.Sub(b.opened).Seconds(), l.To.Sub(b.opened).Seconds(), l.Reason)
		if err != nil {
			return err
		}
	}
	return nil
}

// writing is how long the requests of a scenario may take to be counted.
const writing = 10 * time.Second

// Namespaces lists the namespaces that the scenario has used, by its own names.
func (b *Live) Namespaces() []string { return b.names.used() }

// SetPace says what the next command meets.
func (b *Live) SetPace(p Pace) { b.next = p }

// Sleep waits until it is due by the scenario's clock, and until pods are ready as
// they are in the simulator: time that was spent on looking is made up for.
func (b *Live) Sleep(ctx context.Context, d time.Duration) error {
	idle := min(b.next.Idle, d)
	b.next.Idle -= idle
	b.due, b.did = b.due.Add(d-idle), b.before
	left := b.due.Sub(b.cluster.Clock.Now())
	if err := b.cluster.Wait(ctx, max(0, left)); err != nil {
		return err
	}
	return b.catchUp(ctx, d-idle)
}

// Close deletes the namespaces, without waiting until they are gone.
func (b *Live) Close() error {
	if b.end != nil {
		b.end()
	}
	var errs []error
	b.cluster.recorder.close(b.number)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, name := range b.made {
		err := b.admin.Delete(context.Background(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
		errs = append(errs, client.IgnoreNotFound(err))
	}
	return errors.Join(errs...)
}

// patience is how late may be what the scenario waits for.
func (b *Live) patience() time.Duration {
	patience := cmp.Or(b.cluster.Patience, 30*time.Second)
	if b.failed {
		return min(patience, hasty)
	}
	return patience
}

var errTimeUp = errors.New("it did not happen in time")

// poll asks until done or out of time.
func (b *Live) poll(ctx context.Context, limit time.Duration, done func() bool) error {
	end := b.cluster.Clock.Now().Add(limit)
	for !done() {
		if b.cluster.Clock.Now().After(end) {
			return errTimeUp
		}
		if err := b.cluster.Wait(ctx, pollEvery); err != nil {
			return err
		}
	}
	return nil
}
