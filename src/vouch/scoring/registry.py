"""The one door to MLflow: where model versions are registered, promoted and fetched."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vouch.domain.stage import Stage
from vouch.errors import ModelError
from vouch.scoring.bundle import Bundle, content_hash

CHAMPION = "champion"
CHALLENGER = "challenger"
_HASH_TAG = "vouch.hash"
_GATES_TAG = "vouch.failed_gates"
_OVERRIDE_TAG = "vouch.gate_override"

_PASSWORD = re.compile(r"://[^/\s@]*(?:@[^/\s@]*)*@")
_CALL = re.compile(r"API request to (\S+) failed")

# How MLflow says that there is no such model, and no such alias.
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


def connect(tracking_uri: str) -> Any:
    """MLflow set up for Vouch: no telemetry, quiet, its embedded folders made.

    Returns:
        The mlflow module.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # A command's standard output belongs to the command: --json has to stay JSON.
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    # MLflow's own default tries for four minutes before it says that a server is away.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    if tracking_uri.startswith("sqlite:///"):
        Path(tracking_uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    import mlflow

    for name in ("alembic", "mlflow", "mlflow.store.db.utils"):
        logging.getLogger(name).setLevel(logging.ERROR)
    mlflow.set_tracking_uri(tracking_uri)
    mlflow.set_registry_uri(tracking_uri)
    return mlflow


def _reason(error: BaseException) -> str:
    """What MLflow complains of, without the passwords that addresses may hold.

    >>> _reason(OSError("http://vouch:s3:cret@mlflow:5000/api timed out"))
    'http://***@mlflow:5000/api timed out'
    >>> _reason(OSError("API request to http://mlflow:5000/api/x failed with exception 503"))
    'http://mlflow:5000/api/x cannot be reached'
    """
    text = _PASSWORD.sub("://***@", str(error))
    called = _CALL.search(text)
    if called is None:
        return text
    if "error responses" in text:
        return f"{called[1]} answers with errors only"
    if "Connection aborted" in text:
        return f"{called[1]} breaks off"
    return f"{called[1]} {'does not answer in time' if 'timeout' in text else 'cannot be reached'}"


@contextmanager
def answering() -> Iterator[None]:
    """Turn what MLflow raises into an error a user can mend; addresses may hold passwords.

    Raises:
        ModelError: MLflow is away, or refuses.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except Exception as error:
        # besides its own errors MLflow lets those of its uploads and database driver through
        is_of_driver = type(error).__module__.startswith("sqlalchemy.")
        if not (isinstance(error, MlflowException | OSError) or is_of_driver):
            raise
        raise ModelError(
            f"MLflow does not do what was asked: {_reason(error)}; nothing was registered or "
            "promoted; check MLFLOW_TRACKING_URI (`vouch settings`) and the server, then do the "
            "same again"
        ) from error


@dataclass(frozen=True)
class Registry:
    """Model versions by stage.

    Args:
        tracking_uri: of MLflow.
        cache: folder in which fetched bundles are kept.
    """

    tracking_uri: str
    cache: Path

    def _client(self) -> Any:
        return connect(self.tracking_uri).MlflowClient()

    def register(
        self, stage: Stage, model_id: str, run_id: str, hash_: str, failed_gates: Sequence[str]
    ) -> str:
        """Register a logged model as the next version, with the gates it fails.

        Raises:
            ModelError: MLflow broke off, and does not say whether there is a new version.
        """
        from mlflow.exceptions import MlflowException

        client = self._client()
        _make_model(client, stage)
        try:
            made = client.create_model_version(
                stage.model_name,
                f"models:/{model_id}",
                run_id=run_id,
                tags={_HASH_TAG: hash_, _GATES_TAG: json.dumps(list(failed_gates))},
                model_id=model_id,  # a server refuses a source that does not name it
            )
        except MlflowException as error:
            return self._registered_by(client, stage, run_id, error)
        return str(made.version)

    def _registered_by(self, client: Any, stage: Stage, run_id: str, error: Exception) -> str:
        """The version of a run whose registration was not confirmed; else that error again."""
        from mlflow.exceptions import MlflowException

        try:
            found = client.search_model_versions(
                f"name = '{stage.model_name}' and run_id = '{run_id}'"
            )
        except MlflowException:
            raise ModelError(
                f"MLflow broke off while a version of {stage.model_name} was registered: "
                f"{_reason(error)}; whether it was is not known: once MLflow answers, `vouch "
                "models` lists what there is; where it is not listed, train again"
            ) from error
        if not found:
            raise error
        return str(max(int(version.version) for version in found))

    def promote(self, stage: Stage, version: str, override: str = "") -> str | None:
        """Move the champion alias; returns the version that was champion before.

        Args:
            override: why the version may answer although gates of its specification failed; kept
                with the version.

        Raises:
            ModelError: there is no such version, its bundle fails its proof, or a gate failed and
                no reason was given. The champion is then the one it was.
        """
        _, failed = self.checked(stage, version, override)
        before = self.champion_version(stage)
        with self._overridden(stage, version, override if failed else ""):
            self._point(stage, CHAMPION, version)
        return before

    @contextmanager
    def _overridden(self, stage: Stage, version: str, reason: str) -> Iterator[None]:
        """Keep the reason with the version, unless what it was given for does not come about."""
        if not reason:
            yield
            return
        with answering():
            client = self._client()
            tags = client.get_model_version(stage.model_name, version).tags
            earlier = tags.get(_OVERRIDE_TAG, "")
            client.set_model_version_tag(stage.model_name, version, _OVERRIDE_TAG, reason)
        try:
            yield
        except ModelError:
            with suppress(ModelError), answering():
                client.set_model_version_tag(stage.model_name, version, _OVERRIDE_TAG, earlier)
            raise

    def _point(self, stage: Stage, alias: str, version: str | None) -> None:
        """Let an alias name a version, or none; an answer that got lost is asked for again."""
        try:
            with answering():
                client = self._client()
                if version is None:
                    client.delete_registered_model_alias(stage.model_name, alias)
                else:
                    client.set_registered_model_alias(stage.model_name, alias, version)
        except ModelError as error:
            try:
                is_moved = self._version_of(stage, alias) == version
            except ModelError:
                raise ModelError(
                    f"MLflow broke off while the {alias} of {stage.model_name} was moved: "
                    f"{_reason(error.__cause__ or error)}; whether it was is not known and nothing "
                    "was noted: do the same again once MLflow answers"
                ) from error
            if not is_moved:
                raise

    def checked(self, stage: Stage, version: str, override: str = "") -> tuple[Bundle, list[str]]:
        """A version that may answer, and the gates it fails for a reason given.

        Raises:
            ModelError: as `promote`.
        """
        bundle = self.load(stage, version)
        failed = self.failed_gates(stage, version)
        if failed and not override.strip():
            raise ModelError(
                f"version {version} of {stage.model_name} fails its gates: {'; '.join(failed)}; "
                'train a better one, or give a reason with --override "…", which is recorded'
            )
        return bundle, failed

    def failed_gates(self, stage: Stage, version: str) -> list[str]:
        """The gates of its specification that a version failed when it was trained, in words."""
        with answering():
            found = self._client().get_model_version(stage.model_name, version)
        return list(json.loads(found.tags.get(_GATES_TAG, "[]")))

    def restore(self, stage: Stage, version: str | None) -> None:
        """Put the champion back to what it was before; None for none."""
        self._point(stage, CHAMPION, version)

    def champion_version(self, stage: Stage) -> str | None:
        """The champion's version, or None where none was promoted.

        Raises:
            ModelError: MLflow does not answer.
        """
        return self._version_of(stage, CHAMPION)

    def challenger_version(self, stage: Stage) -> str | None:
        """The version scored in shadow, or None where there is none.

        Raises:
            ModelError: MLflow does not answer.
        """
        return self._version_of(stage, CHALLENGER)

    def challenge(self, stage: Stage, version: str | None) -> None:
        """Let a version be scored in shadow beside the champion; None for none.

        Gates are no condition: a challenger answers nobody.

        Raises:
            ModelError: there is no such version, or its bundle fails its proof.
        """
        if version is not None:
            self.load(stage, version)
        self._point(stage, CHALLENGER, version)

    def _version_of(self, stage: Stage, alias: str) -> str | None:
        try:
            found = self._client().get_model_version_by_alias(stage.model_name, alias)
        except Exception as error:
            # besides its own errors MLflow lets those of its database driver and client through
            if getattr(error, "error_code", None) in _ABSENT:
                return None
            raise ModelError(
                f"MLflow does not say which version is {alias}: {_reason(error)}"
            ) from error
        return str(found.version)

    def load(self, stage: Stage, version: str) -> Bundle:
        """Fetch a version (once) and check it.

        Raises:
            ModelError: there is no such version, MLflow does not answer, or the bundle is altered.
        """
        from mlflow.exceptions import MlflowException

        try:
            found = self._client().get_model_version(stage.model_name, version)
            folder = self._fetch(stage, version, found.tags[_HASH_TAG])
        except (MlflowException, OSError, KeyError) as error:
            raise ModelError(
                f"version {version} of {stage.model_name} cannot be had: {_reason(error)}; "
                "`vouch models` lists what there is"
            ) from error
        return Bundle.load(folder, version, found.tags[_HASH_TAG])

    def champion(self, stage: Stage) -> Bundle:
        """The champion of a stage.

        Raises:
            ModelError: none was promoted, or it cannot be had.
        """
        version = self.champion_version(stage)
        if version is None:
            raise ModelError(
                f"{stage.value} has no champion; train one with `vouch train {stage.value} --book "
                f"DIR` and promote it with `vouch promote {stage.value} --version V`"
            )
        return self.load(stage, version)

    def versions(self, stage: Stage) -> list[dict[str, Any]]:
        """Every version with its run, hash, whether it is champion, and the run's metrics."""
        champion, challenger = self.champion_version(stage), self.challenger_version(stage)
        with answering():
            client = self._client()
            found = client.search_model_versions(f"name = '{stage.model_name}'")
        return [
            {
                "stage": stage.value,
                "version": str(v.version),
                "champion": str(v.version) == champion,
                "challenger": str(v.version) == challenger,
                "run_id": v.run_id,
                "hash": v.tags.get(_HASH_TAG, ""),
                "failed_gates": json.loads(v.tags.get(_GATES_TAG, "[]")),
                "gate_override": v.tags.get(_OVERRIDE_TAG, ""),
                "auc": client.get_run(v.run_id).data.metrics.get("auc"),
            }
            for v in sorted(found, key=lambda v: int(v.version))
        ]

    def _fetch(self, stage: Stage, version: str, hash_: str) -> Path:
        target = self.cache / stage.slug / hash_
        if not _is_whole(target, hash_):
            shutil.rmtree(target, ignore_errors=True)
            mlflow = connect(self.tracking_uri)
            draft = target.with_name(f".{hash_}.{os.getpid()}")
            draft.mkdir(parents=True, exist_ok=True)
            try:
                fetched = mlflow.artifacts.download_artifacts(
                    artifact_uri=f"models:/{stage.model_name}/{version}", dst_path=str(draft)
                )
                found = next(Path(fetched).rglob("bundle.json")).parent
                _put(found, target)
            except StopIteration:
                raise ModelError(f"version {version} holds no bundle") from None
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        return target

    def pack(self, target: Path) -> list[str]:
        """Copy every champion to `target`, from where it is served without MLflow."""
        packed = []
        for stage in Stage:
            bundle = self.champion(stage)
            folder = target / stage.slug
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(self.cache / stage.slug / bundle.hash, folder)
            note = {"version": bundle.version, "hash": bundle.hash}
            (folder / "version.json").write_text(json.dumps(note), encoding="utf-8")
            packed.append(f"{stage.model_name} {bundle.version}")
        return packed


def _make_model(client: Any, stage: Stage) -> None:
    """Let there be a registered model of the stage's name."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(stage.model_name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _is_whole(folder: Path, hash_: str) -> bool:
    """Whether what was fetched before is still what it was."""
    try:
        return content_hash(folder) == hash_
    except OSError:
        return False


def _put(found: Path, target: Path) -> None:
    """Rename into place; another process may have been first, with the same content."""
    try:
        found.rename(target)
    except OSError:
        if not target.exists():
            raise
