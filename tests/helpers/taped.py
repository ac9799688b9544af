"""A run that is recorded by a proxy in this process, before a scripted service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anthropic

from footage.recorder.proxy.listener import Proxy
from footage.recorder.proxy.relay_process.upstream import Upstream
from footage.recorder.proxy.writer_process.routing import Lanes
from footage.recorder.recording import Recording, record
from footage.storage import open_store
from footage.trajectory import RawExchange
from recording import Recorded, user
from service import Service, click, text

FIRST = user("Add two numbers")


CLICKS = ([text("I click."), click("a", 10, 20)], [click("b", 30, 40), click("c", 5, 6)], [text("Done.")])


class Taped:
    """A proxy before a service, recording one run."""

    def __init__(self, folder: Path, service: Service, **options: Any) -> None:
        self.path = folder / "footage.db"
        self.run: Recording = record("a task", store=self.path, layer="proxy", **options)
        self.lanes = Lanes()
        self.lanes.add(self.run, self.run.id)
        self.proxy = Proxy({"anthropic": Upstream(service.url)}, self.lanes)
        self.address = self.proxy.address(self.run.id)

    def client(self, **options: Any) -> anthropic.Anthropic:
        return anthropic.Anthropic(base_url=self.address, api_key="none", **{"max_retries": 0, **options})

    def read(self) -> Recorded:
        self.proxy.drain(10)
        self.close()
        self.run.end()
        return Recorded(self.path, self.run.id)

    def close(self) -> None:
        self.proxy.close()
        self.lanes.close()

    def raw(self) -> list[RawExchange]:
        self.read()
        with open_store(self.path) as store:
            return store.raw_exchanges(self.run.id)
