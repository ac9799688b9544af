#!/bin/sh
# One question to the model, with curl alone: enough for a recording.
#
#     footage record --stand-in -- sh examples/ask.sh
set -eu
: "${ANTHROPIC_API_KEY:?is not set. Without a key: footage record --stand-in -- sh examples/ask.sh}"
curl -sS --fail-with-body "$ANTHROPIC_BASE_URL/v1/messages" \
    -H 'content-type: application/json' -H 'anthropic-version: 2023-06-01' -H "x-api-key: $ANTHROPIC_API_KEY" \
    -d '{"model": "claude-sonnet-5-5", "max_tokens": 300, "messages": [{"role": "user", "content": "What can you do?"}]}'
