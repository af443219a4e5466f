// Package layout has only a test: it compares the table of folders in
// CONTRIBUTING.md with the folders. Each folder with Go files needs a row, and
// each row needs something to stand for. The row of a package in this folder,
// internal, repeats words of the first sentence of the package's comment.
package layout
