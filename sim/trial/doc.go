// Package trial carries out one AnalysisRun under virtual time, without a
// cluster: the questions of internal/analysis, the providers of internal/metric,
// and in the place of the servers what somebody wrote down.
//
//	db := prom.NewDB(prom.Options{})
//	err := db.Pin(start, time.Minute, "errors_total", "0+1x10")
//	record, err := trial.Trial{Start: start.Add(2 * time.Minute), Spec: spec, Series: db}.Run(ctx)
//
// Prometheus is the real engine over series; web and SkyWalking servers give
// answers from a list, Jobs end as a list says. A [Record] holds the run at its
// end and every measurement that was made.
//
// It is not the AnalysisRun controller: it watches no cluster and writes no
// status. What it shares with the controller is what decides and what measures.
//
// Read trial.go next, then servers.go (what answers HTTP requests) and jobs.go
// (what ends Jobs). Package sim/templatetest makes trials of test files.
package trial
