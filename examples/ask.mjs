// One question to the model, with fetch alone: enough for a recording.
//
//     footage record --stand-in -- node examples/ask.mjs
const response = await fetch(`${process.env.ANTHROPIC_BASE_URL}/v1/messages`, {
  method: "POST",
  headers: {
    "content-type": "application/json",
    "anthropic-version": "2023-06-01",
    "x-api-key": process.env.ANTHROPIC_API_KEY,
  },
  body: JSON.stringify({
    model: "claude-sonnet-5-5",
    max_tokens: 300,
    messages: [{ role: "user", content: "What can you do?" }],
  }),
});
if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
for (const block of (await response.json()).content) if (block.text) console.log(block.text);
