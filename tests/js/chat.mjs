// Asks the gateway at argv[2] as an application would: whole, streamed, with tools, for nonsense, and through a cut.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: `${process.argv[2]}/v1`, apiKey: "any", maxRetries: 0 });
const messages = [{ role: "user", content: "hi" }];

async function streamed(fields) {
  let text = "";
  let finish = null;
  let args = "";
  try {
    for await (const chunk of await client.chat.completions.create({ messages, stream: true, ...fields })) {
      const choice = chunk.choices[0];
      text += choice?.delta?.content ?? "";
      args += choice?.delta?.tool_calls?.[0]?.function?.arguments ?? "";
      finish = choice?.finish_reason ?? finish;
    }
  } catch (error) {
    return { text, finish, error: { name: error.constructor.name, code: error.code } };
  }
  return { text, finish, args };
}

const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "get_weather", parameters } }];

const whole = await client.chat.completions.create({ model: "default", messages });
const called = await client.chat.completions.create({ model: "default", messages, tools, tool_choice: "required" });
const refused = await client.chat.completions.create({ model: "no-such-model", messages }).catch((error) => error);
const vectors = await client.embeddings.create({ model: "default", input: ["a", "b"], dimensions: 4 });

console.log(
  JSON.stringify({
    whole: whole.choices[0].message.content,
    tokens: whole.usage.total_tokens,
    called: called.choices[0].message.tool_calls[0].function,
    streamed: await streamed({ model: "default" }),
    calledPieceByPiece: await streamed({ model: "default", tools, tool_choice: "required" }),
    cut: await streamed({ model: "sim-one/sim-cut-4" }),
    endedSilently: await streamed({ model: "sim-one/sim-ended-4" }),
    refused: { name: refused.constructor.name, status: refused.status },
    vectors: vectors.data.map((row) => row.embedding.length),
  }),
);
