// Package nodeagent plays the nodes of a control plane that has none: it keeps
// Node objects and their leases, and takes the pods that are bound to them
// through their lives, with the stages and times of the simulator (sim/world),
// so that a scenario sees the same. Where a container would serve, a real
// mockserver process listens on the pod's own address, and the pod is ready when
// that process says so.
//
// It is not a kubelet: it pulls no image, mounts nothing, and of a container
// without a port only the clock runs. What a Job's command says about its end,
// "sleep 20; exit 1", is read and obeyed, not executed.
//
// Read agent.go for what it can be told, pods.go for what happens to a pod,
// program.go for the processes. It needs Linux, and root for pod addresses; see
// [Options.Program].
package nodeagent
