package nodeagent

import (
	"cmp"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
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
