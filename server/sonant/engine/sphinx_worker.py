"""The recogniser's process: sound in, words out. Run as `python -I sphinx_worker.py PACKAGES_FOLDER IDLE_S`.

It is a process of its own because the decoder holds the GIL, takes 150 MB, and can be ended only from outside. It ends
by itself when stdin closes, also in the middle of decoding, and when nobody needed it for IDLE_S seconds.

Messages as in pipes.py, which this file must not import; the payload of a request is pcm_s16le, 16 kHz, mono.
  {"do": "begin"}           a recording begins
  {"do": "feed"} + payload  the next of it
  {"do": "end"}             it has ended
Each is answered by {"stretches": [{"words": [[word, start_s, end_s, confidence], ...], "length_s": …, "swing_db": …}, ...]}: the
stretches of speech that are finished. Before the first request comes an empty one, as greeting.

Of live sound, whoever asks finds the stretches, and has each read while it is spoken:
  {"do": "open", "cmn": …}  a stretch begins; `cmn` is what the last one of that microphone was answered with, or null
  {"do": "hear"} + payload  the next of it; the answer is a first guess at all of it so far
  {"do": "check"}           read all of it so far with care
  {"do": "shut"}            it has ended
  {"do": "learn", "terms": [[word, phones], ...]}  words to expect from now on
Each is answered by {"words": [[word, start_s, end_s, confidence], ...], "cmn": …}, in seconds from its start.
"""

import array
import json
import math
import os
import queue
import signal
import struct
import sys
import threading
from typing import Any

SAMPLE_RATE = 16000
_FRAMES_PER_S = 100
"""The decoder's clock."""
_WARM_UP_S = 6.0
"""Seconds of speech after which the mean spectrum is settled."""
_PIECE_BYTES = SAMPLE_RATE // 10 * 2
LONG_S, LONGEST_S = 20.0, 30.0
"""Seconds of speech without a pause: from the first on any gap will do, at the second it is cut. Bounds memory."""
_TERM_WEIGHT = 10.0
"""How much likelier than the average word a learned term is. From 1 to 10,000 found the same 7 of 8 (without: 0) and
heard none in ten sentences without them."""


class Listener:
    """One recording: finds the stretches of speech and reads each of them."""

    def __init__(self, decoder: Any, *, long_s: float = LONG_S, longest_s: float = LONGEST_S) -> None:
        from pocketsphinx import Endpointer, Vad

        self._decoder = decoder
        self._long_s, self._longest_s = long_s, longest_s
        # Measured: 0.3 s of decision and the loosest detector lose the fewest words. The strict one finds short gaps.
        self._endpointer = Endpointer(window=0.3, ratio=0.9, vad_mode=0, sample_rate=SAMPLE_RATE)
        self._gaps = Vad(mode=3, sample_rate=SAMPLE_RATE, frame_length=self._endpointer.frame_length)
        self._frame_bytes = self._endpointer.frame_bytes
        self._rest = b""
        self._is_open = False
        self._stretch = bytearray()
        self._heard_s = 0.0
        self._start_s = self._length_s = 0.0

    def feed(self, audio_bytes: bytes) -> list[dict[str, Any]]:
        """Take the next pcm_s16le bytes; return the stretches that are finished."""
        stretches = []
        audio_bytes = self._rest + audio_bytes
        end = len(audio_bytes) - len(audio_bytes) % self._frame_bytes
        for start in range(0, end, self._frame_bytes):
            speech = self._endpointer.process(audio_bytes[start : start + self._frame_bytes])
            if speech is not None:
                stretches += self._hear(speech, is_last=not self._endpointer.in_speech)
        self._rest = audio_bytes[end:]
        return stretches

    def finish(self) -> list[dict[str, Any]]:
        """The recording has ended, perhaps in the middle of a word."""
        speech = self._endpointer.end_stream(self._rest) if self._rest else None
        if speech is not None:
            return self._hear(speech, is_last=True)
        return self._close() if self._is_open else []

    def _hear(self, speech: bytes, *, is_last: bool) -> list[dict[str, Any]]:
        if not self._is_open:
            # After a cut, the next stretch begins where the last one ended, though speech began long before.
            self._start_s = max(self._endpointer.speech_start, self._start_s + self._length_s)
            self._length_s = 0.0
            self._is_open = True
            self._stretch = bytearray()
        self._stretch += speech
        self._length_s += len(speech) / 2 / SAMPLE_RATE
        is_long = self._length_s >= self._long_s and not self._gaps.is_speech(speech)
        return self._close() if is_last or is_long or self._length_s >= self._longest_s else []

    def _read(self, *, whole: bool) -> None:
        self._decoder.start_utt()
        if whole:
            self._decoder.process_raw(bytes(self._stretch), full_utt=True)
        else:
            for start in range(0, len(self._stretch), _PIECE_BYTES):
                self._decoder.process_raw(bytes(self._stretch[start : start + _PIECE_BYTES]))
        self._decoder.end_utt()

    def _close(self) -> list[dict[str, Any]]:
        self._is_open = False
        # The decoder subtracts the mean spectrum of what it has heard, and hears the beginning of a recording badly. So
        # the first stretches are taken whole, each with its own mean, which then is where the running one begins.
        is_early = self._heard_s < _WARM_UP_S
        self._heard_s += self._length_s
        self._read(whole=is_early)
        if is_early:
            self._decoder.set_cmn(self._decoder.get_cmn())
        words = words_of(self._decoder, self._start_s)
        swing_db = round(level_swing_db(self._stretch), 1)
        return [{"words": words, "length_s": round(self._length_s, 3), "swing_db": swing_db}] if words else []


def level_swing_db(pcm: bytes | bytearray) -> float:
    """How far the level of 20 ms frames of pcm_s16le goes up and down: from the 10th to the 90th percentile, in dB."""
    samples = array.array("h", bytes(pcm))
    if sys.byteorder == "big":
        samples.byteswap()
    frame = SAMPLE_RATE // 50
    levels = sorted(
        10 * math.log10(1 + sum(value * value for value in samples[start : start + frame : 4]))
        for start in range(0, len(samples) - frame + 1, frame)
    )
    return levels[len(levels) * 9 // 10] - levels[len(levels) // 10] if levels else 0.0


def words_of(decoder: Any, start_s: float = 0.0) -> list[tuple[str, float, float, float]]:
    """What the decoder makes of the stretch that began at `start_s`: word, start_s, end_s, confidence."""
    return [
        (
            segment.word.partition("(")[0],  # "read(2)" is its second pronunciation
            round(start_s + segment.start_frame / _FRAMES_PER_S, 3),
            round(start_s + (segment.end_frame + 1) / _FRAMES_PER_S, 3),
            round(min(1.0, segment.prob), 3),
        )
        for segment in decoder.seg() or ()
        if segment.word[0] not in "<[+"  # silence, noise, breath
    ]


class Reader:
    """One stretch of live speech, read while it is spoken. Whoever feeds it sees to it that it ends."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder
        self._stretch = bytearray()
        self._cmn = decoder.get_cmn()
        decoder.start_utt()

    def hear(self, audio_bytes: bytes) -> dict[str, Any]:
        self._stretch += audio_bytes
        self._feed(audio_bytes)
        return self._answer()

    def check(self) -> dict[str, Any]:
        """The careful reading comes only at an end: so this one ends, and is heard again from its beginning."""
        answer = self.shut()
        self._decoder.set_cmn(self._cmn)  # what an end settles from a second or two of speech misleads
        self._decoder.start_utt()
        self._feed(bytes(self._stretch))
        return answer

    def shut(self) -> dict[str, Any]:
        self._decoder.end_utt()
        return self._answer()

    def _feed(self, audio_bytes: bytes) -> None:
        for start in range(0, len(audio_bytes), _PIECE_BYTES):
            self._decoder.process_raw(audio_bytes[start : start + _PIECE_BYTES])

    def _answer(self) -> dict[str, Any]:
        return {"words": words_of(self._decoder), "cmn": self._decoder.get_cmn()}


class Recorder:
    """The decoder, and the recording or the stretch it is listening to, if any."""

    def __init__(self) -> None:
        from pocketsphinx import Decoder

        self._decoder = Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")
        self._untouched = self._decoder.get_cmn()
        self.listener: Listener | None = None
        self.reader: Reader | None = None

    @property
    def is_busy(self) -> bool:
        return self.listener is not None or self.reader is not None

    def answer(self, request: dict[str, Any], audio_bytes: bytes) -> dict[str, Any]:
        if request["do"] in ("open", "hear", "check", "shut", "learn"):
            return self._answer_live(request, audio_bytes)
        stretches: list[dict[str, Any]] = []
        if request["do"] == "begin":
            self._decoder.reinit_feat()
            self._decoder.set_cmn(self._untouched)  # forget the last recording's microphone
            self.listener = Listener(self._decoder)
        elif self.listener is not None and request["do"] == "feed":
            stretches = self.listener.feed(audio_bytes)
        elif self.listener is not None:
            stretches, self.listener = self.listener.finish(), None
        return {"stretches": stretches}

    def _answer_live(self, request: dict[str, Any], audio_bytes: bytes) -> dict[str, Any]:
        answer: dict[str, Any] = {"words": [], "cmn": None}
        if request["do"] == "learn":
            self._learn(request["terms"])
        elif request["do"] == "open":
            self._decoder.reinit_feat()
            self._decoder.set_cmn(request["cmn"] or self._untouched)
            self.reader = Reader(self._decoder)
        elif self.reader is not None and request["do"] == "hear":
            answer = self.reader.hear(audio_bytes)
        elif self.reader is not None and request["do"] == "check":
            answer = self.reader.check()
        elif self.reader is not None:
            answer, self.reader = self.reader.shut(), None
        return answer

    def _learn(self, terms: list[tuple[str, str]]) -> None:
        model = self._decoder.get_lm()
        for word, phones in terms:
            self._decoder.add_word(word, phones, False)
            model.add_word(word, _TERM_WEIGHT)
        # A search is built from the words it knows at the time.
        self._decoder.add_lm("learned", model)
        self._decoder.activate_search("learned")


def read_requests(requests: "queue.SimpleQueue[tuple[dict[str, Any], bytes]]") -> None:
    """Runs beside the decoder, so that the process ends with its parent even in the middle of a sentence."""
    stdin = sys.stdin.buffer
    while len(head := stdin.read(8)) == 8:
        json_bytes, payload_bytes = struct.unpack("<II", head)
        body, payload = stdin.read(json_bytes), stdin.read(payload_bytes)
        if len(body) < json_bytes or len(payload) < payload_bytes:
            break
        requests.put((json.loads(body), payload))
    os._exit(0)


def send(reply: dict[str, Any]) -> None:
    body = json.dumps(reply).encode()
    try:
        sys.stdout.buffer.write(struct.pack("<II", len(body), 0) + body)
        sys.stdout.buffer.flush()
    except OSError:
        os._exit(0)


def main() -> None:
    packages_folder, idle_s = sys.argv[1], float(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; our parent decides when we end
    requests: queue.SimpleQueue[tuple[dict[str, Any], bytes]] = queue.SimpleQueue()
    threading.Thread(target=read_requests, args=(requests,), daemon=True).start()
    sys.path.append(packages_folder)
    recorder = Recorder()
    send({"stretches": []})
    while True:
        try:
            request, audio_bytes = requests.get(timeout=None if recorder.is_busy else idle_s)
        except queue.Empty:
            os._exit(0)  # the reading thread waits on stdin and would hold up an ordinary exit
        send(recorder.answer(request, audio_bytes))


if __name__ == "__main__":
    main()
