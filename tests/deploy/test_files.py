"""The files for running elsewhere are valid, and name nothing that is not there."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import compose_spec
import kubernetes_validate
import pytest
import yaml
from sqlalchemy import text

import stemma
from stemma.cli.app import COMMANDS, run
from stemma.platform import settings
from stemma.platform.backup import backup
from stemma.store import Store

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))
APART = {"kustomization.yaml", "secrets.example.yaml", "hpa.yaml"}  # the first names the others; two are chosen by hand
CUSTOM = ("keda.sh/v1alpha1", "kustomize.config.k8s.io/v1beta1")  # no part of Kubernetes


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


RESOURCES = [
    pytest.param(one, id=f"{path.name}-{one['kind']}")
    for path in KUBERNETES
    for one in documents(path)
    if one["apiVersion"] not in CUSTOM
]
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.mark.parametrize("version", ["1.30.0", "1.34.0"])
@pytest.mark.parametrize("resource", RESOURCES)
def test_resources_are_what_kubernetes_takes(resource: dict[str, Any], version: str) -> None:
    """Every resource fits the schema of an older and a newer Kubernetes, with no field that these do not know."""
    kubernetes_validate.validate(resource, version, strict=True)


def test_compose_file_is_what_compose_takes() -> None:
    """The compose file fits its specification, its merges included, and refers only to volumes that it has."""
    read = compose_spec.PyOptions(apply_merge=True).from_yaml((DEPLOY / "compose.yaml").read_text())
    read.validate()
    assert read.service_names() == ["postgres", "worker", "backup"]


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_scaling_queries_give_a_number(store: Store) -> None:
    """What KEDA asks the store runs on its tables and gives one number; nothing waits in an empty store."""
    [scaled] = [one for one in documents(DEPLOY / "kubernetes" / "scaling.yaml") if one["kind"] == "ScaledObject"]
    for trigger in scaled["spec"]["triggers"]:
        with store.read() as connection:
            assert connection.execute(text(trigger["metadata"]["query"])).all() == [(0,)]
        assert float(trigger["metadata"]["targetQueryValue"]) > 0


def test_scaling_and_budget_are_about_the_worker() -> None:
    """What scales and what protects names the one deployment, and the right kind of it."""
    [deployment] = of_kind("Deployment")
    name = deployment["metadata"]["name"]
    assert [one["spec"]["scaleTargetRef"]["name"] for one in of_kind("ScaledObject", "HorizontalPodAutoscaler")] == [
        name
    ] * 2
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    selectors = [one["spec"]["selector"]["matchLabels"] for one in of_kind("Deployment", "PodDisruptionBudget")]
    assert selectors == [labels, labels]
    assert "replicas" not in deployment["spec"], "a number here and a scaler take turns at undoing each other"


def test_kustomization_names_every_file() -> None:
    """What is applied is listed; what is not says why in its first lines."""
    [kustomization] = documents(DEPLOY / "kubernetes" / "kustomization.yaml")
    assert set(kustomization["resources"]) | APART == {path.name for path in KUBERNETES}
    namespaces = {
        one["metadata"].get("namespace") for path in KUBERNETES for one in documents(path) if "metadata" in one
    }
    assert namespaces == {None, "stemma"}
    assert kustomization["images"][0]["name"] == "stemma"
    assert {image for image in images() if not image.startswith("postgres:")} == {"stemma"}


def test_secrets_are_named_as_in_the_template_and_are_not_in_the_files() -> None:
    """Each key of a secret that is asked for is in the template, whose values are none."""
    template = {
        one["metadata"]["name"]: one["stringData"] for one in documents(DEPLOY / "kubernetes" / "secrets.example.yaml")
    }
    asked = [found for path in KUBERNETES for one in documents(path) for found in secrets(one)]
    assert len(asked) > 4
    for name, key in asked:
        assert name in template, name
        assert key is None or key in template[name]
    values = [value for secret in template.values() for value in secret.values()]
    assert all("CHANGE-ME" in value for value in values)
    assert "CHANGE-ME" in (DEPLOY / "stemma.env.example").read_text()
    everything = "".join(path.read_text() for path in DEPLOY.rglob("*") if path.is_file())
    assert "PRIVATE+KEY" not in everything


def test_image_holds_no_key_and_runs_as_nobody_special() -> None:
    """The builder is sent what it needs and no more, what it copies is there, and the image's user is not root."""
    sent = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in sent if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {"**/.stemma", "**/keys", "**/*.key", "**/*.db"} <= set(rules)
    steps = [line.split() for line in (DEPLOY / "Dockerfile").read_text().splitlines() if line and line[0] not in "# "]
    copied = [word for step in steps if step[0] == "COPY" and not step[1].startswith("--from") for word in step[1:-1]]
    assert "${NETWORK}" in copied
    for name in set(copied) - {"${NETWORK}"}:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in rules
    assert ["USER", "10001:10001"] in steps
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {name.partition("/")[0] for name in [*packaged["packages"], *packaged.get("force-include", {})]}
    assert needed <= set(copied), "the wheel is built from files that the image's builder does not have"


def test_environment_is_what_settings_read() -> None:
    """Every variable of ours that a file sets, or a document names, is one that Stemma reads."""
    known = set(re.findall(r"STEMMA_[A-Z]+", settings.__doc__ or "")) | set(
        re.findall(r"STEMMA_[A-Z]+", settings.Settings.__doc__ or "")
    )
    for path in [*DEPLOY.rglob("*"), *DOCUMENTS]:
        if path.is_file():
            assert set(re.findall(r"\bSTEMMA_[A-Z]+", path.read_text())) <= known, path.name


def test_commands_and_their_options_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Every command line of Stemma in these files and in the documents is one that this version has."""
    lines = {tuple(line) for line in command_lines()}
    assert len({line[0] for line in lines}) > 4
    for words in sorted(lines):
        told = help_of(words[:1], capsys)
        if "COMMAND [ARGS]" in told:
            told = help_of(words[:2], capsys)
        for option in (word for word in words if word.startswith("--")):
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", told), f"{' '.join(words)}: there is no {option}"


def test_drill_in_the_document_works(tmp_path: Path) -> None:
    """The commands of the restore drill, as they stand, restore a backup and verify it against a kept checkpoint."""
    with stemma.open(store=f"sqlite:///{tmp_path}/live/stemma.db") as here:
        here.prompts.save("greeting", stemma.Prompt("Hello"))
        (tmp_path / "checkpoint.txt").write_text(here.ledger.checkpoint().note)
        assert here.public_key is not None
        (tmp_path / "ledger.pub").write_text(here.public_key.text)
        backup(here.settings, tmp_path / "stemma-backup.zip")
    section = (ROOT / "docs" / "disaster-recovery.md").read_text().partition("## The drill")[2]
    [script] = re.findall(r"```sh\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-euc", script], cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("verified: 1 entries; 1 of them are signed for") == 2


def help_of(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert words[0] in {entry.name for entry in COMMANDS}, f"there is no command {' '.join(words)}"
    assert run([*words, "--help"]) == 0, f"there is no command {' '.join(words)}"
    return capsys.readouterr().out


def command_lines() -> Iterator[list[str]]:
    """What is behind the word `stemma` in containers, probes, the image and the blocks of code in documents."""
    for service in COMPOSE["services"].values():
        if service.get("image") == "stemma":
            yield service["command"]
        test = service.get("healthcheck", {}).get("test", [])
        if test[1:2] == ["stemma"]:
            yield test[2:]
    for path in KUBERNETES:
        for one in documents(path):
            for container in containers(one):
                if container["image"] == "stemma" and "args" in container:
                    yield container["args"]
                for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                    command = container.get(probe, {}).get("exec", {}).get("command", [])
                    if command[:1] == ["stemma"]:
                        yield command[1:]
    texts = [re.sub(r"^ *#+ ?", "", path.read_text(), flags=re.MULTILINE) for path in KUBERNETES]
    texts += [block for path in DOCUMENTS for block in re.findall(r"```sh\n(.*?)```", path.read_text(), re.DOTALL)]
    texts += [f"stemma {line}" for path in DOCUMENTS for line in re.findall(r"`stemma ([^`]+)`", path.read_text())]
    for block in texts:
        for found in re.findall(r"(?:^|exec |&& |\$\(|=\S+ |run )\s*stemma ([a-z][^\n|;&)`]*)", block, re.MULTILINE):
            yield re.sub(r"\s#.*", "", found).replace("\\", "").split()


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    found = [one for path in KUBERNETES for one in documents(path)]
    return [one for kind in kinds for one in found if one["kind"] == kind]


def containers(resource: Mapping[str, Any]) -> list[dict[str, Any]]:
    spec = resource.get("spec", {})
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    pod = spec.get("template", {}).get("spec", {})
    return [*pod.get("initContainers", []), *pod.get("containers", [])]


def images() -> set[str]:
    return {container["image"] for path in KUBERNETES for one in documents(path) for container in containers(one)}


def secrets(value: Any) -> Iterator[tuple[str, str | None]]:
    """Each secret that is asked for, with the key in it; those that may be absent left out."""
    if isinstance(value, list):
        for one in value:
            yield from secrets(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            if name == "secretKeyRef":
                yield one["name"], one["key"]
            elif name == "secretTargetRef":
                yield from ((target["name"], target["key"]) for target in one)
            elif name == "secret" and "secretName" in one:
                yield one["secretName"], None
            elif name == "secretRef" and not one.get("optional"):
                yield one["name"], None
            else:
                yield from secrets(one)
