"""Pronunciations as an assistant keeps them: saved word by word, found by name, heard in speech, deleted on a yes."""

from collections.abc import AsyncIterator

import pytest
from mcp import Client

from sonant.workflows import pronunciation
from surface_kit import Home, Served, first_text, refused, said, serve


@pytest.fixture(scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Served]:
    """An account of its own, whose dictionaries nobody else sees."""
    async with serve(Home(tmp_path_factory.mktemp("words") / "home")) as served:
        yield served


async def test_words_are_taught_heard_changed_and_forgotten(served: Served) -> None:
    """Rule: one word is enough to begin; the dictionary is found again by a loose name, by speech too."""
    async with served.client() as client:
        listed = await client.call_tool("list_pronunciations", {})
        assert "none" in first_text(listed) or "no pronunciation" in first_text(listed)
        made = await client.call_tool("save_pronunciations", {"words": "Maya = /ˈzuːluːluːluːluːluːluː/\nSQL: sequel"})
        row = said(made)
        assert (row["name"], row["words"]) == ("Pronunciations", 2)
        assert "new dictionary Pronunciations" in first_text(made)
        assert "Maya is saved as <<ˈ|z|uː|l|uː|l|uː" in first_text(made)

        plain = await spoken_s(client)
        assert await spoken_s(client, pronunciation_dict_id="pronunciations!") > 2 * plain
        assert await spoken_s(client, pronunciation_dict_id=row["id"]) > 2 * plain

        again = await client.call_tool("save_pronunciations", {"words": {"maya": "my-a", "US": "you ess"}})
        assert "1 added, 1 replaced" in first_text(again)
        words = await client.call_tool("list_pronunciations", {"dictionary": "PRONUN"})
        assert said(words)["words"] == ["maya = my-a", "SQL = sequel", "US = you ess"]
        assert all(line in first_text(words) for line in said(words)["words"])

        await client.call_tool("save_pronunciations", {"words": ["US = U.S."], "case_sensitive": True})
        words = await client.call_tool("list_pronunciations", {"dictionary": row["id"]})
        assert "US = U.S. (case-sensitive)" in said(words)["words"]

        target = {"dictionary": "Pronunciations", "words": "sql\nmaya"}
        kept = await client.call_tool("delete_pronunciations", target)
        assert (said(kept)["deleted"], "confirm=true" in first_text(kept)) == (False, True)
        assert "SQL, maya from the pronunciation dictionary Pronunciations" in first_text(kept)
        assert said(await client.call_tool("delete_pronunciations", target | {"confirm": True}))["deleted"]
        words = await client.call_tool("list_pronunciations", {"dictionary": row["id"]})
        assert said(words)["words"] == ["US = U.S. (case-sensitive)"]
        made = await client.call_tool("save_pronunciations", {"words": "a = b"})
        assert "Saved in Pronunciations" in first_text(made)
        api = await served.state.api()
        await api.pin_dictionary(row["id"])
        assert (await api.get_dictionary(row["id"])).pinned
        await api.pin_dictionary(row["id"], pinned=False)
        assert not (await api.get_dictionary(row["id"])).pinned
        gone = await client.call_tool("delete_pronunciations", {"dictionary": row["id"], "confirm": True})
        assert said(gone) == {"deleted": True, "id": row["id"]}
        assert "list_pronunciations" in refused(
            await client.call_tool("text_to_speech", {"transcript": "Hi.", "pronunciation_dict_id": row["id"]})
        )


async def spoken_s(client: Client, **how: str) -> float:
    """How long it takes to say a word."""
    return float(said(await client.call_tool("text_to_speech", {"transcript": "Maya.", **how}))["duration_s"])


async def test_names_that_fit_several_or_none_are_told(served: Served) -> None:
    """Rule: the sentence names the candidates; words without a dictionary go nowhere while there are several."""
    async with served.client() as client:
        for name in ("Work names", "Work places"):
            await client.call_tool("save_pronunciations", {"words": "a = b", "dictionary": name})
        several = refused(await client.call_tool("list_pronunciations", {"dictionary": "work"}))
        assert "Work names: pdict_" in several
        assert "Work places: pdict_" in several
        assert "say which" in refused(await client.call_tool("save_pronunciations", {"words": "a = b"}))
        for tool, argument in (("text_to_speech", "pronunciation_dict_id"), ("delete_pronunciations", "dictionary")):
            missing = (
                {"transcript": "Hi.", argument: "Wrok names"} if tool == "text_to_speech" else {argument: "Wrok names"}
            )
            assert "Did you mean Work names" in refused(await client.call_tool(tool, missing))
        assert "no word 'zzz'" in refused(
            await client.call_tool("delete_pronunciations", {"dictionary": "Work names", "words": "zzz"})
        )
        pages = await client.call_tool("list_pronunciations", {"dictionary": "Work names", "cursor": "1x"})
        assert "cursor" in refused(pages)


WRONG = {
    "no pronunciation": ("Maya", "Write lines such as"),
    "nothing to say": ("Maya = —", "nothing to say"),
    "two in one line": ("a = b, c = d", "does not give one word"),
    "no IPA": ("Maya = <<m|3|ə>>", "'3', which is no IPA sound"),
    "an open bracket": ("Maya = <<m|aɪ", "open bracket"),
    "too long": (f"Maya = {'ma ' * 40}", "longer than 100"),
    "no words": ("{}", "no word"),
    "not text": ('{"Maya": ["m"]}', "must be text"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_word_that_cannot_be_said_is_refused_before_it_is_sent(served: Served, wrong: str) -> None:
    """Rule: the sentence names the word and how to write it."""
    words, expected = WRONG[wrong]
    assert expected in refused(await served.call("save_pronunciations", words=words, dictionary="Work names"))


@pytest.mark.parametrize(
    ("given", "sent"),
    [("<<ˈkɑɹ|ti>>", "<<ˈ|k|ɑ|ɹ|t|i>>"), ("<<g|oʊ>>", "<<ɡ|oʊ>>"), ("doctor <<h|u>>", "doctor <<h|u>>"),
     ("[nuː ˈjɔɹk]", "<<n|uː>> <<ˈ|j|ɔ|ɹ|k>>"), ("<<nu jɔɹk>>", "<<n|u>> <<j|ɔ|ɹ|k>>"), ("tʃɝtʃ", "<<tʃ|ɝ|tʃ>>"),
     ("chop-uh-TOO-liss", "chop-uh-TOO-liss"), ("naïve", "naïve")],
)  # fmt: skip
def test_ipa_is_sent_as_the_wire_has_it(given: str, sent: str) -> None:
    """Rule: §2.6, whichever way a model wrote it."""
    items, notices = pronunciation.read_words(f"word = {given}", None)
    assert items[0].pronunciation == sent
    assert bool(notices) == (given != sent)


async def test_two_savings_at_once_lose_nothing(served: Served) -> None:
    """Rule: models call tools in parallel."""
    import anyio

    async with served.client() as client, anyio.create_task_group() as tasks:
        for number in range(6):
            arguments = {"words": f"word{number} = said", "dictionary": "Parallel"}
            tasks.start_soon(client.call_tool, "save_pronunciations", arguments)
    listed = said(await served.call("list_pronunciations", dictionary="Parallel"))
    assert sorted(listed["words"]) == [f"word{number} = said" for number in range(6)]
