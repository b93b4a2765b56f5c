"""TLS to providers: always verified, 1.2 or newer, one context for each set of trusted certificates."""

from __future__ import annotations

import ssl
from functools import cache

from outlast.model.errors import Connect

NEVER_AGAIN = frozenset(
    {
        "WRONG_VERSION_NUMBER",
        "RECORD_LAYER_FAILURE",
        "PACKET_LENGTH_TOO_LONG",
        "HTTP_REQUEST",
        "HTTPS_PROXY_REQUEST",
        "UNSUPPORTED_PROTOCOL",
        "NO_PROTOCOLS_AVAILABLE",
        "VERSION_TOO_LOW",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
        "TLSV1_ALERT_UNKNOWN_CA",
    }
)
"""OpenSSL's reasons that no repetition changes: the peer speaks something else."""

HINTS = {
    9: "not valid yet; is this machine's clock right?",
    10: "expired; is this machine's clock right?",
    18: "self-signed; give it as ca_file if it is meant",
    19: "signed by an unknown authority; give that one as ca_file if it is meant",
    20: "signed by an unknown authority; give that one as ca_file if it is meant",
    21: "signed by an unknown authority; give that one as ca_file if it is meant",
    62: "made out to another name",
    64: "made out to another address",
}
"""OpenSSL's verification codes in our words."""


@cache
def context_for(ca_file: str) -> ssl.SSLContext:
    """The context that trusts `ca_file`, or the system's certificates if that is empty.

    Raises:
        ValueError: the file cannot be read or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:  # ssl.SSLError is one
        raise ValueError(f"ca_file {ca_file!r} cannot be loaded: {type(error).__name__}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def failure_of(error: ssl.SSLError, host: str) -> Connect:
    """What a failed handshake means: a wrong certificate or protocol will be as wrong the next time."""
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = HINTS.get(error.verify_code, f"not trusted (code {error.verify_code})")
        return Connect(f"the certificate of {host} is {hint}", again="never")
    if error.reason in NEVER_AGAIN:
        return Connect(f"{host} does not speak our TLS", again="never")
    return Connect(f"the TLS handshake with {host} failed")
