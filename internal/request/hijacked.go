package request

import "net/http"

// Hijacked is the response of a request whose connection has been taken over:
// nothing can be written to it.
type Hijacked struct{ header http.Header }

// NewHijacked returns a response with a header.
func NewHijacked(header http.Header) *Hijacked { return &Hijacked{header} }

// Header implements http.ResponseWriter.
func (w *Hijacked) Header() http.Header { return w.header }

// Write implements http.ResponseWriter.
func (w *Hijacked) Write([]byte) (int, error) { return 0, http.ErrHijacked }

// WriteHeader implements http.ResponseWriter.
func (w *Hijacked) WriteHeader(int) {}
