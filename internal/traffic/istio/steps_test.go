package istio

import (
	"strings"
	"testing"
)

// A step that sets a header or mirror route is refused if no VirtualService can have the
// route: it would wait for ever.
func TestStepsWhoseRouteIsImpossible(t *testing.T) {
	const (
		at       = "spec.strategy.canary.trafficRouting.istio."
		split    = "route: [{destination: {host: stable}}, {destination: {host: canary}}]"
		header   = "{setWeight: 10}, {setHeaderRoute: {name: testers, match: [{headerName: x-env, headerValue: {exact: canary}}]}}"
		mirror   = "{setMirrorRoute: {name: copies, match: [{path: {prefix: /shop}}]}}"
		noHeader = `the VirtualService splits only TLS or TCP routes, which know no headers. Let an HTTP route split the requests, or remove the step`
		excluded = `no request meets both its match and that of the HTTP route %, whose requests it is to take. Change one of the two, or remove the step`
	)
	vs := func(name, routes string) string {
		return "---\nkind: VirtualService\nmetadata: {name: " + name + "}\nspec: {" + routes + "}\n"
	}
	ro := func(config, steps string) string { return rolloutWith(config) + "      steps: [" + steps + "]\n" }
	one, two := "virtualService: {name: web}", "virtualServices: [{name: tcp}, {name: web}]"
	tcp := "tcp: [{" + split + "}]"
	prod := "http: [{name: primary, match: [{headers: {x-env: {exact: prod}}}], " + split + "}]"
	for _, c := range []struct{ name, content, want string }{
		{"a header, TCP alone", ro(one, header) + vs("web", tcp),
			at + `virtualService.name: Invalid value: "web": step 2 (setHeaderRoute) can never have its route "testers": ` + noHeader},
		{"a mirror, TLS alone", ro(one, mirror) + vs("web", "tls: [{"+split+"}]"),
			at + `virtualService.name: Invalid value: "web": step 1 (setMirrorRoute) can never have its route "copies": ` + noHeader},
		{"a header that the route excludes", ro(one, header) + vs("web", prod),
			at + `virtualService.name: Invalid value: "web": step 2 (setHeaderRoute) can never have its route "testers": ` + strings.Replace(excluded, "%", `"primary"`, 1)},
		{"a path that a route without name excludes", ro(one, mirror) + vs("web", "http: [{match: [{uri: {exact: /}}], "+split+"}]"),
			at + `virtualService.name: Invalid value: "web": step 1 (setMirrorRoute) can never have its route "copies": ` + strings.Replace(excluded, " %", "", 1)},
		{"the second of two excludes it, the first has no headers", ro(two, header) + vs("tcp", tcp) + vs("web", prod),
			at + `virtualServices[1].name: Invalid value: "web": step 2 (setHeaderRoute) can never have its route "testers": ` + strings.Replace(excluded, "%", `"primary"`, 1)},
		{"one of two is enough", ro(two, header) + vs("tcp", tcp) + vs("web", "http: [{"+split+"}]"), ""},
		{"one match of two is enough", ro(one, header) + vs("web", "http: [{match: [{headers: {x-env: {exact: prod}}}, {uri: {prefix: /}}], "+split+"}]"), ""},
		{"HTTP beside TCP", ro(one, header+", "+mirror) + vs("web", "http: [{"+split+"}], "+tcp), ""},
		{"a route that is taken back", ro(one, "{setHeaderRoute: {name: testers}}") + vs("web", tcp), ""},
		{"weights alone", ro(one, "{setWeight: 10}") + vs("web", tcp), ""},
	} {
		o, objects := parse(t, c.content)
		got := ""
		for _, err := range Validate(o, objects) {
			got += err.Error()
		}
		if got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}
