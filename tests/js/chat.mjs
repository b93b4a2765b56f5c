// Asks the gateway at argv[2] as an application would: once for a whole answer, once for a stream, once for nonsense.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: `${process.argv[2]}/v1`, apiKey: "any", maxRetries: 0 });
const messages = [{ role: "user", content: "hi" }];

const whole = await client.chat.completions.create({ model: "default", messages });

let streamed = "";
let finish = null;
const stream = await client.chat.completions.create({ model: "default", messages, stream: true });
for await (const chunk of stream) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
  finish = chunk.choices[0]?.finish_reason ?? finish;
}

const refused = await client.chat.completions.create({ model: "no-such-model", messages }).catch((error) => error);

console.log(
  JSON.stringify({
    whole: whole.choices[0].message.content,
    tokens: whole.usage.total_tokens,
    streamed,
    finish,
    refused: { name: refused.constructor.name, status: refused.status },
  }),
);
