package experiment

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

func TestPortInstead(t *testing.T) {
	numbered := func(port, target int32) corev1.ServicePort {
		return corev1.ServicePort{Port: port, TargetPort: intstr.FromInt32(target)}
	}
	named := func(port int32, target string) corev1.ServicePort {
		return corev1.ServicePort{Port: port, TargetPort: intstr.FromString(target)}
	}
	web, admin := corev1.ContainerPort{Name: "http", ContainerPort: 8080}, corev1.ContainerPort{Name: "admin", ContainerPort: 9090}
	for name, c := range map[string]struct {
		other []corev1.ServicePort
		own   []corev1.ContainerPort
		want  int32
	}{
		"the same number":                      {[]corev1.ServicePort{numbered(8080, 8080)}, []corev1.ContainerPort{web}, 0},
		"another number":                       {[]corev1.ServicePort{numbered(80, 8080)}, []corev1.ContainerPort{web}, 8080},
		"by the name":                          {[]corev1.ServicePort{named(80, "admin")}, []corev1.ContainerPort{web, admin}, 9090},
		"by the number":                        {[]corev1.ServicePort{numbered(80, 9090)}, []corev1.ContainerPort{web, admin}, 9090},
		"the only one":                         {[]corev1.ServicePort{numbered(80, 3000)}, []corev1.ContainerPort{web}, 8080},
		"one of two leads there":               {[]corev1.ServicePort{numbered(8080, 8080), numbered(80, 8080)}, []corev1.ContainerPort{web}, 8080},
		"one of two has nothing to do with it": {[]corev1.ServicePort{numbered(8080, 8080), numbered(9090, 9090)}, []corev1.ContainerPort{web}, 0},
		"the first of two decides":             {[]corev1.ServicePort{named(80, "http"), named(9090, "admin")}, []corev1.ContainerPort{web, admin}, 8080},
		"the first of two is there":            {[]corev1.ServicePort{named(9090, "admin"), named(80, "http")}, []corev1.ContainerPort{web, admin}, 0},
		"neither leads there":                  {[]corev1.ServicePort{numbered(80, 3000)}, []corev1.ContainerPort{web, admin}, 0},
		"no port is known":                     {nil, []corev1.ContainerPort{web}, 0},
		"no port is declared":                  {[]corev1.ServicePort{numbered(80, 8080)}, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var spec v1alpha1.TemplateSpec
			spec.Template.Spec.Containers = []corev1.Container{{Ports: c.own}}
			if got := PortInstead(&spec, c.other); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}
