// Package traffic is the vocabulary in which a decision and a traffic router
// talk about requests: what must become true ([Routing]), what is true now
// ([Observed]), what was done about it ([Change]) and what went wrong
// ([Failure]).
//
// It holds values and the arithmetic of weights. It knows no router and no
// cluster, so that decisions can be made of its values. Read routing.go next,
// then internal/traffic/router for the interface that routers implement and
// internal/traffic/istio for the first of them.
package traffic
