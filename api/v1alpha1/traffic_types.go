package v1alpha1

import apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

// RolloutTrafficRouting names the routers that split requests between the
// revisions. Several may be set; all of them are driven.
type RolloutTrafficRouting struct {
	// Istio splits with a VirtualService.
	// +optional
	Istio *IstioTrafficRouting `json:"istio,omitempty"`
	// Nginx splits with a second Ingress of ingress-nginx.
	// +optional
	Nginx *NginxTrafficRouting `json:"nginx,omitempty"`
	// ALB splits with an action annotation of the AWS Load Balancer Controller.
	// +optional
	ALB *ALBTrafficRouting `json:"alb,omitempty"`
	// SMI splits with a TrafficSplit.
	// +optional
	SMI *SMITrafficRouting `json:"smi,omitempty"`
	// Ambassador splits with canary Mappings.
	// +optional
	Ambassador *AmbassadorTrafficRouting `json:"ambassador,omitempty"`
	// AppMesh splits with the weighted targets of a VirtualRouter.
	// +optional
	AppMesh *AppMeshTrafficRouting `json:"appMesh,omitempty"`
	// Traefik splits with a weighted TraefikService.
	// +optional
	Traefik *TraefikTrafficRouting `json:"traefik,omitempty"`
	// Apisix splits with the backends of an ApisixRoute.
	// +optional
	Apisix *ApisixTrafficRouting `json:"apisix,omitempty"`
	// ManagedRoutes names the routes that steps may create, the first one with
	// the highest priority.
	// +optional
	ManagedRoutes []ManagedRoute `json:"managedRoutes,omitempty"`
	// Plugins maps the name of a router plugin to its configuration.
	// +optional
	Plugins map[string]apiextensionsv1.JSON `json:"plugins,omitempty"`
	// MaxTrafficWeight is what counts as all requests. Nil means 100.
	// +optional
	MaxTrafficWeight *int32 `json:"maxTrafficWeight,omitempty"`
}

// ManagedRoute is a route that steps may create and remove.
type ManagedRoute struct {
	// Name of the route.
	Name string `json:"name"`
}

// IstioTrafficRouting splits with VirtualServices, between two Services or
// between two subsets of one host.
type IstioTrafficRouting struct {
	// VirtualService is the VirtualService to change.
	// +optional
	VirtualService *IstioVirtualService `json:"virtualService,omitempty"`
	// VirtualServices are the VirtualServices to change, if there are several.
	// +optional
	VirtualServices []IstioVirtualService `json:"virtualServices,omitempty"`
	// DestinationRule is the DestinationRule whose subsets are the revisions.
	// +optional
	DestinationRule *IstioDestinationRule `json:"destinationRule,omitempty"`
}

// IstioVirtualService names routes of a VirtualService.
type IstioVirtualService struct {
	// Name of the VirtualService, or "name.namespace" for another namespace.
	Name string `json:"name"`
	// Routes are the names of its HTTP routes. It may be empty if there is only one.
	// +optional
	Routes []string `json:"routes,omitempty"`
	// TLSRoutes are its TLS routes.
	// +optional
	TLSRoutes []TLSRoute `json:"tlsRoutes,omitempty"`
	// TCPRoutes are its TCP routes.
	// +optional
	TCPRoutes []TCPRoute `json:"tcpRoutes,omitempty"`
}

// TLSRoute finds a TLS route of a VirtualService, which has no name.
type TLSRoute struct {
	// Port that the route matches.
	// +optional
	Port int64 `json:"port,omitempty"`
	// SNIHosts that the route matches.
	// +optional
	SNIHosts []string `json:"sniHosts,omitempty"`
}

// TCPRoute finds a TCP route of a VirtualService, which has no name.
type TCPRoute struct {
	// Port that the route matches.
	// +optional
	Port int64 `json:"port,omitempty"`
}

// IstioDestinationRule names subsets of a DestinationRule.
type IstioDestinationRule struct {
	// Name of the DestinationRule, or "name.namespace" for another namespace.
	Name string `json:"name"`
	// CanarySubsetName is the subset of the canary pods.
	CanarySubsetName string `json:"canarySubsetName"`
	// StableSubsetName is the subset of the stable pods.
	StableSubsetName string `json:"stableSubsetName"`
	// AdditionalSubsetNames are subsets whose weights are left as they are.
	// +optional
	AdditionalSubsetNames []string `json:"additionalSubsetNames,omitempty"`
}

// NginxTrafficRouting splits with a second Ingress of ingress-nginx.
type NginxTrafficRouting struct {
	// AnnotationPrefix replaces "nginx.ingress.kubernetes.io".
	// +optional
	AnnotationPrefix string `json:"annotationPrefix,omitempty"`
	// StableIngress is the Ingress of the stable Service.
	// +optional
	StableIngress string `json:"stableIngress,omitempty"`
	// StableIngresses are the Ingresses of the stable Service, if there are
	// several. Exactly one of the two fields is set.
	// +optional
	StableIngresses []string `json:"stableIngresses,omitempty"`
	// AdditionalIngressAnnotations are put on the canary Ingress, with the prefix.
	// +optional
	AdditionalIngressAnnotations map[string]string `json:"additionalIngressAnnotations,omitempty"`
	// CanaryIngressAnnotations are put on the canary Ingress as they are.
	// +optional
	CanaryIngressAnnotations map[string]string `json:"canaryIngressAnnotations,omitempty"`
}

// ALBTrafficRouting splits with an action annotation of an Ingress.
type ALBTrafficRouting struct {
	// Ingress is the Ingress to change.
	// +optional
	Ingress string `json:"ingress,omitempty"`
	// Ingresses are the Ingresses to change, if there are several. Exactly one
	// of the two fields is set.
	// +optional
	Ingresses []string `json:"ingresses,omitempty"`
	// ServicePort is the port of the Services behind the action.
	ServicePort int32 `json:"servicePort"`
	// RootService is the Service that the Ingress names. Empty means the
	// stable Service.
	// +optional
	RootService string `json:"rootService,omitempty"`
	// AnnotationPrefix replaces "alb.ingress.kubernetes.io".
	// +optional
	AnnotationPrefix string `json:"annotationPrefix,omitempty"`
	// StickinessConfig keeps a client on its revision.
	// +optional
	StickinessConfig *StickinessConfig `json:"stickinessConfig,omitempty"`
}

// StickinessConfig keeps a client on its target group.
type StickinessConfig struct {
	// Enabled turns stickiness on.
	Enabled bool `json:"enabled"`
	// DurationSeconds is how long it lasts, 1 to 604800.
	DurationSeconds int64 `json:"durationSeconds"`
}

// SMITrafficRouting splits with a TrafficSplit.
type SMITrafficRouting struct {
	// RootService is the Service that clients address. Empty means the stable Service.
	// +optional
	RootService string `json:"rootService,omitempty"`
	// TrafficSplitName is the name of the TrafficSplit. Empty means the name of
	// the rollout.
	// +optional
	TrafficSplitName string `json:"trafficSplitName,omitempty"`
}

// AmbassadorTrafficRouting splits with canary Mappings.
type AmbassadorTrafficRouting struct {
	// Mappings are the names of the Mappings to the stable Service.
	Mappings []string `json:"mappings"`
}

// AppMeshTrafficRouting splits with the weighted targets of a VirtualRouter.
type AppMeshTrafficRouting struct {
	// VirtualService is the VirtualService in front of the VirtualRouter.
	// +optional
	VirtualService *AppMeshVirtualService `json:"virtualService,omitempty"`
	// VirtualNodeGroup names the VirtualNodes of the two revisions.
	// +optional
	VirtualNodeGroup *AppMeshVirtualNodeGroup `json:"virtualNodeGroup,omitempty"`
}

// AppMeshVirtualService names routes behind a VirtualService.
type AppMeshVirtualService struct {
	// Name of the VirtualService.
	Name string `json:"name"`
	// Routes are the names of the routes to change. Empty means all.
	// +optional
	Routes []string `json:"routes,omitempty"`
}

// AppMeshVirtualNodeGroup names the VirtualNodes of the two revisions.
type AppMeshVirtualNodeGroup struct {
	// CanaryVirtualNodeRef is the node of the canary pods.
	CanaryVirtualNodeRef *AppMeshVirtualNodeReference `json:"canaryVirtualNodeRef"`
	// StableVirtualNodeRef is the node of the stable pods.
	StableVirtualNodeRef *AppMeshVirtualNodeReference `json:"stableVirtualNodeRef"`
}

// AppMeshVirtualNodeReference names a VirtualNode.
type AppMeshVirtualNodeReference struct {
	// Name of the VirtualNode.
	Name string `json:"name"`
}

// TraefikTrafficRouting splits with a weighted TraefikService.
type TraefikTrafficRouting struct {
	// WeightedTraefikServiceName is the name of the TraefikService.
	WeightedTraefikServiceName string `json:"weightedTraefikServiceName"`
}

// ApisixTrafficRouting splits with the backends of an ApisixRoute.
type ApisixTrafficRouting struct {
	// Route is the ApisixRoute to change.
	// +optional
	Route *ApisixRoute `json:"route,omitempty"`
}

// ApisixRoute names rules of an ApisixRoute.
type ApisixRoute struct {
	// Name of the ApisixRoute.
	Name string `json:"name"`
	// Rules are the names of the rules to change. It may be empty if there is only one.
	// +optional
	Rules []string `json:"rules,omitempty"`
}
