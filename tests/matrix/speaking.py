"""The dialects that providers speak."""

SPOKEN = ("openai", "responses", "anthropic", "cohere", "gemini", "ollama")
