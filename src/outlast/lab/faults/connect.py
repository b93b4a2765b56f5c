"""The named faults of group A: no connection, or something at the other end that is no HTTP server."""

from __future__ import annotations

from outlast.lab.script import Behaviour, not_http, reset, steps, unreachable
from outlast.lab.steps import Fin, Raw, Silence

_H2_SETTINGS = b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"
_TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x46"

CONNECT_FAULTS: dict[str, Behaviour] = {
    "A1-refused": unreachable("refused"),
    "A2-black-hole": unreachable("blackhole"),
    "A4-rst-at-once": reset(),
    "A6-random-bytes": not_http(),
    "A7-ssh-banner": steps("ssh", Raw(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), Silence()),
    "A9-no-such-name": unreachable("dns"),
    "A12-tls-alert": unreachable("tls"),
    "A20-http2-settings": steps("h2", Raw(_H2_SETTINGS), Silence()),
    "A21-http2-preface": steps("pri", Raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Silence()),
    "A22-tls-record": steps("alert", Raw(_TLS_ALERT), Fin()),
    "A23-smtp-greeting": steps("smtp", Raw(b"220 canary.example ESMTP\r\n"), Silence()),
    "A24-redis-error": steps("redis", Raw(b"-ERR unknown command 'POST'\r\n"), Fin()),
}
"""By name; `outlast.lab.faults` holds them with the others."""
