"""Group A over TLS: what needs a listener of its own, so that no simulated provider plays it."""

from .terms import FOUR, Row

ROWS = {
    "A11-handshake-silent": Row(
        "a handshake without end", "timeout", timers={"connect": 0.3}, must="the limit of connecting covers TLS"
    ),
    "A12-alert": Row("a fatal alert in the handshake", "connect", must="the first retry is made at once"),
    "A12-fin-in-handshake": Row("closes in the handshake", "connect"),
    "A13-expired": Row("a certificate that has expired", "connect", alone=1, first=1, must="with a hint at the clock"),
    "A13-not-yet-valid": Row(
        "a certificate of the future", "connect", alone=1, first=1, must="with a hint at the clock"
    ),
    "A14-wrong-host": Row("a certificate of another host", "connect", alone=1, first=1, must="never trusted by itself"),
    "A15-unknown-authority": Row(
        "a certificate of an authority that nobody knows", "connect", alone=1, first=1, must="never trusted by itself"
    ),
    "A16-cut": Row(
        "cut without a goodbye", "bad_response", "broken_stream", said=FOUR, must="no end, however it looks"
    ),
    "A16-complete": Row(
        "complete, without a length and a goodbye", "bad_response", "ok", must="a stream says itself that it is whole"
    ),
    "A16-reset": Row("reset in the middle", "bad_response", "broken_stream", said=FOUR),
    "A17-plain-port": Row("a server that speaks plain HTTP", "connect", alone=1, first=1),
    "A18-ssh-banner": Row("an SSH server where TLS is spoken", "connect", alone=1, first=1),
}
