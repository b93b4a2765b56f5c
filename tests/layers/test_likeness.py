"""What requests are the same by, in every dialect: nothing that an answer may depend on is passed over."""

import json

import pytest

from outlast.dialects import DIALECTS
from outlast.flow.call import Call
from outlast.flow.likeness import likeness
from outlast.model.caller import Caller
from outlast.model.target import Route

from .calls import ALPHA, Ear

TURN = [{"role": "user", "content": "hi"}]
GENERATE = "/v1beta/models/default:generateContent"
ASKED = {
    "openai": {"model": "default", "messages": TURN},
    "responses": {"model": "default", "input": "hi"},
    "anthropic": {"model": "default", "messages": TURN, "max_tokens": 9},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    "ollama": {"model": "default", "messages": TURN},
    "cohere": {"model": "default", "messages": TURN},
    "native": {"prompt": "hi"},
}
"""The least that asks the same in each dialect; Anthropic's must say a limit."""
LIMITS = {
    "openai": {"max_tokens": 9},
    "responses": {"max_output_tokens": 9},
    "gemini": {"generationConfig": {"maxOutputTokens": 9}},
    "ollama": {"options": {"num_predict": 9}},
    "cohere": {"max_tokens": 9},
    "native": {"max_tokens": 9},
}
"""The same limit in the others' words."""


def of(dialect, more=None):
    """What a request in these words is the same by."""
    body = json.dumps(ASKED[dialect] | (more or {})).encode()
    request = DIALECTS[dialect].parse("chat", body, GENERATE if dialect == "gemini" else "")
    call = Call(request=request, route=Route("default", (ALPHA,)), deadline=9.0, io=Ear(), id="r", caller=Caller("k"))
    return likeness(call, "tenant")


PAIRS = [
    (
        "gemini",
        {"safetySettings": [{"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_NONE"}]},
        {"safetySettings": [{"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_LOW_AND_ABOVE"}]},
    ),
    (
        "gemini",
        {"generationConfig": {"thinkingConfig": {"thinkingBudget": 100}}},
        {"generationConfig": {"thinkingConfig": {"thinkingBudget": 200}}},
    ),
    ("gemini", {"generationConfig": {"topK": 1}}, {"generationConfig": {"topK": 2}}),
    ("gemini", {"cachedContent": "a"}, {"cachedContent": "b"}),
    ("gemini", {"tools": [{"googleSearch": {}}]}, {}),
    (
        "gemini",
        {
            "contents": [
                {"role": "user", "parts": [{"text": "hi"}, {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}]}
            ]
        },
        {
            "contents": [
                {"role": "user", "parts": [{"text": "hi"}, {"inlineData": {"mimeType": "audio/wav", "data": "BBBB"}}]}
            ]
        },
    ),
    (
        "gemini",
        {
            "contents": [
                {"role": "user", "parts": [{"text": "hi"}, {"fileData": {"mimeType": "video/mp4", "fileUri": "x://a"}}]}
            ]
        },
        {
            "contents": [
                {"role": "user", "parts": [{"text": "hi"}, {"fileData": {"mimeType": "video/mp4", "fileUri": "x://b"}}]}
            ]
        },
    ),
    ("ollama", {"options": {"num_ctx": 1000}}, {"options": {"num_ctx": 2000}}),
    ("ollama", {"options": {"top_k": 1}}, {"options": {"top_k": 2}}),
    ("ollama", {"options": {"mirostat": 1}}, {"options": {"mirostat": 2}}),
    ("ollama", {"think": True}, {"think": False}),
    ("ollama", {"think": True}, {}),
    (
        "ollama",
        {"messages": [{"role": "user", "content": "hi", "images": ["AAAA"]}]},
        {"messages": [{"role": "user", "content": "hi", "images": ["BBBB"]}]},
    ),
    ("cohere", {"safety_mode": "OFF"}, {"safety_mode": "STRICT"}),
    ("cohere", {"documents": ["a"]}, {"documents": ["b"]}),
    ("cohere", {"k": 1}, {"k": 2}),
    (
        "cohere",
        {"thinking": {"type": "enabled", "token_budget": 100}},
        {"thinking": {"type": "enabled", "token_budget": 200}},
    ),
    ("cohere", {"citation_options": {"mode": "FAST"}}, {"citation_options": {"mode": "ACCURATE"}}),
    ("responses", {"instructions": "a"}, {"instructions": "b"}),
    ("responses", {"reasoning": {"effort": "low", "summary": "auto"}}, {"reasoning": {"effort": "low"}}),
    ("responses", {"tools": [{"type": "web_search"}]}, {}),
    ("responses", {"store": True}, {"store": False}),
    ("responses", {"truncation": "auto"}, {}),
    ("responses", {"include": ["x"]}, {}),
    (
        "responses",
        {
            "input": [
                {
                    "role": "user",
                    "content": [{"type": "input_text", "text": "hi"}, {"type": "input_file", "file_id": "a"}],
                }
            ]
        },
        {
            "input": [
                {
                    "role": "user",
                    "content": [{"type": "input_text", "text": "hi"}, {"type": "input_file", "file_id": "b"}],
                }
            ]
        },
    ),
    (
        "anthropic",
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        {"thinking": {"type": "enabled", "budget_tokens": 2048}},
    ),
    ("anthropic", {"thinking": {"type": "adaptive"}}, {}),
    ("anthropic", {"thinking": {"type": "disabled"}}, {}),
    (
        "anthropic",
        {"tools": [{"name": "f", "input_schema": {"type": "object"}, "defer_loading": True}]},
        {"tools": [{"name": "f", "input_schema": {"type": "object"}}]},
    ),
    ("anthropic", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, {}),
    ("anthropic", {"tools": [{"type": "bash_20250124", "name": "bash"}]}, {"tools": [{"name": "bash"}]}),
    ("anthropic", {"context_management": {"edits": []}}, {}),
    ("anthropic", {"speed": "fast"}, {}),
    ("anthropic", {"service_tier": "auto"}, {}),
    (
        "anthropic",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "hi"},
                        {"type": "document", "source": {"type": "file", "file_id": "a"}},
                    ],
                }
            ]
        },
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "hi"},
                        {"type": "document", "source": {"type": "file", "file_id": "b"}},
                    ],
                }
            ]
        },
    ),
    (
        "anthropic",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "hi"},
                        {"type": "image", "source": {"type": "file", "file_id": "a"}},
                    ],
                }
            ]
        },
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "hi"},
                        {"type": "image", "source": {"type": "file", "file_id": "b"}},
                    ],
                }
            ]
        },
    ),
    (
        "anthropic",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "hi"}, {"type": "container_upload", "file_id": "a"}],
                }
            ]
        },
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "hi"}, {"type": "container_upload", "file_id": "b"}],
                }
            ]
        },
    ),
    (
        "openai",
        {"tools": [{"type": "custom", "custom": {"name": "a"}}]},
        {"tools": [{"type": "custom", "custom": {"name": "b"}}]},
    ),
    (
        "openai",
        {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}},
        {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}}},
    ),
    (
        "openai",
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "a"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "b"}}]}]},
    ),
    ("openai", {"modalities": ["text", "audio"]}, {}),
]
"""dialect, two requests that must not be taken for one"""


@pytest.mark.parametrize(("dialect", "one", "other"), PAIRS)
def test_what_differs_is_never_the_same(dialect, one, other):
    """Whether the model has words for it or not."""
    assert of(dialect, one).key != of(dialect, other).key
    assert of(dialect, one).key == of(dialect, one).key


@pytest.mark.parametrize("dialect", sorted(LIMITS))
def test_one_question_is_one_in_all_dialects(dialect):
    """Whoever's words it is in, and wherever they stand."""
    assert of(dialect, LIMITS[dialect]).key == of("anthropic").key
    assert of(dialect, LIMITS[dialect]).plain


@pytest.mark.parametrize(
    ("dialect", "one", "other"),
    [
        (
            "openai",
            {"messages": [{"role": "developer", "content": "x"}]},
            {"messages": [{"role": "system", "content": "x"}]},
        ),
        ("openai", {"max_tokens": 5}, {"max_completion_tokens": 5}),
        ("openai", {"temperature": 1}, {"temperature": 1.0}),
        ("openai", {"stop": "x"}, {"stop": ["x"]}),
        ("openai", {"user": "ada", "metadata": {"a": "b"}}, {}),
        ("anthropic", {"metadata": {"user_id": "ada"}}, {}),
        (
            "anthropic",
            {"system": "x"},
            {"system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]},
        ),
        ("responses", {"input": TURN}, {"input": "hi"}),
        ("ollama", {"stream": False}, {"stream": True}),
    ],
)
def test_what_makes_no_difference_is_the_same(dialect, one, other):
    """Two ways to say it, and what no answer depends on."""
    assert of(dialect, one).key == of(dialect, other).key
