"""What a model's name says: one model, or a chain of models, each of which stands in for the one before it."""

from stemma.core.errors import NotConfigured

_BETWEEN = ", "


def members_of(name: str) -> tuple[str, ...]:
    """The models that `name` lists, in the order in which they are asked; a plain name lists one.

    Raises NotConfigured for a list with a gap in it, or with the same model twice.

    >>> members_of("openai:gpt-5-mini,embedded")
    ('openai:gpt-5-mini', 'embedded')
    """
    members = tuple(member.strip() for member in name.split(","))
    if len(members) > 1 and not all(members):
        raise NotConfigured(f"the models {name!r} have a gap between two commas; name a model there, or remove it")
    for place, member in enumerate(members):
        if member in members[:place]:
            raise NotConfigured(f"the models {name!r} name {member!r} twice; it cannot stand in for itself")
    return members


def canonical(name: str) -> str:
    """The one spelling of `name`, which is what records carry: spaces around commas make no other model of it.

    >>> canonical("openai:gpt-5-mini,embedded")
    'openai:gpt-5-mini, embedded'
    """
    return _BETWEEN.join(members_of(name))
