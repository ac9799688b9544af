"""ATIF 1.8 as pydantic models: its fields, none besides them, and the rules that tie them together."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ImageSource(Strict):
    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
    path: str


class ContentPart(Strict):
    type: Literal["text", "image"]
    text: str | None = None
    source: ImageSource | None = None

    @model_validator(mode="after")
    def has_one(self) -> Self:
        assert (self.text is None) == (self.type == "image")
        assert (self.source is None) == (self.type == "text")
        return self


class ToolCall(Strict):
    tool_call_id: str
    function_name: str
    arguments: dict[str, Any]
    extra: dict[str, Any] | None = None


class Result(Strict):
    source_call_id: str | None = None
    content: str | list[ContentPart] | None = None
    extra: dict[str, Any] | None = None


class Observation(Strict):
    results: list[Result]


class Metrics(Strict):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None


class Totals(Strict):
    total_prompt_tokens: int | None = None
    total_completion_tokens: int | None = None
    total_cached_tokens: int | None = None
    total_steps: int | None = Field(default=None, ge=0)


class Step(Strict):
    step_id: int = Field(ge=1)
    timestamp: datetime | None = None
    source: Literal["system", "user", "agent"]
    model_name: str | None = None
    message: str | list[ContentPart]
    reasoning_content: str | None = None
    tool_calls: list[ToolCall] | None = None
    observation: Observation | None = None
    metrics: Metrics | None = None
    llm_call_count: int | None = Field(default=None, ge=0)
    extra: dict[str, Any] | None = None

    @model_validator(mode="after")
    def fits_its_source(self) -> Self:
        of_agents = (self.model_name, self.reasoning_content, self.tool_calls, self.metrics)
        assert self.source == "agent" or of_agents == (None,) * 4
        assert self.llm_call_count != 0 or (self.metrics is None and self.reasoning_content is None)
        calls = [call.tool_call_id for call in self.tool_calls or ()]
        assert len(set(calls)) == len(calls)
        if self.observation:
            assert {result.source_call_id for result in self.observation.results} <= {None, *calls}
        return self


class Agent(Strict):
    name: str
    version: str
    model_name: str | None = None


class Trajectory(Strict):
    schema_version: Literal["ATIF-v1.8"]
    session_id: str | None = None
    trajectory_id: str | None = None
    agent: Agent
    steps: list[Step] = Field(min_length=1)
    final_metrics: Totals | None = None
    extra: dict[str, Any] | None = None

    @model_validator(mode="after")
    def is_numbered(self) -> Self:
        assert [step.step_id for step in self.steps] == list(range(1, len(self.steps) + 1))
        return self
