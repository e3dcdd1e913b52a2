// Package manifest reads the files that people hand to kubectl apply, more
// strictly than kubectl does: a misspelt field is an error that names the file,
// the line, the field, and what was probably meant.
//
// [Read] turns files into objects. Kinds that the scheme knows come back typed
// and strictly decoded; kinds of foreign groups (a VirtualService, say) come
// back unstructured, as they are.
//
// It opens no files, checks no values beyond their types, and knows no cluster:
// internal/validate and the API server do that. Read read.go next, then
// explain.go for how an error finds its line.
package manifest
