"""Names, addresses and TCP: what goes wrong before a byte is sent, and how long it may take."""

import asyncio
import contextlib
import resource
import socket
import threading

import pytest
from bench.ports import reserved

from outlast.edge.address import is_public_name, refusal
from outlast.edge.bounds import Bounds
from outlast.model.errors import Connect, Rejected, TimedOut

LOOPBACK = (socket.AF_INET, ("127.0.0.1", 0))


def found(*addresses):
    """A lookup that finds these, whatever it is asked for."""
    family = {False: socket.AF_INET, True: socket.AF_INET6}
    return lambda _, port: [(family[":" in address], (address, port)) for address in addresses]


@contextlib.contextmanager
def deaf_server():
    """A listener whose queue is full: the kernel drops every further SYN."""
    with socket.socket() as server, contextlib.ExitStack() as stack:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def at_port(at, port):
    at.provider = type(at.provider)("p", "openai", f"http://127.0.0.1:{port}")


def test_refused(run, world, say):
    """A1: a refused connection may be tried again at once."""

    async def story():
        async with world(say.answer()) as at:
            with reserved() as port:
                at_port(at, port)
                with pytest.raises(Connect, match="refused") as caught:
                    await at.send()
            return caught.value.again

    assert run(story()) == "at_once"


@contextlib.contextmanager
def no_descriptors_left():
    """This process can open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as taken:
        lowest = taken.enter_context(socket.socket()).fileno()
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 1, hard))
        try:
            with pytest.raises(OSError, match="open files"):
                taken.enter_context(socket.socket())
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_our_own_want_of_descriptors_is_no_provider_s_fault(run, world, say):
    """J12: nothing was sent, no breaker hears of it, and a little later it works."""

    async def story():
        async with world(lambda peer: peer.serve(say.answer())) as at:
            with no_descriptors_left(), pytest.raises(Rejected) as caught:
                await at.send()
            assert (await at.send()).status == 200
            return caught.value.gate, caught.value.outcome, caught.value.retry_after

    assert run(story()) == ("descriptors", "neutral", 1.0)


def test_black_hole(run, world, say):
    """A2: a host that does not answer costs the connect limit, and leaves no socket."""

    async def story():
        async with world(say.answer()) as at:
            with deaf_server() as port:
                at_port(at, port)
                with pytest.raises(TimedOut) as caught:
                    await at.send(connect=0.1)
                return caught.value.phase

    assert run(story()) == "connect"


def test_accept_then_reset(run, world):
    """A4: a connection that is reset as soon as it stands gave no answer."""

    async def scene(peer):
        peer.reset()

    async def story():
        async with world(scene) as at:
            with pytest.raises(Connect):
                await at.send()

    run(story())


@pytest.mark.parametrize("fault", [socket.gaierror(socket.EAI_AGAIN, "x"), UnicodeError("x"), OSError("x")])
def test_name_not_found(run, world, say, fault):
    """A9: a name that cannot be resolved gives no connection, in our own words."""

    def lookup(host, port):
        raise fault

    async def story():
        async with world(say.answer(), host="nowhere.example", lookup=lookup) as at:
            with pytest.raises(Connect, match=r"nowhere\.example cannot be resolved") as caught:
                await at.send()
            return caught.value.again

    assert run(story()) == "at_once"


def test_hanging_lookup(run, world, say):
    """A9: a lookup that hangs costs the connect limit, and other requests nothing; callers share one lookup."""
    release = threading.Event()
    asked = []

    def lookup(host, port):
        asked.append(host)
        if host == "hangs.internal":
            release.wait(120)
        return [(socket.AF_INET, ("127.0.0.1", port))]

    async def story():
        async with world(lambda peer: peer.serve(say.answer()), host="works.internal", lookup=lookup) as at:
            good = at.provider
            bad = type(good)("q", "openai", good.base_url.replace("works", "hangs"))
            hanging = [asyncio.ensure_future(at.send(connect=0.2, provider=bad)) for _ in range(3)]
            assert await at.whole() == (200, b"ok")
            for call in hanging:
                with pytest.raises(TimedOut):
                    await call
            release.set()

    run(story())
    assert sorted(asked) == ["hangs.internal", "works.internal"]


def test_next_address(run, world, say):
    """Of several addresses one that refuses is passed over."""

    async def story():
        lookup = found("127.0.0.2", "::1", "127.0.0.1")
        async with world(say.answer(), host="several.internal", lookup=lookup) as at:
            return await at.whole()

    assert run(story()) == (200, b"ok")


def test_silent_address(run, world, say):
    """Of several addresses one that stays silent does not use up the limit."""

    async def story():
        async with world(say.answer(), host="several.internal", bounds=Bounds(stagger=0.01)) as at:
            port = int(at.provider.base_url.split(":")[2].split("/")[0])
            with deaf_server() as deaf:
                at.io._lookup = lambda *_: [
                    (socket.AF_INET, ("127.0.0.1", deaf)),
                    (socket.AF_INET, ("127.0.0.1", port)),
                ]
                return await at.whole()

    assert run(story()) == (200, b"ok")


def test_all_addresses_fail(run, world, say):
    """When every address refuses, so does the call."""

    async def story():
        lookup = found("127.0.0.2", "127.0.0.3")
        async with world(say.answer(), host="several.internal", lookup=lookup) as at:
            with pytest.raises(Connect, match="refused"):
                await at.send()

    run(story())


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "192.168.1.1", "::1", "fd00::1", "::ffff:127.0.0.1"])
def test_public_name_with_a_private_address(run, world, say, address):
    """K6: a public name must not lead into our own network, and no repetition changes that."""

    async def story():
        async with world(say.answer(), host="api.example.com", lookup=found(address)) as at:
            with pytest.raises(Connect, match="private address") as caught:
                await at.send()
            assert at.connected == 0
            return caught.value.again

    assert run(story()) == "never"


def test_rebinding_name(run, world, say):
    """K6: the check is made at every connection, so a name that changes its answer gains nothing."""
    answers = [["127.0.0.1"], ["127.0.0.1"]]

    def lookup(host, port):
        return found(*answers.pop())(host, port)

    async def story():
        async with world(say.answer(), host="rebind.example.com", lookup=lookup) as at:
            for _ in range(2):
                with pytest.raises(Connect):
                    await at.send()

    run(story())
    assert answers == []


@pytest.mark.parametrize("host", ["localhost", "ollama", "x.internal", "db.local", "api.localhost", "ollama.home.arpa"])
def test_private_names(run, world, say, host):
    """A name of the local network may lead into it."""

    async def story():
        async with world(say.answer(), host=host, lookup=found("127.0.0.1")) as at:
            return await at.whole()

    assert run(story()) == (200, b"ok")


@pytest.mark.parametrize(
    ("host", "address", "refused"),
    [
        ("127.0.0.1", "127.0.0.1", False),
        ("10.0.0.7", "10.0.0.7", False),
        ("::1", "::1", False),
        ("169.254.169.254", "169.254.169.254", True),
        ("fe80::1%eth0", "fe80::1%eth0", True),
        ("::ffff:169.254.169.254", "::ffff:169.254.169.254", True),
        ("64:ff9b::a9fe:a9fe", "64:ff9b::a9fe:a9fe", True),
        ("2002:a9fe:a9fe::1", "2002:a9fe:a9fe::1", True),
        ("100.100.100.200", "100.100.100.200", True),
        ("fd00:ec2::254", "fd00:ec2::254", True),
        ("0.0.0.0", "0.0.0.0", True),
        ("224.0.0.1", "224.0.0.1", True),
        ("metadata.google.internal", "169.254.169.254", True),
        ("localhost", "169.254.169.254", True),
        ("api.openai.com", "104.18.7.192", False),
        ("api.openai.com", "2606:4700::6812:7c0", False),
        ("api.openai.com", "100.64.0.1", True),
        ("api.openai.com.", "10.0.0.1", True),
    ],
)
def test_address_policy(host, address, refused):
    """Literal private addresses are meant; link-local and metadata are not; public names lead to public addresses."""
    assert (refusal(host, address) is not None) is refused


def test_public_names():
    """A name that public DNS serves is public, whatever its case."""
    assert is_public_name("API.OpenAI.com")
    assert is_public_name("local.example.com")
    assert not is_public_name("HOST.docker.Internal.")


@pytest.mark.parametrize("leave_after", range(12))
def test_leaving_while_connecting(run, world, say, leave_after):
    """A caller who leaves at any turn of connecting leaves no socket."""

    async def story():
        lookup = found("127.0.0.2", "127.0.0.1")
        async with world(say.answer(), host="several.internal", lookup=lookup) as at:
            call = asyncio.ensure_future(at.whole())
            for _ in range(leave_after):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.wait([call])
            await at.closed()

    run(story())
