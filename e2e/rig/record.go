package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/aviary-rollouts/aviary/scenarios/backend"
)

// recorded are the kinds that say what happened in a scenario, beside those that
// a controller writes.
var recorded = []schema.GroupVersionKind{
	{Version: "v1", Kind: "Pod"}, {Version: "v1", Kind: "Event"},
	{Group: "apps", Version: "v1", Kind: "Deployment"}, {Group: "batch", Version: "v1", Kind: "Job"},
	{Group: "argoproj.io", Version: "v1alpha1", Kind: "AnalysisTemplate"},
	networking.WithKind("Gateway"),
}

// Keep records a scenario in a folder of its own among the artefacts, and returns
// the folder.
func (r *Remote) Keep(name string, b backend.Backend) (string, error) {
	live, ok := b.(*backend.Live)
	if !ok {
		return "", fmt.Errorf("%s was not played on a cluster", name)
	}
	folder := filepath.Join(r.options.Artifacts, strings.ReplaceAll(name, "/", "_"))
	ctx, cancel := context.WithTimeout(context.Background(), recording)
	defer cancel()
	return folder, r.Record(ctx, live, folder)
}

// recording is how long the objects of one scenario may take to be read.
const recording = time.Minute

// Record writes the objects of a scenario into a folder, NAMESPACE/KIND.yaml by
// the names of the cluster, what its pods have printed, and in changes.txt who
// wrote what when.
func (r *Remote) Record(ctx context.Context, scene *backend.Live, folder string) error {
	errs := []error{writeChanges(scene, folder)}
	for _, namespace := range scene.Namespaces() {
		own := filepath.Join(folder, scene.InCluster(namespace))
		if err := os.MkdirAll(own, 0o755); err != nil {
			return fmt.Errorf("record what is left of a scenario: %w", err)
		}
		for _, kind := range append(recorded[:len(recorded):len(recorded)], watched...) {
			errs = append(errs, recordKind(ctx, scene.Client(), namespace, kind, own))
		}
		errs = append(errs, r.recordLogs(ctx, scene.InCluster(namespace), "", own))
	}
	return errors.Join(errs...)
}

func writeChanges(scene *backend.Live, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("record what is left of a scenario: %w", err)
	}
	file, err := os.Create(filepath.Join(folder, "changes.txt"))
	if err != nil {
		return err
	}
	return errors.Join(scene.WriteRecord(file), file.Close())
}

// Where the pods of the controller under test are, and their labels.
const (
	controllerNamespace = "argo-rollouts"
	controllerPods      = "app.kubernetes.io/name=argo-rollouts"
)

// RecordController writes what the controller under test has printed.
func (r *Remote) RecordController(ctx context.Context, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return r.recordLogs(ctx, controllerNamespace, controllerPods, folder)
}

// Panicked is an error if our controller has panicked, in a pod that is there. What its
// library recovers from is told by nothing but the log.
func (r *Remote) Panicked(ctx context.Context) error {
	if r.options.Controller != "" {
		return nil // that of somebody else is judged by what it does
	}
	pods, err := r.client.CoreV1().Pods(controllerNamespace).List(ctx, metav1.ListOptions{LabelSelector: controllerPods})
	if err != nil {
		return fmt.Errorf("list the pods of the controller: %w", err)
	}
	var errs []error
	for i := range pods.Items {
		errs = append(errs, r.panickedIn(ctx, &pods.Items[i]))
	}
	return errors.Join(errs...)
}

func (r *Remote) panickedIn(ctx context.Context, pod *corev1.Pod) error {
	var errs []error
	for _, c := range pod.Status.ContainerStatuses {
		for _, before := range []bool{false, true} {
			if before && c.RestartCount == 0 {
				continue
			}
			log, err := r.client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: c.Name, Previous: before}).Stream(ctx)
			if err != nil {
				errs = append(errs, fmt.Errorf("the log of pod %s: %w", pod.Name, err))
				continue
			}
			errs = append(errs, panics(log), log.Close())
		}
	}
	return errors.Join(errs...)
}

func recordKind(ctx context.Context, c client.Client, namespace string, kind schema.GroupVersionKind, folder string) error {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	if err := c.List(ctx, list, client.InNamespace(namespace)); meta.IsNoMatchError(err) || err == nil && len(list.Items) == 0 {
		return nil // not installed, or none
	} else if err != nil {
		return fmt.Errorf("list the %ss of %s: %w", kind.Kind, namespace, err)
	}
	for i := range list.Items {
		list.Items[i].SetManagedFields(nil) // nobody reads them
	}
	data, err := yaml.Marshal(list)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, kind.Kind+".yaml"), data, 0o644)
}

func (r *Remote) recordLogs(ctx context.Context, namespace, selector, folder string) error {
	pods, err := r.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return fmt.Errorf("list the pods of %s: %w", namespace, err)
	}
	for i := range pods.Items {
		for _, c := range pods.Items[i].Spec.Containers {
			options := &corev1.PodLogOptions{Container: c.Name, Timestamps: true}
			data, err := r.client.CoreV1().Pods(namespace).GetLogs(pods.Items[i].Name, options).DoRaw(ctx)
			if err != nil {
				continue // it has not started, or is gone
			}
			if err := os.WriteFile(filepath.Join(folder, pods.Items[i].Name+"."+c.Name+".log"), data, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}
