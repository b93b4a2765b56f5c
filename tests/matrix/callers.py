"""Callers of every dialect, each through its vendor's own client, unchanged but for its base URL.

Each asks four things of a model and tells what it was given, in the same words whoever it is: a text, a text piece by
piece, a call of the tool `get_weather`, and an object of a schema.
"""

import json
from contextlib import contextmanager

import anthropic
import cohere
import ollama
import openai
from google import genai

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL = {"name": "get_weather", "description": "The weather in a city.", "parameters": CITY}
CALL = "Call the tool."
"""Not every dialect can force a call."""
FUNCTION = {"type": "function", "function": TOOL}


class OpenaiChat:
    """OpenAI's SDK, chat completions."""

    def __init__(self, url):
        self._client = openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0)
        self.close = self._client.close

    def _ask(self, model, text="hi", **fields):
        messages = [{"role": "user", "content": text}]
        return self._client.chat.completions.create(model=model, messages=messages, max_tokens=100, **fields)

    def text(self, model):
        return self._ask(model).choices[0].message.content

    def pieces(self, model):
        chunks = list(self._ask(model, stream=True))
        assert chunks[-1].choices[0].finish_reason == "stop"
        return [chunk.choices[0].delta.content for chunk in chunks if chunk.choices[0].delta.content]

    def call(self, model):
        call = self._ask(model, CALL, tools=[FUNCTION], tool_choice="required").choices[0].message.tool_calls[0]
        return call.function.name, json.loads(call.function.arguments)

    def shaped(self, model):
        shape = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY, "strict": True}}
        return json.loads(self._ask(model, response_format=shape).choices[0].message.content)


class OpenaiResponses:
    """OpenAI's SDK, responses."""

    def __init__(self, url):
        self._client = openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0)
        self.close = self._client.close

    def _ask(self, model, said="hi", **fields):
        return self._client.responses.create(model=model, input=said, max_output_tokens=100, **fields)

    def text(self, model):
        return self._ask(model).output_text

    def pieces(self, model):
        events = list(self._ask(model, stream=True))
        assert events[-1].type == "response.completed"
        return [event.delta for event in events if event.type == "response.output_text.delta"]

    def call(self, model):
        reply = self._ask(model, CALL, tools=[{"type": "function", **TOOL, "strict": True}], tool_choice="required")
        call = next(item for item in reply.output if item.type == "function_call")
        return call.name, json.loads(call.arguments)

    def shaped(self, model):
        shape = {"type": "json_schema", "name": "city", "schema": CITY, "strict": True}
        return json.loads(self._ask(model, text={"format": shape}).output_text)


class Anthropic:
    """Anthropic's SDK."""

    def __init__(self, url):
        self._client = anthropic.Anthropic(base_url=url, api_key="any", max_retries=0)
        self.close = self._client.close

    def _ask(self, model, text="hi", **fields):
        messages = [{"role": "user", "content": text}]
        return self._client.messages.create(model=model, messages=messages, max_tokens=100, **fields)

    def text(self, model):
        return self._ask(model).content[0].text

    def pieces(self, model):
        events = list(self._ask(model, stream=True))
        assert events[-1].type == "message_stop"
        deltas = (event.delta for event in events if event.type == "content_block_delta")
        return [delta.text for delta in deltas if delta.type == "text_delta"]

    def call(self, model):
        tool = {"name": TOOL["name"], "description": TOOL["description"], "input_schema": CITY}
        blocks = self._ask(model, CALL, tools=[tool], tool_choice={"type": "any"}).content
        call = next(block for block in blocks if block.type == "tool_use")
        return call.name, call.input

    def shaped(self, model):
        shape = {"format": {"type": "json_schema", "schema": CITY}}
        return json.loads(self._ask(model, output_config=shape).content[0].text)


class Cohere:
    """Cohere's SDK."""

    def __init__(self, url):
        self._client = cohere.ClientV2(api_key="any", base_url=url)
        self.close = self._client._client_wrapper.httpx_client.httpx_client.close

    def _asked(self, model, text="hi"):
        return {
            "model": model,
            "messages": [{"role": "user", "content": text}],
            "max_tokens": 100,
            "request_options": {"max_retries": 0},
        }

    def text(self, model):
        return self._client.chat(**self._asked(model)).message.content[0].text

    def pieces(self, model):
        events = list(self._client.chat_stream(**self._asked(model)))
        assert events[-1].type == "message-end"
        return [event.delta.message.content.text for event in events if event.type == "content-delta"]

    def call(self, model):
        reply = self._client.chat(**self._asked(model, CALL), tools=[FUNCTION], tool_choice="REQUIRED")
        call = reply.message.tool_calls[0].function
        return call.name, json.loads(call.arguments)

    def shaped(self, model):
        shape = {"type": "json_object", "json_schema": CITY}
        return json.loads(self._client.chat(**self._asked(model), response_format=shape).message.content[0].text)


class Ollama:
    """Ollama's SDK."""

    def __init__(self, url):
        self._client = ollama.Client(host=url)
        self.close = self._client._client.close

    def _ask(self, model, text="hi", **fields):
        messages = [{"role": "user", "content": text}]
        return self._client.chat(model=model, messages=messages, options={"num_predict": 100}, **fields)

    def text(self, model):
        return self._ask(model).message.content

    def pieces(self, model):
        lines = list(self._ask(model, stream=True))
        assert lines[-1].done_reason == "stop"
        return [line.message.content for line in lines if line.message.content]

    def call(self, model):
        call = self._ask(model, CALL, tools=[FUNCTION]).message.tool_calls[0].function
        return call.name, dict(call.arguments)

    def shaped(self, model):
        return json.loads(self._ask(model, format=CITY).message.content)


class Gemini:
    """Google's SDK."""

    def __init__(self, url):
        self._client = genai.Client(api_key="any", http_options={"base_url": url})
        self.close = self._client.close

    def _asked(self, model, text="hi", **config):
        return {"model": model, "contents": text, "config": {"max_output_tokens": 100, **config}}

    def text(self, model):
        return self._client.models.generate_content(**self._asked(model)).text

    def pieces(self, model):
        chunks = list(self._client.models.generate_content_stream(**self._asked(model)))
        assert chunks[-1].candidates[0].finish_reason == "STOP"
        return [chunk.text for chunk in chunks if chunk.text]

    def call(self, model):
        tool = {"name": TOOL["name"], "description": TOOL["description"], "parameters_json_schema": CITY}
        tools = {"tools": [{"function_declarations": [tool]}]}
        forced = {"tool_config": {"function_calling_config": {"mode": "ANY"}}}
        call = self._client.models.generate_content(**self._asked(model, CALL, **tools, **forced)).function_calls[0]
        return call.name, call.args

    def shaped(self, model):
        shape = {"response_mime_type": "application/json", "response_json_schema": CITY}
        return json.loads(self._client.models.generate_content(**self._asked(model, **shape)).text)


CALLERS = {
    "chat completions": OpenaiChat,
    "responses": OpenaiResponses,
    "anthropic": Anthropic,
    "cohere": Cohere,
    "ollama": Ollama,
    "gemini": Gemini,
}


@contextmanager
def caller_of(name, url):
    """A caller of that dialect, closed in the end."""
    caller = CALLERS[name](url)
    try:
        yield caller
    finally:
        caller.close()
