package localplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"sigs.k8s.io/yaml"
)

// SetTargets makes Prometheus scrape these targets in place of those of
// [Options.Scrape], from the next interval on: what is scraped, like a data
// plane, may need the plane before it can start.
func (p *Plane) SetTargets(ctx context.Context, targets ...Target) error {
	if !p.options.Prometheus {
		return errors.New("the plane has no Prometheus: set Options.Prometheus")
	}
	if err := checkTargets(targets); err != nil {
		return err
	}
	content, err := yaml.Marshal(p.prometheusSettings(targets))
	if err != nil {
		return fmt.Errorf("encoding %s: %w", prometheusConfig, err)
	}
	if err := p.folder.put(map[string][]byte{prometheusConfig: content}); err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Prometheus()+"/-/reload", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("telling Prometheus its targets: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(response.Body, 2000))
		return fmt.Errorf("telling Prometheus its targets: %s: %s", response.Status, body)
	}
	return nil
}

// checkTargets says what is wrong with targets.
func checkTargets(targets []Target) error {
	jobs := map[string]bool{}
	for i, target := range targets {
		if target.Job == "" || target.Address == "" || jobs[target.Job] {
			return fmt.Errorf("target %d is %+v: each needs a job name of its own and an address HOST:PORT", i, target)
		}
		jobs[target.Job] = true
	}
	return nil
}

// prometheusSettings scrape targets, and pods that ask for it.
func (p *Plane) prometheusSettings(targets []Target) object {
	interval := p.options.ScrapeInterval.String()
	jobs := []object{}
	for _, target := range targets {
		jobs = append(jobs, object{
			"job_name":       target.Job,
			"honor_labels":   true, // a data plane speaks for many pods
			"static_configs": []object{{"targets": []string{target.Address}}},
		})
	}
	if p.options.ScrapePods {
		jobs = append(jobs, podJob(p.Kubeconfig()))
	}
	return object{
		"global":         object{"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
		"scrape_configs": jobs,
	}
}

// podJob scrapes running pods with the annotations that most charts of
// Prometheus look for: prometheus.io/scrape, /port and /path.
func podJob(kubeconfig string) object {
	const annotation = "__meta_kubernetes_pod_annotation_prometheus_io_"
	keep := func(label, value string) object {
		return object{"action": "keep", "source_labels": []string{label}, "regex": value}
	}
	label := func(from, to string) object {
		return object{"source_labels": []string{from}, "target_label": to}
	}
	return object{
		"job_name":              "kubernetes-pods",
		"kubernetes_sd_configs": []object{{"role": "pod", "kubeconfig_file": kubeconfig}},
		"relabel_configs": []object{
			keep(annotation+"scrape", "true"),
			keep("__meta_kubernetes_pod_phase", "Running"),
			{"source_labels": []string{annotation + "path"}, "regex": "(.+)", "target_label": "__metrics_path__"},
			{
				"source_labels": []string{"__meta_kubernetes_pod_ip", annotation + "port"},
				"separator":     ":", "regex": `(.+):(\d+)`, "replacement": "$1:$2", "target_label": "__address__",
			},
			{"action": "labelmap", "regex": "__meta_kubernetes_pod_label_(.+)"},
			label("__meta_kubernetes_namespace", "namespace"),
			label("__meta_kubernetes_pod_name", "pod"),
		},
	}
}
