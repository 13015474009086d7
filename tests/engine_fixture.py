"""One embedded engine on a real socket for a whole test session, and ways to reach it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from cartesia import AsyncCartesia, Cartesia

from contract_answers import Witness
from sonant.engine.app import build_engine
from sonant.engine.options import EngineOptions
from sonant.engine.serving import served

VERSION = {"Cartesia-Version": "2026-08-14"}
KATIE = "f786b574-daa5-4673-aa0c-cbe3e8534c02"
RAW = {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 22050}
WAV = {"container": "wav", "encoding": "pcm_s16le", "sample_rate": 16000}


@dataclass(frozen=True)
class Engine:
    base_url: str
    api_key: str
    data_dir: Path
    shared_sdk: Cartesia
    witness: Witness

    def sdk(self) -> Cartesia:
        """The official SDK, unmodified; no retries, so that each failure shows. One for all: each loads certificates."""
        return self.shared_sdk

    def async_sdk(self) -> AsyncCartesia:
        return AsyncCartesia(api_key=self.api_key, base_url=self.base_url, max_retries=0)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}", **VERSION}

    def http(self, **headers: str) -> httpx.Client:
        headers = {**self.headers, **headers}
        return httpx.Client(base_url=self.base_url, headers=headers, timeout=30, trust_env=False, verify=False)

    def async_http(self) -> httpx.AsyncClient:
        """`verify`: there is nothing to verify on loopback, and loading certificates takes 20 ms a client."""
        return httpx.AsyncClient(
            base_url=self.base_url, headers=self.headers, timeout=30, trust_env=False, verify=False
        )


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The engine in a thread of its own, so that blocking clients can talk to it; every answer has its witness."""
    data_dir = tmp_path_factory.mktemp("engine")
    api_key = "sk_car_" + "k" * 32
    witness = Witness(build_engine(EngineOptions(data_dir=data_dir, api_key=api_key)))
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(served(witness, "127.0.0.1", 0)) as base_url,
        Cartesia(api_key=api_key, base_url=base_url, max_retries=0) as sdk,
    ):
        yield Engine(base_url, api_key, data_dir, sdk, witness)


@pytest.fixture(autouse=True)
def contract_kept(request: pytest.FixtureRequest) -> Iterator[None]:
    """Rule: an answer that breaks the contract's OpenAPI file fails the test it was given in."""
    if "engine" not in request.fixturenames:
        yield
        return
    faults = request.getfixturevalue("engine").witness.faults
    faults.clear()
    yield
    assert not faults, "\n".join(faults)


def speech(transcript: str = "Good morning.", **changes: object) -> dict[str, object]:
    """The body of a request for speech."""
    return {"model_id": "sonic-3.6", "transcript": transcript, "voice": KATIE, "output_format": RAW, **changes}
