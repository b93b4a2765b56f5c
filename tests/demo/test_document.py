"""The page of the demo tells the story that is played."""

import re
from pathlib import Path

import msgspec

from outlast.demo.story import STORY
from outlast.demo.summary import Summary, to_json

PAGE = (Path(__file__).parents[2] / "docs" / "demo.md").read_text()


def test_the_page_has_every_trouble():
    """Who fails when, in the words of the screen."""
    rows = re.findall(r"^\| ([\d.]+) to ([\d.]+) s \| (\w+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert [(float(a), float(b), who, words) for a, b, who, words in rows] == [
        (trouble.begins, trouble.ends, trouble.provider, trouble.words) for trouble in STORY
    ]


def test_the_page_shows_json_as_it_is():
    """The example is a summary: no field is missing, and none is unknown."""
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    raw = msgspec.json.decode(example)
    assert msgspec.json.decode(to_json(msgspec.convert(raw, Summary))) == raw
