"""An application on instructor: `python instructor_asks.py URL MODEL…` asks each model and tells as JSON what came."""

import json
import sys

import instructor
import openai
from instructor.core import InstructorRetryException
from pydantic import BaseModel


class Weather(BaseModel):
    """The weather in a city."""

    city: str
    degrees: int


QUESTION = [{"role": "user", "content": "Call the tool: what is the weather?"}]


def asked(client, model):
    def extracted(mode, model):
        patched = instructor.from_openai(client, mode=mode)
        return patched.create_with_completion(model=model, messages=QUESTION, response_model=Weather, max_retries=0)

    called, reply = extracted(instructor.Mode.TOOLS, model)
    schema, _ = extracted(instructor.Mode.JSON_SCHEMA, model)
    refused = 0
    try:
        extracted(instructor.Mode.TOOLS, "no-such-model")
    except InstructorRetryException as error:
        refused = error.__cause__.status_code
    return {
        "tokens": reply.usage.total_tokens,
        "called": ["Weather", called.model_dump()],
        "schema": schema.model_dump(),
        "refused": refused,
    }


url, *models = sys.argv[1:]
client = openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0)
print(json.dumps({model: {"from_openai": asked(client, model)} for model in models}))
