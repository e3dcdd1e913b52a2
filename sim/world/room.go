package world

import (
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// mostPods is how many pods one workload may ask for. That many take a simulation some
// ten seconds and half a gigabyte; a mistyped number would take all memory.
const mostPods = 10_000

// RoomError ends a simulation in which a workload asks for more pods than it has room for.
type RoomError struct {
	// Workload is "ReplicaSet default/web-1", Pods what it asks for.
	Workload string
	Pods     int32
}

// Error names the workload and the two numbers.
func (e *RoomError) Error() string {
	return fmt.Sprintf("%s asks for %d pods, and a simulation has room for %d of one workload; ask for fewer", e.Workload, e.Pods, mostPods)
}

// room fails the simulation if a workload asks for too many pods.
func (w *World) room(kind string, obj client.Object, pods int32) error {
	if pods <= mostPods {
		return nil
	}
	err := &RoomError{fmt.Sprintf("%s %s", kind, client.ObjectKeyFromObject(obj)), pods}
	w.kernel.Fail(err)
	return err
}
