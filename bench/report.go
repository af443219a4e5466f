package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

func (t *table) header() string {
	names, lines := []string{"scenario"}, []string{"---"}
	for _, peer := range t.peers {
		names, lines = append(names, peer.Name), append(lines, "---")
	}
	return fmt.Sprintf("| %s |\n|%s|\n", strings.Join(names, " | "), strings.Join(lines, "|"))
}

func (t *table) line(r row) string {
	cells := []string{fmt.Sprintf("%s (%s)", r.scenario.name, r.scenario.unit)}
	for _, peer := range t.peers {
		cells = append(cells, r.cell(peer.Name, t.base))
	}
	return fmt.Sprintf("| %s |\n", strings.Join(cells, " | "))
}

// ratio returns the cost of a server as a multiple of another's: the median of the
// rounds. In each round, one of them ran after the other.
func (r row) ratio(peer, to string) (float64, bool) {
	n := min(len(r.results[peer]), len(r.results[to]))
	if n == 0 {
		return 0, false
	}
	ratios := make([]float64, n)
	for i := range ratios {
		ratios[i] = r.results[peer][i].value / r.results[to][i].value
	}
	slices.Sort(ratios)
	return ratios[n/2], true
}

// comparison returns the table of this library's cost as a multiple of each other
// server's.
func (t *table) comparison() string {
	var b strings.Builder
	names, lines := []string{"iris as a multiple of"}, []string{"---"}
	for _, peer := range t.peers {
		if peer.Name != "iris" {
			names, lines = append(names, peer.Name), append(lines, "---")
		}
	}
	fmt.Fprintf(&b, "| %s |\n|%s|\n", strings.Join(names, " | "), strings.Join(lines, "|"))
	for _, r := range t.rows {
		cells := []string{r.scenario.name}
		for _, peer := range names[1:] {
			cell := "–"
			if ratio, ok := r.ratio("iris", peer); ok {
				cell = fmt.Sprintf("%.2f", ratio)
			}
			cells = append(cells, cell)
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.String()
}

func (r row) cell(peer, base string) string {
	if r.failures[peer] != nil {
		return "failed"
	}
	runs := r.results[peer]
	if len(runs) == 0 {
		return "–"
	}
	m := median(runs)
	cell := fmt.Sprintf("%.2f", m.value)
	if ratio, ok := r.ratio(peer, base); ok && peer != base {
		cell += fmt.Sprintf(" (%.2f)", ratio)
	}
	if m.note != "" {
		cell += ": " + m.note
	}
	for _, failure := range []struct {
		what  string
		count func(result) int
	}{
		{"lost", func(r result) int { return r.lost }},
		{"out of order", func(r result) int { return r.reordered }},
		{"astray", func(r result) int { return r.stray }},
	} {
		most := 0
		for _, run := range runs {
			most = max(most, failure.count(run))
		}
		if most > 0 {
			cell += fmt.Sprintf(", %d %s", most, failure.what)
		}
	}
	return cell
}

// caveats stand below the table of RESULTS.md.
const caveats = `Microseconds are the server process's processor time, the kernel's included, for each delivered message, handshake or end of a connection; KiB are what its resident memory grows by for each connection; seconds are for 2,000 messages of 4 KiB to a room of 1,000 of which one never reads: in this row, the time and the 99th percentile of the latency are compared with those of the same run without that one, and the growth of the resident memory is that beyond the growth without it. In brackets is the ratio to limit, the median of the rounds' ratios; limit is a program that writes a ready-made frame with one system call for each client and does nothing else: no events, no order, no limits, no pings.

Read the ratios, not the figures: the load generator runs on the same processors, over loopback, and the machine is shared. Messages have 64 bytes unless the row says otherwise. Messages of a burst are sent back to back, and a server that glues them writes less often than the limit does. "Lost" is what hadn't arrived 5 seconds after the last one that had; "out of order" counts each message whose number wasn't the next, so a gap counts once in both. The servers are set up as their documentation shows, with rooms of our own where they have none; socket.io and ws run in one Node process, which cannot use both processors, and aren't measured over TLS and with compression. neffos is the one that Iris 12.2.11 requires. melody, neffos, socket.io and ws run in the first round only; the row a minute after traffic has one round, without them, and no figure for centrifuge, whose clients must answer pings of its own protocol.
`

// write writes RESULTS.md and chart.svg.
func (t *table) write() error {
	var b strings.Builder
	b.WriteString("# Results\n\n")
	fmt.Fprintf(&b, "`go run . -rounds %d -write`, in this folder, on %s: %s. Medians of %d interleaved rounds.\n\n![ratios](chart.svg)\n\n",
		t.rounds, today(), machine(), t.rounds)
	b.WriteString(t.header())
	for _, r := range t.rows {
		b.WriteString(t.line(r))
	}
	b.WriteString("\n" + t.comparison())
	b.WriteString("\n" + caveats + "\nVersions: " + t.versions() + ".\n")
	if err := writeSection("", b.String()); err != nil {
		return err
	}
	return os.WriteFile("chart.svg", []byte(t.chart()), 0o644)
}

const resultsFile = "RESULTS.md"

// heading begins each section of RESULTS.md but the first one, which compares libraries.
const heading = "\n## "

// writeSection replaces a section of RESULTS.md. A run writes one of them. The text ends with
// a line. name is empty for the first section; else the text follows the heading.
func writeSection(name, text string) error {
	data, err := os.ReadFile(resultsFile)
	if err != nil {
		return err
	}
	sections := strings.Split(string(data), heading)
	i := 0
	if name != "" {
		text = name + "\n\n" + text
		i = slices.IndexFunc(sections, func(s string) bool { return strings.HasPrefix(s, name+"\n") })
	}
	if i < 0 {
		sections = append(sections, text)
	} else {
		sections[i] = text
	}
	return os.WriteFile(resultsFile, []byte(strings.Join(sections, heading)), 0o644)
}

func today() string { return time.Now().UTC().Format("2 January 2006") }

func machine() string {
	model := "unknown processor"
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(data)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		kernel = []byte("unknown")
	}
	version, _, _ := strings.Cut(strings.TrimSpace(string(kernel)), "-") // without its builder's marks
	return fmt.Sprintf("%d processors (%s), Linux %s, %s", runtime.NumCPU(), model, version, runtime.Version())
}

// versions names the peers' versions.
func (t *table) versions() string {
	var list []string
	for _, peer := range t.peers {
		switch {
		case peer.Module == "":
		case peer.Script != "":
			list = append(list, peer.Name+" "+nodeVersion(peer.Module))
		default:
			list = append(list, peer.Name+" "+goVersion(peer.Module))
		}
	}
	return strings.Join(append(list, "Node "+programVersion("node", "--version")), ", ")
}

// goVersion returns the version of a module in this program.
func goVersion(module string) string {
	build, _ := debug.ReadBuildInfo()
	if build != nil {
		for _, dependency := range build.Deps {
			if dependency.Path == module {
				return dependency.Version
			}
		}
	}
	return "unknown"
}

// programVersion returns the version that a program prints.
func programVersion(program string, args ...string) string {
	output, err := exec.Command(program, args...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(output))
}

func nodeVersion(module string) string {
	data, err := os.ReadFile(filepath.Join("node", "node_modules", module, "package.json"))
	if err != nil {
		return "unknown"
	}
	var description struct{ Version string }
	if json.Unmarshal(data, &description) != nil {
		return "unknown"
	}
	return description.Version
}
