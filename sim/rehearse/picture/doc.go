// Package picture draws the report of a rehearsal: [HTML] as a page that needs
// nothing but a browser, [SVG] as one picture. Both are pure functions from a
// report to bytes; the same report gives the same bytes.
//
// A page holds the picture twice, wide and narrow, and shows the one that fits;
// colours follow the reader's choice of light or dark. There is no script: what a
// pointer would reveal is also in the tables.
//
// It does not simulate and it decides nothing: numbers and sentences are those of
// package rehearse. Read chart.go (how a picture is put together), then panels.go
// and lanes.go (what is in it), canvas.go (how things are drawn without texts on
// top of each other) and page.go.
package picture
