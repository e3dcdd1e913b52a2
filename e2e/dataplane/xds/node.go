package xds

import (
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/structpb"
)

// istioVersion is what istiod takes the proxy to be: it leaves out what an older
// one would not understand.
const istioVersion = "1.31.1"

// Sidecar is the proxy of a pod, as istiod is told of it.
func Sidecar(namespace, name, ip string, labels map[string]string) *corev3.Node {
	return node("sidecar", namespace, name, ip, labels)
}

// Gateway is a proxy that lets requests into the cluster. A Gateway selects it
// by its labels.
func Gateway(namespace, name, ip string, labels map[string]string) *corev3.Node {
	return node("router", namespace, name, ip, labels)
}

func node(kind, namespace, name, ip string, labels map[string]string) *corev3.Node {
	fields := map[string]*structpb.Value{}
	for k, v := range labels {
		fields[k] = structpb.NewStringValue(v)
	}
	return &corev3.Node{
		Id: fmt.Sprintf("%s~%s~%s.%s~%s.svc.cluster.local", kind, ip, name, namespace, namespace),
		Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{
			"NAME":          structpb.NewStringValue(name),
			"NAMESPACE":     structpb.NewStringValue(namespace),
			"CLUSTER_ID":    structpb.NewStringValue("Kubernetes"),
			"ISTIO_VERSION": structpb.NewStringValue(istioVersion),
			"INSTANCE_IPS":  structpb.NewStringValue(ip),
			"LABELS":        structpb.NewStructValue(&structpb.Struct{Fields: fields}),
		}},
	}
}
