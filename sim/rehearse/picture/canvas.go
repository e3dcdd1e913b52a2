package picture

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// canvas collects SVG elements.
type canvas struct {
	strings.Builder
}

// coordinate writes a number with at most one digit after the point.
func coordinate(f float64) string {
	return strconv.FormatFloat(math.Round(10*f)/10, 'f', -1, 64)
}

func (c *canvas) rect(class string, x, y, w, h float64) {
	fmt.Fprintf(c, `<rect class="%s" x="%s" y="%s" width="%s" height="%s"/>`+"\n",
		class, coordinate(x), coordinate(y), coordinate(max(w, 0)), coordinate(max(h, 0)))
}

func (c *canvas) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(c, `<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s"/>`+"\n",
		class, coordinate(x1), coordinate(y1), coordinate(x2), coordinate(y2))
}

// text writes a text; anchor is start, middle or end. y is its baseline.
func (c *canvas) text(class, anchor string, x, y float64, text string) {
	fmt.Fprintf(c, `<text class="%s" text-anchor="%s" x="%s" y="%s">%s</text>`+"\n",
		class, anchor, coordinate(x), coordinate(y), html.EscapeString(text))
}

// point is a place on the canvas.
type point struct{ x, y float64 }

// path draws lines from point to point; several parts may be separated by a
// point that is not a number.
func (c *canvas) path(class string, points []point) {
	if d := pathData(points); d != "" {
		fmt.Fprintf(c, `<path class="%s" d="%s"/>`+"\n", class, d)
	}
}

var gap = point{math.NaN(), 0}

// level drops the points in the middle of level lines, of which hours of requests
// have thousands.
func level(points []point) (kept []point) {
	for _, p := range points {
		n := len(kept)
		if n > 1 && kept[n-1].y == p.y && kept[n-2].y == p.y && !math.IsNaN(p.x+kept[n-1].x+kept[n-2].x) && (kept[n-1].x-kept[n-2].x)*(p.x-kept[n-1].x) >= 0 {
			kept[n-1] = p
			continue
		}
		kept = append(kept, p)
	}
	return kept
}

func pathData(points []point) string {
	var b strings.Builder
	command := "M"
	for _, p := range level(points) {
		if math.IsNaN(p.x) {
			command = "M"
			continue
		}
		fmt.Fprintf(&b, "%s%s %s", command, coordinate(p.x), coordinate(p.y))
		command = "L"
	}
	return b.String()
}

// textWidth is how wide a text is at most in a font of the size, in pixels. It
// errs on the wide side, since readers have different fonts.
func textWidth(text string, size float64) float64 {
	return 0.6 * size * float64(utf8.RuneCountInString(text))
}

// spans remembers what is taken in a row, so that no text lies on another.
type spans []span

type span struct{ from, to float64 }

// margin is how far texts in one row stay apart.
const margin = 6

// take takes a place if it is free.
func (s *spans) take(from, to float64) bool {
	for _, x := range *s {
		if from < x.to+margin && x.from < to+margin {
			return false
		}
	}
	*s = append(*s, span{from, to})
	return true
}

// fit shortens a text to a width; it is empty if not even three letters fit.
func fit(text string, width, size float64) string {
	most := int(width / (0.6 * size))
	runes := []rune(text)
	switch {
	case len(runes) <= most:
		return text
	case most < 4:
		return ""
	}
	return strings.TrimRight(string(runes[:most-1]), " ") + "…"
}

// wrapText breaks a text at blanks into lines of a width.
func wrapText(text string, width, size float64) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		switch joined := line + " " + word; {
		case line == "":
			line = word
		case textWidth(joined, size) <= width:
			line = joined
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}
