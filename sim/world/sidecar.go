package world

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Labels by which Istio is told whose pods get a sidecar: those of a namespace
// and, above them, the one of a pod, which may also be an annotation.
const (
	// injectionLabel of a namespace is "enabled" or "disabled".
	injectionLabel = "istio-injection"
	// revisionLabel of a namespace names the Istio that injects: "1-11" is 1.11.
	revisionLabel = "istio.io/rev"
	// podInjection is "true" for a sidecar; any other value means none.
	podInjection = "sidecar.istio.io/inject"
)

const (
	proxyName  = "istio-proxy"
	proxyImage = "docker.io/istio/proxyv2"
)

// inject is the admission webhook of Istio: it gives a pod that is about to be
// created its sidecar, if the labels of the namespace and of the pod say so.
// The template of the pod stays as it is, and so does its hash. Only pods that
// controllers create pass here.
func (w *World) inject(ctx context.Context, c client.Client, pod *corev1.Pod) error {
	ns := &corev1.Namespace{}
	if err := c.Get(ctx, types.NamespacedName{Name: pod.Namespace}, ns); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("read namespace %s: %w", pod.Namespace, err)
	}
	if !wantsSidecar(ns.Labels, pod) {
		return nil
	}
	proxy := corev1.Container{Name: proxyName, Image: proxyImage}
	setup := corev1.Container{Name: "istio-init", Image: proxyImage}
	pod.Spec.InitContainers = append([]corev1.Container{setup}, pod.Spec.InitContainers...)
	if !nativeSidecars(ns.Labels[revisionLabel]) {
		pod.Spec.Containers = append(slices.Clip(pod.Spec.Containers), proxy)
		return nil
	}
	// Envoy takes a second to start, and is asked every second whether it has.
	proxy.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
	proxy.StartupProbe = &corev1.Probe{InitialDelaySeconds: 1, PeriodSeconds: 1}
	pod.Spec.InitContainers = slices.Insert(pod.Spec.InitContainers, 1, proxy)
	return nil
}

// wantsSidecar decides as Istio documents it: a "no" of the namespace or of the
// pod wins, then a "yes" of either; without a word there is none.
func wantsSidecar(namespace map[string]string, pod *corev1.Pod) bool {
	word, asked := pod.Labels[podInjection]
	if !asked {
		word, asked = pod.Annotations[podInjection]
	}
	_, revision := namespace[revisionLabel]
	switch {
	case pod.Spec.HostNetwork, namespace[injectionLabel] == "disabled", asked && word != "true":
		return false
	}
	return asked || namespace[injectionLabel] == "enabled" || revision
}

// firstNative is the minor version of Istio 1 from which on sidecars are init
// containers that go on running; those before add one more container.
const firstNative = 27

// nativeSidecars reads a revision, "1-11" or "1-24-2". A name that is no
// version stands for the newest.
func nativeSidecars(revision string) bool {
	major, rest, _ := strings.Cut(revision, "-")
	minor, _, _ := strings.Cut(rest, "-")
	n, err := strconv.Atoi(minor)
	return major != "1" || err != nil || n >= firstNative
}
