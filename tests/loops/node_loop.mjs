// The same loop in JavaScript, with nothing but fetch. The argument "stream" streams the replies.
const stream = process.argv.includes("stream");
const tool = { type: "computer_20251124", name: "computer", display_width_px: 64, display_height_px: 48 };
const messages = [{ role: "user", content: "Add two numbers" }];

async function ask() {
  const response = await fetch(`${process.env.ANTHROPIC_BASE_URL}/v1/messages`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": "none", "anthropic-version": "2023-06-01" },
    body: JSON.stringify({ model: "claude-x", max_tokens: 100, stream, tools: [tool], messages }),
  });
  if (!response.ok) throw new Error(`${response.status}`);
  if (!stream) return (await response.json()).content;
  const content = [];
  for (const line of (await response.text()).split("\n")) {
    if (!line.startsWith("data: ")) continue;
    const event = JSON.parse(line.slice(6));
    if (event.type === "content_block_start") content[event.index] = { ...event.content_block, json: "" };
    if (event.delta?.type === "text_delta") content[event.index].text += event.delta.text;
    if (event.delta?.type === "input_json_delta") content[event.index].json += event.delta.partial_json;
  }
  return content.map(({ json, ...block }) => (json ? { ...block, input: JSON.parse(json) } : block));
}

for (;;) {
  const content = await ask();
  const calls = content.filter((block) => block.type === "tool_use");
  if (!calls.length) break;
  const done = [{ type: "text", text: "Clicked." }];
  messages.push({ role: "assistant", content });
  messages.push({ role: "user", content: calls.map(({ id }) => ({ type: "tool_result", tool_use_id: id, content: done })) });
}
