package request

import "net/http"

// Hijacked is the response writer of a request after its connection was taken over.
// Writes fail with [http.ErrHijacked].
type Hijacked struct{ header http.Header }

// NewHijacked returns a Hijacked with a header.
func NewHijacked(header http.Header) *Hijacked { return &Hijacked{header} }

// Header implements [http.ResponseWriter].
func (w *Hijacked) Header() http.Header { return w.header }

// Write implements [http.ResponseWriter].
func (w *Hijacked) Write([]byte) (int, error) { return 0, http.ErrHijacked }

// WriteHeader implements [http.ResponseWriter]. It does nothing.
func (w *Hijacked) WriteHeader(int) {}
