"""The HTTP face of the engine: OpenAI's and Anthropic's endpoints, and our own, in front of every provider."""
