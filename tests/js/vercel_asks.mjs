// An application on Vercel's AI SDK: `node vercel_asks.mjs URL MODEL…` asks each model and tells as JSON what came.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, Output, streamText, tool } from "ai";
import { z } from "zod";

globalThis.AI_SDK_LOG_WARNINGS = false;
const [url, ...models] = process.argv.slice(2);
const weather = z.object({ city: z.string(), degrees: z.number() });
const get_weather = tool({ description: "The weather in a city.", inputSchema: z.object({ city: z.string() }) });

async function asked(model, unknown) {
  const common = { model, maxRetries: 0, maxOutputTokens: 100 };
  const whole = await generateText({ ...common, prompt: "hi" });
  let streamed = "";
  const stream = streamText({ ...common, prompt: "hi", onError: () => {} });
  for await (const piece of stream.textStream) streamed += piece;
  const called = await generateText({ ...common, prompt: "Call the tool: what is the weather?", tools: { get_weather }, toolChoice: "required" });
  const schema = await generateText({ ...common, prompt: "Call the tool: what is the weather?", output: Output.object({ schema: weather }) });
  const refused = await generateText({ model: unknown, prompt: "hi", maxRetries: 0 }).catch((error) => error);
  return {
    whole: whole.text,
    streamed,
    finish: await stream.finishReason,
    tokens: whole.usage.totalTokens,
    called: [called.toolCalls[0].toolName, called.toolCalls[0].input],
    schema: schema.output,
    refused: refused.statusCode,
  };
}

const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey: "any" });
const anthropic = createAnthropic({ baseURL: `${url}/v1`, apiKey: "any" });
const compatible = createOpenAICompatible({ name: "gateway", baseURL: `${url}/v1`, supportsStructuredOutputs: true });
const told = {};
for (const model of models) {
  told[model] = {
    responses: await asked(openai(model), openai("no-such-model")),
    chat: await asked(openai.chat(model), openai.chat("no-such-model")),
    anthropic: await asked(anthropic(model), anthropic("no-such-model")),
    compatible: await asked(compatible(model), compatible("no-such-model")),
  };
}
console.log(JSON.stringify(told));
