"""The official SDKs, unchanged but for their base URL; blocking and async ones behind one blocking face.

Each `Openai` and `Claude` asks as an application would. `whole`, `streamed` and so on work alike in both fashions, so
that every story can be told once: the async client is driven by a loop of its own.
"""

import inspect

import anthropic
import openai

HI = [{"role": "user", "content": "hi"}]
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OPENAI_TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}
CLAUDE_TOOL = {"name": "get_weather", "input_schema": WEATHER}


class Part:
    """What a streamed answer was: everything that came, the pieces of its text, and the error that ended it, if any."""

    def __init__(self):
        self.items = []
        self.pieces = []
        self.finish = None
        self.error = None

    @property
    def text(self):
        return "".join(self.pieces)


class Sdk:
    """One client of an SDK, in one of the two fashions."""

    def __init__(self, client, runner):
        self.client = client
        self._runner = runner

    def do(self, made):
        """The result of a call, awaited where it must be."""

        async def awaiting():
            return await made

        return self._runner.run(awaiting()) if inspect.isawaitable(made) else made

    def each(self, stream):
        """The items of a stream."""
        if not hasattr(stream, "__aiter__"):
            yield from stream
            return
        items = aiter(stream)

        async def step():
            return await anext(items, None)

        while (item := self._runner.run(step())) is not None:
            yield item

    def close(self):
        self.do(self.client.close())


class Openai(Sdk):
    """OpenAI's."""

    def whole(self, messages=HI, *, model="default", **fields):
        return self.do(self.client.chat.completions.create(model=model, messages=messages, **fields))

    def stream(self, messages=HI, *, model="default", **fields):
        return self.do(self.client.chat.completions.create(model=model, messages=messages, stream=True, **fields))

    def streamed(self, messages=HI, **fields):
        """All of a stream."""
        part = Part()
        try:
            for chunk in self.each(self.stream(messages, **fields)):
                part.items.append(chunk)
                for choice in chunk.choices:
                    part.pieces.append(choice.delta.content or "")
                    part.finish = choice.finish_reason or part.finish
        except openai.APIError as error:
            part.error = error
        return part


class Claude(Sdk):
    """Anthropic's."""

    def whole(self, messages=HI, *, model="default", **fields):
        return self.do(self.client.messages.create(model=model, messages=messages, max_tokens=100, **fields))

    def stream(self, messages=HI, *, model="default", **fields):
        return self.do(
            self.client.messages.create(model=model, messages=messages, max_tokens=100, stream=True, **fields)
        )

    def streamed(self, messages=HI, **fields):
        """All of a stream."""
        part = Part()
        try:
            for event in self.each(self.stream(messages, **fields)):
                part.items.append(event)
                if event.type == "content_block_delta" and event.delta.type == "text_delta":
                    part.pieces.append(event.delta.text)
                if event.type == "message_delta":
                    part.finish = event.delta.stop_reason
        except anthropic.APIError as error:
            part.error = error
        return part
