//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	"github.com/rakyll/hey/requester"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/fixtures"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/scenarios/console"
	"github.com/aviary-rollouts/aviary/scenarios/transcript"
)

const (
	// perWeight is how many requests are sent at each weight.
	perWeight = 2000
	// sigmas is how far a share may be from its weight, in standard deviations:
	// chance alone is that far off once in 16 000 times.
	sigmas = 4
	// settle is how long what istiod was told may take to reach the proxies.
	settle = 3 * time.Second
	// soon is how long a rollout of three pods may take for one step.
	soon = 3 * time.Minute
)

// What only a real mesh shows. Requests go from the pod shell to the service web.
var _ = ginkgo.Describe("mesh", ginkgo.Ordered, ginkgo.Label("mesh"), func() {
	var s *scene
	ginkgo.BeforeAll(func(ctx ginkgo.SpecContext) {
		if !cluster.Sends() {
			ginkgo.Skip("no requests can be sent with E2E_ISTIO=" + ask.mesh + ": set it to xds or real")
		}
		s = newScene()
		ginkgo.DeferCleanup(s.live.Close)
		s.run(ctx, "kubectl apply -f cases/shell.yaml -f weights.yaml")
		s.await(ctx, "{.status.phase}", "Healthy")
	})

	ginkgo.AfterEach(func(ctx ginkgo.SpecContext) {
		if s != nil && ginkgo.CurrentSpecReport().Failed() {
			gomega.Expect(cluster.Record(ctx, s.live, filepath.Join(ask.artifacts, "mesh"))).To(gomega.Succeed())
		}
	})

	ginkgo.It("gives each version the share that the weight says", func(ctx ginkgo.SpecContext) {
		s.run(ctx, "kubectl argo rollouts set image web web=example.com/web:v2")
		for _, weight := range []int{20, 40, 60, 80} {
			s.await(ctx, "{.status.message} {.status.canary.weights.canary.weight}", fmt.Sprintf("CanaryPauseStep %d", weight))
			gomega.Expect(clock.Wait(ctx, settle)).To(gomega.Succeed())
			t := s.send(perWeight, nil)
			ginkgo.AddReportEntry(fmt.Sprintf("weight %d", weight), fmt.Sprint(t.versions))
			gomega.Expect(t.failed).To(gomega.BeZero(), "failed requests: %v", t)
			gomega.Expect(t.versions["v1"]+t.versions["v2"]).To(gomega.Equal(perWeight), "answers of v1 and v2: %v", t)
			gomega.Expect(float64(t.versions["v2"])).To(gomega.BeNumerically("~", share(perWeight, weight), bound(perWeight, weight)))
			s.run(ctx, "kubectl argo rollouts promote web")
		}
		s.await(ctx, "{.status.phase}", "Healthy")
	})

	ginkgo.It("loses no request during promotion, abort and scale-down", func(ctx ginkgo.SpecContext) {
		stop := s.sendUntilStopped()
		ginkgo.By("a full promotion")
		s.run(ctx, "kubectl argo rollouts set image web web=example.com/web:v3")
		s.await(ctx, "{.status.message}", "CanaryPauseStep")
		s.run(ctx, "kubectl argo rollouts promote web --full")
		s.await(ctx, "{.status.phase}", "Healthy")
		ginkgo.By("an abort")
		s.run(ctx, "kubectl argo rollouts set image web web=example.com/web:v4")
		s.await(ctx, "{.status.message}", "CanaryPauseStep")
		s.run(ctx, "kubectl argo rollouts abort web")
		s.await(ctx, "{.status.phase} {.status.canary.weights.canary.weight}", "Degraded 0")
		s.run(ctx, "kubectl argo rollouts set image web web=example.com/web:v3")
		s.await(ctx, "{.status.phase}", "Healthy")
		ginkgo.By("a scale-down")
		s.run(ctx, "kubectl scale rollout web --replicas=1")
		s.await(ctx, "{.status.replicas} {.status.availableReplicas}", "1 1")
		gomega.Expect(clock.Wait(ctx, 10*time.Second)).To(gomega.Succeed())
		t := stop()
		ginkgo.AddReportEntry("answers", fmt.Sprint(t.versions))
		gomega.Expect(t.answered).To(gomega.BeNumerically(">", 100))
		gomega.Expect(t.failed).To(gomega.BeZero(), "failed requests: %v", t)
	})

	ginkgo.It("sends by header and copies by mirror", func(ctx ginkgo.SpecContext) {
		s.run(ctx, "kubectl apply -f routes.yaml")
		s.await(ctx, "{.status.message}", "CanaryPauseStep")
		gomega.Expect(clock.Wait(ctx, settle)).To(gomega.Succeed())
		before := s.served(ctx)
		testers := s.send(500, http.Header{"X-Tester": {"yes"}})
		gomega.Expect(testers.versions).To(gomega.Equal(map[string]int{"v1": 500}), "with the header: %v", testers)
		between := s.served(ctx)
		gomega.Expect(between-before).To(gomega.BeNumerically(">=", 500), "the canary has served the testers")
		others := s.send(perWeight, nil)
		gomega.Expect(others.versions).To(gomega.Equal(map[string]int{"v3": perWeight}), "without the header: %v", others)
		gomega.Expect(clock.Wait(ctx, settle)).To(gomega.Succeed())
		copies := s.served(ctx) - between
		ginkgo.AddReportEntry("copies", copies)
		gomega.Expect(copies).To(gomega.BeNumerically("~", share(perWeight, 50), bound(perWeight, 50)), "copies at the canary")
	})
})

// share is how many requests of n a weight means, bound how far off chance may be.
func share(n, weight int) float64 { return float64(n*weight) / 100 }

func bound(n, weight int) float64 {
	p := float64(weight) / 100
	return sigmas * math.Sqrt(float64(n)*p*(1-p))
}

// scene is namespaces of its own with a console.
type scene struct {
	live    *backend.Live
	console *console.Console
	source  http.RoundTripper // the proxy of the pod shell
}

func newScene() *scene {
	live, err := cluster.OpenLive()
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	files := console.SectionFiles(&transcript.File{}, os.DirFS("testdata"), fixtures.FS)
	return &scene{live: live, console: console.New(live, files), source: cluster.Transport(live.InCluster("default") + "/shell")}
}

// run runs a command line, which has to succeed, and returns what it prints.
func (s *scene) run(ctx context.Context, line string) string {
	ginkgo.GinkgoHelper()
	call, err := s.console.Parse(line)
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), line)
	var out bytes.Buffer
	gomega.Expect(call.Run(ctx, &out)).To(gomega.Succeed(), "$ %s\n%s", line, &out)
	return strings.TrimSpace(out.String())
}

// await waits until fields of the Rollout web are as they should be.
func (s *scene) await(ctx context.Context, template, want string) {
	ginkgo.GinkgoHelper()
	gomega.Eventually(ctx, func() string {
		text := s.run(ctx, "kubectl get rollout web -o jsonpath='{.metadata.generation}={.status.observedGeneration} "+template+"'")
		generations, rest, _ := strings.Cut(text, " ")
		if spec, status, _ := strings.Cut(generations, "="); spec != status {
			return "generation " + generations // the controller has not seen it yet
		}
		return rest
	}).WithTimeout(soon).WithPolling(time.Second).Should(gomega.Equal(want))
}

// served is how many requests the pods of the newest revision have answered.
func (s *scene) served(ctx context.Context) float64 {
	ginkgo.GinkgoHelper()
	hash := s.run(ctx, "kubectl get rollout web -o jsonpath={.status.currentPodHash}")
	var pods corev1.PodList
	selector := client.MatchingLabels{v1alpha1.DefaultRolloutUniqueLabelKey: hash}
	gomega.Expect(s.live.Client().List(ctx, &pods, client.InNamespace("default"), selector)).To(gomega.Succeed())
	sum := 0.0
	for i := range pods.Items {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+pods.Items[i].Status.PodIP+":8080/metrics", nil)
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
		answer, err := cluster.Transport("").RoundTrip(r)
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "mock_server_requests_total{") && !strings.Contains(lines.Text(), "healthz") {
				fields := strings.Fields(lines.Text())
				n, err := strconv.ParseFloat(fields[len(fields)-1], 64)
				gomega.Expect(err).NotTo(gomega.HaveOccurred())
				sum += n
			}
		}
		gomega.Expect(answer.Body.Close()).To(gomega.Succeed())
	}
	return sum
}

// tally counts answers.
type tally struct {
	mu       sync.Mutex
	answered int
	failed   int
	versions map[string]int
	why      map[string]int // of the failed
}

func (t *tally) String() string {
	return fmt.Sprintf("%d answered, %d failed, versions %v, why %v", t.answered, t.failed, t.versions, t.why)
}

// count counts one answer.
func (t *tally) count(version, failure string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answered++
	if failure != "" {
		t.failed++
		t.why[failure]++
		return
	}
	t.versions[version]++
}

// work is hey's load on the service web. It asks a server of ours, which passes on
// each request as from the pod shell, and looks at the answer.
func (s *scene) work(header http.Header) (*requester.Work, *tally, func()) {
	t := &tally{versions: map[string]int{}, why: map[string]int{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out, err := http.NewRequestWithContext(r.Context(), r.Method, "http://web:8080"+r.URL.Path, nil)
		if err != nil {
			t.count("", err.Error())
			return
		}
		maps.Copy(out.Header, header)
		answer, err := s.source.RoundTrip(out)
		if err != nil {
			t.count("", err.Error())
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, err = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close() // it was read to its end, or err says why not
		switch {
		case err != nil:
			t.count("", err.Error())
		case answer.StatusCode != http.StatusOK:
			t.count("", answer.Status)
		default:
			t.count(answer.Header.Get("X-Version"), "")
		}
		w.WriteHeader(answer.StatusCode)
	}))
	request, err := http.NewRequest(http.MethodGet, server.URL+"/status/200", nil)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return &requester.Work{Request: request, C: 10, Timeout: 20, Writer: io.Discard}, t, server.Close
}

// send sends n requests and returns the answers.
func (s *scene) send(n int, header http.Header) *tally {
	work, t, end := s.work(header)
	defer end()
	work.N = n
	work.Run()
	return t
}

// sendUntilStopped sends 100 requests a second; what it returns stops that.
func (s *scene) sendUntilStopped() func() *tally {
	work, t, end := s.work(nil)
	work.N, work.QPS = math.MaxInt32, 10 // a worker
	work.Init()
	done := make(chan struct{})
	go func() {
		defer close(done)
		work.Run()
	}()
	return func() *tally {
		work.Stop()
		<-done
		end()
		return t
	}
}
