// Package fault is what can go wrong between a controller and its API server:
// the controller dies between two writes, writes meet conflicts, reads lag,
// answers are lost, the server refuses.
//
// A [Fault] sits on the client of the controllers under test, never on the
// world's. It has a text form, which [Parse] reads and String prints, so that
// a failing run prints a line that can be pasted into the next one:
//
//	crash:after=3,restart=5s      dies after its third write, is back 5 s later
//	crash:p=0.02,restart=1s       dies after any write with that probability
//	conflict:p=0.2                one write in five finds that somebody else has just
//	                              written the object
//	stale:revisions=20,age=2s     reads and events lag, by 20 writes or 2 s
//	stale:age=2s,Pod=0s,Job=300ms those of some kinds less or more than the rest
//	lost-reply:p=0.1              the write is done, the answer is a timeout
//	refuse:code=429,p=0.5         the server is busy
//	refuse:code=403,verb=create,kind=ReplicaSet
//	                              a policy lets none in
//
// Every form takes from= and to=, counted from the start of the run: the fault
// is only there in between. After that a controller must get everything done.
//
// Read fault.go for the interface, then one file per family.
package fault
