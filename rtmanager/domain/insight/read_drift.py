"""Drift as it is now, with what the reconciler will do about it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rtmanager.domain.ports.drift_log import DriftLog
from rtmanager.domain.reconciliation.drift_findings import Finding
from rtmanager.domain.reconciliation.survey_games import SurveyGames


@dataclass(frozen=True, slots=True)
class DriftReport:
    """How many games were compared, and what was found, by game."""

    games: int
    findings: Sequence[Finding]


@dataclass(frozen=True, slots=True)
class ReadDrift:
    """Compares records and containers as the reconciler does; only the leader knows its pauses."""

    survey: SurveyGames
    log: DriftLog

    async def run(self) -> DriftReport:
        """Return all drift; raises DockerUnavailable and ServiceUnavailable."""
        games, drifts = await self.survey.run()
        retries = {each.key: each.retry_at for each in await self.log.present()}
        found = [Finding(each) for each in drifts]
        now = self.survey.operations.clock.now()
        return DriftReport(
            games,
            [
                replace(each, retry_at=at)
                if (at := retries.get(each.key)) is not None and at > now
                else each
                for each in found
            ],
        )
