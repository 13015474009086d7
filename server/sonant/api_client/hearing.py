"""Calls that listen: speech to text."""

from sonant.api_client.bodies import Upload
from sonant.api_client.calls import Calls, given
from sonant.api_client.connection import Call, Effect
from sonant.wire.stt import DEFAULT_MODEL, Transcription


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
