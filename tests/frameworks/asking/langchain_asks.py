"""An application on LangChain: `python langchain_asks.py URL MODEL…` asks each model and tells as JSON what came."""

import json
import sys

import anthropic
import openai
from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI
from pydantic import BaseModel


class Weather(BaseModel):
    """The weather in a city."""

    city: str
    degrees: int


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"fine in {city}"


def asked(chat):
    called = (
        chat.bind_tools([get_weather], tool_choice="any").invoke("Call the tool: what is the weather?").tool_calls[0]
    )
    refused = 0
    try:
        chat.invoke("hi", model="no-such-model")
    except (openai.NotFoundError, anthropic.NotFoundError) as error:
        refused = error.status_code
    return {
        "whole": chat.invoke("hi").text,
        "streamed": "".join(piece.text for piece in chat.stream("hi")),
        "tokens": chat.invoke("hi").usage_metadata["total_tokens"],
        "called": [called["name"], called["args"]],
        "schema": chat.with_structured_output(Weather).invoke("Call the tool: what is the weather?").model_dump(),
        "refused": refused,
    }


url, *models = sys.argv[1:]
told = {}
for model in models:
    one = ChatOpenAI(model=model, base_url=f"{url}/v1", api_key="any", max_retries=0)
    newer = ChatOpenAI(model=model, base_url=f"{url}/v1", api_key="any", max_retries=0, use_responses_api=True)
    other = ChatAnthropic(model=model, base_url=url, api_key="any", max_retries=0)
    told[model] = {"ChatOpenAI": asked(one), "responses": asked(newer), "ChatAnthropic": asked(other)}
print(json.dumps(told))
