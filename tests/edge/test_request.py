"""The head of a request: the provider's own, complete, and never a way to smuggle lines."""

import pytest

from outlast import __version__
from outlast.edge.origin import origin_of
from outlast.edge.request import Prepared, check, time_left, with_line
from outlast.model.target import Provider, Quirks, Secret
from outlast.ports import Outgoing


def provider(base_url="https://api.example.com/v1", **options):
    return Provider("p", "openai", base_url, **({"key": Secret("sk-1")} | options))


def lines(of, *, path=b"/chat", headers=(), body=b"{}"):
    head = Prepared(of).head(Outgoing(path, body, headers))
    assert head.endswith(b"\r\n\r\n")
    return head[:-4].split(b"\r\n")


def test_head():
    """All that a provider needs, each line once."""
    assert lines(provider("https://api.example.com/v1/"), body=b"12345") == [
        b"POST /v1/chat HTTP/1.1",
        b"host: api.example.com",
        b"user-agent: outlast/" + __version__.encode(),
        b"accept: */*",
        b"accept-encoding: identity",
        b"content-type: application/json",
        b"authorization: Bearer sk-1",
        b"content-length: 5",
    ]


@pytest.mark.parametrize(
    ("auth", "line"),
    [
        ("bearer", b"authorization: Bearer sk-1"),
        ("x-api-key", b"x-api-key: sk-1"),
        ("api-key", b"api-key: sk-1"),
        ("x-goog-api-key", b"x-goog-api-key: sk-1"),
    ],
)
def test_auth(auth, line):
    """The key goes where the provider wants it."""
    assert line in lines(provider(auth=auth))
    assert b"sk-1" not in b"".join(lines(provider(auth="none")))
    assert not any(b"key" in each or b"auth" in each for each in lines(provider(auth=auth, key=Secret(""))))


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        ("http://127.0.0.1:8080", b"127.0.0.1:8080"),
        ("http://127.0.0.1:80", b"127.0.0.1"),
        ("http://[::1]:8080/v1", b"[::1]:8080"),
        ("https://api.example.com:443", b"api.example.com"),
        ("https://api.example.com:80", b"api.example.com:80"),
        ("https://API.Example.com", b"api.example.com"),
        ("https://bücher.example", b"xn--bcher-kva.example"),
    ],
)
def test_host(base_url, host):
    """The host header names the port where it is not the usual one."""
    assert b"host: " + host in lines(provider(base_url))


def test_own_headers():
    """The provider's configuration and the dialect may add headers, and replace ours."""
    got = lines(
        provider(headers={"X-Team": "ä", "User-Agent": "mine", "Authorization": "Basic x"}),
        headers=(b"anthropic-version: 2023-06-01", b"Content-Type: text/plain"),
    )
    assert b"x-team: \xe4" in got
    assert b"anthropic-version: 2023-06-01" in got
    for name in (b"user-agent", b"content-type", b"authorization"):
        assert len([line for line in got if line.lower().startswith(name)]) == 1
    assert b"authorization: Basic x" in got
    assert b"Content-Type: text/plain" in got


def test_path_and_query():
    """The dialect's path and query follow the base URL's path."""
    assert lines(provider("https://x.example/openai/"), path=b"/d/chat?api-version=1")[0] == (
        b"POST /openai/d/chat?api-version=1 HTTP/1.1"
    )


def test_heads_are_bounded():
    """Ten thousand different paths do not pile up."""
    prepared = Prepared(provider())
    for n in range(10_000):
        prepared.head(Outgoing(b"/%d" % n, b""))
    assert len(prepared._heads) <= 512


@pytest.mark.parametrize("text", ["a\r\nx-evil: 1", "a\nb", "a\0b", "a\x7fb", "snow ☃"])
def test_bad_values(text):
    """A value that would be more than one line is refused; the message does not show it, for it may be a key."""
    for options in ({"headers": {"x-a": text}}, {"key": Secret(text)}):
        with pytest.raises(ValueError, match="provider p") as caught:
            check(provider(**options))
        assert text not in str(caught.value)


@pytest.mark.parametrize("name", ["content-length", "Transfer-Encoding", "connection", "a b", "a:b", "a\r\nb", "", "é"])
def test_bad_names(name):
    """Framing is written by the connection alone; a name is a word."""
    with pytest.raises(ValueError, match="provider p"):
        check(provider(headers={name: "x"}))


@pytest.mark.parametrize(
    "base_url",
    [
        "api.example.com",
        "ftp://api.example.com",
        "https://",
        "https://user:secret@api.example.com",
        "https://api.example.com?key=secret",
        "https://api.example.com/#secret",
        "https://api.example.com:99999",
        "https://api.example.com:x",
        "https://" + "a" * 70 + ".example",
        "https://[::1",
        "https://api.example.com/a b",
        "https://api.example.com/ü",
    ],
)
def test_bad_urls(base_url):
    """A URL that cannot be called is refused with the field's name, and not shown."""
    with pytest.raises(ValueError, match="base_url") as caught:
        check(provider(base_url))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("proxy", ["proxy:3128", "https://proxy:3128", "socks5://proxy", "http://:x"])
def test_bad_proxies(proxy):
    """Only CONNECT proxies over HTTP are known."""
    with pytest.raises(ValueError, match="proxy"):
        check(provider(proxy=proxy))


def test_credentials_do_not_show():
    """A proxy's credentials are in no repr."""
    origin = origin_of(provider(proxy="http://user:pass@proxy:3128"))
    assert origin.proxy.credentials == b"Basic dXNlcjpwYXNz"
    assert "dXNl" not in repr(origin)


@pytest.mark.parametrize("line", [b"x: a\r\ny: b", b"x: a\nb", b"x: \0"])
def test_bad_lines(line):
    """A dialect cannot write two lines as one."""
    with pytest.raises(ValueError, match="one line"):
        lines(provider(), headers=(line,))


@pytest.mark.parametrize("path", [b"/a b", b"/a\r\nhost: x", b"/\xff", b"chat"])
def test_bad_paths(path):
    """A path is one word that starts with a slash."""
    with pytest.raises(ValueError, match="path"):
        lines(provider("https://api.example.com"), path=path)


def test_sent_as_written(run, world, say):
    """What reaches the provider is this head and this body, in one piece."""
    seen = []

    async def scene(peer):
        seen.append(await peer.reader.read(65536))
        await peer.send(say.answer())

    async def story():
        async with world(scene) as at:
            exchange = await at.send(b'{"x": 1}', headers=(b"x-extra: 1",))
            exchange.release()

    run(story())
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/chat HTTP/1.1\r\nhost: 127.0.0.1:")
    assert head.endswith(b"\r\nx-extra: 1\r\ncontent-length: 8")
    assert body == b'{"x": 1}'


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(600.0, 599_000), (20.0, 19_000), (2.0, 1_900), (0.01, 9), (0.0001, 1), (-1.0, 1)],
)
def test_the_time_that_is_left_is_told_without_what_the_way_takes(seconds, told):
    """A twentieth, a second at most; never nothing."""
    head = Prepared(provider()).head(Outgoing(b"/chat", b"{}"))
    timed = with_line(head, time_left(b"x-left", seconds))
    assert timed == head[:-2] + b"x-left: %d\r\n\r\n" % told


@pytest.mark.parametrize("quirk", ["deadline_header", "attempt_header"])
@pytest.mark.parametrize("name", ["x left", "x:left", "x\r\nleft", "content-length"])
def test_a_header_of_ours_must_be_one(quirk, name):
    """What is configured cannot write lines of its own."""
    with pytest.raises(ValueError, match=r"header|written by outlast"):
        check(provider(quirks=Quirks(**{quirk: name})))
