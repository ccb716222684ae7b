"""Settings for single models, as a prompt and its files carry them."""

from typing import get_args

import pytest

from stemma.registry.formats import FormatName, PromptFile, read_prompt, write_prompt
from stemma.registry.prompt import Prompt

SETTINGS = {
    "model": "openai:gpt-5-mini, embedded",
    "temperature": 0,
    "max_tokens": 50,
    "models": {"openai:o3": {"temperature": None, "max_tokens": 500}, "embedded": {"seed": 1}},
}


@pytest.mark.parametrize("file_format", get_args(FormatName))
def test_every_format_keeps_settings_by_model(file_format: FormatName) -> None:
    """Written and read again the prompt has the same digest, so its settings by model survived the file whole."""
    prompt = Prompt("Sort the ticket.", user="{{ ticket }}", settings=SETTINGS)
    written = write_prompt(PromptFile(prompt, "desk"), file_format)
    back = read_prompt(written.text, file_format).prompt
    assert back.settings == prompt.settings
    assert not any("settings" in loss for loss in written.losses)


def test_settings_by_model_are_part_of_what_a_prompt_is() -> None:
    """Two prompts that differ in one model's settings are two prompts."""
    prompt = Prompt("Sort the ticket.", settings=SETTINGS)
    assert prompt.with_(settings=SETTINGS | {"models": {}}).digest != prompt.digest
