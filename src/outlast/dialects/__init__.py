"""Wire formats, both directions. `DIALECTS` has each by its name; adding one is a package and a line here."""

from outlast.dialects.anthropic import Anthropic
from outlast.dialects.cohere import Cohere
from outlast.dialects.gemini import Gemini
from outlast.dialects.native import Native
from outlast.dialects.ollama import Ollama
from outlast.dialects.ollama.prompts import OllamaPrompts
from outlast.dialects.openai import OpenAI
from outlast.dialects.responses import Responses
from outlast.ports import Dialect

_ALL: tuple[Dialect, ...] = (
    OpenAI(),
    Responses(),
    Anthropic(),
    Cohere(),
    Gemini(),
    Ollama(),
    OllamaPrompts(),
    Native(),
)
DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in _ALL}
