// A conversation on Vercel's AI SDK: `node vercel_turns.mjs URL MODEL…` talks to each model, and tells as JSON what came.
// Nothing says store: false, so that the SDK refers to earlier items instead of sending them.
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

globalThis.AI_SDK_LOG_WARNINGS = false;
const [url, ...models] = process.argv.slice(2);
const get_weather = tool({
  description: "The weather in a city.",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `sunny in ${city}`,
});

async function talk(model) {
  const bodies = [];
  const openai = createOpenAI({
    baseURL: `${url}/v1`,
    apiKey: "any",
    fetch: (address, options) => (bodies.push(JSON.parse(options.body)), fetch(address, options)),
  });
  const common = { model: openai(model), maxRetries: 0, tools: { get_weather }, stopWhen: stepCountIs(3) };
  const messages = [];
  const say = (content) => messages.push({ role: "user", content });

  say("I am Ann");
  const first = await generateText({ ...common, messages });
  messages.push(...first.response.messages);

  say("Call the tool: what is the weather?");
  const second = streamText({ ...common, messages, onError: () => {} });
  let streamed = "";
  for await (const piece of second.textStream) streamed += piece;
  messages.push(...(await second.response).messages);

  say("who am I?");
  const third = await generateText({ ...common, messages });

  const last = await generateText({ ...common, prompt: "and?", providerOptions: { openai: { previousResponseId: third.response.id } } });
  return {
    texts: [first.text, streamed, third.text, last.text],
    steps: (await second.steps).length,
    thoughts: (await second.steps).map((step) => step.reasoningText ?? ""),
    references: bodies.map((body) => body.input.filter((item) => item.type === "item_reference").length),
    stores: bodies.map((body) => body.store ?? null),
  };
}

const told = {};
for (const model of models) told[model] = await talk(model);
console.log(JSON.stringify(told));
