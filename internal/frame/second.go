package frame

// NativeHead begins a native message in the second form.
const NativeHead = ";n;"

// Native is a cut for [Frame.SetSecond]. It puts NativeHead before the payload.
const Native = -1

// SetSecond describes the second form of a data frame: the payload without its first
// cut bytes, or with NativeHead in front if cut is [Native]. The opcode is that of the
// second form. Call it before a writer gets the frame.
func (f *Frame) SetSecond(cut int, opcode byte) { f.cut, f.secondOpcode = int32(cut), opcode }

// Second returns the frame in its second form. It returns the frame itself if
// SetSecond was not called. The form is made once, and shared by all callers.
func (f *Frame) Second() *Frame {
	if f.secondOpcode == 0 {
		return f
	}
	if second := f.second.Load(); second != nil {
		return second
	}
	payload, head := f.bytes[f.payload:], ""
	if f.cut == Native {
		head = NativeHead
	} else {
		payload = payload[f.cut:]
	}
	made := Seal(append(append(Reserve(len(head)+len(payload)), head...), payload...), f.secondOpcode)
	if !f.second.CompareAndSwap(nil, made) {
		return f.second.Load() // of another writer
	}
	return made
}

// Parts returns what another server needs to make the same message: the payload without the
// first cut bytes, the second opcode, and whether it is a native message. It is for frames
// with SetSecond.
func (f *Frame) Parts() (payload []byte, secondOpcode byte, native bool) {
	payload = f.bytes[f.payload:]
	if f.cut == Native {
		return payload, f.secondOpcode, true
	}
	return payload[f.cut:], f.secondOpcode, false
}
