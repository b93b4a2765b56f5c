"""An application on LlamaIndex: `python llama_index_asks.py URL MODEL…` asks each model and tells as JSON what came."""

import json
import sys

import openai
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai import OpenAI
from pydantic import BaseModel


class Weather(BaseModel):
    """The weather in a city."""

    city: str
    degrees: int


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"fine in {city}"


class Gateway(OpenAI):
    """OpenAI's models by the names that the gateway gives them."""

    @property
    def metadata(self):
        return OpenAI(model="gpt-4o", api_key="any").metadata.model_copy(update={"model_name": self.model})


def asked(llm):
    question = ChatMessage(role="user", content="Call the tool: what is the weather?")
    hi = [ChatMessage(role="user", content="hi")]
    tool = FunctionTool.from_defaults(get_weather)
    called = llm.chat_with_tools([tool], user_msg=question, tool_required=True)
    call = llm.get_tool_calls_from_response(called)[0]
    refused = 0
    try:
        Gateway(model="no-such-model", api_base=llm.api_base, api_key="any", max_retries=0).chat(hi)
    except openai.NotFoundError as error:
        refused = error.status_code
    return {
        "whole": llm.chat(hi).message.content,
        "streamed": "".join(piece.delta or "" for piece in llm.stream_chat(hi)),
        "tokens": llm.chat(hi).raw.usage.total_tokens,
        "called": [call.tool_name, call.tool_kwargs],
        "schema": llm.as_structured_llm(Weather).chat([question]).raw.model_dump(),
        "refused": refused,
    }


url, *models = sys.argv[1:]
told = {}
for model in models:
    told[model] = {"OpenAI": asked(Gateway(model=model, api_base=f"{url}/v1", api_key="any", max_retries=0))}
print(json.dumps(told))
