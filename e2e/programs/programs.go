// Package programs builds the real programs of the local control plane, etcd,
// Kubernetes, istiod and Prometheus, by `go build` from their Go modules, and
// keeps them in the user's cache folder.
//
// Each folder below this one is a module of its own: its go.mod pins what a program is
// built from, its go.sum proves it, and what only a program needs stays out of ours.
// What several of these modules and ours need has the same version in all, so that it
// is compiled once: a test says which command brings a module up to the others. Read
// [All] for what is built, then flags.go and build.go for how.
package programs

// Program is what one nested module builds.
type Program struct {
	// Name is the module's folder below e2e/programs.
	Name string
	// Binaries are built by one go build each.
	Binaries []Binary
	// Files are copied out of modules that the nested module requires.
	Files []File
}

// Binary is one executable.
type Binary struct {
	// Name is its file name.
	Name string
	// Package is what go build gets: an import path, or "." for the folder.
	Package string
	// Tags are build tags.
	Tags []string
	// Stamp sets string variables of packages, "package.Name=value", as the
	// makefiles of the programs do for their version.
	Stamp []string
	// Links are further names for it, for a binary that asks what it is called.
	Links []string
}

// File is a file of a module, kept beside the binaries.
type File struct {
	// Name is its name beside the binaries.
	Name string
	// Package is a package of the module, by which the module is found: asking for
	// the module itself would ask the proxy for more than a build does, and not
	// every version has that. Path is the file's path inside the module.
	Package, Path string
}

// Kubernetes is etcd and the programs of a control plane. Its versions of etcd
// and of Kubernetes belong together: Kubernetes names that etcd itself.
var Kubernetes = Program{
	Name: "kubernetes",
	Binaries: []Binary{
		{Name: "etcd", Package: "go.etcd.io/etcd/server/v3"},
		{
			Name: "kubernetes", Package: ".", Stamp: kubernetesVersion("1", "37", "2"),
			Links: []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"},
		},
	},
}

// Istiod is Istio's control plane, with the CRDs that belong to it. It is built without
// Istio's tag vtprotobuf, which gives Envoy's types a faster encoding: nothing here is
// large enough to need it, and our own commands could not share these types.
var Istiod = Program{
	Name: "istiod",
	Binaries: []Binary{{
		Name: "istiod", Package: "istio.io/istio/pilot/cmd/pilot-discovery",
	}},
	Files: []File{{Name: "crds.yaml", Package: "istio.io/istio/pilot/cmd/pilot-discovery", Path: "manifests/charts/base/files/crd-all.gen.yaml"}},
}

// Prometheus is the server, without the service discoveries of the clouds: these
// are a third of its packages and nearly half of the work to build it.
var Prometheus = Program{
	Name: "prometheus",
	Binaries: []Binary{{
		Name: "prometheus", Package: "github.com/prometheus/prometheus/cmd/prometheus",
		Tags: []string{"remove_all_sd", "enable_kubernetes_sd"},
	}},
}

// All lists every program.
var All = []Program{Kubernetes, Istiod, Prometheus}

// kubernetesVersion stamps a version on Kubernetes and on its client. Without it
// the programs take themselves for version 0, and kubectl warns of the skew.
func kubernetesVersion(major, minor, patch string) []string {
	var stamp []string
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		stamp = append(stamp,
			pkg+".gitVersion=v"+major+"."+minor+"."+patch,
			pkg+".gitMajor="+major,
			pkg+".gitMinor="+minor,
			pkg+".gitTreeState=clean",
			pkg+".buildDate=2026-01-01T00:00:00Z",
		)
	}
	return stamp
}
