package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// The chart's measures, in pixels, and its range of ratios.
const (
	chartWidth  = 900
	labelWidth  = 210
	barHeight   = 9
	groupGap    = 14
	chartTop    = 56
	leastRatio  = 0.02
	mostRatio   = 50
	valueMargin = 60
)

var colours = []string{"#d1495b", "#7a9cc6", "#8fb996", "#e3b23c", "#9a8fb0", "#b08968", "#6b9080", "#a9a9a9"}

// chart draws each row's ratios to the limit as bars, on a logarithmic scale
// with the limit in it: a shorter bar is better.
func (t *table) chart() string {
	var body strings.Builder
	y := chartTop
	for _, r := range t.rows {
		drawn := t.group(&body, r, y)
		if drawn > 0 {
			y += drawn*barHeight + groupGap
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">`+"\n", chartWidth, y+10)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/>`+"\n")
	fmt.Fprintf(&b, `<text x="10" y="18" font-size="13" font-weight="bold">Cost as a multiple of a bare write (shorter is better; logarithmic)</text>`+"\n")
	t.legend(&b)
	for _, tick := range []float64{0.1, 1, 10} {
		x := position(tick)
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#999" stroke-dasharray="%s"/><text x="%.1f" y="%d" text-anchor="middle" fill="#666">%g</text>`+"\n",
			x, chartTop-6, x, y, map[bool]string{true: "none", false: "2 3"}[tick == 1], x, y+8, tick)
	}
	b.WriteString(body.String())
	b.WriteString("</svg>\n")
	return b.String()
}

func (t *table) legend(b *strings.Builder) {
	x := 10
	for i, peer := range t.compared() {
		fmt.Fprintf(b, `<rect x="%d" y="28" width="10" height="10" fill="%s"/><text x="%d" y="37">%s</text>`+"\n", x, colours[i%len(colours)], x+14, html.EscapeString(peer))
		x += 30 + 7*len(peer)
	}
}

// compared returns the names of all peers but the limit.
func (t *table) compared() (names []string) {
	for _, peer := range t.peers {
		if peer.Name != "limit" {
			names = append(names, peer.Name)
		}
	}
	return names
}

// group draws a row and returns the number of its bars.
func (t *table) group(b *strings.Builder, r row, y int) (drawn int) {
	for i, peer := range t.compared() {
		ratio, ok := r.ratio(peer, "limit")
		if !ok {
			continue
		}
		top := y + drawn*barHeight
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/><text x="%.1f" y="%d" font-size="8" fill="#444">%.2f</text>`+"\n",
			labelWidth, top, position(ratio)-labelWidth, barHeight-1, colours[i%len(colours)], position(ratio)+3, top+barHeight-2, ratio)
		drawn++
	}
	if drawn > 0 {
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", labelWidth-8, y+drawn*barHeight/2+3, html.EscapeString(r.scenario.name))
	}
	return drawn
}

// position returns the place of a ratio on the scale.
func position(ratio float64) float64 {
	share := math.Log(min(max(ratio, leastRatio), mostRatio)/leastRatio) / math.Log(float64(mostRatio)/leastRatio)
	return labelWidth + share*(chartWidth-labelWidth-valueMargin)
}
