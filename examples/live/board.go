package main

import (
	"slices"
	"strings"
	"sync"

	"github.com/kataras/iris/websocket"
)

// Card is a card on the board.
type Card struct {
	ID     int    `json:"id"`
	Column string `json:"column"`
	Text   string `json:"text"`
	By     string `json:"by"` // the name of its tab
}

const maxCards, maxText = 100, 80

var columns = []string{"todo", "doing", "done"}

// board holds the cards in the order of their arrival in a column.
type board struct {
	w *websocket.Server

	mu    sync.Mutex // guards the fields below, and keeps the order of what is emitted
	cards []Card
	last  int // the last ID
}

// newBoard registers the events of a board. Each handler has a value for the tab that
// asks, and emits it to the others.
func newBoard(w *websocket.Server) {
	b := &board{w: w}
	for _, c := range []Card{
		{Column: "todo", Text: "Pack the tent", By: "Iris"},
		{Column: "todo", Text: "Save the maps", By: "Iris"},
		{Column: "doing", Text: "Book seats", By: "Iris"},
		{Column: "done", Text: "Choose a lake", By: "Iris"},
	} {
		b.put(c)
	}
	w.OnConnection(b.show)
	w.On("add", b.add)
	w.On("move", b.move)
	w.On("remove", b.remove)
	// A reply comes after everything that was sent before it. So a tab that has come
	// back, and asks, knows when it has caught up.
	w.On("sync", func() (int, error) { return len(b.list()), nil })
}

func (b *board) list() []Card {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.cards)
}

// show sends the whole board to a new connection. It isn't called for a tab that comes
// back in time.
func (b *board) show(c websocket.Connection) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c.Emit("board", b.cards)
}

// put gives a card an ID, and appends it. The caller holds mu, if others know b.
func (b *board) put(card Card) Card {
	b.last++
	card.ID = b.last
	b.cards = append(b.cards, card)
	return card
}

func (b *board) add(c websocket.Connection, card Card) (Card, error) {
	card.Text = strings.TrimSpace(card.Text)
	switch {
	case card.Text == "" || len(card.Text) > maxText:
		return Card{}, &websocket.ReplyError{Code: "text", Message: "A card has between 1 and 80 bytes of text."}
	case !slices.Contains(columns, card.Column):
		return Card{}, &websocket.ReplyError{Code: "column", Message: "There is no such column."}
	}
	card.By = nameOf(c)

	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.cards) == maxCards {
		return Card{}, &websocket.ReplyError{Code: "full", Message: "The board is full."}
	}
	card = b.put(card)
	return card, c.To(websocket.Broadcast).Emit("added", card)
}

// move puts a card at the end of a column.
func (b *board) move(c websocket.Connection, to Card) (Card, error) {
	if !slices.Contains(columns, to.Column) {
		return Card{}, &websocket.ReplyError{Code: "column", Message: "There is no such column."}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	card, ok := b.take(to.ID)
	if !ok {
		return Card{}, errGone
	}
	card.Column = to.Column
	b.cards = append(b.cards, card)
	return card, c.To(websocket.Broadcast).Emit("moved", card)
}

func (b *board) remove(c websocket.Connection, id int) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.take(id); !ok {
		return 0, errGone
	}
	return id, c.To(websocket.Broadcast).Emit("removed", id)
}

var errGone = &websocket.ReplyError{Code: "gone", Message: "Another tab has removed the card."}

// take removes a card. The caller holds mu.
func (b *board) take(id int) (Card, bool) {
	i := slices.IndexFunc(b.cards, func(c Card) bool { return c.ID == id })
	if i < 0 {
		return Card{}, false
	}
	card := b.cards[i]
	b.cards = slices.Delete(b.cards, i, i+1)
	return card, true
}
