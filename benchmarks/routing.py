"""How often semantic routing finds the right team, and how often it abstains.

    python benchmarks/routing.py [--encoder hashed|minilm] [--data ../shared/data] [--json]

The 77 intents of BANKING77 are grouped into the ten teams below, each described by a handful of capabilities, and each message
of the test split goes to the fittest team by `stemma.network.fitness`; the capabilities are all that it knows. What is
for no team are questions of TREC. A row is one threshold below which routing abstains: *abstained* is the share of
BANKING77's messages, *right* the share of the routed ones that reach their team, *right of all* the same with an abstained one
counted as not reached, and *strangers* the share of TREC's questions that were rightly not routed.

The threshold marked *picked* is the one that parts best, on the training splits, what is for some team from what is for none:
the greatest difference of the shares routed (Youden's J). *one text* is what the fitness is measured against: each team's
capabilities encoded as one text. MiniLM takes part when its weights are installed (``stemma models install minilm``).
"""

import argparse
import csv
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import numpy as np

from stemma.models import Models
from stemma.models.encoders import Encoder, HashedEncoder
from stemma.models.encoders.encoder import Vectors
from stemma.network.fitness import Fitness

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
TRAIN, STRANGERS = 1_000, 500
THRESHOLDS = {"hashed": (0.05, 0.1, 0.15, 0.2), "minilm": (0.2, 0.3, 0.4, 0.5)}


@dataclass(frozen=True)
class Team:
    """What a team can do, and the intents that are its own."""

    capabilities: tuple[str, ...]
    intents: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One line of the table, in per cent."""

    encoder: str
    measured: str
    threshold: float
    picked: bool
    abstained: float
    right: float
    right_of_all: float
    strangers: float


@dataclass(frozen=True)
class Fits:
    """The fittest team of each message and how fit it is, beside the team that it is for; and the best fit of each stranger."""

    best: Sequence[tuple[str, float]]
    own: Sequence[str]
    strangers: Sequence[float]

    def row(self, threshold: float, *, encoder: str, measured: str, picked: bool) -> Row:
        routed = [
            (team, own) for (team, fit), own in zip(self.best, self.own, strict=True) if fit >= max(threshold, 1e-6)
        ]
        right = sum(team == own for team, own in routed)
        count = len(self.best)
        return Row(
            encoder,
            measured,
            threshold,
            picked,
            100 * (1 - len(routed) / count),
            100 * right / max(1, len(routed)),
            100 * right / count,
            100 * sum(fit < max(threshold, 1e-6) for fit in self.strangers) / max(1, len(self.strangers)),
        )

    def parting(self) -> float:
        """The threshold, in hundredths, that parts messages best from strangers; the lowest of equals."""

        def youden(threshold: float) -> float:
            kept = np.mean([fit >= threshold for _, fit in self.best])
            return round(float(kept - np.mean([fit >= threshold for fit in self.strangers])), 9)

        return max((hundredth / 100 for hundredth in range(1, 100)), key=youden)


class Remembering:
    """An encoder that encodes no text twice."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._rows: dict[str, Vectors] = {}

    @property
    def name(self) -> str:
        return self._encoder.name

    @property
    def dimensions(self) -> int:
        return self._encoder.dimensions

    def encode(self, texts: Sequence[str]) -> Vectors:
        new = list(dict.fromkeys(text for text in texts if text not in self._rows))
        if new:
            self._rows |= dict(zip(new, self._encoder.encode(new), strict=True))
        return np.stack([self._rows[text] for text in texts])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", choices=["hashed", "minilm"], help="only this encoder")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of public data sets")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    chosen = parser.parse_args()
    if not chosen.data.is_dir():
        sys.exit(f"the benchmark needs the public data sets; there are none in {chosen.data}")
    rows = [
        row for encoder in encoders() if chosen.encoder in (None, encoder.name) for row in measure(encoder, chosen.data)
    ]
    print(json.dumps([asdict(row) for row in rows], indent=2) if chosen.json else table(rows))


def measure(encoder: Encoder, folder: Path) -> list[Row]:
    """The rows of one encoder."""
    encoder = Remembering(encoder)
    train, test = (_messages(folder / "banking77" / f"banking_{split}.csv") for split in ("train", "test"))
    train = Random(0).sample(train, TRAIN)
    known, unseen = (_strangers(folder / "trec" / f"{split}.csv") for split in ("train", "test"))
    rows = []
    for measured, capabilities in (
        ("one text", {name: [", ".join(team.capabilities)] for name, team in TEAMS.items()}),
        ("fitness", {name: list(team.capabilities) for name, team in TEAMS.items()}),
    ):
        picked = fits(capabilities, encoder, train, known).parting()
        found = fits(capabilities, encoder, test, unseen)
        thresholds = {0.0, picked} | (set(THRESHOLDS[encoder.name]) if measured == "fitness" else set())
        rows += [
            found.row(threshold, encoder=encoder.name, measured=measured, picked=threshold == picked)
            for threshold in sorted(thresholds)
        ]
    return rows


def fits(
    capabilities: Mapping[str, Sequence[str]],
    encoder: Encoder,
    messages: Sequence[tuple[str, str]],
    strangers: Sequence[str],
) -> Fits:
    fitness, names = Fitness(capabilities, encoder), list(TEAMS)
    encoder.encode([*(text for text, _ in messages), *strangers])  # many at once are faster than one by one

    def best(text: str) -> tuple[str, float]:
        found: Mapping[str, float] = fitness.of(text, names)
        return max(found.items(), key=lambda one: one[1])

    return Fits(
        [best(text) for text, _ in messages], [team for _, team in messages], [best(text)[1] for text in strangers]
    )


def table(rows: Sequence[Row]) -> str:
    lines = [
        f"{len(TEAMS)} teams, {sum(len(team.capabilities) for team in TEAMS.values())} capabilities; in per cent",
        f"{'encoder':<9}{'measured':<10}{'abstain below':>14}{'':<8}{'abstained':>10}{'right':>8}{'right of all':>14}"
        f"{'strangers':>11}",
    ]
    lines += [
        f"{row.encoder:<9}{row.measured:<10}{row.threshold:>14.2f}{' picked' if row.picked else '':<8}{row.abstained:>10.1f}"
        f"{row.right:>8.1f}{row.right_of_all:>14.1f}{row.strangers:>11.1f}"
        for row in rows
    ]
    return "\n".join(lines)


def encoders() -> list[Encoder]:
    best = Models().encoder()
    hashed = HashedEncoder()
    return [hashed] if best.name == hashed.name else [hashed, best]


def _messages(path: Path) -> list[tuple[str, str]]:
    """The messages of a split, each with the team that it is for."""
    team_of = {intent: name for name, team in TEAMS.items() for intent in team.intents}
    with path.open(newline="", encoding="utf-8") as file:
        return [(line["text"], team_of[line["category"]]) for line in csv.DictReader(file)]


def _strangers(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        texts = [line["text"] for line in csv.DictReader(file)]
    return Random(0).sample(texts, min(STRANGERS, len(texts)))


TEAMS: Mapping[str, Team] = {
    "card_orders": Team(
        (
            "ordering a physical card",
            "a card that has not arrived, tracking its delivery",
            "how long the delivery of a card takes",
            "activating a new card",
            "linking a card to the app",
            "renewing a card that expires soon",
            "an extra card for somebody else",
            "choosing between Visa and Mastercard",
        ),
        (
            "activate_my_card",
            "card_about_to_expire",
            "card_arrival",
            "card_delivery_estimate",
            "card_linking",
            "getting_spare_card",
            "order_physical_card",
            "visa_or_mastercard",
        ),
    ),
    "virtual_cards": Team(
        (
            "getting a virtual card",
            "disposable virtual cards",
            "limits of disposable cards",
            "a virtual card that does not work",
        ),
        (
            "getting_virtual_card",
            "get_disposable_virtual_card",
            "disposable_card_limits",
            "virtual_card_not_working",
        ),
    ),
    "security": Team(
        (
            "a lost or stolen card",
            "somebody else is using the card, fraud",
            "a lost or stolen phone",
            "a forgotten passcode or password",
            "changing the PIN",
            "a PIN blocked after too many attempts",
            "getting the PIN of a card",
        ),
        (
            "compromised_card",
            "lost_or_stolen_card",
            "lost_or_stolen_phone",
            "passcode_forgotten",
            "change_pin",
            "pin_blocked",
            "get_physical_card",
        ),
    ),
    "payments": Team(
        (
            "a card payment that was declined",
            "a card payment that is still pending",
            "a card that does not work in shops",
            "contactless payments",
            "Apple Pay and Google Pay",
            "where the card is accepted",
            "a fee for paying by card",
        ),
        (
            "apple_pay_or_google_pay",
            "card_acceptance",
            "card_not_working",
            "contactless_not_working",
            "card_payment_fee_charged",
            "declined_card_payment",
            "pending_card_payment",
        ),
    ),
    "disputes": Team(
        (
            "asking for a refund",
            "a refund that does not show up",
            "a payment that the customer does not recognise",
            "a direct debit that the customer did not set up",
            "charged twice for one purchase",
            "an unexplained extra charge on the statement",
            "a payment that was reverted",
        ),
        (
            "request_refund",
            "Refund_not_showing_up",
            "card_payment_not_recognised",
            "direct_debit_payment_not_recognised",
            "transaction_charged_twice",
            "extra_charge_on_statement",
            "reverted_card_payment?",
        ),
    ),
    "cash": Team(
        (
            "withdrawing cash from an ATM",
            "a cash withdrawal that was declined or is pending",
            "a fee for a cash withdrawal",
            "a cash withdrawal that the customer did not make",
            "the wrong amount of cash from the machine",
            "a card that the ATM kept",
            "which cash machines can be used",
        ),
        (
            "atm_support",
            "card_swallowed",
            "cash_withdrawal_charge",
            "cash_withdrawal_not_recognised",
            "declined_cash_withdrawal",
            "pending_cash_withdrawal",
            "wrong_amount_of_cash_received",
        ),
    ),
    "transfers": Team(
        (
            "a bank transfer that failed or was declined",
            "a transfer that has not arrived",
            "how long a transfer takes",
            "cancelling a transfer",
            "a fee for a transfer",
            "a beneficiary who is not allowed",
            "transferring money into the account",
            "receiving salary",
            "a balance that does not show a transfer",
        ),
        (
            "beneficiary_not_allowed",
            "cancel_transfer",
            "declined_transfer",
            "failed_transfer",
            "pending_transfer",
            "transfer_fee_charged",
            "transfer_not_received_by_recipient",
            "transfer_timing",
            "balance_not_updated_after_bank_transfer",
            "transfer_into_account",
            "receiving_money",
        ),
    ),
    "top_ups": Team(
        (
            "topping up by card",
            "topping up with cash or a cheque",
            "a top-up that failed, is pending or was reverted",
            "fees for topping up",
            "limits for topping up",
            "automatic top-up",
            "verifying a top-up with a code",
            "a balance that does not show a cheque or cash deposit",
            "which cards and currencies can add money",
        ),
        (
            "automatic_top_up",
            "pending_top_up",
            "top_up_by_bank_transfer_charge",
            "top_up_by_card_charge",
            "top_up_by_cash_or_cheque",
            "top_up_failed",
            "top_up_limits",
            "top_up_reverted",
            "topping_up_by_card",
            "verify_top_up",
            "balance_not_updated_after_cheque_or_cash_deposit",
            "supported_cards_and_currencies",
        ),
    ),
    "currency": Team(
        (
            "exchanging one currency into another",
            "the exchange rate",
            "fees for currency exchange",
            "a wrong exchange rate on a purchase abroad",
            "a wrong exchange rate on a cash withdrawal abroad",
            "which currencies can be held",
        ),
        (
            "card_payment_wrong_exchange_rate",
            "exchange_charge",
            "exchange_rate",
            "exchange_via_app",
            "fiat_currency_support",
            "wrong_exchange_rate_for_cash_withdrawal",
        ),
    ),
    "accounts": Team(
        (
            "opening an account, the minimum age",
            "countries where the service is available",
            "changing name, address or phone number",
            "closing the account",
            "verifying the customer's identity",
            "why identity has to be verified",
            "where the customer's money comes from",
        ),
        (
            "age_limit",
            "country_support",
            "edit_personal_details",
            "terminate_account",
            "unable_to_verify_identity",
            "verify_my_identity",
            "verify_source_of_funds",
            "why_verify_identity",
        ),
    ),
}


if __name__ == "__main__":
    main()
