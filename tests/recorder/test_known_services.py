"""Where a recording proxy passes requests on to, by what the environment says."""

from __future__ import annotations

import pytest

from footage.recorder.command import command_environment
from footage.recorder.proxy.known_services import SERVICES, service_addresses, signed_sentence

AWS = "https://bedrock-runtime.eu-west-1.amazonaws.com"
GATEWAY = "https://gateway.example/bedrock"
USUAL = {"anthropic", "openai", "gemini"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, {}),
        ({"AWS_REGION": "eu-west-1"}, {}),
        (
            {"AWS_REGION": "eu-west-1", "AWS_BEARER_TOKEN_BEDROCK": "t"},
            {
                "bedrock": AWS,
                "bedrock_runtime": AWS,
                "bedrock_litellm": AWS,
                "bedrock_mantle": "https://bedrock-mantle.eu-west-1.api.aws/anthropic",
            },
        ),
        ({"ANTHROPIC_BEDROCK_BASE_URL": GATEWAY}, {"bedrock": GATEWAY}),
        ({"ANTHROPIC_BEDROCK_BASE_URL": AWS}, {}),
        ({"CLOUD_ML_REGION": "us-east5"}, {"vertex": "https://us-east5-aiplatform.googleapis.com/v1"}),
        ({"CLOUD_ML_REGION": "global"}, {"vertex": "https://aiplatform.googleapis.com/v1"}),
        ({"ANTHROPIC_FOUNDRY_RESOURCE": "desk"}, {"foundry": "https://desk.services.ai.azure.com/anthropic"}),
        ({"GOOGLE_VERTEX_BASE_URL": "https://g.example"}, {"gemini_vertex": "https://g.example"}),
        ({"OPENROUTER_API_BASE": " "}, {}),
    ],
)
def test_a_service_is_where_its_variable_points_or_where_its_region_says(
    environment: dict[str, str], expected: dict[str, str]
) -> None:
    found = service_addresses(environment)
    assert set(found) >= USUAL
    assert {name: address for name, address in found.items() if name not in USUAL} == expected


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"CLAUDE_CODE_USE_BEDROCK": "1"}, True),
        ({"ANTHROPIC_BEDROCK_BASE_URL": AWS}, True),
        ({"CLAUDE_CODE_USE_BEDROCK": "1", "AWS_BEARER_TOKEN_BEDROCK": "t"}, False),
        ({"CLAUDE_CODE_USE_BEDROCK": "1", "ANTHROPIC_BEDROCK_BASE_URL": GATEWAY}, False),
        ({"CLAUDE_CODE_USE_BEDROCK": "0"}, False),
        ({"AWS_REGION": "eu-west-1"}, False),
    ],
)
def test_requests_that_are_signed_with_their_address_are_said_to_be_missing(
    environment: dict[str, str], said: bool
) -> None:
    assert ("AWS_BEARER_TOKEN_BEDROCK" in signed_sentence(environment)) is said


def test_a_client_finds_one_way_to_foundry_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_FOUNDRY_RESOURCE", "desk")
    addresses = {"foundry": "http://127.0.0.1:1/via/foundry"}
    found = command_environment(addresses, run="r", store="s", proxy="p", machine={})
    assert found[SERVICES["foundry"].variable] == addresses["foundry"]
    assert "ANTHROPIC_FOUNDRY_RESOURCE" not in found
