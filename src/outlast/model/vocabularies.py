"""What each piece of a text costs in the vocabularies of today's models, in tokens. Data, and nothing but data.

    tokens of a text = sum of (pieces of one kind * their cost)         kinds and order: `pieces.ASCII`, `pieces.OTHERS`

Fitted to what each vocabulary makes of some 700 passages in thirty languages and a dozen kinds of code; how, and how
well it holds on texts that were not among them, is told in docs/estimates.md.
"""

from __future__ import annotations

from typing import Literal

Vocabulary = Literal["o200k", "cl100k", "claude", "claude-4.7", "llama3", "gemma", "qwen", "deepseek", "tekken"]
"""OpenAI's, newer and older; Anthropic's until Opus 4.6 and since Opus 4.7; those of open models' families."""

# fmt: off
COSTS: dict[Vocabulary, tuple[float, ...]] = {
    "o200k": (
        1.18, 0.95, 0.93, 0.82, 0.15, 0.89, 1.84, 0.74, 0.69, 0.22, 1.23, 0.05, 0.09, 0, 0.29, 0.11, 0.35, 1.66,
        0.06, 0.58, 0.12, 0.13, 1.39, 0, 0.83, 0.02, 0, 0.29, 0.1, 0.01, 0.38, 0.43, 0.76, 0.78, 0.18, 0, 1.24, 1.62,
        2.06, 1.49, 2.26, 0.48, 1.63, 1.46, 1.61, 0, 0.17,
    ),
    "cl100k": (
        1.15, 1.08, 1, 0.84, 0.12, 0.83, 2.07, 0.63, 1.36, 0.32, 1.21, 0.14, 0, 0, 0.27, 0.1, 0.43, 1.36, 0.24, 0.48,
        0.1, 0, 1.52, 0.01, 1.25, 0.09, 0.69, 0.48, 0.35, 1.16, 1.49, 1, 1.08, 1.07, 0, 0, 0.61, 2.27, 2.89, 2.45,
        2.09, 1.74, 3.74, 0.33, 3.8, 0, 0.34,
    ),
    "claude": (
        1.11, 1.02, 1, 0.57, 0.2, 0.65, 2.67, 1.02, 1.11, 0.51, 0, 0.37, 0.35, 0, 0.14, 0.21, 0.68, 0.88, 0.47, 0.97,
        0.11, 0.8, 0.88, 0.05, 0.47, 0.19, 0.59, 0.49, 0.19, 0, 0.95, 0.88, 0.97, 0.84, 1.39, 0.56, 0, 2.87, 2.66,
        1.41, 0.87, 1.34, 2.86, 3.53, 0, 0.38, 0.39,
    ),
    "claude-4.7": (
        1.37, 1.24, 1.42, 1.18, 0.42, 0.42, 3.68, 1.77, 2.98, 0.42, 0, 0.5, 0.49, 0.2, 0, 0.66, 1.68, 1.11, 0.26,
        0.98, 0.25, 0.91, 0.66, 0.06, 0.18, 0.19, 0.33, 0.49, 0.29, 0, 0.95, 0.88, 0.96, 0.85, 1.34, 0.73, 0, 2.77,
        3.17, 1.4, 2.43, 1.33, 2.38, 3.52, 0.12, 0.58, 0.34,
    ),
    "llama3": (
        1.15, 1.02, 1.01, 0.96, 0.1, 1, 1.89, 0.67, 1.49, 0.35, 1.42, 0.11, 0.08, 0, 0.15, 0.09, 0.4, 1.34, 0.3,
        0.49, 0.12, 0.19, 1.38, 0.01, 0.56, 0.13, 0.4, 0.44, 0.34, 0.64, 1.48, 0.47, 0.79, 0.71, 0.64, 0, 2.17, 2.39,
        1.82, 1.2, 0.22, 0, 3.79, 0, 0.4, 0, 0.22,
    ),
    "gemma": (
        1.11, 0.98, 1.05, 0.88, 0.06, 0.51, 2.06, 1.09, 0.6, 0.33, 0.77, 0.11, 0.07, 0, 0.03, 0.13, 0.07, 0.62, 1.06,
        0.88, 0.12, 1.11, 1.01, 0.01, 0.92, 0.05, 0.26, 0.4, 0.29, 0.04, 0.26, 0.33, 0.6, 0.47, 0, 0.24, 1.36, 1.19,
        0, 1.23, 0.82, 0, 1.17, 1.07, 1.9, 0, 0.25,
    ),
    "qwen": (
        1.15, 1.04, 1.01, 1, 0.07, 0, 2.2, 1.77, 2.83, 0.1, 0, 0.35, 0, 0, 0.31, 0.06, 0.27, 0.42, 1.35, 0.5, 0.13,
        0.26, 1.35, 0.01, 0.57, 0.11, 0.62, 0, 0.08, 0.18, 1.22, 0.56, 0.33, 0.72, 0.31, 0, 3.3, 1.75, 1.25, 1.5,
        2.16, 2.11, 1.7, 4.05, 1.52, 1.22, 0.78,
    ),
    "deepseek": (
        1.12, 1.02, 0.95, 0.74, 0.17, 0.81, 1.84, 1.05, 1.03, 0.29, 0.61, 0.2, 0.24, 0, 0.17, 0.2, 0.43, 1.28, 0.2,
        0.74, 0.11, 0, 1.34, 0, 1.08, 0, 0.03, 0.36, 0.06, 0.68, 0.53, 0.37, 0.4, 0.74, 0, 0, 1.12, 1.97, 1.42, 1.94,
        2.77, 0.41, 2.18, 0, 2.51, 0.61, 0.52,
    ),
    "tekken": (
        1.18, 0.99, 0.89, 0.79, 0.21, 0.87, 1.95, 0.91, 0.72, 0.25, 1.46, 0.04, 0.08, 0, 0.23, 0.24, 0.41, 0.54,
        1.21, 0.64, 0.14, 0, 1.48, 0, 0.76, 0.06, 0, 0.09, 0.35, 0, 0.44, 0.52, 0.77, 0.66, 0.66, 0.36, 2.73, 3.02,
        3.7, 1.54, 2.41, 1.21, 0.78, 1.77, 0, 0.55, 0.55,
    ),
}
# fmt: on
"""Vocabulary → cost of each piece."""

UNKNOWN: Vocabulary = "llama3"
"""What is taken for a model of which nothing is known: between the others in most languages."""

NAMES: tuple[tuple[str, Vocabulary], ...] = (
    (r"claude-(?:fable|mythos|opus-(?:4-[789]|[5-9])|(?:sonnet|haiku)-[5-9])", "claude-4.7"),
    (r"claude", "claude"),
    (r"gpt-(?:3|4(?!\.|o))|text-embedding|davinci", "cl100k"),
    (r"gpt|chatgpt|\bo[1-9]\b|codex", "o200k"),
    (r"gemini|gemma", "gemma"),
    (r"qwen|qwq", "qwen"),
    (r"deepseek", "deepseek"),
    (r"mistral|mixtral|ministral|magistral|codestral|devstral|pixtral|voxtral", "tekken"),
)
"""What a model's name says of its vocabulary, the first that is found in it; OpenAI's newer models share one, and what
Google serves as Gemini is split as its open models are. Cohere, GLM, Kimi and Grok publish none that could be used."""
