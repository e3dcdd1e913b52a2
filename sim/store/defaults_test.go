package store

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/google/go-cmp/cmp"
)

// manifest decodes YAML as kubectl does.
func manifest(t testing.TB, text string) client.Object {
	t.Helper()
	u := unstructuredOf("v1", "None", "none")
	u.Object = map[string]any{}
	if err := yaml.Unmarshal([]byte(strings.ReplaceAll(text, "\t", "  ")), &u.Object); err != nil {
		t.Fatal(err)
	}
	u.SetNamespace("default")
	return u
}

// stored creates a manifest and returns part of what is stored, as YAML.
func stored(t testing.TB, text, part string) string {
	t.Helper()
	f := newFixture(t, Options{}, AsUser(), Strict())
	obj := manifest(t, text)
	f.must(f.Create(ctx, obj))
	content, err := contentOf(obj)
	f.must(err)
	var at any = content
	for _, key := range strings.Split(part, ".") {
		at = at.(map[string]any)[key]
	}
	out, err := yaml.Marshal(at)
	f.must(err)
	return string(out)
}

const podTemplate = `
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: main
        image: registry.example/app:1.0
        ports: [{containerPort: 8080}]
        readinessProbe: {httpGet: {port: 8080}}
        resources: {limits: {cpu: 1}}
        env: [{name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
      volumes: [{name: v}, {name: c, configMap: {name: c}}]
`

const defaultedTemplate = `metadata:
  labels:
    app: web
spec:
  containers:
  - env:
    - name: POD
      valueFrom:
        fieldRef:
          apiVersion: v1
          fieldPath: metadata.name
    image: registry.example/app:1.0
    imagePullPolicy: IfNotPresent
    name: main
    ports:
    - containerPort: 8080
      protocol: TCP
    readinessProbe:
      failureThreshold: 3
      httpGet:
        path: /
        port: 8080
        scheme: HTTP
      periodSeconds: 10
      successThreshold: 1
      timeoutSeconds: 1
    resources:
      limits:
        cpu: "1"
    terminationMessagePath: /dev/termination-log
    terminationMessagePolicy: File
  dnsPolicy: ClusterFirst
  restartPolicy: Always
  schedulerName: default-scheduler
  securityContext: {}
  terminationGracePeriodSeconds: 30
  volumes:
  - emptyDir: {}
    name: v
  - configMap:
      defaultMode: 420
      name: c
    name: c
`

func TestTemplateDefaults(t *testing.T) {
	for _, kind := range []string{"ReplicaSet", "Deployment"} {
		text := "apiVersion: apps/v1\nkind: " + kind + "\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:" + podTemplate
		if d := cmp.Diff(defaultedTemplate, stored(t, text, "spec.template")); d != "" {
			t.Errorf("%s: %s", kind, d)
		}
	}
}

// A controller's ReplicaSet gets the same template as a user's, so that a hash
// taken of what is read back agrees with one taken on a real cluster.
func TestDefaultsForControllers(t *testing.T) {
	f := newFixture(t, Options{})
	typed := &appsv1.ReplicaSet{}
	content, err := contentOf(manifest(t, "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:"+podTemplate))
	f.must(err)
	f.must(runtime.DefaultUnstructuredConverter.FromUnstructured(content, typed))
	f.must(f.Create(ctx, typed))
	out, err := yaml.Marshal(typed.Spec.Template)
	f.must(err)
	if d := cmp.Diff(defaultedTemplate, string(out)); d != "" {
		t.Error(d)
	}
}

func TestDeploymentDefaults(t *testing.T) {
	got := stored(t, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:"+podTemplate, "spec")
	got = got[:strings.Index(got, "template:")]
	want := `progressDeadlineSeconds: 600
replicas: 1
revisionHistoryLimit: 10
selector:
  matchLabels:
    app: web
strategy:
  rollingUpdate:
    maxSurge: 25%
    maxUnavailable: 25%
  type: RollingUpdate
`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestServiceDefaults(t *testing.T) {
	got := stored(t, "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  selector: {app: web}\n  ports: [{port: 80, name: a}, {port: 81, targetPort: http, name: b}]", "spec")
	want := `clusterIP: IP
clusterIPs:
- IP
internalTrafficPolicy: Cluster
ipFamilies:
- IPv4
ipFamilyPolicy: SingleStack
ports:
- name: a
  port: 80
  protocol: TCP
  targetPort: 80
- name: b
  port: 81
  protocol: TCP
  targetPort: http
selector:
  app: web
sessionAffinity: None
type: ClusterIP
`
	var ip string
	if _, err := fmt.Sscanf(got, "clusterIP: %s", &ip); err != nil || !strings.HasPrefix(ip, "10.96.") {
		t.Fatalf("no address in %s", got)
	}
	if d := cmp.Diff(want, strings.ReplaceAll(got, ip, "IP")); d != "" {
		t.Error(d)
	}
}

func TestPodDefaults(t *testing.T) {
	limits := func(cpu, memory string) corev1.ResourceList {
		return corev1.ResourceList{"cpu": quantity(cpu), "memory": quantity(memory)}
	}
	for _, tc := range []struct {
		name      string
		resources corev1.ResourceRequirements
		want      corev1.PodQOSClass
	}{
		{"nothing", corev1.ResourceRequirements{}, corev1.PodQOSBestEffort},
		{"limits, and so requests", corev1.ResourceRequirements{Limits: limits("1", "1Gi")}, corev1.PodQOSGuaranteed},
		{"requests", corev1.ResourceRequirements{Requests: limits("1", "1Gi")}, corev1.PodQOSBurstable},
		{"cpu alone", corev1.ResourceRequirements{Limits: corev1.ResourceList{"cpu": quantity("1")}}, corev1.PodQOSBurstable},
	} {
		f := newFixture(t, Options{})
		p := pod("web", "")
		p.Spec.Containers[0].Resources = tc.resources
		p.Status.Phase = corev1.PodRunning
		f.must(f.Create(ctx, p))
		if p.Status.Phase != corev1.PodPending || p.Status.QOSClass != tc.want || !*p.Spec.EnableServiceLinks {
			t.Errorf("%s: phase %s, class %s, want %s", tc.name, p.Status.Phase, p.Status.QOSClass, tc.want)
		}
		for name := range tc.resources.Limits {
			request, limit := p.Spec.Containers[0].Resources.Requests[name], p.Spec.Containers[0].Resources.Limits[name]
			if request.Cmp(limit) != 0 {
				t.Errorf("%s: %s requested %v, limit %v", tc.name, name, request, limit)
			}
		}
	}
}

func TestJobSelector(t *testing.T) {
	f := newFixture(t, Options{})
	job := &batchv1.Job{Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "main", Image: "a:1"}}}}}}
	job.Namespace, job.Name = "default", "load"
	f.must(f.Create(ctx, job))
	if job.Spec.Selector.MatchLabels[batchv1.ControllerUidLabel] != string(job.UID) || job.Spec.Template.Labels[batchv1.JobNameLabel] != "load" ||
		*job.Spec.BackoffLimit != 6 || *job.Spec.Completions != 1 || *job.Spec.Parallelism != 1 {
		t.Errorf("job %+v", job.Spec)
	}
}

func TestSecretData(t *testing.T) {
	f := newFixture(t, Options{})
	s := &corev1.Secret{StringData: map[string]string{"k": "v"}}
	s.Namespace, s.Name = "default", "s"
	f.must(f.Create(ctx, s))
	if string(s.Data["k"]) != "v" || s.StringData != nil || s.Type != corev1.SecretTypeOpaque {
		t.Errorf("secret %+v", s)
	}
}

func TestAutoscalerV1(t *testing.T) {
	got := stored(t, `
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  maxReplicas: 9
  targetCPUUtilizationPercentage: 55
  scaleTargetRef: {apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: web}
`, "spec.metrics")
	want := `- resource:
    name: cpu
    target:
      averageUtilization: 55
      type: Utilization
  type: Resource
`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func service(name string, ports ...corev1.ServicePort) *corev1.Service {
	s := &corev1.Service{Spec: corev1.ServiceSpec{Ports: ports, Selector: map[string]string{"app": name}}}
	s.Namespace, s.Name = "default", name
	return s
}

func TestClusterIPs(t *testing.T) {
	f := newFixture(t, Options{})
	seen := map[string]bool{}
	for i := range 200 {
		s := service(fmt.Sprint("s", i), corev1.ServicePort{Port: 80})
		f.must(f.Create(ctx, s))
		if seen[s.Spec.ClusterIP] || !strings.HasPrefix(s.Spec.ClusterIP, "10.96.") {
			t.Fatalf("address %q", s.Spec.ClusterIP)
		}
		seen[s.Spec.ClusterIP] = true
	}
	s := get(f, service("s7"))
	before := s.Spec.ClusterIP
	blank := service("s7", corev1.ServicePort{Port: 8080})
	f.must(f.Update(ctx, blank))
	if blank.Spec.ClusterIP != before {
		t.Errorf("an update without an address changed it from %s to %s", before, blank.Spec.ClusterIP)
	}
	f.must(f.Delete(ctx, blank))
	again := service("s7", corev1.ServicePort{Port: 80})
	f.must(f.Create(ctx, again))
	if again.Spec.ClusterIP != before {
		t.Errorf("the same Service got %s, before %s", again.Spec.ClusterIP, before)
	}
	headless := service("headless", corev1.ServicePort{Port: 80})
	headless.Spec.ClusterIP = corev1.ClusterIPNone
	f.must(f.Create(ctx, headless))
	if headless.Spec.ClusterIP != corev1.ClusterIPNone {
		t.Errorf("a headless Service got %s", headless.Spec.ClusterIP)
	}
	ports := service("np", corev1.ServicePort{Port: 80, Name: "a"}, corev1.ServicePort{Port: 81, Name: "b"})
	ports.Spec.Type = corev1.ServiceTypeNodePort
	f.must(f.Create(ctx, ports))
	if a, b := ports.Spec.Ports[0].NodePort, ports.Spec.Ports[1].NodePort; a < 30000 || b < 30000 || a > 32767 || b > 32767 || a == b {
		t.Errorf("node ports %d and %d", a, b)
	}
}
