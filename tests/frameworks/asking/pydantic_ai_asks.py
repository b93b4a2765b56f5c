"""An application on pydantic-ai: `python pydantic_ai_asks.py URL MODEL…` asks each model, tells what came."""

import asyncio
import json
import sys

from pydantic import BaseModel
from pydantic_ai import Agent, ModelHTTPError, NativeOutput, ToolOutput
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider


class Weather(BaseModel):
    """The weather in a city."""

    city: str
    degrees: int


async def streamed(model):
    async with Agent(model).run_stream("hi") as run:
        return await run.get_output()


async def asked(kind, name, provider):
    model = kind(name, provider=provider)
    agent = Agent(model)
    whole = await agent.run("hi")
    called = await Agent(model, output_type=ToolOutput(Weather)).run("Call the tool: what is the weather?")
    schema = await Agent(model, output_type=NativeOutput(Weather)).run("Call the tool: what is the weather?")
    refused = 0
    try:
        await Agent(kind("no-such-model", provider=provider)).run("hi")
    except ModelHTTPError as error:
        refused = error.status_code
    return {
        "whole": whole.output,
        "streamed": await streamed(model),
        "tokens": whole.usage.total_tokens,
        "called": ["Weather", called.output.model_dump()],
        "schema": schema.output.model_dump(),
        "refused": refused,
    }


async def main():
    url, *models = sys.argv[1:]
    provider = OpenAIProvider(base_url=f"{url}/v1", api_key="any")
    told = {}
    for model in models:
        kinds = (OpenAIChatModel, OpenAIResponsesModel)
        told[model] = {kind.__name__: await asked(kind, model, provider) for kind in kinds}
    print(json.dumps(told))


asyncio.run(main())
