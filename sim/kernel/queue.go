package kernel

import "time"

// event is one thing to do. index is its place in the queue, -1 outside it.
type event struct {
	at    time.Duration // since the start of the kernel
	class Class
	seq   uint64
	index int
	name  string
	fn    func()
}

// before is the total order of events: time, then class, then sequence.
func (e *event) before(o *event) bool {
	if e.at != o.at {
		return e.at < o.at
	}
	if e.class != o.class {
		return e.class < o.class
	}
	return e.seq < o.seq
}

// queue is a binary heap that knows where each event is, so that a cancelled
// timer leaves it at once instead of being carried along until it is due.
type queue struct{ heap []*event }

func (q *queue) len() int { return len(q.heap) }

func (q *queue) peek() *event {
	if len(q.heap) == 0 {
		return nil
	}
	return q.heap[0]
}

func (q *queue) push(e *event) {
	e.index = len(q.heap)
	q.heap = append(q.heap, e)
	q.up(e.index)
}

func (q *queue) pop() *event {
	e := q.heap[0]
	q.remove(e)
	return e
}

// remove takes e out of the queue; it does nothing if e is not in it.
func (q *queue) remove(e *event) {
	i, last := e.index, len(q.heap)-1
	if i < 0 {
		return
	}
	q.swap(i, last)
	q.heap[last] = nil
	q.heap = q.heap[:last]
	e.index = -1
	if i < last {
		q.down(i)
		q.up(i)
	}
}

func (q *queue) swap(i, j int) {
	q.heap[i], q.heap[j] = q.heap[j], q.heap[i]
	q.heap[i].index, q.heap[j].index = i, j
}

func (q *queue) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !q.heap[i].before(q.heap[parent]) {
			return
		}
		q.swap(i, parent)
		i = parent
	}
}

func (q *queue) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(q.heap); child++ {
			if q.heap[child].before(q.heap[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		q.swap(i, least)
		i = least
	}
}
