"""TLS is always verified, a cut is no end, and a proxy only carries."""

import asyncio
import datetime as dt
import ssl

import pytest
import trustme

from outlast.edge.tls import context_for
from outlast.model.errors import BadResponse, Connect, TimedOut

CLOSE_DELIMITED = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end"


class Authority:
    """An authority of our own, and servers' contexts with certificates of it."""

    def __init__(self, folder):
        self._authority = trustme.CA()
        self.file = str(folder / "ca.pem")
        self._authority.cert_pem.write_to_path(self.file)

    def context(self, *names, version=None, **options):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*names, **options).configure_cert(context)
        if version is not None:
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = version
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def serving(data):
    return lambda peer: peer.serve(data)


def refused(run, world, scene, **options):
    """The failure of a call that finds no TLS that it trusts."""

    async def story():
        async with world(scene, **options) as at:
            with pytest.raises(Connect) as caught:
                await at.send()
            return caught.value

    return run(story())


def test_verified(run, world, say, authority):
    """A server with a certificate of an authority that we trust is called, and called again on the same connection."""

    async def story():
        context = authority.context("127.0.0.1")
        async with world(serving(say.answer()), ssl=context, ca_file=authority.file) as at:
            assert await at.whole() == (200, b"ok")
            assert await at.whole() == (200, b"ok")
            return at.connected

    assert run(story()) == 1


def test_unknown_authority(run, world, say, authority):
    """A certificate of an authority that we do not know is refused for good, with the mend."""
    failure = refused(run, world, say.answer(), ssl=authority.context("127.0.0.1"))
    assert failure.again == "never"
    assert "ca_file" in failure.message


def test_wrong_name(run, world, say, authority):
    """A14: a certificate of another host is refused for good."""
    failure = refused(run, world, say.answer(), ssl=authority.context("api.example.com"), ca_file=authority.file)
    assert failure.again == "never"
    assert "made out to another" in failure.message


def test_expired(run, world, say, authority):
    """F2: an expired certificate is refused with a hint at the clock."""
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    context = authority.context("127.0.0.1", not_after=past)
    failure = refused(run, world, say.answer(), ssl=context, ca_file=authority.file)
    assert failure.again == "never"
    assert "clock" in failure.message


def test_not_yet_valid(run, world, say, authority):
    """F2: a certificate of the future is refused with a hint at the clock, which is the likelier fault."""
    begins, ends = dt.datetime(2090, 1, 1, tzinfo=dt.UTC), dt.datetime(2091, 1, 1, tzinfo=dt.UTC)
    context = authority.context("127.0.0.1", not_before=begins, not_after=ends)
    failure = refused(run, world, say.answer(), ssl=context, ca_file=authority.file)
    assert failure.again == "never"
    assert "is this machine's clock right?" in failure.message


def test_plain_port(run, world, authority):
    """A17: a server that speaks plain HTTP will do so the next time too."""

    async def scene(peer):
        await peer.reader.read(10)
        await peer.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        await peer.gone()

    async def story():
        async with world(scene, ca_file=authority.file) as at:
            at.provider = type(at.provider)("p", "openai", at.provider.base_url.replace("http:", "https:"))
            with pytest.raises(Connect) as caught:
                await at.send()
            return caught.value.again

    assert run(story()) == "never"


def test_alert(run, world, authority):
    """A12: a fatal alert gives no connection, and may be another way the next time."""

    async def scene(peer):
        await peer.reader.read(10)
        await peer.send(b"\x15\x03\x03\x00\x02\x02\x50")  # fatal, internal_error
        await peer.gone()

    async def story():
        async with world(scene) as at:
            at.provider = type(at.provider)("p", "openai", at.provider.base_url.replace("http:", "https:"))
            with pytest.raises(Connect) as caught:
                await at.send()
            return caught.value.again

    assert run(story()) == "at_once"


@pytest.mark.parametrize("how", ["silent", "hangs up", "resets"])
def test_handshake_without_end(run, world, how):
    """A11: the connect limit covers the handshake; one that is cut gave no connection."""

    async def scene(peer):
        await peer.reader.read(10)
        if how == "silent":
            await peer.gone()
        if how == "resets":
            peer.reset()

    async def story():
        async with world(scene) as at:
            at.provider = type(at.provider)("p", "openai", at.provider.base_url.replace("http:", "https:"))
            with pytest.raises((Connect, TimedOut)) as caught:
                await at.send(connect=0.2 if how == "silent" else 30)
            await at.closed()
            return caught.value

    failure = run(story())
    assert failure.phase == "connect" if how == "silent" else failure.again == "at_once"


@pytest.mark.parametrize("how", ["resets", "speaks first"])
def test_at_once(run, world, how):
    """A4, A7: a peer that resets as soon as it is connected, or speaks first, gives no TLS and holds nobody up."""

    async def scene(peer):
        if how == "resets":
            peer.reset()
        else:
            await peer.send(b"SSH-2.0-OpenSSH_9.6\r\n")
            await peer.gone()

    async def story():
        async with world(scene) as at:
            at.provider = type(at.provider)("p", "openai", at.provider.base_url.replace("http:", "https:"))
            with pytest.raises(Connect) as caught:
                await at.send()
            await at.closed()
            return caught.value.again

    assert run(story()) == ("at_once" if how == "resets" else "never")


def test_old_protocol(run, world, say, authority):
    """TLS below 1.2 is not spoken, whatever the server wants."""
    assert context_for(authority.file).minimum_version == ssl.TLSVersion.TLSv1_2
    assert context_for(authority.file).verify_mode == ssl.CERT_REQUIRED
    assert context_for(authority.file) is context_for(authority.file)


def test_twelve(run, world, say, authority):
    """TLS 1.2 is spoken where the server has no newer one."""

    async def story():
        context = authority.context("127.0.0.1", version=ssl.TLSVersion.TLSv1_2)
        async with world(serving(say.answer()), ssl=context, ca_file=authority.file) as at:
            return await at.whole()

    assert run(story()) == (200, b"ok")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_end_with_goodbye(run, world, authority, version):
    """A close-delimited body that ends with a close_notify is whole."""

    async def story():
        context = authority.context("127.0.0.1", version=version)
        async with world(CLOSE_DELIMITED, ssl=context, ca_file=authority.file) as at:
            return await at.whole()

    assert run(story()) == (200, b"until the end")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("data", [CLOSE_DELIMITED, b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\ncut"])
def test_cut_without_goodbye(run, world, authority, version, data):
    """A16: the same body without a close_notify is cut."""

    async def scene(peer):
        await peer.answer(data)
        peer.writer.transport.abort()

    async def story():
        context = authority.context("127.0.0.1", version=version)
        async with world(scene, ssl=context, ca_file=authority.file) as at:
            with pytest.raises(BadResponse):
                await at.whole()

    run(story())


def test_large_bodies(run, world, authority):
    """Megabytes go up and down through TLS, with back-pressure on both."""
    up, down = b"u" * 3_000_000, b"d" * 3_000_000

    async def scene(peer):
        _, body = await peer.request()
        assert body == up
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(down) + down)
        await peer.gone()

    async def story():
        async with world(scene, ssl=authority.context("127.0.0.1"), ca_file=authority.file) as at:
            _, body = await at.whole(up)
            return body == down

    assert run(story())


@pytest.mark.parametrize("leave_after", [*range(0, 30, 2)])
def test_leaving_within_the_handshake(run, world, say, authority, leave_after):
    """A caller who leaves at any turn of a handshake leaves no socket."""

    async def story():
        async with world(serving(say.answer()), ssl=authority.context("127.0.0.1"), ca_file=authority.file) as at:
            call = asyncio.ensure_future(at.whole())
            for _ in range(leave_after):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.wait([call])
            if call.cancelled():
                await at.closed()
            assert await at.whole() == (200, b"ok")

    run(story())


def test_broken_ca_file(run, world, say, tmp_path):
    """A ca_file that holds no certificate, or is not there, is told by name."""
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    for path in (empty, tmp_path / "missing.pem"):
        with pytest.raises(ValueError, match=path.name):
            context_for(str(path))


def proxied(peers, *, answer=b"HTTP/1.1 200 Connection established\r\nvia: x\r\n\r\n"):
    """A scene: a CONNECT proxy that notes what it is asked, and carries bytes."""

    async def scene(peer):
        head, _ = await peer.request()
        peers.append(head)
        await peer.send(answer)
        if not answer.startswith(b"HTTP/1.1 200"):
            return
        host, port = head.split()[1].rsplit(b":", 1)
        reader, writer = await asyncio.open_connection(host.decode(), int(port))
        await asyncio.gather(carry(peer.reader, writer), carry(reader, peer.writer))

    return scene


async def carry(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
    except ConnectionError:
        pass
    finally:
        writer.close()


@pytest.mark.parametrize("secure", [True, False])
def test_proxy(run, world, say, authority, secure):
    """Requests go through a tunnel, TLS inside it, and the tunnel is used again."""
    seen = []

    async def story():
        context = authority.context("127.0.0.1") if secure else None
        async with world(proxied(seen)) as way, world(serving(say.answer()), ssl=context, ca_file=authority.file) as at:
            port = way.provider.base_url.split(":")[2].split("/")[0]
            at.provider = type(at.provider)(
                "p",
                "openai",
                at.provider.base_url,
                proxy=f"http://user:pa%20ss@127.0.0.1:{port}",
                ca_file=authority.file,
            )
            assert await at.whole() == (200, b"ok")
            assert await at.whole() == (200, b"ok")
            assert at.connected == way.connected == 1
            await at.io.aclose()
            return at.provider.base_url.split("/")[2].encode()

    target = run(story())
    assert seen[0].startswith(b"CONNECT %b HTTP/1.1\r\nhost: %b\r\n" % (target, target))
    assert b"proxy-authorization: Basic dXNlcjpwYSBzcw==\r\n" in seen[0]


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        (b"HTTP/1.1 407 Who\r\n\r\n", "never"),
        (b"HTTP/1.1 502 No\r\n\r\n", "at_once"),
        (b"SSH-2.0\r\n\r\n", "never"),
        (b"HTTP/1.1 200 OK\r\n\r\nearly bytes", "at_once"),
        (b"HTTP/1.1 200 OK\r\n", "at_once"),
        (b"x" * 100_000, "at_once"),
    ],
)
def test_proxy_refuses(run, world, answer, again):
    """A proxy that does not make the tunnel gave no connection; its words and our credentials are not repeated."""

    async def scene(peer):
        await peer.answer(answer)

    async def story():
        async with world(scene) as way:
            port = way.provider.base_url.split(":")[2].split("/")[0]
            way.provider = type(way.provider)(
                "p", "openai", "https://api.example.com", proxy=f"http://u:secret@127.0.0.1:{port}"
            )
            with pytest.raises(Connect) as caught:
                await way.send()
            await way.closed()
            return caught.value

    failure = run(story())
    assert failure.again == again
    assert "secret" not in failure.message


def test_proxy_is_not_asked_for_metadata(run, world, say):
    """A proxy must not be used to reach what we would refuse ourselves."""

    async def story():
        async with world(say.answer()) as way:
            proxy = way.provider.base_url.removesuffix("/v1")
            way.provider = type(way.provider)("p", "openai", "http://169.254.169.254", proxy=proxy)
            with pytest.raises(Connect):
                await way.send()
            return way.connected

    assert run(story()) == 0
