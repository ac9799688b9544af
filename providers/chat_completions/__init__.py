"""
Chat completions, as OpenAI, OpenRouter, vLLM, LM Studio and LiteLLM serve them.

Requests, replies and events come in as clients send and get them; the common form goes out, and back. Models that
write their calls as text (`dialects`) are read as well.
"""
