package rig

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/aviary-rollouts/aviary/e2e/dataplane/directory"
	"github.com/aviary-rollouts/aviary/e2e/programs"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/manifest"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
)

// The meshes that a remote cluster can have.
const (
	// MeshXDS is istiod of our own build, and package dataplane in place of Envoy:
	// all of it works where no image can be pulled.
	MeshXDS = "xds"
	// MeshReal is Istio with Envoy, as istioctl renders it. Requests are sent by a
	// pod with a sidecar, package door; those from outside, through a gateway, are
	// not, and scenarios with such are skipped.
	MeshReal = "real"
	// MeshNone is no mesh: scenarios that send requests are skipped.
	MeshNone = "none"
)

// RemoteOptions describe a cluster whose nodes run containers.
type RemoteOptions struct {
	// Name is what guards and reports call the cluster; empty means kind.
	Name string
	// Kubeconfig is the file that reaches it as an administrator.
	Kubeconfig string
	// Root is the folder of our checkout; empty means to look for it upwards.
	Root string
	// Mesh is one of the meshes above; empty means MeshXDS.
	Mesh string
	// Istio is a file with the manifests of Istio, for MeshReal.
	Istio string
	// Controller is the image under test; empty means ours, tagged latest, and
	// [InstalledController] the one that the cluster has. For a program see
	// [RemoteOptions.Complete].
	Controller string
	// Loaded says that the cluster is ours, and that the images are on its nodes: none has
	// to be pulled even where a manifest says Always.
	Loaded bool
	// Images tells loaded images from those of before, as by [RemoteOptions.Complete]: pods of older
	// ones are replaced.
	Images string
	// Artifacts is the folder in which Keep records scenarios; empty means the
	// current one.
	Artifacts string
	// Patience is how long what scenarios expect may be late; 0 means 60 s.
	Patience time.Duration
	// Progress gets lines while things are installed; nil gets none.
	Progress io.Writer
}

// fingerprint is a text that differs where the archives of images differ.
func fingerprint(archives []string) (string, error) {
	sum := sha256.New()
	for _, archive := range archives {
		file, err := os.Open(archive)
		if err != nil {
			return "", fmt.Errorf("read images (make images builds them): %w", err)
		}
		_, err = io.Copy(sum, file)
		_ = file.Close() // it was only read
		if err != nil {
			return "", fmt.Errorf("read the images in %s: %w", archive, err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

// Images lists the archives that make images writes into a folder; empty means
// bin/images of the checkout.
func Images(folder string) ([]string, error) {
	if folder == "" {
		root, err := checkout("")
		if err != nil {
			return nil, err
		}
		folder = orImages("", root)
	}
	archives, err := filepath.Glob(filepath.Join(folder, "*.docker.tar"))
	if err != nil || len(archives) == 0 {
		return nil, fmt.Errorf("%s holds no images (*.docker.tar): make images IMAGES=-e2e builds them", folder)
	}
	return archives, nil
}

// Remote is a cluster that was found, with what scenarios need installed on it.
type Remote struct {
	// Config reaches the cluster as an administrator.
	Config *rest.Config

	options RemoteOptions
	client  kubernetes.Interface
	cluster *backend.Cluster
	mesh    Mesh // nil without a mesh
	pods    *directory.Directory
	answers *answering // nil where scenarios cannot answer for hosts
	stop    context.CancelFunc
}

// StartRemote installs our definitions, the controller under test, the mesh and
// Prometheus, and waits until they are ready. In a cluster that was there (not Loaded)
// what somebody else has installed stays as it is; a controller or an istiod in the place
// of ours is an error.
func StartRemote(ctx context.Context, o RemoteOptions) (*Remote, error) {
	o.Progress, o.Name, o.Mesh = cmp.Or[io.Writer](o.Progress, io.Discard), cmp.Or(o.Name, "kind"), cmp.Or(o.Mesh, MeshXDS)
	o.Patience = cmp.Or(o.Patience, time.Minute)
	root, err := checkout(o.Root)
	if err != nil {
		return nil, err
	}
	o.Root = root
	r := &Remote{options: o}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = stop
	if err := o.Check(); err != nil {
		return nil, err
	}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"reach the cluster", r.reach},
		{"look who is there", func() error { return r.refuseOthers(ctx) }},
		{"install what the nodes have for images", func() error { return r.installPullPolicy(ctx) }},
		{"answer for the hosts of scenarios", func() error { return r.answer(ctx) }},
		{"install the controller", func() error { return r.installController(ctx) }},
		{"install the mesh " + o.Mesh, func() error { return r.installMesh(ctx) }},
		{"wait until all are ready", func() error { return r.awaitDeployments(ctx, installed...) }},
		{"connect", func() error { return r.connect(running) }},
	} {
		fmt.Fprintf(o.Progress, "%s: %s\n", o.Name, step.name)
		if err := step.do(); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", step.name, err), r.Stop())
		}
	}
	return r, nil
}

func (r *Remote) reach() (err error) {
	if r.Config, err = clientcmd.BuildConfigFromFlags("", r.options.Kubeconfig); err != nil {
		return fmt.Errorf("read the kubeconfig %s: %w", r.options.Kubeconfig, err)
	}
	r.Config.QPS, r.Config.Burst = -1, -1
	if r.client, err = kubernetes.NewForConfig(r.Config); err != nil {
		return err
	}
	if _, err = r.client.Discovery().ServerVersion(); err != nil {
		return fmt.Errorf("ask the API server of %s for its version: %w", r.options.Kubeconfig, err)
	}
	return nil
}

//go:embed manifests/pull-policy.yaml
var pullPolicy []byte

// installPullPolicy makes images count that are on the nodes.
func (r *Remote) installPullPolicy(ctx context.Context) error {
	if !r.options.Loaded {
		return nil
	}
	return r.apply(ctx, bytes.NewReader(pullPolicy))
}

//go:embed manifests/another-controller.yaml
var anotherController []byte

// installController applies config/cluster, with the image under test.
func (r *Remote) installController(ctx context.Context) error {
	if r.options.Controller == InstalledController {
		return nil
	}
	k := krusty.MakeKustomizer(krusty.MakeDefaultOptions())
	resources, err := k.Run(filesys.MakeFsOnDisk(), filepath.Join(r.options.Root, "config", "cluster"))
	if err != nil {
		return fmt.Errorf("render config/cluster: %w", err)
	}
	var documents bytes.Buffer
	for _, resource := range resources.Resources() {
		text, err := resource.AsYAML()
		if err == nil && resource.GetKind() == "Deployment" {
			text, err = r.underTest(text)
		}
		if err != nil {
			return fmt.Errorf("render config/cluster: %w", err)
		}
		documents.WriteString("---\n")
		documents.Write(text)
	}
	if r.options.Controller != "" {
		documents.WriteString("---\n")
		documents.Write(anotherController)
	}
	return r.apply(ctx, &documents)
}

// underTest puts the image under test and its flags into the Deployment of the
// installation. The flags are those of the local rig: see [Local.startController]. At
// which paths another controller says that it is well is its own affair: it is not asked.
func (r *Remote) underTest(document []byte) ([]byte, error) {
	d := &appsv1.Deployment{}
	if err := yaml.UnmarshalStrict(document, d); err != nil {
		return nil, err
	}
	containers := d.Spec.Template.Spec.Containers
	if len(containers) != 1 {
		return nil, fmt.Errorf("the Deployment %s has %d containers: teach this function which of them is under test", d.Name, len(containers))
	}
	c := &containers[0]
	c.Args = slices.Clone(manyScenarios)
	if image := r.options.Controller; image != "" {
		c.Image, c.StartupProbe, c.LivenessProbe, c.ReadinessProbe = image, nil, nil, nil
	} else {
		c.Args = append(c.Args, asSimulated)
	}
	if r.answers != nil {
		c.Env = append(c.Env, r.answers.environment()...)
	}
	return yaml.Marshal(d)
}

//go:embed manifests/xds.yaml
var xdsMesh []byte

//go:embed manifests/door.yaml
var doorInRealMesh []byte

//go:embed manifests/prometheus.yaml
var prometheus []byte

// installMesh applies Istio and Prometheus.
func (r *Remote) installMesh(ctx context.Context) error {
	metrics := prometheus
	switch r.options.Mesh {
	case MeshNone:
		return nil
	case MeshReal:
		metrics = bytes.ReplaceAll(prometheus, []byte("localhost/aviary/prometheus:e2e"), []byte(prometheusImage))
		if err := r.installIstio(ctx); err != nil {
			return err
		}
		if err := r.awaitDeployments(ctx, istioNamespace); err != nil { // the door wants a sidecar
			return err
		}
		if err := r.apply(ctx, bytes.NewReader(doorInRealMesh)); err != nil {
			return err
		}
	case MeshXDS:
		crds, err := istioDefinitions(ctx, r.options.Progress)
		if err != nil {
			return err
		}
		if err := r.apply(ctx, io.MultiReader(bytes.NewReader(crds), strings.NewReader("\n---\n"), bytes.NewReader(xdsMesh))); err != nil {
			return err
		}
	}
	return errors.Join(r.apply(ctx, bytes.NewReader(metrics)), r.installAlias(ctx))
}

//go:embed manifests/prometheus-alias.yaml
var prometheusAlias []byte

// installAlias gives Prometheus its other name, unless somebody has that already.
func (r *Remote) installAlias(ctx context.Context) error {
	_, err := r.client.CoreV1().Services("monitoring").Get(ctx, "kube-prometheus-stack-prometheus", metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		return err
	}
	return r.apply(ctx, bytes.NewReader(prometheusAlias))
}

// prometheusImage is what is pulled where images can be.
const prometheusImage = "docker.io/prom/prometheus:v3.5.0"

// installIstio applies what istioctl has rendered, if anything was given: Check has
// seen to it, unless the cluster may have an Istio of its own.
func (r *Remote) installIstio(ctx context.Context) error {
	if r.options.Istio == "" {
		return r.hasIstio(ctx)
	}
	file, err := os.Open(r.options.Istio)
	if err != nil {
		return fmt.Errorf("read the manifests of Istio: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	return r.apply(ctx, io.MultiReader(strings.NewReader(istioNamespaceDocument), file))
}

// istioNamespaceDocument is what istioctl manifest generate leaves out, and install does not.
const istioNamespaceDocument = `apiVersion: v1
kind: Namespace
metadata: {name: istio-system}
---
`

// istioDefinitions returns the CRDs that belong to our build of istiod.
func istioDefinitions(ctx context.Context, progress io.Writer) ([]byte, error) {
	folder, err := programs.Builder{Progress: progress}.Build(ctx, programs.Istiod)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(folder, "crds.yaml"))
}

// installed lists the namespaces whose Deployments have to be ready; that of the door
// is empty where there is none.
var installed = []string{controllerNamespace, istioNamespace, doorEntrance.namespace}

// awaitDeployments waits until every Deployment of some namespaces is available.
func (r *Remote) awaitDeployments(ctx context.Context, namespaces ...string) error {
	end := clock.Real{}.Now().Add(5 * time.Minute)
	for {
		waiting, err := r.notReady(ctx, namespaces)
		if err == nil && len(waiting) == 0 {
			return nil
		}
		if (clock.Real{}).Now().After(end) {
			return fmt.Errorf("not available after five minutes: %s (kubectl describe pods says why; are the images on the nodes? make images IMAGES=-e2e builds them): %w", strings.Join(waiting, ", "), err)
		}
		if err := clock.Wait(ctx, time.Second/2); err != nil {
			return err
		}
	}
}

func (r *Remote) notReady(ctx context.Context, namespaces []string) ([]string, error) {
	var waiting []string
	for _, namespace := range namespaces {
		list, err := r.client.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			if d := &list.Items[i]; !available(d) {
				waiting = append(waiting, namespace+"/"+d.Name)
			}
		}
	}
	return waiting, nil
}

func available(d *appsv1.Deployment) bool {
	want := int32(1)
	if d.Spec.Replicas != nil {
		want = *d.Spec.Replicas
	}
	return d.Status.ObservedGeneration >= d.Generation && d.Status.AvailableReplicas >= want && d.Status.UpdatedReplicas >= want
}

// accounts are the service accounts that manifests of scenarios name: that of
// Istio's example application.
var accounts = []string{"bookinfo-reviews"}

// connect makes the cluster that scenarios see.
func (r *Remote) connect(ctx context.Context) error {
	scheme, err := manifest.Scheme()
	if err != nil {
		return err
	}
	if r.pods, err = directory.New(r.client); err != nil {
		return err
	}
	if err := r.pods.Start(ctx); err != nil {
		return err
	}
	if way, ok := r.entrance(); ok {
		if r.mesh, err = forwardMesh(ctx, r.Config, r.client, way, r.options.Progress); err != nil {
			return err
		}
	}
	namespaces, err := r.client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list namespaces: %w", err)
	}
	used := 0
	for i := range namespaces.Items {
		used = max(used, backend.NumberOf(namespaces.Items[i].Name))
	}
	r.cluster = &backend.Cluster{
		Used: used,
		Name: r.options.Name, Config: r.Config, Scheme: scheme, Clock: clock.Real{}, Wait: clock.Wait,
		Patience: r.options.Patience, Tools: r.tools, Accounts: accounts, Labels: map[string]string{"istio-injection": "enabled"},
		CPU: "10m",
	}
	return r.cluster.Record(ctx)
}

// entrance is the way into the mesh, if there is one.
func (r *Remote) entrance() (way entrance, ok bool) {
	switch r.options.Mesh {
	case MeshXDS:
		return planeEntrance, true
	case MeshReal:
		return doorEntrance, true
	}
	return entrance{}, false
}

// Open returns a fresh view of the cluster for one scenario.
func (r *Remote) Open() (backend.Backend, error) { return r.cluster.Open() }

// OpenLive is Open for those who look behind the scenario's names.
func (r *Remote) OpenLive() (*backend.Live, error) { return r.cluster.Open() }

// Sends says whether requests can be sent: there is a mesh.
func (r *Remote) Sends() bool { return r.mesh != nil }

// Transport sends requests as from a source: NAMESPACE/POD by the cluster's names,
// or, with MeshXDS, gateway/NAME.
func (r *Remote) Transport(source string) http.RoundTripper { return r.mesh.Transport(source) }

// tools are those of one scenario. Nodes are real, and the controller belongs to
// all scenarios at a time: what breaks them is left out.
func (r *Remote) tools(b *backend.Live) (backend.Tools, func()) {
	tools := backend.Tools{Quotas: quotas{b}, Quiet: quiet{b}}
	if r.answers != nil {
		tools.Servers = ownServers{r.answers.servers, b}
	}
	if r.mesh == nil {
		return tools, func() {}
	}
	t := &traffic{
		mesh: r.mesh, pods: r.pods.PodAt, scene: b, gates: &gateways{scene: b}, count: &counter{scene: b},
		rules: &answers{scene: b, mesh: r.mesh, clock: clock.Real{}},
	}
	tools.Traffic, tools.Outside = t, r.options.Mesh == MeshXDS
	return tools, t.close
}

// Stop ends what runs here; the cluster stays as it is.
func (r *Remote) Stop() error {
	r.stop()
	if r.answers == nil {
		return nil
	}
	return r.answers.front.Close()
}
