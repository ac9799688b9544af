"""Agents by the clients of other providers, as they are published: `provider_clients.py NAME [stream]`."""

from __future__ import annotations

import base64
import io
import sys
from typing import Any

from PIL import Image

STREAM = sys.argv[2:] == ["stream"]


def shot(shade: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (1280, 800), (shade, 9, 9)).save(out, "PNG")
    return out.getvalue()


def url(shade: int) -> str:
    return "data:image/png;base64," + base64.b64encode(shot(shade)).decode()


def responses() -> None:
    import openai

    client = openai.OpenAI(api_key="none", max_retries=0)
    given: Any = {"model": "gpt-x", "tools": [{"type": "computer"}], "input": "Click it"}
    for number in range(1, 5):
        if STREAM:
            events = list(client.responses.create(**given, stream=True))
            reply = events[-1].response
        else:
            reply = client.responses.create(**given)
        calls = [item for item in reply.output if item.type == "computer_call"]
        if not calls:
            return
        output = {"type": "computer_screenshot", "image_url": url(number)}
        answers = [{"type": "computer_call_output", "call_id": call.call_id, "output": output} for call in calls]
        given = {**given, "previous_response_id": reply.id, "input": answers}


def gemini() -> None:
    from google import genai
    from google.genai import types

    client = genai.Client(api_key="none")
    first = [types.Part(text="Click it"), types.Part.from_bytes(data=shot(0), mime_type="image/png")]
    contents = [types.Content(role="user", parts=first)]
    tool = types.Tool(computer_use=types.ComputerUse(environment=types.Environment.ENVIRONMENT_BROWSER))
    config = types.GenerateContentConfig(tools=[tool])
    for number in range(1, 5):
        asked: Any = {"model": "gemini-x", "contents": contents, "config": config}
        if STREAM:
            pieces = list(client.models.generate_content_stream(**asked))
        else:
            pieces = [client.models.generate_content(**asked)]
        said: Any = [part for piece in pieces for part in _parts(piece)]
        contents.append(types.Content(role="model", parts=said))
        calls = [part.function_call for part in said if part.function_call]
        if not calls:
            return
        blob = types.FunctionResponseBlob(mime_type="image/png", data=shot(number))
        parts = [types.FunctionResponsePart(inline_data=blob)]
        answers = [types.FunctionResponse(name=call.name, response={"url": "x"}, parts=parts) for call in calls]
        contents.append(types.Content(role="user", parts=[types.Part(function_response=each) for each in answers]))


def _parts(piece: Any) -> Any:
    return piece.candidates[0].content.parts


def chat() -> None:
    import openai

    client = openai.OpenAI(api_key="none", max_retries=0)
    tools: Any = [{"type": "function", "function": {"name": "computer", "parameters": {"type": "object"}}}]
    history: Any = [{"role": "user", "content": [{"type": "text", "text": "Click it"}]}]
    for number in range(1, 4):
        asked: Any = {"model": "gpt-x", "tools": tools, "messages": history}
        if STREAM:
            with client.chat.completions.stream(**asked) as stream:
                said = stream.get_final_completion().choices[0].message
        else:
            said = client.chat.completions.create(**asked).choices[0].message
        history.append(
            {"role": "assistant", "content": said.content, "tool_calls": _calls(said)} if said.tool_calls else {}
        )
        if not said.tool_calls:
            return
        history += [{"role": "tool", "tool_call_id": call.id, "content": "ok"} for call in said.tool_calls]
        history.append({"role": "user", "content": [{"type": "image_url", "image_url": {"url": url(number)}}]})


def _calls(said: Any) -> Any:
    return [
        {"id": c.id, "type": "function", "function": {"name": c.function.name, "arguments": c.function.arguments}}
        for c in said.tool_calls or []
    ]


globals()[sys.argv[1]]()
