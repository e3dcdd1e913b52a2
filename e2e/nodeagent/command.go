package nodeagent

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/sim/world"
)

// mockServer is in the name of the images whose processes we run even where they
// declare no port.
const mockServer = "mock-go-server"

// defaultPort is where the mock server listens if its container says nothing.
const defaultPort = 8080

// serves says whether a process stands for a container.
func serves(c *corev1.Container) bool {
	return len(c.Ports) > 0 || strings.Contains(c.Image, mockServer)
}

// command says how the process of a container is started.
type command struct {
	container, image, address string
	environment               []string
}

// commandOf makes the mock server appear as the container: it listens on the
// pod's address, has the version of the image, and the variables whose values
// the container spells out.
func commandOf(pod *corev1.Pod, c *corev1.Container, ip string) command {
	port := int32(defaultPort)
	if len(c.Ports) > 0 {
		port = c.Ports[0].ContainerPort
	}
	address := fmt.Sprintf("%s:%d", ip, port)
	environment := []string{"GOMAXPROCS=1", "VERSION=" + tag(c.Image), "SERVICE_NAME=" + c.Name, "POD_NAME=" + pod.Name}
	for _, v := range c.Env {
		if v.ValueFrom == nil {
			environment = append(environment, v.Name+"="+v.Value)
		}
	}
	return command{container: c.Name, image: c.Image, address: address, environment: append(environment, "ADDRESS="+address)}
}

// tag returns the part of an image after its last colon: its version.
func tag(image string) string {
	name := image[strings.LastIndex(image, "/")+1:]
	_, version, _ := strings.Cut(name, ":")
	return cmp.Or(version, "latest")
}

// task is what the command of a Job's container says about its end.
type task struct {
	runs time.Duration
	code int32
}

var (
	sleeping = regexp.MustCompile(`\bsleep\s+([0-9]+(?:\.[0-9]+)?)`)
	exiting  = regexp.MustCompile(`\bexit\s+([0-9]+)`)
)

// taskOf reads the command of a container of a Job:
//
//	["sh", "-c", "sleep 20; exit 1"]     20 s, code 1
//	["sleep", "5"]                       5 s, code 0
//
// ok is false for pods of others.
func taskOf(pod *corev1.Pod, c *corev1.Container) (t task, ok bool) {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil || owner.Kind != "Job" {
		return task{}, false
	}
	line := strings.Join(slices.Concat(c.Command, c.Args), " ")
	if m := sleeping.FindStringSubmatch(line); m != nil {
		seconds, _ := strconv.ParseFloat(m[1], 64)
		t.runs = time.Duration(seconds * float64(time.Second))
	}
	if m := exiting.FindStringSubmatch(line); m != nil {
		code, _ := strconv.ParseUint(m[1], 10, 8)
		t.code = int32(code)
	}
	return t, true
}

// apply puts what the command says where nothing is said of the image.
func (t task) apply(b world.ImageBehaviour) world.ImageBehaviour {
	if b != (world.ImageBehaviour{}) {
		return b
	}
	b.RunFor, b.JobFails, b.ExitCode = t.runs, t.code != 0, t.code
	return b
}
