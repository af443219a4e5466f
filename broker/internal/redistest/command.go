package redistest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// answerError is an error that the server has answered.
type answerError string

func (e answerError) Error() string { return "redis: " + string(e) }

// Do sends a command to the server, on a connection of its own. The answer is a string, an int,
// nil, or an []any of these.
func (s *Server) Do(command ...string) (any, error) { return s.do(command...) }

// Text is Do for an answer that is a string. It is empty after an error.
func (s *Server) Text(command ...string) string {
	answer, _ := s.do(command...)
	text, _ := answer.(string)
	return text
}

// Strings is Do for an answer that is a list of strings.
func (s *Server) Strings(command ...string) ([]string, error) {
	answer, err := s.do(command...)
	if err != nil {
		return nil, err
	}
	list, _ := answer.([]any)
	texts := make([]string, len(list))
	for i, value := range list {
		texts[i], _ = value.(string)
	}
	return texts, nil
}

// PID returns the number of the server's process.
func (s *Server) PID() int {
	s.t.Helper()
	_, rest, _ := strings.Cut(s.Text("INFO", "server"), "process_id:")
	number, _, _ := strings.Cut(rest, "\r")
	pid, err := strconv.Atoi(number)
	if err != nil {
		s.t.Fatal(err)
	}
	return pid
}

func (s *Server) do(command ...string) (any, error) {
	socket, err := net.DialTimeout("tcp", s.Addr(), patience)
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	_ = socket.SetDeadline(time.Now().Add(patience))
	var text strings.Builder
	fmt.Fprintf(&text, "*%d\r\n", len(command))
	for _, word := range command {
		fmt.Fprintf(&text, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := io.WriteString(socket, text.String()); err != nil {
		return nil, err
	}
	return readAnswer(bufio.NewReader(socket))
}

// readAnswer reads an answer in the format RESP2.
func readAnswer(r *bufio.Reader) (any, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return nil, io.ErrUnexpectedEOF
	}
	kind, rest := line[0], line[1:]
	if kind == '+' {
		return rest, nil
	}
	if kind == '-' {
		return nil, answerError(rest)
	}
	n, err := strconv.Atoi(rest)
	switch {
	case err != nil:
		return nil, err
	case kind == ':':
		return n, nil
	case n < 0:
		return nil, nil
	case kind == '$':
		text := make([]byte, n+2)
		_, err := io.ReadFull(r, text)
		return string(text[:n]), err
	case kind != '*':
		return nil, fmt.Errorf("redis: unknown answer %q", line)
	}
	list := make([]any, n)
	for i := range list {
		if list[i], err = readAnswer(r); err != nil {
			return nil, err
		}
	}
	return list, nil
}
