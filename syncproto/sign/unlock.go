package sign

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"

	"github.com/chuantou/chuantou/syncproto"
)

// An unlock code is read over the phone to a person whose device has locked
// others' records (SPEC.md §8). The device shows a number, the person reads it
// out, the administrator reads the code back. It says for how many days it
// opens, and is good for this device and this number alone.
const (
	unlockAlphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ" // none that is heard or read for another
	unlockLetters  = 8                                  // of the check: 40 bits
	// UnlockNumberLetters is the length of the number that a device shows.
	UnlockNumberLetters = 6
	// MaxUnlockDays is the longest that a code opens for.
	MaxUnlockDays = len(unlockAlphabet) - 1
)

var errUnlockNumber = errors.New("the number that the device shows has 6 letters and digits: have it read out again")

// UnlockNumber makes what a device shows from random bytes.
func UnlockNumber(random [UnlockNumberLetters]byte) string {
	for i, b := range random {
		random[i] = unlockAlphabet[b%32]
	}
	return string(random[:])
}

// ReadUnlockNumber reads such a number as it was typed.
func ReadUnlockNumber(typed string) (string, error) {
	s := plainLetters(typed)
	if len(s) != UnlockNumberLetters || strings.Trim(s, unlockAlphabet) != "" {
		return "", errUnlockNumber
	}
	return s, nil
}

// UnlockCode makes the code by which a device opens for so many days, 1 to
// MaxUnlockDays.
func UnlockCode(secret [32]byte, replica syncproto.ReplicaID, number string, days int) string {
	code := string(unlockAlphabet[days]) + unlockCheck(secret, replica, number, days)
	return code[:3] + "-" + code[3:6] + "-" + code[6:]
}

// OpenUnlockCode checks a code as it was typed and says for how many days it opens.
func OpenUnlockCode(secret [32]byte, replica syncproto.ReplicaID, number, typed string) (days int, ok bool) {
	s := plainLetters(typed)
	if len(s) != 1+unlockLetters {
		return 0, false
	}
	days = strings.IndexByte(unlockAlphabet, s[0])
	if days < 1 || !hmac.Equal([]byte(s[1:]), []byte(unlockCheck(secret, replica, number, days))) {
		return 0, false
	}
	return days, true
}

func unlockCheck(secret [32]byte, replica syncproto.ReplicaID, number string, days int) string {
	h := hmac.New(sha256.New, secret[:])
	h.Write([]byte("chuantou/unlock/1"))
	h.Write(replica[:])
	h.Write([]byte(number))
	h.Write([]byte{byte(days)})
	bits := binary.BigEndian.Uint64(h.Sum(nil)[:8])
	var out [unlockLetters]byte
	for i := range out {
		out[i] = unlockAlphabet[bits>>(5*i)&31]
	}
	return string(out[:])
}

// plainLetters drops what stands between groups and takes small letters for large.
func plainLetters(typed string) string {
	if len(typed) > 64 {
		return ""
	}
	return strings.NewReplacer("-", "", " ", "", "—", "", "　", "").Replace(strings.ToUpper(typed))
}
