package prom

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	jsoniter "github.com/json-iterator/go"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/prometheus/prometheus/util/jsonutil"
)

// errTruncated is the warning of a Prometheus server, word for word.
var errTruncated = errors.New("results truncated due to limit")

// encode writes a result as the HTTP interface of Prometheus does: numbers are
// strings, so that NaN and +Inf can be told, and times are seconds.
//
//	scalar  {"resultType":"scalar","result":[1767603600,"0.95"]}
//	vector  {"resultType":"vector","result":[{"metric":{"code":"200"},"value":[1767603600,"1"]}]}
//	matrix  {"resultType":"matrix","result":[{"metric":{},"values":[[1767603600,"1"],[1767603615,"2"]]}]}
//	string  {"resultType":"string","result":[1767603600,"text"]}
//
// At most limit series are written, if it is not 0.
func encode(text string, result *promql.Result, limit int) ([]byte, error) {
	w := jsoniter.NewStream(jsoniter.ConfigCompatibleWithStandardLibrary, nil, 512)
	w.WriteRaw(`{"status":"success","data":{"resultType":"`)
	w.WriteRaw(string(result.Value.Type()))
	w.WriteRaw(`","result":`)
	warnings := result.Warnings
	switch v := result.Value.(type) {
	case promql.Scalar:
		w.WriteArrayStart()
		w.WriteFloat64(float64(v.T) / 1000)
		w.WriteMore()
		w.WriteString(strconv.FormatFloat(v.V, 'f', -1, 64))
		w.WriteArrayEnd()
	case promql.String: // it knows how to write itself
		w.WriteVal(v)
	case promql.Vector:
		if cut(&v, limit) {
			warnings = warnings.Add(errTruncated)
		}
		encodeVector(w, v)
	case promql.Matrix:
		if cut(&v, limit) {
			warnings = warnings.Add(errTruncated)
		}
		encodeMatrix(w, v)
	default:
		return nil, fmt.Errorf("encode the result of %s: no encoding for %T", text, result.Value)
	}
	w.WriteRaw(`}`)
	encodeNotes(w, warnings, text)
	w.WriteRaw(`}`)
	return w.Buffer(), w.Error
}

// cut shortens a list to a limit, if there is one, and reports whether it did.
func cut[T any, S ~[]T](list *S, limit int) bool {
	if limit == 0 || len(*list) <= limit {
		return false
	}
	*list = (*list)[:limit]
	return true
}

func encodeVector(w *jsoniter.Stream, v promql.Vector) {
	w.WriteArrayStart()
	for i, sample := range v {
		if i > 0 {
			w.WriteMore()
		}
		w.WriteRaw(`{"metric":`)
		encodeLabels(w, sample.Metric)
		w.WriteRaw(`,"value":`)
		encodePoint(w, sample.T, sample.F)
		w.WriteRaw(`}`)
	}
	w.WriteArrayEnd()
}

func encodeMatrix(w *jsoniter.Stream, m promql.Matrix) {
	w.WriteArrayStart()
	for i, series := range m {
		if i > 0 {
			w.WriteMore()
		}
		w.WriteRaw(`{"metric":`)
		encodeLabels(w, series.Metric)
		w.WriteRaw(`,"values":`)
		w.WriteArrayStart()
		for j, p := range series.Floats {
			if j > 0 {
				w.WriteMore()
			}
			encodePoint(w, p.T, p.F)
		}
		w.WriteArrayEnd()
		w.WriteRaw(`}`)
	}
	w.WriteArrayEnd()
}

// encodePoint writes [1767603600.5,"0.25"].
func encodePoint(w *jsoniter.Stream, t int64, v float64) {
	w.WriteArrayStart()
	jsonutil.MarshalTimestamp(t, w)
	w.WriteMore()
	jsonutil.MarshalFloat(v, w)
	w.WriteArrayEnd()
}

func encodeLabels(w *jsoniter.Stream, ls labels.Labels) {
	w.WriteObjectStart()
	first := true
	ls.Range(func(l labels.Label) {
		if !first {
			w.WriteMore()
		}
		first = false
		w.WriteString(l.Name)
		w.WriteRaw(`:`)
		w.WriteString(l.Value)
	})
	w.WriteObjectEnd()
}

// encodeNotes writes the warnings and hints, sorted: the engine has no order.
func encodeNotes(w *jsoniter.Stream, notes annotations.Annotations, text string) {
	if len(notes) == 0 {
		return
	}
	warnings, infos := notes.AsStrings(text, 10, 10)
	for _, list := range []struct {
		name  string
		texts []string
	}{{"warnings", warnings}, {"infos", infos}} {
		if len(list.texts) == 0 {
			continue
		}
		slices.Sort(list.texts)
		w.WriteRaw(`,"` + list.name + `":`)
		w.WriteVal(list.texts)
	}
}

// encodeError writes {"status":"error","errorType":"bad_data","error":"..."}.
func encodeError(kind string, err error) []byte {
	w := jsoniter.NewStream(jsoniter.ConfigCompatibleWithStandardLibrary, nil, 256)
	w.WriteRaw(`{"status":"error","errorType":"` + kind + `","error":`)
	w.WriteStringWithHTMLEscaped(err.Error())
	w.WriteRaw(`}`)
	return w.Buffer()
}
