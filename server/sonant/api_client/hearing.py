"""Calls that listen: speech to text."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sonant.api_client.bodies import Upload
from sonant.api_client.calls import Calls, given
from sonant.api_client.connection import Call, Effect
from sonant.api_client.listening import ManualSocket, TurnSocket
from sonant.wire.stt import DEFAULT_LIVE_MODEL, DEFAULT_MODEL, Transcription, TurnSettings


class HearingCalls(Calls):
    # Contract §5.1
    async def transcribe(
        self,
        upload: Upload,
        *,
        model: str = DEFAULT_MODEL,
        language: str | None = None,
        word_times: bool = False,
        pcm: tuple[str, int] | None = None,
        duration_s: float | None = None,
    ) -> Transcription:
        """The words of a recording. Spends credits.

        Args:
            pcm: encoding and sample rate (Hz) of a headerless recording.
            duration_s: of the recording; a long one may keep us waiting as long as it lasts.
        """
        form = given(model=model, language=language) | ({"timestamp_granularities[]": "word"} if word_times else {})
        call = Call(
            "POST",
            "/stt",
            Effect.PAYS,
            params={"encoding": pcm[0], "sample_rate": str(pcm[1])} if pcm else {},
            form=form,
            uploads={"file": upload},
            extra_s=duration_s or 0.0,
            counts_as="stt",
        )
        return await self._connection.read(call, Transcription)

    # Contract §5.3
    @asynccontextmanager
    async def listen(
        self,
        *,
        encoding: str,
        sample_rate: int,
        model: str = DEFAULT_LIVE_MODEL,
        language: str | None = None,
        min_volume: float | None = None,
        max_silence_duration_secs: float | None = None,
        keyterms: Sequence[str] = (),
    ) -> AsyncIterator[ManualSocket]:
        """Live sound in, transcripts out, final when asked for. Spends credits by the second.

        Args:
            sample_rate: Hz.
            language: ink-whisper only, as are the next two.
            min_volume: 0 to 1; what is softer is silence.
            max_silence_duration_secs: of silence, after which a transcript is final without being asked for.
            keyterms: words to expect; not for ink-whisper.
        """
        params = given(
            model=model,
            encoding=encoding,
            sample_rate=sample_rate,
            language=language,
            min_volume=min_volume,
            max_silence_duration_secs=max_silence_duration_secs,
        )
        async with self._connection.socket("/stt/websocket", params | _terms(keyterms), counts_as="stt") as socket:
            yield ManualSocket(socket, self._connection.mask)

    # Contract §5.4
    @asynccontextmanager
    async def turns(
        self,
        *,
        encoding: str,
        sample_rate: int,
        model: str = DEFAULT_LIVE_MODEL,
        settings: TurnSettings | None = None,
        keyterms: Sequence[str] = (),
    ) -> AsyncIterator[TurnSocket]:
        """Live sound in, turns of a conversation out. Spends credits by the second.

        Args:
            sample_rate: Hz.
            settings: when a turn starts and ends; None: as the service thinks best.
            keyterms: words to expect.
        """
        params = given(model=model, encoding=encoding, sample_rate=sample_rate)
        params |= {f"turn_{name}": str(value) for name, value in (settings.to_wire() if settings else {}).items()}
        async with self._connection.socket(
            "/stt/turns/websocket", params | _terms(keyterms), counts_as="stt"
        ) as socket:
            yield TurnSocket(socket, self._connection.mask)


def _terms(keyterms: Sequence[str]) -> dict[str, list[str]]:
    return {"keyterm": list(keyterms)} if keyterms else {}
