"""Group A: no connection, or no HTTP server."""

from .terms import SHORT, Row

ROWS = {
    "A1-refused": Row("the connection is refused", "connect", must="the first retry is made at once"),
    "A2-black-hole": Row("packets vanish", "timeout", timers=SHORT, must="no attempt outlasts its limit"),
    "A4-rst-at-once": Row("accepts, then resets", "connect"),
    "A6-random-bytes": Row("bytes that are no HTTP", "bad_response", must="not one byte is echoed"),
    "A7-ssh-banner": Row("an SSH server", "bad_response", must="told at once, not by a timer"),
    "A9-no-such-name": Row("the name does not resolve", "connect"),
    "A12-tls-alert": Row("TLS fails", "connect"),
    "A20-http2-settings": Row("an HTTP/2 server's settings", "bad_response", must="told at once, not by a timer"),
    "A21-http2-preface": Row("an HTTP/2 preface", "bad_response", must="told at once, not by a timer"),
    "A22-tls-record": Row("a TLS alert on a plain port", "bad_response"),
    "A23-smtp-greeting": Row("a mail server", "bad_response", must="told at once, not by a timer"),
    "A24-redis-error": Row("a Redis", "bad_response"),
}
