// An agent by Vercel's AI SDK, as it is published: `node vercel_agent.mjs anthropic|openai|chat [stream]`.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const [name, mode] = process.argv.slice(2);
const picture = process.env.PICTURE; // base64 of a PNG of the screen
const toModelOutput = () => ({ type: "content", value: [{ type: "image-data", data: picture, mediaType: "image/png" }] });
const screen = { displayWidthPx: 1280, displayHeightPx: 800 };
const point = z.object({ action: z.string(), coordinate: z.array(z.number()).optional(), text: z.string().optional() });
const called = { execute: async () => "done", toModelOutput };

const anthropic = createAnthropic({ apiKey: "none" });
const openai = createOpenAI({ apiKey: "none" });
const kinds = {
  anthropic: [anthropic("claude-x"), anthropic.tools.computer_20250124({ ...screen, ...called })],
  openai: [openai.responses("gpt-x"), tool({ description: "A computer", inputSchema: point, ...called })],
  chat: [openai.chat("gpt-x"), tool({ description: "A computer", inputSchema: point, ...called })],
};
const [model, computer] = kinds[name];
const asked = { model, tools: { computer }, prompt: "Click it", stopWhen: stepCountIs(5), maxRetries: 0 };

if (mode === "stream") {
  for await (const part of streamText(asked).fullStream) if (part.type === "error") throw part.error;
} else {
  await generateText(asked);
}
