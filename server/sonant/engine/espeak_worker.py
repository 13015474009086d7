"""The process that holds espeak-ng: requests in on stdin, speech out on stdout, nothing else.

Run as `python -I -S espeak_worker.py LIBRARY DATA_FOLDER`; it imports the standard library only. It is a process of
its own because the library is not thread-safe, can crash on text, and has its own licence (GPL-3.0-or-later).

Messages as in pipes.py, which this file must not import; the payload of an answer is s16le mono.
  {}                                                      -> {"sample_rate"}           (also sent unasked, as greeting)
  {"language", "voice", "text", "flags", "parameters"}    -> {"events": [[type, position, sample, value], ...]} + audio
  {"language", "phonemes": [text, ...]}                   -> {"phonemes": [ipa, ...]}
`language` names a file below DATA_FOLDER/lang; `voice` is more lines of a voice file. A reply with "error" tells why not.
"""

import ctypes as c
import json
import os
import queue
import signal
import struct
import sys
import tempfile
import threading
from typing import Any

AUDIO_OUTPUT_SYNCHRONOUS = 2
BUFFER_MS = 60
INITIALIZE_PHONEME_EVENTS, INITIALIZE_PHONEME_IPA, INITIALIZE_DONT_EXIT = 0x0001, 0x0002, 0x8000
CHARS_UTF8, PHONEMES_FLAG = 1, 0x100
POS_CHARACTER = 1
EVENT_WORD, EVENT_PHONEME = 1, 7
IPA_MODE = 0x02

OURS = {"name", "maintainer", "status", "pitch", "formant", "gender", "speed", "breath", "breathw", "klatt", "echo"}
OURS |= {"roughness", "flutter", "tone", "voicing"}
"""Lines of a language's own file that say who speaks and not how the language goes: the voice lines replace them."""


class Name(c.Union):
    _fields_ = [("number", c.c_int), ("name", c.c_char_p), ("string", c.c_char * 8)]


class Event(c.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = [
        ("type", c.c_int),
        ("unique_identifier", c.c_uint),
        ("text_position", c.c_int),
        ("length", c.c_int),
        ("audio_position", c.c_int),
        ("sample", c.c_int),
        ("user_data", c.c_void_p),
        ("id", Name),
    ]


Callback = c.CFUNCTYPE(c.c_int, c.POINTER(c.c_short), c.c_int, c.POINTER(Event))


class Espeak:
    """The library, with what it said since the last request."""

    def __init__(self, library_path: str, data_folder: str) -> None:
        self.data_folder = data_folder
        self.library = c.CDLL(library_path)
        self.library.espeak_TextToPhonemes.restype = c.c_char_p
        self.library.espeak_TextToPhonemes.argtypes = [c.POINTER(c.c_char_p), c.c_int, c.c_int]
        self.library.espeak_Synth.argtypes = [
            c.c_char_p, c.c_size_t, c.c_uint, c.c_int, c.c_uint, c.c_uint, c.c_void_p, c.c_void_p,
        ]  # fmt: skip
        options = INITIALIZE_PHONEME_EVENTS | INITIALIZE_PHONEME_IPA | INITIALIZE_DONT_EXIT
        self.sample_rate: int = self.library.espeak_Initialize(
            AUDIO_OUTPUT_SYNCHRONOUS, BUFFER_MS, data_folder.encode(), options
        )
        if self.sample_rate <= 0:
            raise OSError("espeak-ng could not read its data folder")
        self.audio: list[bytes] = []
        self.events: list[tuple[int, int, int, str]] = []
        self.callback = Callback(self._heard)  # kept: the library holds a bare pointer to it
        self.library.espeak_SetSynthCallback(self.callback)

    def _heard(self, samples: Any, count: int, events: Any) -> int:
        index = 0
        while events[index].type:
            event = events[index]
            if event.type == EVENT_PHONEME:
                raw = c.string_at(c.addressof(event.id), 8).split(b"\0")[0]
                self.events.append((event.type, event.text_position, event.sample, raw.decode("utf-8", "replace")))
            elif event.type == EVENT_WORD:
                self.events.append((event.type, event.text_position, event.sample, ""))
            index += 1
        if samples and count:
            self.audio.append(c.string_at(samples, count * 2))
        return 0

    def set_voice(self, language: str, voice: str) -> None:
        """Load a complete voice: the language's own rules, our speaker. Set anew each time, as state leaks otherwise."""
        path = os.path.join(self.data_folder, "lang", *language.split("/"))
        with open(path, encoding="utf-8", errors="replace") as file:
            rules = [line for line in file if line.strip() and line.split()[0] not in OURS and line[:2] != "//"]
        body = ("name sonant\n" + "".join(rules) + "\n" + voice).encode("utf-8", "replace")
        if self._load(body):
            raise ValueError("espeak-ng refused the voice")

    def _load(self, body: bytes) -> int:
        """The library reads voices from files only. In memory where the system can, so that nothing stays on disk."""
        if sys.platform == "linux" and os.path.isdir("/proc/self/fd"):
            descriptor = os.memfd_create("voice")
            try:
                os.write(descriptor, body)
                return int(self.library.espeak_SetVoiceByFile(f"/proc/self/fd/{descriptor}".encode()))
            finally:
                os.close(descriptor)
        descriptor, path = tempfile.mkstemp(prefix="sonant-voice-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(body)
            return int(self.library.espeak_SetVoiceByFile(os.fsencode(path)))
        finally:
            os.unlink(path)

    def speak(self, text: str, flags: int, parameters: dict[str, int]) -> tuple[dict[str, Any], bytes]:
        for parameter, value in parameters.items():
            self.library.espeak_SetParameter(int(parameter), int(value), 0)
        self._synthesise(text, flags)
        return {"events": self.events}, b"".join(self.audio)

    def phonemes(self, texts: list[str]) -> list[str]:
        self._synthesise("[[a]]", PHONEMES_FLAG)  # [[…]] is not parsed before one synthesis asked for it
        return [self._phonemes_of(text) for text in texts]

    def _synthesise(self, text: str, flags: int) -> None:
        self.audio, self.events = [], []
        utf8 = text.encode("utf-8", "replace") + b"\0"
        if self.library.espeak_Synth(utf8, len(utf8), 0, POS_CHARACTER, 0, CHARS_UTF8 | flags, None, None):
            raise ValueError("espeak-ng refused the text")

    def _phonemes_of(self, text: str) -> str:
        rest = c.c_char_p(text.encode("utf-8", "replace"))
        clauses = []
        while rest.value is not None:
            clauses.append((self.library.espeak_TextToPhonemes(c.byref(rest), CHARS_UTF8, IPA_MODE) or b"").decode())
        return " ".join(clauses).strip()


def answer(espeak: Espeak, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    try:
        if "language" in request:
            espeak.set_voice(request["language"], request.get("voice", ""))
        if "phonemes" in request:
            return {"phonemes": espeak.phonemes(request["phonemes"])}, b""
        if "text" in request:
            return espeak.speak(request["text"], request.get("flags", 0), request.get("parameters", {}))
    except (ValueError, OSError) as error:
        return {"error": str(error)}, b""
    return {"sample_rate": espeak.sample_rate}, b""


def read_requests(requests: "queue.SimpleQueue[dict[str, Any]]") -> None:
    """Runs beside the synthesis, so that the process ends with its parent even in the middle of a sentence."""
    stdin = sys.stdin.buffer
    while len(head := stdin.read(8)) == 8:
        json_bytes, payload_bytes = struct.unpack("<II", head)
        body = stdin.read(json_bytes)
        if len(body) < json_bytes or len(stdin.read(payload_bytes)) < payload_bytes:
            break
        requests.put(json.loads(body))
    os._exit(0)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; our parent decides when we end
    espeak = Espeak(sys.argv[1], sys.argv[2])
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    requests.put({})
    threading.Thread(target=read_requests, args=(requests,), daemon=True).start()
    while True:
        reply, audio = answer(espeak, requests.get())
        body = json.dumps(reply, ensure_ascii=False).encode("utf-8", "replace")
        try:
            sys.stdout.buffer.write(struct.pack("<II", len(body), len(audio)) + body + audio)
            sys.stdout.buffer.flush()
        except OSError:
            os._exit(0)


if __name__ == "__main__":
    main()
