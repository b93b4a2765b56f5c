"""The official SDKs' other calls go through unread: pictures, sound, moderation, files."""

import anthropic
import openai
import pytest

from outlast.lab.other_pages import PICTURE, SOUND
from outlast.model.events import AttemptEnded
from outlast.testing import cut, reset, status

PICTURES = '[routes.default]\ntargets = ["alpha/gpt-image", "beta/pictures"]'
DOWN = {
    "503": status(503),
    "401": status(401, error="invalid_api_key"),
    "reset": reset(),
    "cut": cut(0),
    "404": status(404),
}


@pytest.fixture
def gateway(open_house):
    return open_house(PICTURES)


@pytest.fixture
def sdk(gateway, openai_of):
    return openai_of(gateway)


def test_pictures(provider, sdk):
    """The name of a route becomes the target's model, and nothing else changes."""
    made = sdk.do(sdk.client.images.generate(model="default", prompt="a cat", n=2, size="1024x1024"))
    assert len(made.data) == 2
    (seen,) = provider.requests()
    assert (seen.path, seen.json["model"], seen.json["n"]) == ("/alpha/v1/images/generations", "gpt-image", 2)
    assert seen.headers["authorization"] == "Bearer sk-alpha-0123456789"


def test_a_streamed_picture(sdk):
    """Events come as they are made."""
    stream = sdk.do(sdk.client.images.generate(model="default", prompt="a cat", stream=True, partial_images=1))
    assert [event.type for event in sdk.each(stream)] == [
        "image_generation.partial_image",
        "image_generation.completed",
    ]


def test_a_form_with_a_picture(provider, sdk):
    """The model is a part of the form, and is replaced there."""
    made = sdk.do(sdk.client.images.edit(model="default", image=("cat.png", PICTURE, "image/png"), prompt="a dog"))
    assert made.data[0].b64_json
    (seen,) = provider.requests()
    assert b"gpt-image" in seen.body
    assert b"default" not in seen.body


def test_speech(sdk):
    """Sound comes byte for byte, under its own media type."""
    spoken = sdk.do(sdk.client.audio.speech.create(model="default", input="hello", voice="alloy"))
    assert spoken.content == SOUND
    assert spoken.response.headers["content-type"] == "audio/mpeg"
    assert spoken.response.headers["outlast-target"] == "alpha/gpt-image"


def test_transcription(provider, sdk):
    """A form with sound; a model that nobody lists goes to every provider under its own name."""
    heard = sdk.do(sdk.client.audio.transcriptions.create(model="whisper-1", file=("a.mp3", SOUND, "audio/mpeg")))
    assert heard.text == f"{len(SOUND)} bytes of sound"
    assert b"whisper-1" in provider.requests()[0].body


def test_a_plain_text_answer(sdk):
    """Text is text."""
    heard = sdk.do(
        sdk.client.audio.transcriptions.create(model="default", file=("a.mp3", SOUND), response_format="text")
    )
    assert heard == f"{len(SOUND)} bytes of sound\n"


def test_moderation(sdk):
    """Without a model it goes to the providers of the default route."""
    assert sdk.do(sdk.client.moderations.create(input="violence")).results[0].flagged
    assert not sdk.do(sdk.client.moderations.create(input="peace", model="omni-moderation-latest")).results[0].flagged


def test_files(provider, sdk):
    """Sent, listed, read and deleted, all at the first provider."""
    files = sdk.client.files
    file = sdk.do(files.create(file=("notes.txt", b"some notes"), purpose="user_data"))
    assert sdk.do(files.retrieve(file.id)).filename == "notes.txt"
    assert sdk.do(files.content(file.id)).content == b"some notes"
    assert [one.id for one in sdk.do(files.list()).data] == [file.id]
    assert sdk.do(files.delete(file.id)).deleted
    with pytest.raises(openai.NotFoundError):
        sdk.do(files.retrieve(file.id))
    assert {seen.provider for seen in provider.requests()[:5]} == {"alpha"}


def test_a_file_that_another_account_keeps_is_found(provider, sdk):
    """It went to the second provider while the first one was down; there it is looked for when the first has none."""
    provider.script("alpha", default=status(503))
    file = sdk.do(sdk.client.files.create(file=("notes.txt", b"some notes"), purpose="user_data"))
    assert file.id.startswith("file-beta")
    with pytest.raises(openai.InternalServerError):  # who is down may have it: nobody says that it does not exist
        sdk.do(sdk.client.files.retrieve(file.id))
    provider.script("alpha", default="ok")
    assert sdk.do(sdk.client.files.content(file.id)).content == b"some notes"


@pytest.mark.parametrize("how", DOWN)
def test_the_first_provider_fails_and_nobody_notices(provider, gateway, sdk, how):
    """Pictures and forms come from the next one, which is asked under its own model's name."""
    provider.script("alpha", default=DOWN[how])
    assert sdk.do(sdk.client.images.generate(model="default", prompt="a cat")).data
    assert sdk.do(sdk.client.images.edit(model="default", image=("cat.png", PICTURE), prompt="a dog")).data
    assert provider.requests("beta")[0].json["model"] == "pictures"
    assert b"pictures" in provider.requests("beta")[1].body
    for ended in gateway.heard(2):
        assert (ended.operation, ended.kind, ended.target, ended.source) == ("raw", "ok", "beta/pictures", "fallback")


def test_errors_are_of_the_sdks_classes(provider, sdk):
    """With the provider's status and our words."""
    with pytest.raises(openai.BadRequestError) as wrong:
        sdk.do(sdk.client.images.generate(model="default", prompt="a cat", n=11))
    assert "alpha/gpt-image refuses the request" in wrong.value.message
    assert len(provider.requests()) == 1
    provider.script("alpha", default=status(503))
    provider.script("beta", default=status(503))
    with pytest.raises(openai.InternalServerError):
        sdk.do(sdk.client.audio.speech.create(model="default", input="hello", voice="alloy"))


def test_sound_that_is_cut_is_never_taken_for_whole(provider, sdk, gateway, monkeypatch):
    """What has begun cannot be asked for again: the connection ends where the provider's did."""
    monkeypatch.setattr("outlast.lab.other_pages.SOUND", SOUND * 128)  # too large to be kept until its end
    provider.script("alpha", cut(0))
    with pytest.raises((openai.APIConnectionError, openai.APIError)) as broken:
        sdk.do(sdk.client.audio.speech.create(model="default", input="hello", voice="alloy"))
    assert not isinstance(broken.value, openai.APIStatusError)
    assert gateway.heard()[0].kind == "broken_stream"
    assert [ended.kind for ended in gateway.ear.of(AttemptEnded)] == ["broken_stream"]


def test_claudes_files(provider, open_house, claude_of):
    """Where `anthropic-version` is sent, the request goes to who speaks Anthropic, and errors are Anthropic's."""
    house = open_house(PICTURES, dialects={"beta": "anthropic"})
    sdk = claude_of(house)
    file = sdk.do(sdk.client.beta.files.upload(file=("notes.txt", b"some notes"), betas=["files-api-2025-04-14"]))
    assert file.size_bytes == 10
    assert sdk.do(sdk.client.beta.files.delete(file.id)).id == file.id
    with pytest.raises(anthropic.NotFoundError):
        sdk.do(sdk.client.beta.files.retrieve_metadata(file.id))
    assert {seen.provider for seen in provider.requests()} == {"beta"}
    assert provider.requests()[0].headers["anthropic-beta"] == "files-api-2025-04-14"
