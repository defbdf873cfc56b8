"""docker-compose.yml against the compose specification, and the parts that it names against each other.

Nothing is started: a container runtime is not needed.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from schemas.search_attributes import SEARCH_ATTRIBUTES

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
# ${NAME}, ${NAME:-default}, ${NAME:?message}
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z0-9_]+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")
SECONDS = {"s": 1, "m": 60, "h": 3600}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document = yaml.safe_load(COMPOSE.read_text())
    assert isinstance(document, dict)
    return document


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    services = compose["services"]
    assert isinstance(services, dict)
    return services


@pytest.fixture(scope="module")
def example() -> dict[str, str]:
    """The variables of .env.example, required ones and those in comments, with the value shown."""
    return dict(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))


def duration(text: str) -> int:
    return sum(int(count) * SECONDS[unit] for count, unit in re.findall(r"(\d+)([smh])", text))


def is_job(service: dict[str, Any]) -> bool:
    """A service that ends by itself: it restarts on failure only, and has no health to ask for."""
    return str(service.get("restart", "no")).startswith("on-failure") and "healthcheck" not in service


def test_file_fits_the_compose_specification(compose: dict[str, Any]) -> None:
    schema = json.loads((ROOT / "deploy" / "compose-spec.json").read_text())
    # Named outright: the schema writes its draft with https, by which the library would not recognise it.
    validator = jsonschema.Draft7Validator(schema)
    problems = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(compose)]
    assert problems == []


def test_specification_in_use_refuses_what_is_not_in_it() -> None:
    schema = json.loads((ROOT / "deploy" / "compose-spec.json").read_text())
    assert not jsonschema.Draft7Validator(schema).is_valid({"services": {"worker": {"image": "x", "stop_grace": "1m"}}})


def test_every_variable_is_documented_in_the_example(example: dict[str, str]) -> None:
    used = {match["name"] for match in VARIABLE.finditer(COMPOSE.read_text())}
    assert used - set(example) == set()


def test_example_documents_no_variable_that_nothing_reads(example: dict[str, str]) -> None:
    used = {match["name"] for match in VARIABLE.finditer(COMPOSE.read_text())}
    assert set(example) - used == set()


def test_example_shows_the_defaults_of_the_file(example: dict[str, str]) -> None:
    defaults = {match["name"]: match["rest"] for match in VARIABLE.finditer(COMPOSE.read_text()) if match["kind"] == "-"}
    assert {name: example[name] for name in defaults} == defaults


def test_every_secret_is_required_and_has_no_value_in_the_repository(example: dict[str, str]) -> None:
    secrets = [match for match in VARIABLE.finditer(COMPOSE.read_text()) if match["name"].endswith("PASSWORD")]
    assert secrets
    assert [match["name"] for match in secrets if match["kind"] != "?"] == []
    assert [match["name"] for match in secrets if example[match["name"]]] == []


def test_no_service_reads_a_variable_without_a_default_or_a_refusal() -> None:
    assert [match["name"] for match in VARIABLE.finditer(COMPOSE.read_text()) if not match["kind"]] == []


def test_every_dependency_can_be_met(services: dict[str, Any]) -> None:
    problems = []
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            if needed not in services:
                problems.append(f"{name} needs {needed}, which is no service")
            elif how["condition"] == "service_healthy" and "healthcheck" not in services[needed]:
                problems.append(f"{name} waits for the health of {needed}, which has no healthcheck")
            elif how["condition"] == "service_completed_successfully" and not is_job(services[needed]):
                problems.append(f"{name} waits for the end of {needed}, which is no job")
            elif how["condition"] == "service_started":
                problems.append(f"{name} waits for the start of {needed} only, which says nothing")
    assert problems == []


def test_every_service_that_stays_has_a_healthcheck_or_serves_people_only(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if not is_job(service) and "healthcheck" not in service] == ["temporal-ui"]


def test_worker_is_given_more_time_to_stop_than_it_takes(services: dict[str, Any], example: dict[str, str]) -> None:
    assert duration(services["worker"]["stop_grace_period"]) > int(example["PCA_GRACE_SECONDS"])


def test_server_and_its_tools_are_of_one_version(services: dict[str, Any]) -> None:
    tags = {name: services[name]["image"].split(":", 1)[1] for name in ("temporal", "temporal-schema", "temporal-setup")}
    assert len(set(tags.values())) == 1


def test_nothing_is_published_beyond_the_loopback_interface(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_every_mounted_file_and_volume_exists(compose: dict[str, Any], services: dict[str, Any]) -> None:
    sources = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])]
    missing = [source for source in sources if source.startswith(".") and not (ROOT / source).exists()]
    unnamed = [source for source in sources if not source.startswith(".") and source not in compose["volumes"]]
    assert missing + unnamed == []


def test_worker_and_migration_connect_as_different_roles(services: dict[str, Any]) -> None:
    owner, app = (services[name]["environment"]["DATABASE_URL"] for name in ("migrate", "worker"))
    assert owner.startswith("postgresql://pca_owner:")
    assert app.startswith("postgresql://pca_app:")


@pytest.mark.parametrize("script", sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "deploy").glob("*/*.sh")))
def test_deploy_script_can_be_parsed(script: str) -> None:
    shell = (ROOT / script).read_text().splitlines()[0].split("/")[-1].split()[-1]
    subprocess.run([shell, "-n", str(ROOT / script)], check=True)


def test_setup_registers_the_search_attributes_of_the_engine() -> None:
    registered = dict(re.findall(r"^(Pca\w+) (\w+)$", (ROOT / "deploy/temporal/setup.sh").read_text(), re.MULTILINE))
    assert registered == SEARCH_ATTRIBUTES
