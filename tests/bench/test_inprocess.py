"""The in-process bench: every contender does its work, and what it took becomes the right figures."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from bench.figures import FAILED
from bench.inprocess import environment, record
from bench.inprocess.charge import Charge, charged
from bench.inprocess.contenders.configured import configuration
from bench.inprocess.contest import CONTEST, LAYERS, Contender
from bench.inprocess.driver import BrokenWorkerError, Rounds, Worker, measured
from bench.inprocess.footprint import Import, Module, imported, modules, parsed
from bench.inprocess.held import Held
from bench.inprocess.noop import BODY, NoopIo
from bench.inprocess.work import TEXT, Answered, Counted, CountedAtOnce, Nothing

import outlast
from outlast.stack import LayersConfig
from outlast.testing import SimulatedProvider

HERE = Path(sys.executable)
OURS = [contender for contender in CONTEST.values() if contender.module == "engine"]
THEIRS = [contender for contender in CONTEST.values() if contender.module != "engine" and contender.at_once < 16]
NOBODY = "http://127.0.0.1:1"


def made(contender, upstream, calls):
    """How many of so many calls of that contender did their work."""

    async def make():
        async with contender.opened(upstream) as work:
            return await work.make(calls)

    return asyncio.run(make())


class TestWork:
    def test_calls_are_counted_where_they_arrive(self):
        """Who calls the function seven times is believed seven calls, with and without coroutines."""
        nothing = Nothing()
        assert asyncio.run(Counted(nothing.answer, nothing).make(7)) == 7
        assert asyncio.run(CountedAtOnce(nothing.answer_at_once, nothing).make(7)) == 7
        assert nothing.done == 14

    def test_calls_that_never_arrive_do_not_count(self):
        """A contender that answers from a cache has done nothing."""
        seen, nothing = Nothing(), Nothing()
        assert asyncio.run(Counted(seen.answer, nothing).make(7)) == 0

    @pytest.mark.parametrize("at_once", [1, 3, 16])
    def test_the_calls_are_shared_among_those_at_once(self, at_once):
        """Ten calls are ten calls, however many are under way; the one that learns the text comes on top."""
        nothing = Nothing()
        assert asyncio.run(Answered(nothing.answer, at_once).make(10)) == 10
        assert nothing.done == 11

    def test_answers_with_another_text_do_not_count(self):
        """Every third answer is another one than the first, and is not counted."""
        texts = iter(["a", "a", "a", "b", "a", "a", "b"])

        async def call():
            return next(texts)

        assert asyncio.run(Answered(call).make(6)) == 4

    def test_empty_answers_do_not_count(self):
        """Who answers nothing has done nothing."""

        async def call():
            return ""

        assert asyncio.run(Answered(call).make(3)) == 0

    def test_a_round_in_which_a_call_is_lost_is_no_round(self):
        """Such a round is refused, with the numbers."""
        with pytest.raises(RuntimeError, match="0 of 5 calls did their work"):
            asyncio.run(charged(Counted(Nothing().answer, Nothing()), 5))

    def test_a_round_tells_what_the_kernel_has_charged(self):
        """A round of some calls has that number of calls, and took some CPU."""
        nothing = Nothing()
        charge = asyncio.run(charged(Counted(nothing.answer, nothing), 1000))
        assert charge.calls == 1000
        assert charge.cpu > 0


class TestContenders:
    def test_every_layer_that_is_on_and_can_be_switched_off_is_a_step(self):
        """The rows of the layers go from none to all that a call meets unless something else is asked for."""
        switches = {
            name for name in LayersConfig.__struct_fields__ if getattr(getattr(LayersConfig(), name), "enabled", False)
        }
        assert set(LAYERS) == switches

    @pytest.mark.parametrize("contender", OURS, ids=lambda contender: contender.name)
    def test_our_engine_sends_every_call(self, contender):
        """Each call of the engine is encoded and sent, with few layers and with all."""
        assert made(contender, NOBODY, 5) == 5

    def test_the_upstream_without_a_network_is_read_as_an_answer(self):
        """What the engine makes of its bytes has the text that every no-op answers."""
        io = NoopIo()

        async def ask():
            async with outlast.AsyncClient(configuration(NOBODY), io=io) as client:
                return await client.chat("hi")

        reply = asyncio.run(ask())
        assert (reply.text, io.done) == (TEXT, 1)
        assert TEXT.encode() in BODY

    @pytest.mark.parametrize("name", ["bare socket", "outlast", "openai SDK", "openai SDK over outlast"])
    @pytest.mark.parametrize("at_once", [1, 16])
    def test_calls_over_a_socket_arrive(self, name, at_once):
        """Every call, and the one that learns the text, is a request that the upstream has seen."""
        with SimulatedProvider() as provider:
            upstream = provider.base_url().removesuffix("/v1")
            assert made(CONTEST[f"library-call-{at_once}/{name}"], upstream, 20) == 20
            assert len(provider.requests()) == 21

    @pytest.mark.skipif(not environment.MARK.holds(), reason="python -m bench.inprocess installs what this needs")
    @pytest.mark.parametrize("contender", THEIRS, ids=lambda contender: contender.name)
    def test_a_contender_works_in_the_environment_of_the_bench(self, contender):
        """As a worker with its pinned libraries it is ready, and makes the calls that it is told to make."""
        with SimulatedProvider() as provider:
            upstream = provider.base_url().removesuffix("/v1")
            with Worker(environment.PYTHON, contender, upstream, min(os.sched_getaffinity(0))) as worker:
                worker.ready()
                assert worker.charge(16).calls == 16
            assert len(provider.requests()) == (17 if contender.networked else 0)


class TestDriver:
    def test_a_contender_that_cannot_start_says_why_and_the_others_go_on(self):
        """A library that is not there is told with its name; nobody else is harmed."""
        missing = Contender("libraries", "missing", "no_such_library", "anything")
        name = "libraries/bare coroutine"
        told = []
        CONTEST[missing.name] = missing
        try:
            rounds = measured(
                [CONTEST[name], missing],
                python=HERE,
                upstream=NOBODY,
                core=min(os.sched_getaffinity(0)),
                rounds=2,
                seconds=0.001,
                told=told.append,
            )
        finally:
            del CONTEST[missing.name]
        assert list(rounds.charges) == [name]
        assert len(rounds.charges[name]) == 2
        assert list(rounds.broken) == ["libraries/missing"]

    def test_a_contender_that_breaks_is_out_for_good(self):
        """Its rounds so far are worth nothing, and it is not asked again."""
        contender = CONTEST["libraries/bare coroutine"]
        rounds = Rounds()
        rounds.charges[contender.name] = [Charge(1, 1.0)]

        def breaks():
            raise BrokenWorkerError("gone")

        def never():
            pytest.fail("it was asked again")

        rounds.attempt(contender, breaks)
        rounds.attempt(contender, never)
        assert (rounds.charges, rounds.broken) == ({}, {contender.name: "gone"})


IMPORTTIME = """\
import time: self [us] | cumulative | imported package
import time:       100 |        100 |   encodings
import time:       300 |        400 | site
import time:      1000 |       1000 |     msgspec._core
import time:       500 |       1500 |   msgspec
import time:       250 |       1750 | outlast
a line of the program itself
import time:       125 |        125 | json
"""


class TestFootprint:
    def test_modules_of_pythons_own_start_are_left_out(self):
        """What comes before `site`, and `site`, every Python pays."""
        assert parsed(IMPORTTIME) == [
            Module("msgspec._core", 1.0, 1.0),
            Module("msgspec", 0.5, 1.5),
            Module("outlast", 0.25, 1.75),
            Module("json", 0.125, 0.125),
        ]

    def test_our_import_is_ours(self):
        """The modules of our import are found in a fresh process, the library's face among them."""
        assert {"outlast", "outlast.client"} <= {module.name for module in modules(HERE)}

    def test_a_fresh_process_costs_time_and_memory(self):
        """Each has taken some time and held at least a megabyte."""
        cost = imported(HERE, "pass")
        assert cost.wall > 0
        assert cost.memory > 1

    def test_a_statement_that_fails_is_no_import(self):
        """It is not taken for a quick one."""
        with pytest.raises(RuntimeError, match="ended with 1"):
            imported(HERE, "raise SystemExit(1)")

    def test_what_calls_hold_is_counted(self):
        """A call under way holds some blocks, and one that is over leaves nearly nothing."""
        done = subprocess.run(
            [sys.executable, "-m", "bench.inprocess.allocation"],
            cwd=environment.ROOT,
            capture_output=True,
            check=True,
            timeout=120,
        )
        held = msgspec.json.decode(done.stdout, type=Held)
        assert held.blocks_under_way > 1
        assert held.bytes_under_way > 100
        assert held.peak > held.left
        assert held.left < 100


class TestRecord:
    def test_a_contender_is_told_in_microseconds_a_call(self):
        """Two rounds of ten calls: one figure with two values."""
        contender = CONTEST["library-call-1/outlast"]
        rounds = Rounds()
        rounds.charges[contender.name] = [Charge(10, 0.001), Charge(10, 0.003)]
        (figure,) = record.of_calls([contender], rounds)
        assert (figure.row, figure.peer, figure.metric, figure.unit) == ("library-call-1", "outlast", "cpu", "us")
        assert figure.rounds == (pytest.approx(100.0), pytest.approx(300.0))

    def test_a_contender_that_broke_stands_among_the_figures(self):
        """With the reason, and without any value."""
        contender = CONTEST["libraries/tenacity async"]
        rounds = Rounds()
        rounds.broken[contender.name] = "ModuleNotFoundError: tenacity"
        (figure,) = record.of_calls([contender], rounds)
        assert (figure.metric, figure.rounds, figure.note) == (FAILED, (), "ModuleNotFoundError: tenacity")

    def test_imports_are_told_beyond_a_python_that_does_nothing(self):
        """Round by round, so that a slow moment counts for both; Python itself is told as it is."""
        imports = {
            "python": [Import(10.0, 9.0, 8.0), Import(20.0, 9.0, 8.0)],
            "outlast": [Import(90.0, 80.0, 20.0), Import(110.0, 80.0, 20.0)],
        }
        told = {(figure.peer, figure.metric): figure.rounds for figure in record.of_imports(imports)}
        assert told["outlast", "wall"] == (80.0, 90.0)
        assert told["outlast", "memory"] == (12.0, 12.0)
        assert told["python", "wall"] == (10.0, 20.0)

    def test_modules_are_summed_by_whose_they_are(self):
        """Ours, those of the libraries we need, and all others."""
        run = [Module("outlast", 1.0, 9.0), Module("outlast.engine", 2.0, 3.0), Module("json", 4.0, 4.0)]
        told = {figure.peer: figure.rounds for figure in record.of_parts([run, run])}
        assert told["outlast"] == (3.0, 3.0)
        assert told["standard library"] == (4.0, 4.0)
        assert told["msgspec"] == (0.0, 0.0)

    def test_the_modules_that_cost_most_come_first(self):
        """By their own time, and only so many; each is told with what it was the first to import."""
        run = [Module(f"m{number}", float(number), float(number)) for number in range(30)]
        figures = record.of_modules([run])
        assert [figure.peer for figure in figures[:4]] == ["m29", "m29", "m28", "m28"]
        assert [figure.metric for figure in figures[:2]] == ["own", "with imports"]
        assert len(figures) == 2 * record.WORST
