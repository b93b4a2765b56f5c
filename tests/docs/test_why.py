"""The story on the page of `outlast why` is what the command tells of a log, to the letter."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

from tests.engine.world import caller, chat, read
from tests.telemetry.teller import Teller

from outlast.engine import Asked
from outlast.testing import ok, status, throttled

PAGE = Path(__file__).parents[2] / "docs" / "why.md"
FIRST, SECOND = "openai/gpt-6.1-sol", "anthropic/claude-sonnet-5-5"
PRICE = '[providers.anthropic.models."claude-sonnet-5-5".price]\ninput = 3.0\noutput = 15.0\n'


def the_log_of_a_bad_minute():
    """The first target has trouble while two requests come; the story is told of the second."""
    world = Teller([FIRST, SECOND], PRICE + "[bulkhead]\nslots = 1\n")
    world.script(FIRST, status(503), status(503), throttled(20))
    world.script(SECOND, ok("The order was cancelled.", first=1.25, between=0.05))

    async def asking(wait, name):
        await world.io.sleep(wait)
        asked = Asked(id=f"checkout-{name}", caller=caller("shop"))
        await read(await world.engine.answer(chat("Cancel my order.", stream=True), asked))

    async def minute():
        await asyncio.gather(asking(0.0, 1400), asking(0.1, 1402))

    world.run(minute())
    assert world.close() == {}
    return b"".join(world.lines)


def told(log, tmp_path):
    """What the command prints."""
    (tmp_path / "outlast.log").write_bytes(log)
    command = [Path(sys.executable).parent / "outlast", "why", "checkout-1402", "--log", "outlast.log"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def test_the_story_on_the_page_is_what_the_command_tells(tmp_path):
    """When this fails, put the text that it shows into the page."""
    (block,) = re.findall(
        r"```text\n\$ outlast why checkout-1402 --log outlast.log\n(.*?)```", PAGE.read_text(), re.DOTALL
    )
    expected = told(the_log_of_a_bad_minute(), tmp_path)
    assert block == expected, f"docs/why.md must have:\n\n{expected}"
