// Package server answers HTTP requests as mockserver/behaviour decides.
//
// What an application under rollout is asked for:
//
//	/                          what there is, as JSON
//	/status/{code}             that status, 100 to 599
//	/delay/{ms}                200 after that many milliseconds
//	/version                   {"service": ..., "version": ...}
//	/close-before-response/{ms}, /close-after-response/{ms}
//	/reset-before-response/{ms}, /reset-after-response/{ms}
//	                           a connection that breaks after that many milliseconds
//	/wrongprotocol/{ms}        bytes that are no HTTP
//	/error                     500
//	/rollback/check            403: a gate that stays closed
//	anything else              200: open gates (/gate/approve), sinks of events
//
// What its operators ask for, which no behaviour touches:
//
//	/healthz                   200 when ready, else 503 and why
//	/metrics                   requests and their durations, for Prometheus
//	/-/behaviour               GET, PUT: a behaviour.Behaviour as JSON
//
// With a behaviour for some paths it is anything that answers HTTP: a web metric, or a
// Prometheus where there is none:
//
//	{"and": [{"path": "/api/v1/query", "body": "{\"status\": \"success\", \"data\": {\"resultType\": \"scalar\", \"result\": [0, \"NaN\"]}}"},
//	         {"path": "/rollback/check", "status": 200}]}
//
// It speaks no gRPC: nothing that is rolled out here asks for any.
//
// Every answer names the version in the header X-Version and, unless the
// behaviour replaces it, in its body. A connection that breaks before the answer, and
// bytes that are no HTTP, have none: no behaviour touches them, and they are not counted.
//
// Read server.go, then answer.go, which serves what applications are asked for.
package server
