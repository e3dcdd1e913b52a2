// Package podtemplate compares pod templates the way the API server sees them.
//
// A Rollout stores its template as the user wrote it, a ReplicaSet stores it
// with the API server's defaults. Equal compares both after filling in the
// defaults, so that "undo", which copies a ReplicaSet's template back, finds
// the ReplicaSet it came from.
package podtemplate

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/equal"
)

// Equal reports whether two templates make the same pods. The label that holds
// the template hash is ignored.
func Equal(a, b corev1.PodTemplateSpec) bool {
	return equal.Objects(normalised(a), normalised(b))
}

func normalised(t corev1.PodTemplateSpec) *corev1.PodTemplateSpec {
	c := t.DeepCopy()
	delete(c.Labels, v1alpha1.DefaultRolloutUniqueLabelKey)
	SetDefaults(&c.Spec)
	return c
}

// SetDefaults fills in what the API server would in every pod template, whoever
// writes it (Kubernetes API reference, core/v1 PodSpec, the fields' documented
// defaults).
func SetDefaults(s *corev1.PodSpec) {
	setDefault(&s.RestartPolicy, corev1.RestartPolicyAlways)
	setDefault(&s.DNSPolicy, corev1.DNSClusterFirst)
	setDefault(&s.SchedulerName, corev1.DefaultSchedulerName)
	setDefaultPtr(&s.TerminationGracePeriodSeconds, corev1.DefaultTerminationGracePeriodSeconds)
	setDefaultPtr(&s.SecurityContext, corev1.PodSecurityContext{})
	if s.ServiceAccountName == "" {
		s.ServiceAccountName = s.DeprecatedServiceAccount
	}
	s.DeprecatedServiceAccount = s.ServiceAccountName
	for i := range s.InitContainers {
		setContainerDefaults(&s.InitContainers[i], s.HostNetwork)
	}
	for i := range s.Containers {
		setContainerDefaults(&s.Containers[i], s.HostNetwork)
	}
	for i := range s.Volumes {
		setVolumeDefaults(&s.Volumes[i].VolumeSource)
	}
}

func setContainerDefaults(c *corev1.Container, hostNetwork bool) {
	setDefault(&c.TerminationMessagePath, corev1.TerminationMessagePathDefault)
	setDefault(&c.TerminationMessagePolicy, corev1.TerminationMessageReadFile)
	setDefault(&c.ImagePullPolicy, pullPolicy(c.Image))
	for i := range c.Ports {
		setDefault(&c.Ports[i].Protocol, corev1.ProtocolTCP)
		if hostNetwork {
			setDefault(&c.Ports[i].HostPort, c.Ports[i].ContainerPort)
		}
	}
	for i := range c.Env {
		if v := c.Env[i].ValueFrom; v != nil && v.FieldRef != nil {
			setDefault(&v.FieldRef.APIVersion, "v1")
		}
	}
	for _, p := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		setProbeDefaults(p)
	}
	if c.Lifecycle != nil {
		for _, h := range []*corev1.LifecycleHandler{c.Lifecycle.PostStart, c.Lifecycle.PreStop} {
			if h != nil {
				setHTTPDefaults(h.HTTPGet)
			}
		}
	}
}

// pullPolicy is Always for an image without a tag or with the tag latest, and
// IfNotPresent for one with another tag or a digest: "app:1.0" and
// "host:5000/app@sha256:..." are pulled if not present, "host:5000/app" always.
func pullPolicy(image string) corev1.PullPolicy {
	if strings.Contains(image, "@") {
		return corev1.PullIfNotPresent
	}
	name := image[strings.LastIndex(image, "/")+1:]
	if _, tag, found := strings.Cut(name, ":"); found && tag != "latest" {
		return corev1.PullIfNotPresent
	}
	return corev1.PullAlways
}

func setProbeDefaults(p *corev1.Probe) {
	if p == nil {
		return
	}
	setDefault(&p.TimeoutSeconds, 1)
	setDefault(&p.PeriodSeconds, 10)
	setDefault(&p.SuccessThreshold, 1)
	setDefault(&p.FailureThreshold, 3)
	setHTTPDefaults(p.HTTPGet)
	if p.GRPC != nil {
		setDefaultPtr(&p.GRPC.Service, "")
	}
}

func setHTTPDefaults(g *corev1.HTTPGetAction) {
	if g == nil {
		return
	}
	setDefault(&g.Path, "/")
	setDefault(&g.Scheme, corev1.URISchemeHTTP)
}

func setVolumeDefaults(v *corev1.VolumeSource) {
	const mode int32 = 0o644
	switch {
	case *v == (corev1.VolumeSource{}):
		v.EmptyDir = &corev1.EmptyDirVolumeSource{}
	case v.Secret != nil:
		setDefaultPtr(&v.Secret.DefaultMode, mode)
	case v.ConfigMap != nil:
		setDefaultPtr(&v.ConfigMap.DefaultMode, mode)
	case v.HostPath != nil:
		setDefaultPtr(&v.HostPath.Type, corev1.HostPathUnset)
	case v.DownwardAPI != nil:
		setDefaultPtr(&v.DownwardAPI.DefaultMode, mode)
		for i := range v.DownwardAPI.Items {
			setFieldRefDefaults(v.DownwardAPI.Items[i].FieldRef)
		}
	case v.Projected != nil:
		setDefaultPtr(&v.Projected.DefaultMode, mode)
		setProjectedDefaults(v.Projected.Sources)
	case v.ISCSI != nil:
		setDefault(&v.ISCSI.ISCSIInterface, "default")
	case v.RBD != nil:
		setDefault(&v.RBD.RBDPool, "rbd")
		setDefault(&v.RBD.RadosUser, "admin")
		setDefault(&v.RBD.Keyring, "/etc/ceph/keyring")
	case v.Ephemeral != nil && v.Ephemeral.VolumeClaimTemplate != nil:
		setDefaultPtr(&v.Ephemeral.VolumeClaimTemplate.Spec.VolumeMode, corev1.PersistentVolumeFilesystem)
	}
}

func setProjectedDefaults(sources []corev1.VolumeProjection) {
	for i := range sources {
		if sources[i].ServiceAccountToken != nil {
			setDefaultPtr(&sources[i].ServiceAccountToken.ExpirationSeconds, 3600)
		}
		if sources[i].DownwardAPI != nil {
			for j := range sources[i].DownwardAPI.Items {
				setFieldRefDefaults(sources[i].DownwardAPI.Items[j].FieldRef)
			}
		}
	}
}

func setFieldRefDefaults(f *corev1.ObjectFieldSelector) {
	if f != nil {
		setDefault(&f.APIVersion, "v1")
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func setDefaultPtr[T any](field **T, value T) {
	if *field == nil {
		*field = ptr.To(value)
	}
}
