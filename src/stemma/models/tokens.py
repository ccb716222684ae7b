"""How long a text is, in tokens, without any provider's tokenizer."""

BYTES_PER_TOKEN = 4


def count_tokens(text: str) -> int:
    """The estimated number of tokens in `text`: its UTF-8 bytes divided by four, rounded up.

    Four bytes a token is the rule of thumb that providers publish for English text. The estimate is exact
    for its own definition and for nothing else: no tokenizer is consulted, so it may be off by a third for
    code or for languages far from English. It is what caps, prices and budgets are reckoned in wherever a
    provider has not reported its own count, and it is the same on every machine and in every release.

    Never decreases as a text grows, and never exceeds the sum over a text's parts.

    >>> count_tokens("Which card was lost?"), count_tokens("")
    (5, 0)
    """
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return -(-size // BYTES_PER_TOKEN)
