package validate

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

func TestPodTemplate(t *testing.T) {
	pod := func(f func(s *corev1.PodSpec)) func(*v1alpha1.Rollout) {
		return func(ro *v1alpha1.Rollout) { f(&ro.Spec.Template.Spec) }
	}
	one := func(f func(c *corev1.Container)) func(*v1alpha1.Rollout) {
		return func(ro *v1alpha1.Rollout) { f(&ro.Spec.Template.Spec.Containers[0]) }
	}
	second := func(name, image string) func(s *corev1.PodSpec) {
		return func(s *corev1.PodSpec) {
			s.Containers = append(s.Containers, corev1.Container{Name: name, Image: image})
		}
	}
	port := func(p corev1.ContainerPort) func(*v1alpha1.Rollout) {
		return one(func(c *corev1.Container) {
			c.Ports = append(c.Ports, corev1.ContainerPort{Name: "http", ContainerPort: 8080}, p)
		})
	}
	mount := func(m ...corev1.VolumeMount) func(*v1alpha1.Rollout) {
		return func(ro *v1alpha1.Rollout) {
			s := &ro.Spec.Template.Spec
			s.Volumes = []corev1.Volume{{Name: "data"}}
			s.Containers[0].VolumeMounts = m
		}
	}
	probe := func(p corev1.Probe) *corev1.Probe {
		p.TCPSocket = &corev1.TCPSocketAction{Port: intstr.FromInt32(8080)}
		return &p
	}
	const c0 = "spec.template.spec.containers[0]."
	privileged := true
	check(t, canaryRollout, []rule{
		{"a label that is none", func(ro *v1alpha1.Rollout) { ro.Spec.Template.Labels["version"] = "1 beta" },
			`spec.template.metadata.labels: Invalid value: "1 beta": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`},
		{"an annotation may hold anything", func(ro *v1alpha1.Rollout) { ro.Spec.Template.Annotations = map[string]string{"note": "1 beta"} }, ""},
		{"no containers", pod(func(s *corev1.PodSpec) { s.Containers = nil }), `spec.template.spec.containers: Required value`},
		{"no name", one(func(c *corev1.Container) { c.Name = "" }), c0 + `name: Required value`},
		{"a name with an underscore", one(func(c *corev1.Container) { c.Name = "my_app" }),
			c0 + `name: Invalid value: "my_app": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`},
		{"two containers", pod(second("proxy", "proxy:1")), ""},
		{"two containers of one name", pod(second("web", "proxy:1")), `spec.template.spec.containers[1].name: Duplicate value: "web"`},
		{"an init container of the same name", pod(func(s *corev1.PodSpec) { s.InitContainers = []corev1.Container{{Name: "web", Image: "i"}} }),
			`spec.template.spec.initContainers[0].name: Duplicate value: "web"`},
		{"no image", one(func(c *corev1.Container) { c.Image = "" }), c0 + `image: Required value`},
		{"an image with a blank", one(func(c *corev1.Container) { c.Image = "web:1 " }),
			c0 + `image: Invalid value: "web:1 ": must not have leading or trailing whitespace`},
		{"an unknown pull policy", one(func(c *corev1.Container) { c.ImagePullPolicy = "Sometimes" }),
			c0 + `imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"`},
		{"the last port", port(corev1.ContainerPort{ContainerPort: 65535}), ""},
		{"a port too high", port(corev1.ContainerPort{ContainerPort: 65536}),
			c0 + `ports[1].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive`},
		{"a port that is missing", port(corev1.ContainerPort{Name: "admin"}), c0 + `ports[1].containerPort: Required value`},
		{"two ports of one name", port(corev1.ContainerPort{Name: "http", ContainerPort: 9090}), c0 + `ports[1].name: Duplicate value: "http"`},
		{"a port name too long", port(corev1.ContainerPort{Name: "administration-port", ContainerPort: 9090}),
			c0 + `ports[1].name: Invalid value: "administration-port": must be no more than 15 characters`},
		{"a host port too high", port(corev1.ContainerPort{ContainerPort: 1, HostPort: 70000}),
			c0 + `ports[1].hostPort: Invalid value: 70000: must be between 1 and 65535, inclusive`},
		{"an unknown protocol", port(corev1.ContainerPort{ContainerPort: 1, Protocol: "HTTP"}),
			c0 + `ports[1].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"`},
		{"an environment variable without name", one(func(c *corev1.Container) { c.Env = []corev1.EnvVar{{Value: "1"}} }), c0 + `env[0].name: Required value`},
		{"an environment variable with two values", one(func(c *corev1.Container) {
			c.Env = []corev1.EnvVar{{Name: "A", Value: "1", ValueFrom: &corev1.EnvVarSource{}}}
		}), c0 + "env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty"},
		{"a mount of a volume", mount(corev1.VolumeMount{Name: "data", MountPath: "/data"}), ""},
		{"a mount of nothing", mount(corev1.VolumeMount{Name: "cache", MountPath: "/data"}), c0 + `volumeMounts[0].name: Not found: "cache"`},
		{"a mount nowhere", mount(corev1.VolumeMount{Name: "data"}), c0 + `volumeMounts[0].mountPath: Required value`},
		{"two mounts at one path", mount(corev1.VolumeMount{Name: "data", MountPath: "/a"}, corev1.VolumeMount{Name: "data", MountPath: "/a"}),
			c0 + `volumeMounts[1].mountPath: Invalid value: "/a": must be unique`},
		{"two volumes of one name", pod(func(s *corev1.PodSpec) { s.Volumes = []corev1.Volume{{Name: "a"}, {Name: "a"}} }),
			`spec.template.spec.volumes[1].name: Duplicate value: "a"`},
		{"a request above its limit", one(func(c *corev1.Container) {
			c.Resources.Requests = corev1.ResourceList{"cpu": resource.MustParse("2")}
			c.Resources.Limits = corev1.ResourceList{"cpu": resource.MustParse("1")}
		}), c0 + `resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`},
		{"a limit without request", one(func(c *corev1.Container) { c.Resources.Limits = corev1.ResourceList{"cpu": resource.MustParse("1")} }), ""},
		{"a negative limit", one(func(c *corev1.Container) { c.Resources.Limits = corev1.ResourceList{"cpu": resource.MustParse("-1")} }),
			c0 + `resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0`},
		{"a liveness probe without threshold", one(func(c *corev1.Container) { c.LivenessProbe = probe(corev1.Probe{}) }), ""},
		{"a liveness probe that must succeed twice", one(func(c *corev1.Container) { c.LivenessProbe = probe(corev1.Probe{SuccessThreshold: 2}) }),
			c0 + `livenessProbe.successThreshold: Invalid value: 2: must be 1`},
		{"a readiness probe that must succeed twice", one(func(c *corev1.Container) { c.ReadinessProbe = probe(corev1.Probe{SuccessThreshold: 2}) }), ""},
		{"a probe without handler", one(func(c *corev1.Container) { c.ReadinessProbe = &corev1.Probe{} }),
			c0 + `readinessProbe: Required value: must specify a handler type`},
		{"a probe with a negative delay", one(func(c *corev1.Container) { c.StartupProbe = probe(corev1.Probe{InitialDelaySeconds: -1}) }),
			c0 + `startupProbe.initialDelaySeconds: Invalid value: -1: must be greater than or equal to 0`},
		{"restart on failure", pod(func(s *corev1.PodSpec) { s.RestartPolicy = corev1.RestartPolicyOnFailure }),
			`spec.template.spec.restartPolicy: Unsupported value: "OnFailure": supported values: "Always"`},
		{"restart always", pod(func(s *corev1.PodSpec) { s.RestartPolicy = corev1.RestartPolicyAlways }), ""},
		{"a deadline for the pod", pod(func(s *corev1.PodSpec) { d := int64(5); s.ActiveDeadlineSeconds = &d }),
			`spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported`},
		{"a negative grace period", pod(func(s *corev1.PodSpec) { d := int64(-5); s.TerminationGracePeriodSeconds = &d }),
			`spec.template.spec.terminationGracePeriodSeconds: Invalid value: -5: must be greater than or equal to 0`},
		{"an unknown DNS policy", pod(func(s *corev1.PodSpec) { s.DNSPolicy = "Mine" }),
			`spec.template.spec.dnsPolicy: Unsupported value: "Mine": supported values: "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"`},
		{"privileged is left to the API server", one(func(c *corev1.Container) { c.SecurityContext = &corev1.SecurityContext{Privileged: &privileged} }), ""},
	})
}
