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
//	/wrongprotocol/{ms}        bytes that are no HTTP
//	/error                     500
//	anything else              200
//
// What its operators ask for, which no behaviour touches:
//
//	/healthz                   200 when ready, else 503 and why
//	/metrics                   requests and their durations, for Prometheus
//	/-/behaviour               GET, PUT: a behaviour.Behaviour as JSON
//
// Every answer names the version in the header X-Version and, unless the
// behaviour replaces it, in its body.
//
// Read server.go, then answer.go, which serves what applications are asked for.
package server
