"""The settings that a model is asked with: those of the prompt, and on top of them those that are for this model alone.

A prompt's settings may hold, under ``models``, settings by the name of the model that they are for::

    settings:
      temperature: 0
      models:
        openai:o3: {temperature: null, openai_reasoning_effort: low}
        anthropic:claude-haiku-4-5: {max_tokens: 500}

They stand in place of the common ones; null takes a common one away, for models that do not know it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from stemma.core.errors import InvalidInput
from stemma.models.names import members_of

BY_MODEL = "models"
"""Where settings for single models stand among the settings of a prompt, and of a request to a chain of models."""

_NONE: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
_NOT_SENT = (BY_MODEL, "model")


def settings_for(
    settings: Mapping[str, Any], model: str, *, over: Mapping[str, Mapping[str, Any]] = _NONE
) -> dict[str, Any]:
    """What to ask `model` with, given the `settings` of a prompt. `over` adds settings by model, which stand above those.

    For a chain of models they stay apart, under ``models``, for each member to take its own. Settings for models that are
    not asked are left out, so that whoever changes them changes no request but that model's. Raises InvalidInput when
    ``models`` is not a mapping of mappings.

    >>> settings_for({"temperature": 0, "models": {"openai:o3": {"temperature": None}}}, "openai:o3")
    {}
    >>> settings_for({"temperature": 0, "models": {"openai:o3": {"temperature": None}}}, "embedded")
    {'temperature': 0}
    """
    common = {name: value for name, value in settings.items() if name not in _NOT_SENT}
    by_model = settings.get(BY_MODEL) or {}
    if not isinstance(by_model, Mapping):
        raise InvalidInput(_not_by_model(by_model))
    members = members_of(model)
    own = {member: {**_mapping(by_model, member), **_mapping(over, member)} for member in members}
    if len(members) > 1:
        kept = {member: settings for member, settings in own.items() if settings}
        return common | ({BY_MODEL: kept} if kept else {})
    removed = {name for name, value in own[model].items() if value is None}
    return {name: value for name, value in (common | own[model]).items() if name not in removed}


def _mapping(by_model: Mapping[str, Any], model: str) -> Mapping[str, Any]:
    found = by_model.get(model) or {}
    if not isinstance(found, Mapping):
        raise InvalidInput(_not_by_model({model: found}))
    return found


def _not_by_model(found: Any) -> str:
    return f"settings by model are written {{'models': {{'openai:…': {{'temperature': 0}}}}}}, not {found!r}"
