package prom

import (
	"github.com/prometheus/prometheus/promql/parser"
)

// lender is a parser that keeps the syntax trees it has made, because the same
// query is asked again and again: parsing is a third of the time of a small one.
//
// The engine writes into a tree while it evaluates it. A tree is therefore lent
// to one query at a time, and comes back cleaned; trees that the engine changes
// for good are not kept (see reusable).
type lender struct {
	parser.Parser
	kept map[string]*tree
	lent *tree
}

// tree is the syntax of one query.
type tree struct {
	text      string
	expr      parser.Expr
	selectors []*parser.VectorSelector
}

// maxTrees bounds the trees that are kept. When there are as many, all are
// dropped, which a run with fewer distinct queries never meets.
const maxTrees = 512

func newLender() *lender {
	return &lender{Parser: parser.NewParser(parser.Options{}), kept: map[string]*tree{}}
}

// ParseExpr returns the tree of a query. The error is the parser's own.
func (l *lender) ParseExpr(text string) (parser.Expr, error) {
	l.lent = l.kept[text]
	if l.lent != nil {
		delete(l.kept, text)
		return l.lent.expr, nil
	}
	expr, err := l.Parser.ParseExpr(text)
	if err != nil {
		return nil, err
	}
	if reusable(expr) {
		l.lent = &tree{text: text, expr: expr, selectors: selectorsOf(expr)}
	}
	return expr, nil
}

// takeBack ends the loan of the last tree: the query is done with it.
func (l *lender) takeBack() {
	t := l.lent
	l.lent = nil
	if t == nil {
		return
	}
	for _, s := range t.selectors {
		s.Series, s.UnexpandedSeriesSet = nil, nil
	}
	if !reusable(t.expr) { // wrapped parts appear when a query is prepared
		return
	}
	if len(l.kept) >= maxTrees {
		clear(l.kept)
	}
	l.kept[t.text] = t
}

// reusable reports whether the engine leaves a tree as it was, but for the
// series of its selectors. It replaces subqueries, the functions of a query's
// own times and parts that are equal at every step (1 + 1) by others, and sorts
// the labels of count_values in place.
func reusable(expr parser.Expr) bool {
	ok := true
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.SubqueryExpr, *parser.StepInvariantExpr:
			ok = false
		case *parser.AggregateExpr:
			ok = ok && n.Op != parser.COUNT_VALUES
		case *parser.Call:
			switch n.Func.Name {
			case "start", "end", "step", "range", "info":
				ok = false
			}
		}
		return nil
	})
	return ok
}

func selectorsOf(expr parser.Expr) (found []*parser.VectorSelector) {
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			found = append(found, s)
		}
		return nil
	})
	return found
}
