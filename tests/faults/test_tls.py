"""Faults of TLS, through the whole gateway and through the library: never trusted by itself, and a cut is no end."""

import datetime as dt
import ssl

import pytest
import trustme

from outlast.testing import SimulatedProvider

from . import check_gateway, check_library
from .asking import Stage
from .cases import cases_of, named
from .library import Library
from .listener import ALERT, Listener, answering, greeting, hang_up, saying, silent
from .rows import TLS

PLAIN = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 6\r\n\r\ncanary"
PAST, FUTURE = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2090, 1, 1, tzinfo=dt.UTC)
BARE = {
    "A11-handshake-silent": silent,
    "A12-alert": saying(ALERT),
    "A12-fin-in-handshake": hang_up,
    "A17-plain-port": saying(PLAIN),
    "A18-ssh-banner": greeting,
}
"""Scenes without TLS."""
SECURE = {
    "A16-cut": answering(4),
    "A16-complete": answering(),
    "A16-reset": answering(4, reset=True),
}
"""Scenes behind a good handshake."""
CERTIFICATES = {
    "A13-expired": ("127.0.0.1", {"not_after": PAST}),
    "A13-not-yet-valid": ("127.0.0.1", {"not_before": FUTURE, "not_after": FUTURE + dt.timedelta(days=1)}),
    "A14-wrong-host": ("api.example.com", {}),
    "A15-unknown-authority": ("127.0.0.1", {}),
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Who is trusted, and the file that says so."""
    trusted, file = trustme.CA(), tmp_path_factory.mktemp("authority") / "ca.pem"
    trusted.cert_pem.write_to_path(file)
    return trusted, str(file)


def context(authority, name="127.0.0.1", **options):
    """The server's side of TLS."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, **options).configure_cert(made)
    return made


def listener(row, authority):
    """Who plays that fault."""
    if row in BARE:
        return Listener(BARE[row])
    if row in SECURE:
        return Listener(SECURE[row], context(authority))
    name, options = CERTIFICATES[row]
    issuer = trustme.CA() if row == "A15-unknown-authority" else authority
    return Listener(answering(), context(issuer, name, **options))


def test_every_fault_of_tls_is_in_the_table():
    """And the table has no other."""
    assert sorted(TLS) == sorted([*BARE, *SECURE, *CERTIFICATES])


@pytest.mark.parametrize(
    ("face", "checked"), [(Stage, check_gateway), (Library, check_library)], ids=["gateway", "library"]
)
@pytest.mark.parametrize("row", TLS)
def test_a_fault_of_tls(tmp_path, authority, row, face, checked):
    """Whole and streamed, with one target and with two: what comes of it is the table's."""
    trusted, file = authority
    cases = cases_of(row, "openai")
    with (
        SimulatedProvider() as provider,
        listener(row, trusted) as there,
        face(provider, cases, tmp_path, elsewhere=there.url, ca_file=file) as asking,
    ):
        for case, answer in zip(cases, asking.ask_all(cases), strict=True):
            with named(case, answer):
                checked.check(asking, case, answer)


@pytest.mark.parametrize(
    ("row", "mend"), [("A13-expired", "clock"), ("A13-not-yet-valid", "clock"), ("A15-unknown-authority", "ca_file")]
)
def test_the_mend_is_told(tmp_path, authority, row, mend):
    """F2: a certificate that our clock makes invalid, or that nobody here vouches for, is told with what to look at."""
    trusted, file = authority
    (case, *_) = cases = cases_of(row, "openai")
    with (
        SimulatedProvider() as provider,
        listener(row, trusted) as there,
        Library(provider, cases, tmp_path, elsewhere=there.url, ca_file=file) as asking,
    ):
        (answer,) = asking.ask_all([case])
    assert mend in answer.failure.message
