"""`AsyncClient.count` and `Client.count`: how many tokens a conversation has, before it is asked."""

from __future__ import annotations

from collections.abc import Mapping

from outlast.asking import Messages, asked_by, messages_of, request_of
from outlast.edge.background import Background
from outlast.home import Home
from outlast.model.messages import Counted, Request

WORDS = "responses"
"""The dialect whose caller we are when we count: OpenAI has words for a count in this one alone."""


class AsyncCounts:
    """What a client can be told of a conversation without asking it."""

    _home: Home

    async def count(
        self,
        messages: Messages,
        *,
        model: str = "default",
        timeout: float | None = None,  # noqa: ASYNC109
        **options: object,
    ) -> Counted:
        """How many tokens that would be: `tokens`, and `estimated` when we have counted them, not a provider.

        Args:
            messages: a prompt, or messages as OpenAI's chat completions have them.
            model: a route, provider/model, or a model.
            timeout: seconds for everything; a provider is waited for as `[counting]` says at most.
            options: what else the conversation has, as for `chat`: tools, response_format.

        Raises:
            Failure: the request is wrong, or nobody knows this model. That no provider counts is no failure.
        """
        request = _counting(options | {"model": model, "messages": messages_of(messages)})
        answer = await self._home.engine().answer(request, asked_by(timeout, "critical"))
        if not isinstance(answer, Counted):
            raise TypeError("a count was answered with something else")
        return answer


class BlockingCounts:
    """The same for code without an event loop."""

    _client: AsyncCounts
    _loop: Background

    def count(
        self,
        messages: Messages,
        *,
        model: str = "default",
        timeout: float | None = None,
        **options: object,
    ) -> Counted:
        """How many tokens that would be: see `AsyncClient.count`."""
        return self._loop.run(self._client.count(messages, model=model, timeout=timeout, **options))


def _counting(body: Mapping[str, object]) -> Request:
    """What asks for the tokens of that chat. Raises `Caller`."""
    chat = request_of("chat", body)
    request = chat.holding(chat.content())
    request.operation, request.dialect = "count", WORDS
    request.stream, request.max_tokens, request.json = False, None, False
    return request
