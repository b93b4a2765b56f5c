"""How a caller of each dialect asks, and what it makes of the answer: text, finish, end marker, error."""

PATHS = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "responses": "/v1/responses",
    "cohere": "/v2/chat",
    "ollama": "/api/chat",
}
NAMED = frozenset({"anthropic", "responses", "cohere"})
"""Dialects whose events have names, by which SDKs go."""
LAST = frozenset({"message_stop", "response.completed", "response.incomplete", "message-end"})
"""Events that end a stream."""
MARKERLESS = frozenset({"gemini", "ollama"})
"""Dialects in which the finish is all that marks the end."""
OURS = {"retryable", "retry_after", "request_id", "attempts"}
_OPENAIS = OURS | {"message", "type", "param", "code"}
ERRORS = {
    "openai": _OPENAIS,
    "responses": _OPENAIS,
    "anthropic": OURS | {"message", "type"},
    "gemini": OURS | {"message", "code", "status", "details"},
    "cohere": OURS | {"message", "id", "code"},
    "ollama": OURS | {"error", "type", "code"},
}
"""The fields of an error in each dialect: the vendor's own, and ours. `code` may be missing from Anthropic's."""
ENDS = {
    "openai": ("stop", "length", "tool_calls"),
    "responses": ("completed", "incomplete"),
    "anthropic": ("end_turn", "max_tokens", "tool_use"),
    "gemini": ("STOP", "MAX_TOKENS"),
    "cohere": ("COMPLETE", "MAX_TOKENS", "TOOL_CALL"),
    "ollama": ("stop", "length"),
}


def request_of(dialect, *, model, streamed, most):
    """Path and body that ask a model to answer "hi" in at most so many tokens."""
    said = [{"role": "user", "content": "hi"}]
    if dialect == "gemini":
        method = "streamGenerateContent?alt=sse" if streamed else "generateContent"
        contents = [{"role": "user", "parts": [{"text": "hi"}]}]
        body = {"contents": contents, "generationConfig": {"maxOutputTokens": most}}
        return f"/v1beta/models/{model}:{method}", body
    body = {"model": model, "stream": streamed}
    limit = {"responses": {"max_output_tokens": most}, "ollama": {"options": {"num_predict": most}}}
    body |= {"input": "hi"} if dialect == "responses" else {"messages": said}
    return PATHS[dialect], body | limit.get(dialect, {"max_tokens": most})


def events_of(dialect, body):
    """The data of each event of a streamed body, as it stands there, and its names."""
    text = body.decode("utf-8")
    if dialect == "ollama":
        assert text.endswith("\n"), text[-100:]
        return [(line, []) for line in text.split("\n")[:-1]]
    assert text.endswith("\n\n"), text[-100:]
    blocks = [event.split("\n") for event in text.replace("\r\n", "\n").split("\n\n")[:-1]]
    return [
        (
            "".join(line.removeprefix("data: ") for line in lines if line.startswith("data: ")),
            [line.removeprefix("event: ") for line in lines if line.startswith("event: ")],
        )
        for lines in blocks
    ]


def error_in(dialect, data):
    """The fields of the error that a body or an event tells; None where it tells none."""
    if dialect == "cohere":
        delta = data.get("delta") if data.get("type") == "message-end" else data
        told = delta if isinstance(delta, dict) and (delta.get("error") or "retryable" in delta) else None
        return told and {"message" if name == "error" else name: value for name, value in told.items()}
    if dialect == "ollama":
        return data if data.get("error") else None
    return data.get("error") or None


def heard(dialect, data):
    """Text and finish of one event."""
    return _HEARD[dialect](data)


def read(dialect, data):
    """Text and finish of a whole answer."""
    return _READ[dialect](data)


def plain(content):
    """The words of a content that may be text, a list of parts, or nothing."""
    return "".join(part.get("text") or "" for part in content) if isinstance(content, list) else content or ""


def _chunk(data):
    choices = data.get("choices") or [{}]
    return plain((choices[0].get("delta") or {}).get("content")), choices[0].get("finish_reason")


def _choice(data):
    return plain(data["choices"][0]["message"].get("content")), data["choices"][0]["finish_reason"]


def _block(data):
    delta = data.get("delta") or {}
    return (delta.get("text") or "") + ((data.get("content_block") or {}).get("text") or ""), delta.get("stop_reason")


def _message(data):
    return plain(data["content"]), data["stop_reason"]


def _response_event(data):
    if data["type"] == "response.output_text.delta":
        return data["delta"], None
    over = data["type"] in {"response.completed", "response.incomplete"}
    return "", data["response"]["status"] if over else None


def _response(data):
    contents = [item.get("content") for item in data["output"] if item["type"] == "message"]
    return "".join(map(plain, contents)), data["status"]


def _coheres_event(data):
    delta = data.get("delta") or {}
    content = (delta.get("message") or {}).get("content") or {}
    return content.get("text") or "" if isinstance(content, dict) else "", delta.get("finish_reason")


def _coheres(data):
    return plain(data["message"].get("content")), data["finish_reason"]


def _googles(data):
    candidate = (data.get("candidates") or [{}])[0]
    parts = (candidate.get("content") or {}).get("parts") or []
    return plain([part for part in parts if not part.get("thought")]), candidate.get("finishReason")


def _line(data):
    return data["message"].get("content") or "", data.get("done_reason") if data["done"] else None


_HEARD = {
    "openai": _chunk, "anthropic": _block, "responses": _response_event, "cohere": _coheres_event, "gemini": _googles,
    "ollama": _line,
}  # fmt: skip
_READ = {
    "openai": _choice, "anthropic": _message, "responses": _response, "cohere": _coheres, "gemini": _googles,
    "ollama": _line,
}  # fmt: skip
