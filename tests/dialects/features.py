"""What a request and an answer can hold, one feature at a time, and what each dialect makes of it.

    a chat with one feature ─ encode ─▶ bytes ─ parse ─▶ the same chat?
    a reply with one feature ─ render ─▶ bytes ─ decode ─▶ the same reply?

Both halves of a codec must agree, and what does not come back must have been named or refused.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from outlast.dialects import DIALECTS
from outlast.model import messages as m
from outlast.model.errors import Failure
from outlast.model.target import Provider, Secret, Target

PDF = base64.b64encode(b"%PDF").decode()
PIXEL = "iVBORw0KGgo="
SPEAKS_NO_PROVIDER = {"native", "ollama-prompts"}
NAMES = [name for name in DIALECTS if name not in SPEAKS_NO_PROVIDER]
"""The dialects that callers and providers speak."""
CARRIED, NAMED, REFUSED, LOST = "yes", "named", "refused", "lost"

CALL = m.ToolCall("call_1", "get_weather", '{"city":"Bonn"}')
OTHER = m.ToolCall("call_2", "get_weather", '{"city":"Ulm"}')
TOOL = m.Tool("get_weather", "The weather.", {"type": "object", "properties": {"city": {"type": "string"}}})
USAGE = m.Usage(input=7, output=3)
SHAPE = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def asked(*parts, **options) -> m.Chat:
    """A chat of one turn."""
    turn = m.Message("user", parts or (m.Text("hi"),))
    return m.Chat((*options.pop("before", ()), turn), max_tokens=options.pop("max_tokens", 100), **options)


def after(*results, calls=(CALL,)) -> m.Chat:
    """A chat in which tools have been called."""
    turns = (m.Message("user", (m.Text("hi"),)), m.Message("assistant", calls))
    return m.Chat((*turns, *(m.Message("tool", (result,)) for result in results)), tools=(TOOL,), max_tokens=100)


def parts_of(chat: m.Chat) -> list[Any]:
    """Who said what, in order, whatever messages it was said in."""
    return [(message.role, part) for message in chat.messages for part in message.parts]


def option(name: str) -> Callable[[m.Chat], Any]:
    """One field of a chat."""
    return lambda chat: getattr(chat, name)


def to_be_called(chat: m.Chat) -> str | None:
    """The tool that must be called: any of one tool is that tool, and who has no tools calls none."""
    if not chat.tools:
        return "none"
    return chat.tools[0].name if chat.tool_choice == "any" and len(chat.tools) == 1 else chat.tool_choice


@dataclass(frozen=True)
class Asked:
    """A feature of requests: a chat that has it, what must come back of it, and the facts of a model that has it."""

    name: str
    chat: m.Chat
    seen: Callable[[m.Chat], Any] = parts_of
    facts: dict[str, Any] = field(default_factory=dict)

    def at(self, dialect: str) -> str:
        """What becomes of it towards a provider of that dialect."""
        target = target_of(dialect, **self.facts)
        try:
            outgoing = DIALECTS[dialect].encode(m.Request(model="m-1", read=lambda _: self.chat), target)
        except Failure:
            return REFUSED
        back = DIALECTS[dialect].parse("chat", outgoing.body, outgoing.path.decode()).content()
        if self.seen(back) == self.seen(self.chat) and not outgoing.dropped:
            return CARRIED
        return NAMED if outgoing.dropped else LOST


@dataclass(frozen=True)
class Answered:
    """A feature of answers: a reply that has it, and what must come back of it."""

    name: str
    parts: tuple[m.Part, ...] = (m.Text("hello"),)
    finish: str = "stop"
    usage: m.Usage = USAGE
    seen: Callable[[m.Reply], Any] = lambda reply: reply.parts

    def at(self, dialect: str) -> str:
        """What becomes of it when it is told to a caller of that dialect."""
        request = m.Request(model="m-1", read=lambda _: asked())
        reply = m.Reply(model="m-1", finish=self.finish, usage=self.usage, read=lambda: self.parts, id="a-1")
        body = DIALECTS[dialect].render(reply, request)
        back = DIALECTS[dialect].decode(body, request, target_of(dialect))
        if self.seen(back) == self.seen(reply):
            return CARRIED
        if back.finish != reply.finish:
            return f"as {back.finish}"
        if not back.parts:
            return LOST
        kinds = [type(part).__name__.lower() for part in back.parts]
        same = kinds == [type(part).__name__.lower() for part in reply.parts]
        return "in part" if same else f"as {' and '.join(kinds)}"


def target_of(dialect: str, **facts) -> Target:
    """A model that can do everything, at a provider of that dialect."""
    provider = Provider(dialect, dialect, "https://example.test/v1", Secret("sk-canary"))
    return Target(name=f"{dialect}/m-1", provider=provider, model="m-1", max_output=4096, **facts)


THINKING = {"reasoning": True, "max_output": 0}

REQUESTS = (
    Asked("system message", asked(before=(m.Message("system", (m.Text("be kind"),)),))),
    Asked("image, inline", asked(m.Text("see"), m.Image(data=PIXEL, media_type="image/png"))),
    Asked("image, by address", asked(m.Text("see"), m.Image(url="https://example.test/a.png"))),
    Asked("PDF, inline", asked(m.Text("see"), m.Document(data=PDF, media_type="application/pdf", name="a.pdf"))),
    Asked("document, by address", asked(m.Text("see"), m.Document(url="https://example.test/a.pdf"))),
    Asked("tools", asked(tools=(TOOL,)), option("tools")),
    Asked("tool, strict", asked(tools=(m.Tool("f", "d", SHAPE, strict=True),)), option("tools")),
    Asked("tool choice: none", asked(tools=(TOOL,), tool_choice="none"), to_be_called),
    Asked("tool choice: any", asked(tools=(TOOL,), tool_choice="any"), option("tool_choice")),
    Asked("tool choice: one tool", asked(tools=(TOOL, m.Tool("f")), tool_choice="get_weather"), to_be_called),
    Asked("parallel tool calls off", asked(tools=(TOOL,), parallel_tools=False), option("parallel_tools")),
    Asked("tool call and result", after(m.ToolResult("call_1", (m.Text("fine"),)))),
    Asked(
        "parallel calls and results",
        after(m.ToolResult("call_1", (m.Text("a"),)), m.ToolResult("call_2", (m.Text("b"),)), calls=(CALL, OTHER)),
    ),
    Asked("result that is an error", after(m.ToolResult("call_1", (m.Text("no"),), error=True))),
    Asked("result with a picture", after(m.ToolResult("call_1", (m.Image(data=PIXEL, media_type="image/png"),)))),
    Asked("JSON schema", asked(schema=m.Schema(SHAPE)), lambda chat: chat.schema and chat.schema.schema),
    Asked("any JSON", asked(schema=m.Schema()), lambda chat: chat.schema and chat.schema.schema),
    Asked("most output tokens", asked(max_tokens=77), option("max_tokens")),
    Asked("temperature", asked(temperature=0.5), option("temperature")),
    Asked("top_p", asked(top_p=0.5), option("top_p")),
    Asked("stop sequences", asked(stop=("END", "FIN")), option("stop")),
    Asked("seed", asked(seed=7), option("seed")),
    Asked("reasoning effort", asked(effort="low", max_tokens=4000), option("effort"), {"reasoning": True}),
    Asked("user", asked(user="u-1"), option("user")),
)
ANSWERS = (
    Answered("text"),
    Answered("tool call", (CALL,), "tool_calls"),
    Answered("parallel tool calls", (CALL, OTHER), "tool_calls"),
    Answered("text and a tool call", (m.Text("let me see"), CALL), "tool_calls"),
    Answered("reasoning", (m.Reasoning("hm"), m.Text("hello"))),
    Answered("reasoning, signed", (m.Reasoning("hm", "s1g"), m.Text("hello"))),
    Answered("refusal", (m.Refusal("I will not"),), seen=lambda reply: (reply.parts, reply.finish)),
    Answered("finish: length", finish="length", seen=lambda reply: reply.finish),
    Answered("finish: content filter", finish="content_filter", seen=lambda reply: reply.finish),
    Answered("usage", seen=lambda reply: (reply.usage.input, reply.usage.output)),
    Answered("cached tokens", usage=m.Usage(7, 3, cached=5), seen=lambda reply: reply.usage.cached),
    Answered("reasoning tokens", usage=m.Usage(7, 3, reasoning=2), seen=lambda reply: reply.usage.reasoning),
)
