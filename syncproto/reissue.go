package syncproto

// MaxReissue bounds the changes of one ReissueRequest.
const MaxReissue = 4096

// ReissueRequest asks, under a new replica id, what of a spent one's changes
// the server has, and takes the others over: they are issued anew under the
// new id, by whoever asked first, and no longer joined should they still come.
type ReissueRequest struct {
	Former ReplicaID
	// After is the number of the new id's last change: those taken over get
	// the numbers from After+1 on, in order.
	After Seq
	// Changes are the store's own of the former id, ascending.
	Changes []ReissueChange
	// Sig is by the former id's key, over the new id and all of the above: only
	// who has the store has it (sign.SignReissue).
	Sig Signature
}

// ReissueChange names one change of the former id.
type ReissueChange struct {
	Seq  Seq
	Hash Hash
}

// Reissued is what becomes of one of them.
type Reissued struct {
	// As is the change that says it anew, of the asking replica or of another
	// store's; zero when the server has it as it is.
	As ChangeID
	// Parts are the indexes of the parts issued anew, ascending; nil for all.
	// The others the server has joined.
	Parts []int
}
