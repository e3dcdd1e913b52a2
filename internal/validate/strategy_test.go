package validate

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

func TestCanaryFields(t *testing.T) {
	c := func(f func(c *v1alpha1.CanaryStrategy)) func(*v1alpha1.Rollout) {
		return func(ro *v1alpha1.Rollout) { f(ro.Spec.Strategy.Canary) }
	}
	preferred := func(weight int32) *v1alpha1.AntiAffinity {
		return &v1alpha1.AntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: &v1alpha1.PreferredDuringSchedulingIgnoredDuringExecution{Weight: weight}}
	}
	both := preferred(1)
	both.RequiredDuringSchedulingIgnoredDuringExecution = &v1alpha1.RequiredDuringSchedulingIgnoredDuringExecution{}
	surge := func(surge, unavailable *intstr.IntOrString) func(*v1alpha1.Rollout) {
		return c(func(c *v1alpha1.CanaryStrategy) { c.MaxSurge, c.MaxUnavailable = surge, unavailable })
	}
	check(t, canaryRollout, []rule{
		{"two services", c(func(c *v1alpha1.CanaryStrategy) { c.CanaryService, c.StableService = "a", "b" }), ""},
		{"one service alone", c(func(c *v1alpha1.CanaryStrategy) { c.CanaryService = "a" }), ""},
		{"one service twice", c(func(c *v1alpha1.CanaryStrategy) { c.CanaryService, c.StableService = "a", "a" }),
			`spec.strategy.stableService: Invalid value: "a": This rollout uses the same service for the stable and canary services, but two different services are required.`},
		{"surge 0 alone", surge(number(0), nil), ""},
		{"unavailable 0 alone", surge(nil, percentage("0%")), ""},
		{"both rounded to 0", surge(number(0), percentage("1%")), ""},
		{"both 0", surge(number(0), number(0)), `spec.strategy.maxSurge: Invalid value: "0": MaxSurge and MaxUnavailable both can not be zero`},
		{"both 0 in percent", surge(percentage("0%"), number(0)), `spec.strategy.maxSurge: Invalid value: "0%": MaxSurge and MaxUnavailable both can not be zero`},
		{"a string without percent sign", surge(percentage("5"), nil), ""},
		{"a word as surge", surge(percentage("many"), nil),
			`spec.strategy.maxSurge: Invalid value: "many": "many" is no percentage; write a number of pods such as 1 or a percentage such as "25%"`},
		{"a negative limit", surge(nil, number(-1)),
			`spec.strategy.maxUnavailable: Invalid value: "-1": -1 is negative; write a number of pods such as 1 or a percentage such as "25%"`},
		{"a delay without routing", c(func(c *v1alpha1.CanaryStrategy) { c.ScaleDownDelaySeconds = n32(30) }),
			`spec.strategy.scaleDownDelaySeconds: Invalid value: 30: Canary scaleDownDelaySeconds can only be used with traffic routing`},
		{"a delay after abort without routing", c(func(c *v1alpha1.CanaryStrategy) { c.AbortScaleDownDelaySeconds = n32(30) }), ""},
		{"dynamic scale without routing", c(func(c *v1alpha1.CanaryStrategy) { c.DynamicStableScale = true }),
			`spec.strategy.dynamicStableScale: Invalid value: true: Canary dynamicStableScale can only be used with traffic routing`},
		{"weak anti-affinity", c(func(c *v1alpha1.CanaryStrategy) { c.AntiAffinity = preferred(1) }), ""},
		{"strong anti-affinity", c(func(c *v1alpha1.CanaryStrategy) { c.AntiAffinity = preferred(100) }), ""},
		{"anti-affinity weight 0", c(func(c *v1alpha1.CanaryStrategy) { c.AntiAffinity = preferred(0) }),
			`spec.strategy.antiAffinity.preferredDuringSchedulingIgnoredDuringExecution.weight: Invalid value: 0: AntiAffinity weight must be between 1-100`},
		{"anti-affinity weight 101", c(func(c *v1alpha1.CanaryStrategy) { c.AntiAffinity = preferred(101) }),
			`spec.strategy.antiAffinity.preferredDuringSchedulingIgnoredDuringExecution.weight: Invalid value: 101: AntiAffinity weight must be between 1-100`},
		{"empty anti-affinity", c(func(c *v1alpha1.CanaryStrategy) { c.AntiAffinity = &v1alpha1.AntiAffinity{} }),
			`spec.strategy.antiAffinity: Invalid value: "none": AntiAffinity must have exactly one strategy listed`},
		{"two kinds of anti-affinity", c(func(c *v1alpha1.CanaryStrategy) { c.AntiAffinity = both }),
			`spec.strategy.antiAffinity: Invalid value: "preferred and required": AntiAffinity must have exactly one strategy listed`},
		{"a background analysis before the first step", c(func(c *v1alpha1.CanaryStrategy) {
			c.Analysis = &v1alpha1.RolloutAnalysisBackground{StartingStep: n32(-1)}
		}), `spec.strategy.analysis.startingStep: Invalid value: -1: must be greater than or equal to 0`},
		{"a negative floor", c(func(c *v1alpha1.CanaryStrategy) { c.MinPodsPerReplicaSet = n32(-1) }),
			`spec.strategy.minPodsPerReplicaSet: Invalid value: -1: must be greater than or equal to 0`},
		{"a threshold of all pods", c(func(c *v1alpha1.CanaryStrategy) {
			c.ReplicaProgressThreshold = &v1alpha1.ReplicaProgressThreshold{Type: "Percent", Value: 100}
		}), ""},
		{"a threshold of more", c(func(c *v1alpha1.CanaryStrategy) {
			c.ReplicaProgressThreshold = &v1alpha1.ReplicaProgressThreshold{Type: "Percent", Value: 101}
		}), `spec.strategy.replicaProgressThreshold.value: Invalid value: 101: replicaProgressThreshold value must be between 0 and 100 for type Percent`},
		{"a threshold of many pods", c(func(c *v1alpha1.CanaryStrategy) {
			c.ReplicaProgressThreshold = &v1alpha1.ReplicaProgressThreshold{Type: "Pods", Value: 101}
		}), ""},
		{"a threshold without unit", c(func(c *v1alpha1.CanaryStrategy) {
			c.ReplicaProgressThreshold = &v1alpha1.ReplicaProgressThreshold{Value: 1}
		}),
			`spec.strategy.replicaProgressThreshold.type: Unsupported value: "": supported values: "Percent", "Pods"`},
	})
}

// withStep replaces the steps by one, written as in a manifest.
func withStep(manifest string) func(*v1alpha1.Rollout) {
	return func(ro *v1alpha1.Rollout) {
		var s v1alpha1.CanaryStep
		if err := yaml.UnmarshalStrict([]byte(manifest), &s); err != nil {
			panic(err)
		}
		ro.Spec.Strategy.Canary.Steps = []v1alpha1.CanaryStep{s}
	}
}

func TestSteps(t *testing.T) {
	const s0 = "spec.strategy.steps[0]"
	const oneOf = ": Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause"
	check(t, canaryRollout, []rule{
		{"weight 0", withStep(`setWeight: 0`), ""},
		{"weight 100", withStep(`setWeight: 100`), ""},
		{"weight 101", withStep(`setWeight: 101`), s0 + `.setWeight: Invalid value: 101: SetWeight needs to be between 0 and 100`},
		{"weight -1", withStep(`setWeight: -1`), s0 + `.setWeight: Invalid value: -1: SetWeight needs to be between 0 and 100`},
		{"pause for ever", withStep(`pause: {}`), ""},
		{"pause in seconds", withStep(`pause: {duration: 30}`), ""},
		{"pause of nothing", withStep(`pause: {duration: 0}`), ""},
		{"pause in digits", withStep(`pause: {duration: "30"}`), ""},
		{"pause in minutes", withStep(`pause: {duration: 5m}`), ""},
		{"pause in hours and minutes", withStep(`pause: {duration: 1h30m}`), ""},
		{"negative pause", withStep(`pause: {duration: -1}`), s0 + `.pause.duration: Invalid value: -1: Duration needs to be greater than 0`},
		{"negative pause in words", withStep(`pause: {duration: -5m}`), s0 + `.pause.duration: Invalid value: "-5m": Duration needs to be greater than 0`},
		{"negative pause in digits", withStep(`pause: {duration: "-5"}`), s0 + `.pause.duration: Invalid value: "-5": Duration needs to be greater than 0`},
		{"a pause that is none", withStep(`pause: {duration: 5 minutes}`), s0 + `.pause.duration: Invalid value: "5 minutes": Duration needs to be greater than 0`},
		{"a pause in days", withStep(`pause: {duration: 1d}`), s0 + `.pause.duration: Invalid value: "1d": Duration needs to be greater than 0`},
		{"an empty step", withStep(`{}`), s0 + `: Invalid value: "step.Experiment: true step.Pause: true step.SetWeight: true step.Analysis: true step.SetCanaryScale: true step.SetHeaderRoute: true step.SetMirrorRoutes: true step.Plugin: true"` + oneOf},
		{"weight and pause in one", withStep(`{setWeight: 20, pause: {}}`), s0 + `: Invalid value: "step.Experiment: true step.Pause: false step.SetWeight: false step.Analysis: true step.SetCanaryScale: true step.SetHeaderRoute: true step.SetMirrorRoutes: true step.Plugin: true"` + oneOf},
		{"scale without routing", withStep(`setCanaryScale: {replicas: 1}`), `spec.strategy.trafficRouting: Required value: SetCanaryScale requires TrafficRouting to be set`},
		{"an analysis", withStep(`analysis: {templates: [{templateName: t}]}`), ""},
		{"an experiment", withStep(`experiment: {templates: [{name: a, specRef: canary}]}`), ""},
		{"an experiment of another revision", withStep(`experiment: {templates: [{name: a, specRef: latest}]}`),
			s0 + `.experiment.templates[0].specRef: Unsupported value: "latest": supported values: "canary", "stable"`},
		{"an experiment with a weight", withStep(`experiment: {templates: [{name: a, specRef: canary, weight: 5}]}`),
			s0 + `.experiment.templates[0].weight: Invalid value: 5: Experiment template weight cannot be set unless TrafficRouting is enabled`},
		{"an experiment with a field that no Rollout has", withStep(`experiment: {templates: [{name: a, specRef: canary}], analyses: [{name: x, templateName: t, args: [{name: a, valueFrom: {fieldRef: {fieldPath: status.cannary}}}]}]}`),
			s0 + `.experiment.analyses[0].args[0].valueFrom.fieldRef.fieldPath: Invalid value: "status.cannary": a Rollout has no such field: cannary is unknown there`},
		{"an experiment with nothing in it", withStep(`experiment: {templates: []}`),
			s0 + `.experiment.templates: Required value: an Experiment runs templates, analyses or both: give at least one`},
		{"an experiment for some time", withStep(`experiment: {duration: 1h30m, templates: [{name: a, specRef: canary}]}`), ""},
		{"an experiment for a time that is none", withStep(`experiment: {duration: soon, templates: [{name: a, specRef: canary}]}`),
			s0 + `.experiment.duration: Invalid value: "soon": must be a duration greater than 0, such as 30s, 5m or 1h30m`},
		{"an experiment that leaves before its end", withStep(`experiment: {scaleDownDelaySeconds: -1, templates: [{name: a, specRef: canary}]}`),
			s0 + `.experiment.scaleDownDelaySeconds: Invalid value: -1: must be greater than or equal to 0`},
		{"an experiment with a name twice", withStep(`experiment: {templates: [{name: a, specRef: stable}, {name: a, specRef: canary}]}`),
			s0 + `.experiment.templates[1].name: Duplicate value: "a"`},
		{"an experiment with too few pods", withStep(`experiment: {templates: [{name: a, specRef: canary, replicas: -1}]}`),
			s0 + `.experiment.templates[0].replicas: Invalid value: -1: must be greater than or equal to 0`},
		{"an experiment with a Service twice", withStep(`experiment: {templates: [{name: a, specRef: stable, service: {name: s}}, {name: b, specRef: canary, service: {name: s}}]}`),
			s0 + `.experiment.templates[1].service.name: Invalid value: "s": another template has a Service of that name`},
		{"an experiment with a label that is none", withStep(`experiment: {templates: [{name: a, specRef: stable, metadata: {labels: {test: "?"}}}]}`),
			s0 + `.experiment.templates[0].metadata.labels: Invalid value: "?": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`},
		{"an experiment with a selector that is none", withStep(`experiment: {templates: [{name: a, specRef: stable, selector: {matchExpressions: [{key: app, operator: Is}]}}]}`),
			s0 + `.experiment.templates[0].selector.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator`},
		{"an experiment with an analysis twice", withStep(`experiment: {templates: [{name: a, specRef: canary}], analyses: [{name: x, templateName: t}, {name: x, templateName: u}]}`),
			s0 + `.experiment.analyses[1].name: Duplicate value: "x"`},
		{"an experiment that asks about what it has not", withStep(`experiment: {templates: [{name: a, specRef: canary}], analyses: [{name: x, templateName: t, args: [{name: hash, value: "{{templates.b.podTemplateHash}}"}]}]}`),
			s0 + `.experiment.analyses[0].args[0].value: Invalid value: "{{templates.b.podTemplateHash}}": "b" names no template of this Experiment: it has a`},
		{"an experiment that asks about what it has", withStep(`experiment: {templates: [{name: a, specRef: canary}], analyses: [{name: x, templateName: t, args: [{name: hash, value: "{{templates.a.podTemplateHash}}"}]}]}`), ""},
		{"a header route without routing", withStep(`setHeaderRoute: {name: header}`),
			s0 + `.setHeaderRoute: Invalid value: "header": SetHeaderRoute requires TrafficRouting, supports Istio, ALB, Apisix and Plugins`},
		{"a mirror route without routing", withStep(`setMirrorRoute: {name: mirror}`),
			s0 + `.setMirrorRoute: Invalid value: "mirror": SetMirrorRoute requires TrafficRouting, supports Istio and Plugins`},
		{"a plugin", withStep(`plugin: {name: org/step}`), ""},
		{"a plugin without name", withStep(`plugin: {}`), s0 + `.plugin.name: Required value`},
	})
}

func TestRoutedSteps(t *testing.T) {
	const s0 = "spec.strategy.steps[0]"
	check(t, routedRollout, []rule{
		{"scale by weight", withStep(`setCanaryScale: {weight: 100}`), ""},
		{"scale by more", withStep(`setCanaryScale: {weight: 101}`), s0 + `.setCanaryScale.weight: Invalid value: 101: SetCanaryScale weight needs to be between 0 and 100`},
		{"scale by a negative count", withStep(`setCanaryScale: {replicas: -1}`), s0 + `.setCanaryScale.replicas: Invalid value: -1: must be greater than or equal to 0`},
		{"scale combines with a weight", withStep(`{setCanaryScale: {replicas: 1}, setWeight: 5}`), ""},
		{"an experiment with a weight", withStep(`experiment: {templates: [{name: a, specRef: canary, weight: 5}]}`), ""},
		{"an experiment with a negative weight", withStep(`experiment: {templates: [{name: a, specRef: canary, weight: -5}]}`),
			s0 + `.experiment.templates[0].weight: Invalid value: -5: must be greater than or equal to 0`},
		{"an experiment with all", withStep(`experiment: {templates: [{name: a, specRef: canary, weight: 60}, {name: b, specRef: stable, weight: 40}]}`), ""},
		{"an experiment with more than all", withStep(`experiment: {templates: [{name: a, specRef: canary, weight: 101}]}`),
			s0 + `.experiment.templates[0].weight: Invalid value: 101: Experiment template weight needs to be between 0 and 100`},
		{"an experiment with more in all", withStep(`experiment: {templates: [{name: a, specRef: canary, weight: 60}, {name: b, specRef: stable, weight: 41}]}`),
			s0 + `.experiment.templates: Invalid value: 101: the weights of the templates must not be more than 100 in all`},
		{"an experiment with a Service of its own", withStep(`experiment: {templates: [{name: a, specRef: canary, service: {name: other}}, {name: b, specRef: stable, service: {}}]}`), ""},
		{"an experiment with the Service of the Rollout", withStep(`experiment: {templates: [{name: a, specRef: canary, service: {name: web-stable}}]}`),
			s0 + `.experiment.templates[0].service.name: Invalid value: "web-stable": it is the Service of spec.strategy.canary.stableService: give the template another name, or leave it out for one of its own`},
		{"a header with an expression that is none", withStep(`setHeaderRoute: {name: header, match: [{headerName: agent, headerValue: {regex: "fire("}}]}`),
			s0 + `.setHeaderRoute.match[0].headerValue.regex: Invalid value: "fire(": error parsing regexp: missing closing ): ` + "`fire(`"},
		{"a header route", withStep(`setHeaderRoute: {name: header, match: [{headerName: agent, headerValue: {regex: "fire.*"}}]}`), ""},
		{"removal of a header route", withStep(`setHeaderRoute: {name: header}`), ""},
		{"an unknown header route", withStep(`setHeaderRoute: {name: other}`),
			s0 + `.setHeaderRoute.name: Invalid value: "other": Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes`},
		{"a header route without name", withStep(`setHeaderRoute: {}`), s0 + `.setHeaderRoute.name: Required value: The name of the route is missing`},
		{"a header without value", withStep(`setHeaderRoute: {name: header, match: [{headerName: agent}]}`),
			s0 + `.setHeaderRoute.match[0].headerValue: Required value: exactly one of exact, prefix and regex must be set`},
		{"a header with two values", withStep(`setHeaderRoute: {name: header, match: [{headerName: agent, headerValue: {exact: a, regex: b}}]}`),
			s0 + `.setHeaderRoute.match[0].headerValue: Invalid value: {"exact":"a","regex":"b"}: exactly one of exact, prefix and regex must be set`},
		{"a mirror route", withStep(`setMirrorRoute: {name: mirror, percentage: 35, match: [{method: {exact: GET}, path: {prefix: /}, headers: {agent: {exact: a}}}]}`), ""},
		{"a mirror route of 101 percent", withStep(`setMirrorRoute: {name: mirror, percentage: 101}`),
			s0 + `.setMirrorRoute.percentage: Invalid value: 101: Percentage needs to be between 0 and 100`},
		{"an unknown mirror route", withStep(`setMirrorRoute: {name: other}`),
			s0 + `.setMirrorRoute.name: Invalid value: "other": Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes`},
		{"a mirror route with an empty header", withStep(`setMirrorRoute: {name: mirror, match: [{headers: {agent: {}}}]}`),
			s0 + `.setMirrorRoute.match[0].headers[agent]: Invalid value: {}: exactly one of exact, prefix and regex must be set`},
	})
}

// withRouting replaces traffic routing, written as in a manifest, and with it
// the steps.
func withRouting(manifest string, more ...func(c *v1alpha1.CanaryStrategy)) func(*v1alpha1.Rollout) {
	return func(ro *v1alpha1.Rollout) {
		c := ro.Spec.Strategy.Canary
		c.Steps, c.TrafficRouting = nil, &v1alpha1.RolloutTrafficRouting{}
		if err := yaml.UnmarshalStrict([]byte(manifest), c.TrafficRouting); err != nil {
			panic(err)
		}
		for _, f := range more {
			f(c)
		}
	}
}

func TestTrafficRouting(t *testing.T) {
	noServices := func(c *v1alpha1.CanaryStrategy) { c.CanaryService, c.StableService = "", "" }
	noStable := func(c *v1alpha1.CanaryStrategy) { c.StableService = "" }
	headerStep := func(c *v1alpha1.CanaryStrategy) {
		c.Steps = []v1alpha1.CanaryStep{{SetHeaderRoute: &v1alpha1.SetHeaderRoute{Name: "h", Match: []v1alpha1.HeaderRoutingMatch{{HeaderName: "agent", HeaderValue: &v1alpha1.StringMatch{Prefix: "fire"}}}}}}
	}
	weight := func(w int32) func(c *v1alpha1.CanaryStrategy) {
		return func(c *v1alpha1.CanaryStrategy) { c.Steps = []v1alpha1.CanaryStep{{SetWeight: &w}} }
	}
	dynamic := func(c *v1alpha1.CanaryStrategy) { c.DynamicStableScale = true }
	delay := func(c *v1alpha1.CanaryStrategy) { c.ScaleDownDelaySeconds = n32(60) }
	const tr = "spec.strategy.trafficRouting"
	const services = `: Canary service and Stable service must to be set to use Traffic Routing`
	check(t, routedRollout, []rule{
		{"no router", withRouting(`{}`), tr + `: Required value: must name at least one traffic router`},
		{"plugins need no services", withRouting(`plugins: {org/router: {}}`, noServices), ""},
		{"istio with a DestinationRule needs no services",
			withRouting(`istio: {virtualService: {name: v}, destinationRule: {name: d, canarySubsetName: c, stableSubsetName: s}}`, noServices), ""},
		{"istio needs services", withRouting(`istio: {virtualService: {name: v}}`, noServices), `spec.strategy.canaryService: Invalid value: ""` + services},
		{"alb needs services", withRouting(`alb: {ingress: i, servicePort: 80}`, noStable), `spec.strategy.stableService: Invalid value: ""` + services},
		{"nginx needs services", withRouting(`nginx: {stableIngress: i}`, noServices), `spec.strategy.canaryService: Invalid value: ""` + services},
		{"smi needs services", withRouting(`smi: {}`, noServices), `spec.strategy.canaryService: Invalid value: ""` + services},
		{"ambassador needs services", withRouting(`ambassador: {mappings: [m]}`, noServices), `spec.strategy.canaryService: Invalid value: ""` + services},
		{"appMesh needs services", withRouting(`appMesh: {}`, noServices), `spec.strategy.canaryService: Invalid value: ""` + services},
		{"traefik needs services", withRouting(`traefik: {weightedTraefikServiceName: t}`, noServices), `spec.strategy.canaryService: Invalid value: ""` + services},
		{"apisix needs services", withRouting(`apisix: {route: {name: r}}`, noServices), `spec.strategy.canaryService: Invalid value: ""` + services},
		{"nginx on another scale", withRouting(`{nginx: {stableIngress: i}, maxTrafficWeight: 1000}`, weight(1000)), ""},
		{"above that scale", withRouting(`{nginx: {stableIngress: i}, maxTrafficWeight: 1000}`, weight(1001)),
			`spec.strategy.steps[0].setWeight: Invalid value: 1001: SetWeight needs to be between 0 and 1000`},
		{"plugins on another scale", withRouting(`{plugins: {org/router: {}}, maxTrafficWeight: 1000}`), ""},
		{"istio on another scale", withRouting(`{istio: {virtualService: {name: v}}, maxTrafficWeight: 1000}`),
			tr + `.maxTrafficWeight: Invalid value: 1000: Canary maxTrafficWeight in traffic routing only supported in Nginx and Plugins`},
		{"a scale of 0", withRouting(`{nginx: {stableIngress: i}, maxTrafficWeight: 0}`), tr + `.maxTrafficWeight: Invalid value: 0: must be greater than 0`},
		{"a route twice", withRouting(`{istio: {virtualService: {name: v}}, managedRoutes: [{name: a}, {name: a}]}`), tr + `.managedRoutes[1].name: Duplicate value: "a"`},
		{"a route without name", withRouting(`{istio: {virtualService: {name: v}}, managedRoutes: [{name: ""}]}`), tr + `.managedRoutes[0].name: Required value`},
		{"alb with two kinds of ingress", withRouting(`alb: {ingress: i, ingresses: [j], servicePort: 80}`),
			tr + `.alb.ingress: Invalid value: "i": exactly one of ingress and ingresses must be set`},
		{"alb with several", withRouting(`alb: {ingresses: [i, j], servicePort: 80}`), ""},
		{"alb with a week of stickiness", withRouting(`alb: {ingress: i, servicePort: 80, stickinessConfig: {enabled: true, durationSeconds: 604800}}`), ""},
		{"alb with more", withRouting(`alb: {ingress: i, servicePort: 80, stickinessConfig: {enabled: true, durationSeconds: 604801}}`),
			tr + `.alb.stickinessConfig.durationSeconds: Invalid value: 604801: stickiness duration must be between 1 and 604800 seconds (7 days)`},
		{"alb knows exact headers only", withRouting(`{alb: {ingress: i, servicePort: 80}, managedRoutes: [{name: h}]}`, headerStep),
			`spec.strategy.steps[0].setHeaderRoute.match[0].headerValue: Invalid value: "fire": ALB supports the exact match of a header only`},
		{"nginx without ingress", withRouting(`nginx: {}`), tr + `.nginx.stableIngress: Invalid value: "": exactly one of stableIngress and stableIngresses must be set`},
		{"nginx has no header routes", withRouting(`{nginx: {stableIngress: i}, managedRoutes: [{name: h}]}`, headerStep),
			`spec.strategy.steps[0].setHeaderRoute: Invalid value: "h": SetHeaderRoute requires TrafficRouting, supports Istio, ALB, Apisix and Plugins`},
		{"istio with several", withRouting(`istio: {virtualServices: [{name: v}, {name: w}]}`), ""},
		{"istio with one twice", withRouting(`istio: {virtualServices: [{name: v}, {name: v}]}`), tr + `.istio.virtualServices[1].name: Duplicate value: "v"`},
		{"istio with none", withRouting(`istio: {}`), tr + `.istio.virtualService: Invalid value: "": exactly one of virtualService and virtualServices must be set`},
		{"istio with both", withRouting(`istio: {virtualService: {name: v}, virtualServices: [{name: w}]}`),
			tr + `.istio.virtualService: Invalid value: "": exactly one of virtualService and virtualServices must be set`},
		{"istio with subsets alone", withRouting(`istio: {destinationRule: {name: d, canarySubsetName: c, stableSubsetName: s}}`),
			tr + `.istio.virtualService: Invalid value: "": exactly one of virtualService and virtualServices must be set`},
		{"istio with one subset", withRouting(`istio: {virtualService: {name: v}, destinationRule: {name: d, canarySubsetName: a, stableSubsetName: a}}`),
			tr + `.istio.destinationRule.canarySubsetName: Invalid value: "a": canarySubsetName and stableSubsetName must be different`},
		{"istio with the canary subset as an additional one", withRouting(`istio: {virtualService: {name: v}, destinationRule: {name: d, canarySubsetName: a, stableSubsetName: b, additionalSubsetNames: [c, a]}}`),
			tr + `.istio.destinationRule.additionalSubsetNames[1]: Invalid value: "a": must be another subset than canarySubsetName and stableSubsetName, whose weights are not the user's own`},
		{"istio without subset", withRouting(`istio: {virtualService: {name: v}, destinationRule: {name: d, canarySubsetName: a, stableSubsetName: ""}}`),
			tr + `.istio.destinationRule.stableSubsetName: Required value`},
		{"a delay", withRouting(`smi: {}`, delay), ""},
		{"dynamic scale", withRouting(`smi: {}`, dynamic), ""},
		{"dynamic scale with a delay", withRouting(`smi: {}`, dynamic, delay),
			`spec.strategy.dynamicStableScale: Invalid value: true: Canary dynamicStableScale cannot be used with scaleDownDelaySeconds`},
		{"an experiment weight with nginx", withRouting(`nginx: {stableIngress: i}`, func(c *v1alpha1.CanaryStrategy) {
			c.Steps = []v1alpha1.CanaryStep{{Experiment: &v1alpha1.RolloutExperimentStep{Templates: []v1alpha1.RolloutExperimentTemplate{{Name: "a", SpecRef: "canary", Weight: n32(5)}}}}}
		}), `spec.strategy.steps[0].experiment.templates[0].weight: Invalid value: 5: Experiment template weight is only available for TrafficRouting with SMI, ALB, Istio and Plugins at this time`},
	})
}

func TestPingPong(t *testing.T) {
	services := func(ping, pong string) func(c *v1alpha1.CanaryStrategy) {
		return func(c *v1alpha1.CanaryStrategy) {
			c.CanaryService, c.StableService = "", ""
			c.PingPong = &v1alpha1.PingPongSpec{PingService: ping, PongService: pong}
		}
	}
	const istio, alb = `istio: {virtualService: {name: v}}`, `alb: {ingress: i, servicePort: 80, rootService: root}`
	check(t, routedRollout, []rule{
		{"istio", withRouting(istio, services("ping", "pong")), ""},
		{"alb", withRouting(alb, services("ping", "pong")), ""},
		{"plugins", withRouting(`plugins: {org/router: {}}`, services("ping", "pong")), ""},
		{"smi", withRouting(`smi: {}`, services("ping", "pong"), func(c *v1alpha1.CanaryStrategy) { c.CanaryService, c.StableService = "a", "b" }),
			`spec.strategy.pingPong: Invalid value: "ping, pong": Ping-Pong feature works with the ALB, Istio and Plugins traffic routing only`},
		{"no ping", withRouting(istio, services("", "pong")), `spec.strategy.pingPong.pingService: Invalid value: "": Ping service and Pong service must to be set to use Ping-Pong feature`},
		{"no pong", withRouting(istio, services("ping", "")), `spec.strategy.pingPong.pongService: Invalid value: "": Ping service and Pong service must to be set to use Ping-Pong feature`},
		{"the same", withRouting(istio, services("ping", "ping")),
			`spec.strategy.pingPong.pingService: Invalid value: "ping": This rollout uses the same service for the ping and pong services, but two different services are required.`},
		{"alb without root", withRouting(`alb: {ingress: i, servicePort: 80}`, services("ping", "pong")),
			`spec.strategy.trafficRouting.alb.rootService: Invalid value: "": Root service field is required for the configuration with ALB and ping-pong feature enabled`},
	})
}

func TestBlueGreen(t *testing.T) {
	b := func(f func(b *v1alpha1.BlueGreenStrategy)) func(*v1alpha1.Rollout) {
		return func(ro *v1alpha1.Rollout) { f(ro.Spec.Strategy.BlueGreen) }
	}
	const bg = "spec.strategy.blueGreen."
	check(t, blueGreenRollout, []rule{
		{"no preview", b(func(b *v1alpha1.BlueGreenStrategy) { b.PreviewService = "" }), ""},
		{"no active", b(func(b *v1alpha1.BlueGreenStrategy) { b.ActiveService = "" }), bg + `activeService: Required value`},
		{"one service twice", b(func(b *v1alpha1.BlueGreenStrategy) { b.PreviewService = "web-active" }),
			bg + `activeService: Invalid value: "web-active": This rollout uses the same service for the active and preview services, but two different services are required.`},
		{"limit as long as the history", b(func(b *v1alpha1.BlueGreenStrategy) { b.ScaleDownDelayRevisionLimit = n32(10) }), ""},
		{"limit longer than the history", b(func(b *v1alpha1.BlueGreenStrategy) { b.ScaleDownDelayRevisionLimit = n32(11) }),
			bg + `scaleDownDelayRevisionLimit: Invalid value: 11: This rollout's revision history limit can not be smaller than the rollout's scale down limit`},
		{"limit longer than a short history", func(ro *v1alpha1.Rollout) {
			ro.Spec.RevisionHistoryLimit, ro.Spec.Strategy.BlueGreen.ScaleDownDelayRevisionLimit = n32(1), n32(2)
		}, bg + `scaleDownDelayRevisionLimit: Invalid value: 2: This rollout's revision history limit can not be smaller than the rollout's scale down limit`},
		{"a negative preview", b(func(b *v1alpha1.BlueGreenStrategy) { b.PreviewReplicaCount = n32(-1) }),
			bg + `previewReplicaCount: Invalid value: -1: must be greater than or equal to 0`},
		{"negative seconds", b(func(b *v1alpha1.BlueGreenStrategy) { b.AutoPromotionSeconds = -1 }),
			bg + `autoPromotionSeconds: Invalid value: -1: must be greater than or equal to 0`},
		{"a negative delay", b(func(b *v1alpha1.BlueGreenStrategy) { b.ScaleDownDelaySeconds = n32(-1) }),
			bg + `scaleDownDelaySeconds: Invalid value: -1: must be greater than or equal to 0`},
		{"a word as maxUnavailable", b(func(b *v1alpha1.BlueGreenStrategy) { b.MaxUnavailable = percentage("some") }),
			bg + `maxUnavailable: Invalid value: "some": "some" is no percentage; write a number of pods such as 1 or a percentage such as "25%"`},
		{"empty anti-affinity", b(func(b *v1alpha1.BlueGreenStrategy) { b.AntiAffinity = &v1alpha1.AntiAffinity{} }),
			bg + `antiAffinity: Invalid value: "none": AntiAffinity must have exactly one strategy listed`},
	})
}

// FuzzPause checks that nothing that a person may write panics, and that the
// complaint names it.
func FuzzPause(f *testing.F) {
	for _, s := range []string{"30", "5m", "", "1d", "-1", "9999999999999999999h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ro := canaryRollout()
		ro.Spec.Strategy.Canary.Steps[1].Pause.Duration = percentage(s)
		for _, err := range Spec(ro) {
			if err.BadValue != s || !strings.HasSuffix(err.Error(), pauseDuration) {
				t.Errorf("error %v does not name %q", err, s)
			}
		}
	})
}
