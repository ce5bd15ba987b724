package session

// The few words of HTTP that the exchange is written in: net/http itself would
// bring sockets into the protocol.
const (
	methodPost         = "POST"
	statusNoContent    = 204
	statusUnauthorized = 401
)
