package prom

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/prometheus/promql"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace/noop"
)

// evaluator is an engine with a parser of its own. It works on one query at a
// time.
type evaluator struct {
	engine *promql.Engine
	lender *lender
}

// idle are the evaluators that wait for a query. A simulation is one thread and
// so uses one of them over and over; simulations in parallel have one each.
var idle struct {
	sync.Mutex
	evaluators []*evaluator
}

func borrowEvaluator() *evaluator {
	idle.Lock()
	defer idle.Unlock()
	if n := len(idle.evaluators); n > 0 {
		e := idle.evaluators[n-1]
		idle.evaluators = idle.evaluators[:n-1]
		return e
	}
	l := newLender()
	return &evaluator{newEngine(l), l}
}

func (e *evaluator) giveBack() {
	e.lender.takeBack()
	idle.Lock()
	defer idle.Unlock()
	idle.evaluators = append(idle.evaluators, e)
}

// noSpans tells the engine, once, that nobody collects the spans of its queries. It would
// make five for each and keep them for a collector to come.
var noSpans = sync.OnceFunc(func() { otel.SetTracerProvider(noop.NewTracerProvider()) })

// newEngine returns an engine with the settings of a Prometheus server, but for
// the timeout: it would be of real time, on which no answer may depend.
func newEngine(l *lender) *promql.Engine {
	noSpans()
	return promql.NewEngine(promql.EngineOpts{
		Parser:                   l,
		MaxSamples:               50_000_000,
		Timeout:                  24 * time.Hour,
		LookbackDelta:            5 * time.Minute,
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
	})
}

// question is a query and when to evaluate it: at start, or if step is not 0 at
// every step from start to end.
type question struct {
	text       string
	start, end time.Time
	step       time.Duration
	lookback   time.Duration // 0: 5 minutes
}

// ask evaluates a question and hands the result to use, which must not keep it:
// the engine uses its memory again. The error is that of the text; one of the
// evaluation is in the result.
func (db *DB) ask(ctx context.Context, q question, use func(*promql.Result)) error {
	e := borrowEvaluator()
	defer e.giveBack()
	var (
		query promql.Query
		err   error
		opts  = promql.NewPrometheusQueryOpts(false, q.lookback)
	)
	if q.step == 0 {
		query, err = e.engine.NewInstantQuery(ctx, db, opts, q.text, q.start)
	} else {
		query, err = e.engine.NewRangeQuery(ctx, db, opts, q.text, q.start, q.end, q.step)
	}
	if err != nil {
		return err
	}
	defer query.Close()
	use(query.Exec(ctx))
	return nil
}
