// Package wire is the one encoding of everything that is signed, sent or
// stored: CBOR in the deterministic form of RFC 8949 §4.2, with strict,
// bounded decoding (SPEC.md §3).
//
// Writing is a handful of Append functions over a byte slice. Reading is a
// Reader with a sticky error: it refuses non-canonical heads, indefinite
// lengths, unsorted or repeated map keys, invalid UTF-8, anything over the
// caller's bound and, through Done, trailing bytes. No count read from input
// allocates memory before the bytes it promises are known to be there.
//
// The codec is our own, about 300 lines, because it is the hot path of every
// push and pull and because the general CBOR libraries check canonical form
// only by encoding again and comparing.
package wire
