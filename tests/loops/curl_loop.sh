#!/bin/sh
# The same loop with curl alone; $1 is "true" to stream.
set -eu
tool='{"type":"computer_20251124","name":"computer","display_width_px":64,"display_height_px":48}'
messages='{"role":"user","content":"Add two numbers"}'
ask() {
    curl -sS --fail -H 'content-type: application/json' -H 'x-api-key: none' -H 'anthropic-version: 2023-06-01' \
        --data-binary @- "$ANTHROPIC_BASE_URL/v1/messages" <<END
{"model":"claude-x","max_tokens":100,"stream":$1,"tools":[$tool],"messages":[$messages]}
END
}
use() { printf '{"type":"tool_use","id":"%s","name":"computer","input":{"action":"left_click","coordinate":%s}}' "$1" "$2"; }
told() { printf '{"type":"tool_result","tool_use_id":"%s","content":[{"type":"text","text":"Clicked."}]}' "$1"; }
ask "$1" | grep -q '"a"'
messages="$messages,{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"I click.\"},$(use a '[10,20]')]}"
messages="$messages,{\"role\":\"user\",\"content\":[$(told a)]}"
ask "$1" | grep -q '"b"'
messages="$messages,{\"role\":\"assistant\",\"content\":[$(use b '[30,40]'),$(use c '[5,6]')]}"
messages="$messages,{\"role\":\"user\",\"content\":[$(told b),$(told c)]}"
ask "$1" | grep -q 'end_turn'
