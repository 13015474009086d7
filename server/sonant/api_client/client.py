"""The speech service as one object: all of Cartesia's calls, in groups."""

from types import TracebackType
from typing import Any, Self

from pydantic import RootModel

from sonant.api_client.account import AccountCalls
from sonant.api_client.bodies import AudioBody, SpeechEvents, Upload
from sonant.api_client.changing import ChangingCalls
from sonant.api_client.connection import Call, Connection, Effect
from sonant.api_client.files import FileCalls
from sonant.api_client.hearing import HearingCalls
from sonant.api_client.pronunciation import DictionaryCalls
from sonant.api_client.speech import SpeechCalls
from sonant.api_client.training import TrainingCalls
from sonant.api_client.voices import VoiceCalls

__all__ = ["APIClient", "AudioBody", "SpeechEvents", "Upload"]


class _AnyObject(RootModel[dict[str, Any]]):
    """A JSON object whose fields nobody promised."""


class APIClient(
    SpeechCalls, ChangingCalls, HearingCalls, VoiceCalls, DictionaryCalls, TrainingCalls, FileCalls, AccountCalls
):
    """The speech service at the other end of a connection. Closes the connection when its context ends.

    Every method raises APIError, APIConnectionError or WireError, each in words for a reader.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.base_url = connection.base_url

    def __repr__(self) -> str:
        return f"APIClient({self._connection!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._connection.aclose()

    # Contract §1.5
    async def status(self) -> dict[str, Any]:
        """Whether somebody is there: `{"ok": true, "version": …}`. Sends no key."""
        return (await self._connection.read(Call("GET", "/", Effect.READS, open_to_all=True), _AnyObject)).root
