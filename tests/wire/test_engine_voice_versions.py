"""Voices as each version of the API shows, makes and changes them; checked with the SDK and the newest schema."""

import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cartesia import BadRequestError, NotFoundError

from engine_fixture import KATIE, WAV, Engine, speech
from sonant.audio.codec import probe, read_clip
from sonant.engine import endpoints_cloning
from sonant.engine.catalogue import catalogue
from sonant.engine.cloning import Fit
from sonant.engine.languages import LANGUAGES, check_script
from sonant.engine.previews import Preview
from sonant.engine.timbre import Timbre
from sonant.wire.languages import NAMES
from sonant.wire.versions import VERSIONS

OLD = VERSIONS[:-1]
TIMBRE = Timbre(base_hz=101, f2=111, klatt=0)

COMMON = {"id", "name", "description", "created_at", "language"}
NEWER = COMMON | {"is_owner", "gender", "locales", "country", "accent"}
FIELDS = {
    "2024-06-10": COMMON | {"is_public", "embedding"},
    "2024-11-13": COMMON | {"is_owner"},
    "2025-04-16": NEWER | {"is_public"},
    "2025-11-04": NEWER | {"is_public"},
    "2026-03-01": NEWER | {"is_public", "access"},
    "2026-08-14": NEWER | {"access", "visibility", "accents", "tagline", "status", "is_pro"},
}
METADATA = {
    "2024-06-10": COMMON | {"is_public", "user_id", "embedding"},
    "2024-11-13": COMMON | {"is_public", "user_id"},
    "2025-04-16": COMMON | {"is_public", "user_id"},
    "2025-11-04": COMMON | {"is_public", "user_id"},
    "2026-03-01": COMMON | {"is_public", "user_id", "access"},
    "2026-08-14": COMMON | {"user_id", "access", "visibility", "tagline"},
}
OLD_FORM = {"voice_id": KATIE, "name": "Moved", "description": "Mine", "language": "fr", "dialect": "ca",
            "original_speaker_gender": "female"}  # fmt: skip


def under(engine: Engine, version: str) -> httpx.Client:
    return engine.http(**{"Cartesia-Version": version})


@pytest.fixture(scope="module")
def clip(engine: Engine) -> bytes:
    """A second of speech."""
    with engine.http() as http:
        return http.post("/tts/bytes", json=speech("Good morning, everybody.", output_format=WAV)).content


@pytest.fixture(scope="module")
def quick_fit() -> Iterator[None]:
    """A clip's voice without the two seconds of looking for it, which other tests spend."""

    async def fit(*_: object) -> Fit:
        return Fit(TIMBRE, ("Fitted.",))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(endpoints_cloning, "fit_timbre", fit)
        yield


@pytest.fixture
def mine(engine: Engine, clip: bytes, quick_fit: None) -> str:
    """The id of a fresh instant clone."""
    return engine.sdk().voices.clone(clip=("me.wav", clip), name="Me", language="en").id


@pytest.mark.parametrize("version", VERSIONS)
def test_a_voice_has_the_fields_of_its_version(engine: Engine, version: str) -> None:
    """One voice, a list of voices and a new voice, to the field (contract §6.1)."""
    localize = {"voice_id": KATIE, "name": "Moved", "accent": "parisian"} if version == VERSIONS[-1] else OLD_FORM
    with under(engine, version) as http:
        one = http.get(f"/voices/{KATIE}").json()
        listed = http.get("/voices", params={"language": "fr", "limit": 3}).json()
        made = http.post("/voices/localize", json=localize).json()
        changed = http.patch(f"/voices/{made['id']}", json={"name": "Then", "description": "Told"}).json()
    assert set(one) - {"notices"} == FIELDS[version]
    assert set(made) - {"notices"} == METADATA[version]
    assert isinstance(listed, list) is (version == "2024-06-10")
    rows = listed if isinstance(listed, list) else listed["data"]
    assert {frozenset(row) - {"notices", "gender", "country"} for row in [*rows, changed]} <= {
        frozenset(FIELDS[version] - {"gender", "country"}), frozenset((FIELDS[version] | {"user_id"}) - {"gender"})
    }  # fmt: skip
    assert (changed["name"], changed["description"]) == ("Then", "Told")
    if version == "2026-03-01":
        assert made["access"] == {"type": "private", "visibility": "owner"}
        assert one["access"] == {"type": "public", "visibility": "all"}
    elif version == VERSIONS[-1]:
        assert (made["access"], made["visibility"]) == ("private", "owner")
    else:
        assert made["is_public"] is False


def test_every_voice_is_what_the_newest_schema_says(engine: Engine) -> None:
    """The whole catalogue, previews included; the fixture's witness holds each page against the contract's file."""
    ids: list[str] = []
    with engine.http() as http:
        query = {"limit": "100", "expand[]": "preview_file_url", "is_owner": "false"}
        while data := http.get("/voices", params=query).json()["data"]:
            ids += [voice["id"] for voice in data]
            query["starting_after"] = ids[-1]
    assert ids == list(catalogue())


def test_the_first_version_lists_everything_with_embeddings(engine: Engine) -> None:
    """A bare array, whatever the limit; 192 numbers each."""
    with under(engine, "2024-06-10") as http:
        rows = http.get("/voices", params={"limit": 2}).json()
    assert len(rows) >= len(catalogue())
    assert {len(row["embedding"]) for row in rows} == {192}


def test_expansions_and_stars_of_the_old_versions(engine: Engine) -> None:
    """`expand[]=embedding` at 2024-11-13 only, `is_starred` until it went; nothing is starred here."""
    with under(engine, "2024-11-13") as http:
        row = http.get("/voices?expand[]=embedding&expand[]=is_starred&limit=1").json()["data"][0]
        assert (len(row["embedding"]), row["is_starred"]) == (192, False)
        assert http.get("/voices?is_starred=true").json()["data"] == []
        assert http.get("/voices?is_starred=false").json()["data"]
        assert http.get("/voices?is_starred=perhaps").status_code == 400
    with engine.http() as http:
        row = http.get("/voices?expand[]=embedding&limit=1&include_archived=true").json()["data"][0]
        assert "embedding" not in row


@pytest.mark.parametrize("version", OLD)
def test_an_old_update_needs_name_and_description(engine: Engine, version: str) -> None:
    """Up to 2025-11-04; what a version does not know is left alone (contract §6.2)."""
    made = engine.sdk().voices.localize(voice_id=KATIE, name="Old", accent="parisian").id
    with under(engine, version) as http:
        short = http.patch(f"/voices/{made}", json={"name": "New"})
        whole = http.patch(
            f"/voices/{made}",
            json={"name": "New", "description": "D", "tagline": 7, "gender": "masculine", "accent": "Canadian French"},
        )
    assert short.status_code == (400 if version < "2026-03-01" else 200)
    assert whole.status_code == 200, whole.text
    now = engine.sdk().voices.get(made)
    assert now.gender == ("masculine" if version >= "2025-04-16" else "feminine")
    assert now.accent == ("canadian-french" if version >= "2026-03-01" else "parisian")


def test_sdk_changes_a_voice(engine: Engine, mine: str) -> None:
    """Name, gender and accent; null clears; a changed accent is spoken (contract §6.2)."""
    client = engine.sdk()
    changed = client.voices.update(mine, name=" Ann ", gender="feminine", accent="british")
    assert (changed.name, changed.gender, changed.accent, changed.locales[0].locale) == (
        "Ann", "feminine", "british", "en-GB",
    )  # fmt: skip
    assert client.voices.update(mine, gender=None, accent=None).accent is None
    with engine.http() as http:
        body = http.patch(f"/voices/{mine}", json={"tagline": "x" * 32, "access": "public"}).json()
    assert (body["tagline"], body["access"]) == ("x" * 32, "public")
    assert "gender" not in body
    with pytest.raises(BadRequestError, match="not an accent of en"):
        client.voices.update(mine, accent="parisian")


@pytest.mark.parametrize(
    "changes",
    [{"name": ""}, {"name": None}, {"name": 7}, {"name": "x" * 1001}, {"description": "x" * 20_001}, {"tagline": "x" * 33},
     {"gender": "male"}, {"accent": 7}, {"accent": "Parisian French"}, {"access": "all"}, {"access": {"type": "x"}}],
)  # fmt: skip
def test_a_change_that_cannot_be_made_is_refused_whole(
    engine: Engine, changes: dict[str, Any], moved: dict[str, Any]
) -> None:
    """400, and the voice stays as it was."""
    with engine.http() as http:
        answer = http.patch(f"/voices/{moved['id']}", json={"description": "changed", **changes})
        assert answer.status_code == 400, answer.text
        assert next(iter(changes)) in answer.json()["message"] or "accent" in changes
        assert http.get(f"/voices/{moved['id']}").json()["description"] == moved["description"]


@pytest.fixture(scope="module")
def moved(engine: Engine) -> dict[str, Any]:
    """A localized voice."""
    with engine.http() as http:
        made = http.post("/voices/localize", json={"voice_id": KATIE, "name": "Moved", "accent": "parisian"}).json()
    return dict(made)


def test_sdk_adds_and_removes_accents_which_the_voice_speaks(engine: Engine, mine: str) -> None:
    """One id, several accents, one timbre: `language` and `accent` choose; shown in both field sets (contract §6.2)."""
    client = engine.sdk()
    voice = client.voices.add_accents(mine, accents=["canadian-french", "british"])
    assert [(locale.locale, locale.is_native) for locale in voice.locales] == [
        ("en-US", True), ("fr-CA", False), ("en-GB", False),
    ]  # fmt: skip
    with engine.http() as http:
        shown = http.get(f"/voices/{mine}").json()
        assert [accent["accent"] for accent in shown["accents"]] == ["general-american", "canadian-french", "british"]
        found = http.get("/voices", params={"language": "fr-CA", "is_owner": True}).json()["data"]
        assert mine in [row["id"] for row in found]
        notices = [
            http.post("/tts/bytes", json=speech("Bonjour à tous.", voice=mine, **manner)).headers.get_list(
                "Sonant-Notice"
            )
            for manner in ({"language": "fr"}, {"accent": "canadian-french"}, {"language": "fr-FR"})
        ]
    canadian = ["Canadian" in " ".join(told) for told in notices]  # the engine confesses that it has no such accent
    assert canadian == [True, True, False]
    again = client.voices.add_accents(mine, accents=["british"])
    assert len(again.locales) == 3
    with pytest.raises(BadRequestError, match="stays"):
        client.voices.delete_accent("general-american", id=mine)
    assert [locale.locale for locale in client.voices.delete_accent("british", id=mine).locales] == ["en-US", "fr-CA"]
    with pytest.raises(NotFoundError):
        client.voices.delete_accent("british", id=mine)
    with pytest.raises(BadRequestError, match="remove those first"):
        client.voices.update(mine, accent=None)


@pytest.mark.parametrize(
    ("accents", "why"),
    [([], "1 to 9"), (["british"] * 2, "once"), ("british", "a list"), ([7], "a list"), (["martian"], "no accent"),
     (["bagheli"], "cannot move"), (None, "a list"), (["x"] * 10, "1 to 9")],
)  # fmt: skip
def test_accents_that_cannot_be_added_are_refused(
    engine: Engine, clip: bytes, quick_fit: None, accents: object, why: str
) -> None:
    """Each rule of contract §6.2, before anything is changed."""
    clone = engine.sdk().voices.clone(clip=("me.wav", clip), name="Me", language="en").id
    with engine.http() as http:
        answer = http.patch(f"/voices/{clone}/accents", json={"accents": accents})
        assert answer.status_code == 400
        assert why in answer.json()["message"]
        assert len(http.get(f"/voices/{clone}").json()["accents"]) == 1


def test_who_may_have_accents(engine: Engine, mine: str, moved: dict[str, Any]) -> None:
    """Own instant clones with an accent of their own; ten in all."""
    ids = ["british", "parisian", "castilian", "czech", "polish", "korean", "russian", "slovak", "stockholm"]
    with engine.http() as http:

        def add(voice_id: str, *accents: str) -> httpx.Response:
            return http.patch(f"/voices/{voice_id}/accents", json={"accents": accents})

        assert add(KATIE, "british").status_code == 403
        assert add("nobody", "british").status_code == 404
        assert "instant clones" in add(moved["id"], "british").json()["message"]
        assert add(mine, *ids).status_code == 200
        assert "at most 10" in add(mine, "brazilian-portuguese").json()["message"]
        for accent_id in ids:
            assert http.delete(f"/voices/{mine}/accents/{accent_id}").status_code == 200
        assert http.patch(f"/voices/{mine}", json={"accent": None}).status_code == 200
        assert "of its own" in add(mine, "british").json()["message"]


@pytest.mark.parametrize(
    ("changes", "status_code", "why"),
    [({}, 200, ""), ({"dialect": None, "language": "JA"}, 200, ""), ({"language": None}, 400, "language"),
     ({"language": "fi"}, 400, "language"), ({"dialect": "uk"}, 400, "dialect"), ({"description": None}, 400, "description"),
     ({"original_speaker_gender": "feminine"}, 400, "male or female"), ({"voice_id": "nobody"}, 400, "nobody"),
     ({"language": "en", "dialect": "so"}, 400, "southern-us"), ({"name": "\x00 "}, 200, "")],
)  # fmt: skip
def test_the_old_form_of_localize(engine: Engine, changes: dict[str, Any], status_code: int, why: str) -> None:
    """A language, a dialect and the speaker's gender instead of an accent (contract §6.4); errors are text then."""
    with under(engine, "2025-04-16") as http:
        answer = http.post("/voices/localize", json=OLD_FORM | changes)
    assert answer.status_code == status_code, answer.text
    if status_code == 200:
        voice = engine.sdk().voices.get(answer.json()["id"])
        assert voice.accent == ("standard-japanese" if "language" in changes else "canadian-french")
    else:
        assert answer.text.startswith("Bad Request: ")
        assert why in answer.text


CLONE = {"name": "Me", "language": "en"}


@pytest.mark.parametrize(
    ("version", "changes", "outcome"),
    [("2024-06-10", {"mode": "stability"}, "en"), ("2024-11-13", {"mode": "similarity", "enhance": "true"}, "take noise"),
     ("2024-06-10", {}, "mode"), ("2024-11-13", {"mode": "best"}, "mode"), ("2025-04-16", {"enhance": "false"}, "en"),
     ("2025-04-16", {"language": "xx"}, "speaks English"), ("2025-04-16", {"language": None}, "en"),
     ("2026-03-01", {"language": "xx"}, "xx"), ("2026-03-01", {"language": None}, "language"),
     ("2026-03-01", {"access[type]": "public"}, "public"), ("2026-03-01", {"accent": "Irish English"}, "irish"),
     ("2026-03-01", {"access[type]": "secret"}, "access"), ("2025-04-16", {"base_voice_id": "nobody"}, "nobody"),
     ("2026-08-14", {"accent": "parisian"}, "parisian"), ("2026-08-14", {"access": "public", "enhance": "true"}, "public")],
)  # fmt: skip
def test_the_forms_a_clone_has_had(
    engine: Engine, clip: bytes, quick_fit: None, version: str, changes: dict[str, Any], outcome: str
) -> None:
    """`mode`, `enhance`, an unchecked language, `access[type]` (contract §1.2, §6.3); answers in the version's shape."""
    fields = {name: value for name, value in {**CLONE, **changes}.items() if value is not None}
    with under(engine, version) as http:
        answer = http.post("/voices/clone", data=fields, files={"clip": ("me.wav", clip)})
    if answer.status_code != 200:
        assert (answer.status_code, outcome in answer.text) == (400, True), answer.text
        return
    made = answer.json()
    assert set(made) - {"notices"} == METADATA[version]
    accent = engine.sdk().voices.get(made["id"]).accent
    assert outcome in (made["language"], accent, _access(made)) or any(outcome in notice for notice in made["notices"])


def _access(made: dict[str, Any]) -> object:
    access = made.get("access")
    return access.get("type") if isinstance(access, dict) else access


def test_every_voice_has_a_preview_it_speaks_itself(engine: Engine, moved: dict[str, Any]) -> None:
    """The address works with the key alone, answers the same audio again, and a changed voice has another."""
    with engine.http() as http:
        heard = []
        for voice_id in (KATIE, moved["id"]):
            url = http.get(f"/voices/{voice_id}", params={"expand[]": "preview_file_url"}).json()["preview_file_url"]
            answers = [
                httpx.get(url, headers={"Authorization": f"Bearer {engine.api_key}"}, trust_env=False) for _ in range(2)
            ]
            assert answers[0].content == answers[1].content
            assert answers[0].headers["content-type"] == "audio/mpeg"
            assert 1 < probe(io.BytesIO(answers[0].content)).duration_s < 5
            heard.append(answers[0].content)
        assert heard[0] != heard[1]
        assert httpx.get(url, trust_env=False).status_code == 401
        assert http.get("/voices/nobody/preview").status_code == 404
    assert read_clip(io.BytesIO(heard[1]), sample_rate=16000).std() > 0.01


def test_a_preview_can_be_spoken_in_every_language() -> None:
    """In its own words, in a script the engine reads."""
    told = {code: Preview(TIMBRE, code).transcript for code in NAMES}
    assert len(set(told.values())) == len(NAMES)
    for code, transcript in told.items():
        check_script(LANGUAGES[code], transcript)
