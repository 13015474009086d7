"""What each voice says of itself: a short sentence in its language, made when first asked for, a few kept."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sonant.engine.timbre import Timbre
from sonant.wire.languages import base_of

_KEPT = 64
"""Previews of about 50 kB each; making one again takes 50 ms."""

_SENTENCES = {
    "en": "Hello. This is how I sound.",
    "fr": "Bonjour. Voici ma voix.",
    "de": "Hallo. So klinge ich.",
    "es": "Hola. Así suena mi voz.",
    "pt": "Olá. Esta é a minha voz.",
    "zh": "你好。这是我的声音。",
    "ja": "こんにちは。これが わたしの こえです。",
    "hi": "नमस्ते। यह मेरी आवाज़ है।",
    "it": "Ciao. Questa è la mia voce.",
    "ko": "안녕하세요. 이것이 제 목소리입니다.",
    "nl": "Hallo. Zo klink ik.",
    "pl": "Cześć. Tak brzmi mój głos.",
    "ru": "Здравствуйте. Так звучит мой голос.",
    "sv": "Hej. Så här låter jag.",
    "tr": "Merhaba. Benim sesim böyle.",
    "tl": "Kumusta. Ito ang aking boses.",
    "bg": "Здравейте. Това е моят глас.",
    "ro": "Bună ziua. Aceasta este vocea mea.",
    "ar": "مرحبا. هذا هو صوتي.",
    "cs": "Dobrý den. Takhle zní můj hlas.",
    "el": "Γεια σας. Αυτή είναι η φωνή μου.",
    "fi": "Hei. Tältä minä kuulostan.",
    "hr": "Dobar dan. Ovo je moj glas.",
    "ms": "Helo. Inilah suara saya.",
    "sk": "Dobrý deň. Takto znie môj hlas.",
    "da": "Hej. Sådan lyder jeg.",
    "ta": "வணக்கம். இது என் குரல்.",
    "uk": "Добрий день. Так звучить мій голос.",
    "hu": "Jó napot. Ez az én hangom.",
    "no": "Hei. Slik høres jeg ut.",
    "vi": "Xin chào. Đây là giọng nói của tôi.",
    "bn": "নমস্কার। এটা আমার কণ্ঠ।",
    "th": "สวัสดี นี่คือเสียงของฉัน",
    "he": "שלום. זה הקול שלי.",
    "ka": "გამარჯობა. ეს ჩემი ხმაა.",
    "id": "Halo. Inilah suara saya.",
    "te": "నమస్కారం. ఇది నా గొంతు.",
    "gu": "નમસ્તે. આ મારો અવાજ છે.",
    "kn": "ನಮಸ್ಕಾರ. ಇದು ನನ್ನ ಧ್ವನಿ.",
    "ml": "നമസ്കാരം. ഇതാണ് എന്റെ ശബ്ദം.",
    "mr": "नमस्कार. हा माझा आवाज आहे.",
    "pa": "ਸਤ ਸ੍ਰੀ ਅਕਾਲ। ਇਹ ਮੇਰੀ ਆਵਾਜ਼ ਹੈ।",
    "or": "ନମସ୍କାର। ଏହା ମୋର ସ୍ୱର।",
    "ur": "السلام علیکم۔ یہ میری آواز ہے۔",
}
"""By language code; kana only, for the engine reads no kanji."""


@dataclass(frozen=True)
class Preview:
    """What one sounds like: it hangs on these alone, so that a voice that is changed has another."""

    timbre: Timbre
    language: str

    @property
    def transcript(self) -> str:
        return _SENTENCES.get(base_of(self.language), _SENTENCES["en"])


class Previews:
    """The latest ones, in memory."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Preview, bytes] = OrderedDict()

    async def get(self, preview: Preview, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """The audio of a preview, from what is kept or by `make`."""
        audio_bytes = self._kept.get(preview)
        if audio_bytes is None:
            audio_bytes = await make()
        self._kept[preview] = audio_bytes
        self._kept.move_to_end(preview)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return audio_bytes
