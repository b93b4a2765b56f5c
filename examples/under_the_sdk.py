"""The official SDKs keep their whole interface; the engine makes their calls."""

import asyncio

from anthropic import AsyncAnthropic

import outlast
from outlast.testing import SimulatedProvider


async def main() -> None:
    """Stream a message through Anthropic's SDK from providers that speak OpenAI's dialect."""
    with SimulatedProvider() as simulation:
        engine = outlast.transport(outlast.simulated(simulation.url))
        async with AsyncAnthropic(api_key="-", http_client=engine.async_http_client) as client:
            messages = [{"role": "user", "content": "Tell me something."}]
            async with client.messages.stream(model="default", max_tokens=100, messages=messages) as stream:
                async for text in stream.text_stream:
                    print(text, end="")
        print()


asyncio.run(main())
